"""Studies that ship: each is a module with its question, its points, its figures and its text."""
