"""Operators of ONNX Runtime's own domain, com.microsoft, as ATen calls with the integers that they store.

`operators.CONTRIB` lists them; `shapes` says what they write, which ONNX's shape inference does not know. Source: the
operators' schemas in ONNX Runtime (docs/ContribOperators.md, release 1.22, and the schemas that the package of version
1.32 holds). Imports the files beside this folder, `accelsim` and `compress.lowering`.
"""
