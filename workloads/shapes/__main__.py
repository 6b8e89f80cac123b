"""Write the shapes of every network of the zoo: `python -m workloads.shapes`."""

from __future__ import annotations

from accelsim.files import write_text

from ..models import list_models
from . import FOLDER, traced


def main() -> None:
    """One file a network, whole or not at all."""
    for name in list_models():
        write_text(FOLDER / f"{name}.json", traced(name))


if __name__ == "__main__":
    main()
