"""Energy and area of a machine: the list of actions, what they cost, what the machine is built of.

Imports: engine and what lies below.
"""
