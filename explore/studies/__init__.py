"""Studies that ship: each is a module with its question, its points, its figures and its text, and a line in
`registry.py`."""

from __future__ import annotations

from .registry import register_study

__all__ = ["register_study"]
