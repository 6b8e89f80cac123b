"""What reports are compared by: PPR, the dense baseline, iso scaling, storage, verification, the verdict.

Imports: results and what lies below.
"""
