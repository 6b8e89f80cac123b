"""A layer in time: the plan of a workload, the schedule of a layer, the SimPy model between tiles, the layer runner.

Imports: mapping and what lies below.
"""
