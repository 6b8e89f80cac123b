"""The accelerator as validated configuration: its parts, and how they are loaded from YAML.

Imports: technology, arrays, memory and what lies below.
"""
