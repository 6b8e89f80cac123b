"""What a simulation says: the report, its rows and files, and the invariants that every layer keeps.

Imports: energy and what lies below.
"""
