"""docs/validation.md is what the code says today."""

from tests.validation import DOCUMENT, document


def test_the_page_is_fresh():
    assert DOCUMENT.read_text() == document(), "run make validation"
