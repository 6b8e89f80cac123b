"""Tables: what they show, what they sort by, when they have a filter."""

import pytest

from plots.report_page.table import FILTERED_ROWS, LONG, Column, key, table, told
from tests.plots.report_page.reading import read

NAME, SIZE = Column("name", key("name")), Column("size\nKB", key("size", 1000), lambda value: f"{value:.1f}")


def test_cells_sort_by_value():
    rows = [{"name": "a<b", "size": 1500}, {"name": None}, {"name": "c", "size": float("inf")}]
    reader = read(table("sizes", [NAME, SIZE], rows))
    assert reader.tables == [[["name", "size\nKB"], ["a<b", "1.5"], ["–", "–"], ["c", "–"]]]
    assert reader.sorts[0][1:] == [[None, "1.5"], [None, ""], [None, ""]]
    assert reader.tags.count("button") == 2


@pytest.mark.parametrize(("rows", "filters"), [(FILTERED_ROWS - 1, 0), (FILTERED_ROWS, 1)])
def test_a_long_table_has_a_filter(rows, filters):
    reader = read(table("sizes", [NAME, SIZE], [{"name": "n", "size": 1}] * rows))
    assert reader.tags.count("input") == filters


def test_a_row_opens_others_by_identifiers_of_the_page():
    text = table("sizes", [NAME], [{"name": "a > b"}], opens=lambda row: "run0")
    reader = read(text)
    assert reader.tables == [[["name"], ["a > b"]]]
    assert ("data-open", "run0") in reader.attributes
    assert ("data-key", "run0") in reader.attributes
    assert ("data-of", "run0") in read(table("s", [NAME], [{"name": "x"}], of=lambda row: "run0")).attributes


def test_empty_columns_are_left_out():
    rows = [{"name": "", "size": None}, {"name": None, "size": 0}]
    assert told([NAME, SIZE], rows) == [SIZE]


def test_long_texts_are_broken_into_lines():
    reader = read(table("sizes", [NAME], [{"name": "x" * (LONG + 1)}, {"name": "x" * LONG}]))
    assert [value for name, value in reader.attributes if name == "class"].count("long") == 1
