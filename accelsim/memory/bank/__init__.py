"""The bank-level DRAM: a device, its timing rules and address map, and a controller with a part a file.

`device` is what a user configures, `timing` the rules of the data sheet as a table, `address_map` the bits of an
address. `state` names the arrays that compiled code works on: `commands` changes them, `requests` and `queues` take
requests in and move them on, `scheduler`, `row_policy` and `refresh` decide, `controller` puts a clock together and
`kernels` runs the clocks. `energy` says what is counted and what it costs, and `model` is the DRAM in the cycle path.

Numba caches a kernel by its own file: after an edit of one that others call, remove `__pycache__/*.nb?` in this folder.
"""
