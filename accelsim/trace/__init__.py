"""What flows in: a layer as a GEMM with its integers (GemmTrace), convolution geometry, operands, number
formats, operators that are no GEMM, and the Workload that holds them all and saves itself.

Imports: accelsim.errors, .files, .validation.
"""
