"""A page as an HTML parser sees it."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from typing import Any

VOID = {"meta", "br", "hr", "img", "link", "input"}
ASKING = {"src", "srcset", "data", "action", "poster", "background", "formaction"}  # attributes that fetch


class Reader(HTMLParser):
    """Tables cell by cell with what they sort by, identifiers, references, images; raises where tags do not match."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tables: list[list[list[str]]] = []
        self.sorts: list[list[list[str | None]]] = []
        self.captions: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.fetched: list[str] = []
        self.images: list[dict[str, str]] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.blocks: dict[str, Any] = {}
        self.rows: list[dict[str, str]] = []
        self.block = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.tags.append(tag)
        self.attributes += list(given.items())
        self.ids += [given["id"]] if "id" in given else []
        self.links += [given[name] for name in ("href", "xlink:href") if name in given]
        self.fetched += [given[name] for name in ASKING if name in given and tag != "input"]
        if tag == "img":
            self.images.append(given)
        if tag == "script" and given.get("type") == "application/json":
            self.block = given["id"]
        if tag == "table":
            self.tables.append([])
            self.sorts.append([])
            self.captions.append("")
        if tag == "tr":
            self.tables[-1].append([])
            self.sorts[-1].append([])
            self.rows.append(given)
        if tag in {"td", "th"}:
            self.tables[-1][-1].append("")
            self.sorts[-1][-1].append(given.get("data-sort"))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
        if tag == "script":
            self.block = ""

    def handle_data(self, data: str) -> None:
        if self.block:
            self.blocks[self.block] = json.loads(data)
        if {"td", "th"} & {*self.open[-2:]} and self.tables[-1]:
            self.tables[-1][-1][-1] += data
        if self.open[-1:] == ["caption"]:
            self.captions[-1] += data

    def table(self, caption: str) -> list[dict[str, str]]:
        """The rows of the one table whose caption begins so, by heading."""
        (number,) = [n for n, text in enumerate(self.captions) if text.startswith(caption)]
        head, *rows = self.tables[number]
        return [dict(zip(head, row, strict=True)) for row in rows]

    def numbers(self, caption: str) -> list[dict[str, float]]:
        """What the number cells of that table sort by, by heading."""
        (number,) = [n for n, text in enumerate(self.captions) if text.startswith(caption)]
        head, rows = self.tables[number][0], self.sorts[number][1:]
        return [{h: float(v) for h, v in zip(head, row, strict=True) if v} for row in rows]


def read(text: str) -> Reader:
    """The page, whose tags all match."""
    reader = Reader()
    reader.feed(text)
    reader.close()
    assert reader.open == []
    return reader


def assert_whole(text: str) -> Reader:
    """What holds for every page: unique identifiers, links that lead somewhere, nothing fetched, images with words."""
    reader = read(text)
    assert len(set(reader.ids)) == len(reader.ids)
    assert {link.removeprefix("#") for link in reader.links} <= {*reader.ids}
    assert all(link.startswith("#") for link in reader.links)
    assert all(source.startswith("data:image/svg+xml;base64,") for source in reader.fetched)
    assert all(image["alt"] for image in reader.images)
    style = re.search(r"<style>(.*?)</style>", text, re.DOTALL)[1]
    assert "url(" not in style
    assert "@import" not in style
    assert ("http-equiv", "Content-Security-Policy") in reader.attributes
    (policy,) = [value for name, value in reader.attributes if name == "content" and "default-src" in value]
    assert policy.startswith("default-src 'none'")
    assert "http" not in policy
    return reader
