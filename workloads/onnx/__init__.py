"""Workloads from ONNX models."""
