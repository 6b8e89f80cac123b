"""What one action or one unit costs at a technology node: the table of figures, how it scales, what a user overrides.

Imports: accelsim.errors, .files, .config.
"""
