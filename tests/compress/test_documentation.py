"""docs/compression.md is what the docstrings say today."""

import compress
from compress.documentation import document
from tests.places import ROOT

PAGE = ROOT / "docs" / "compression.md"


def test_the_page_is_fresh():
    assert PAGE.read_text(encoding="utf-8") == document(), "run make docs-compression"


def test_every_method_has_a_section_and_its_settings():
    page = document()
    for method in compress.methods():
        section = page.split(f"\n### {method.name}\n")[1].split("\n### ")[0]
        assert method.where in section
        assert len(section) > 150
    assert "| `keep` | `0.2` |" in page.split("\n### admm\n")[1].split("\n### ")[0]
