"""Names on their way into a page: whatever they hold, they stay names."""

import re
from pathlib import Path

import pytest

import plots.report_page
from plots.report_page.text import data_block, shown, visible
from tests.plots.report_page.hostile import HOSTILE
from tests.plots.report_page.reading import read


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_is_text_in_an_element_and_in_an_attribute(name):
    text = shown(name)
    reader = read(f'<table><caption>c</caption><tr title="{text}"><td>{text}</td></tr></table>')
    assert reader.tables == [[[HOSTILE[name]]]]
    assert reader.attributes == [("title", HOSTILE[name])]
    assert reader.tags == ["table", "caption", "tr", "td"]
    text.encode("utf-8")


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_is_text_in_a_block_of_data(name):
    block = data_block("b", {"names": [name], name: 1.5, "none": None})
    reader = read(block)
    assert reader.tags == ["script"]
    assert reader.blocks["b"] == {"names": [HOSTILE[name]], HOSTILE[name]: 1.5, "none": None}
    assert not re.search("[<>&]", block.removeprefix("<script").removesuffix("</script>")[1:].split(">", 1)[1])


def test_plain_text_stays_as_it_is():
    assert visible("α = 2·β µs, 卷积") == "α = 2·β µs, 卷积"


def test_no_other_file_escapes():
    files = Path(plots.report_page.__file__).parent.rglob("*.py")
    assert [path.name for path in files if re.search(r"\bescape\b", path.read_text())] == ["text.py"]
