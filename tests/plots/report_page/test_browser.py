"""Pages in a real browser: sort, filter, hover, click; nothing fetched, nothing of a name run. No pixel is compared."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import plots
from accelsim.analysis.pareto import on_front
from plots.report_page.kinds.study import study_page
from tests.plots.report_page.folders import POINTS, point, swept
from tests.plots.report_page.hostile import HOSTILE
from tests.plots.studies import study

selenium = pytest.importorskip("selenium", reason="the extra [browser] is not installed")
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
DRIVER = shutil.which("chromedriver")
QUIET = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
         "--disable-background-networking", "--disable-component-update", "--window-size=1280,900")  # fmt: skip
EVIL = "".join(HOSTILE).encode("utf-8", "replace").decode().replace("\x00", "")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (BROWSER and DRIVER), reason="no Chromium with its driver here (apt: chromium-driver)"),
]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    for argument in (*QUIET, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def studied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("study") / "report.html"
    path.write_text(study_page(study(3, 3)).html())
    return path


def opened(browser: Any, path: Path) -> Any:
    browser.get(path.as_uri())
    return browser


def shown_rows(browser: Any, section: str) -> list[list[str]]:
    """Texts of the cells of the rows that are seen in the first table of a section."""
    script = """return Array.from(document.querySelectorAll(`#${arguments[0]} tbody tr`)).filter((row) => !row.hidden)
                .map((row) => Array.from(row.cells, (cell) => cell.textContent));"""
    rows: list[list[str]] = browser.execute_script(script, section)
    return rows


def column(browser: Any, section: str, heading: str) -> int:
    """The place of a heading in the first table of a section."""
    script = "return Array.from(document.querySelectorAll(`#${arguments[0]} thead th`), (cell) => cell.textContent);"
    names: list[str] = browser.execute_script(script, section)
    return names.index(heading)


def press(browser: Any, section: str, heading: str) -> None:
    number = column(browser, section, heading)
    browser.find_elements("css selector", f"#{section} thead th button")[number].click()


def type_in(browser: Any, section: str, text: str) -> str:
    """Filter a table; what its output says then."""
    box = browser.find_element("css selector", f"#{section} .filtered input")
    box.clear()
    box.send_keys(text)
    said: str = browser.find_element("css selector", f"#{section} .filtered output").text
    return said


def complaints(browser: Any) -> list[str]:
    """What the console says, a refused script or request among it."""
    return [entry["message"] for entry in browser.get_log("browser")]


def hover(browser: Any, group: int, number: int) -> Any:
    """Move the mouse to a point of the scatter; group -1 is the front, 1 the first of the dominated points."""
    from selenium.webdriver import ActionChains

    plot = browser.find_element("css selector", ".plot")
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", plot)
    script = """const plot = arguments[0], trace = plot._fullData.at(arguments[1]), n = arguments[2];
                const {xaxis, yaxis, _size} = plot._fullLayout;
                return [xaxis.d2p(trace.x[n]) + _size.l, yaxis.d2p(trace.y[n]) + _size.t];"""
    x, y = browser.execute_script(script, plot, group, number)
    size = plot.size
    actions = ActionChains(browser, duration=50)
    actions.move_to_element_with_offset(plot, int(x - size["width"] / 2) + 40, int(y - size["height"] / 2)).perform()
    actions.move_to_element_with_offset(plot, round(x - size["width"] / 2), round(y - size["height"] / 2)).perform()
    return actions


def hover_text(browser: Any) -> str:
    from selenium.webdriver.support.ui import WebDriverWait

    WebDriverWait(browser, 5).until(lambda b: b.find_elements("css selector", ".hoverlayer .hovertext"))
    script = """return Array.from(document.querySelectorAll('.hovertext tspan, .hovertext text'))
                .filter((one) => one.children.length === 0).map((one) => one.textContent).join('\\n');"""
    text: str = browser.execute_script(script)
    return text


def test_a_table_sorts_both_ways_and_keeps_its_rows(browser: Any, studied: Path) -> None:
    opened(browser, studied)
    before = shown_rows(browser, "runs")
    place = column(browser, "runs", "stall\ncycles")
    press(browser, "runs", "stall\ncycles")
    up = shown_rows(browser, "runs")
    press(browser, "runs", "stall\ncycles")
    down = shown_rows(browser, "runs")
    cycles = [int(row[place].replace(",", "")) for row in up]
    assert cycles == sorted(cycles)
    assert [row[place] for row in down] == [row[place] for row in up][::-1]
    assert sorted(up) == sorted(before) == sorted(down)
    assert cycles != sorted(cycles, key=str)  # numbers, not texts


def test_a_table_filters_by_words_and_by_bounds(browser: Any, studied: Path) -> None:
    opened(browser, studied)
    data = study(3, 3)
    assert type_in(browser, "runs", "nonstructured csr") == "1 of 9 rows"
    assert [row[:2] for row in shown_rows(browser, "runs")] == [["nonstructured", "sparse/csr-rows-16x16"]]
    bound = sorted(run["cycles"] for run in data.runs)[4]
    assert type_in(browser, "runs", f"cycles<={bound}") == "5 of 9 rows"
    assert type_in(browser, "runs", f"cycles<{bound} baseline") == f"{len(shown_rows(browser, 'runs'))} of 9 rows"
    assert all(row[0] == "baseline" for row in shown_rows(browser, "runs"))
    assert type_in(browser, "runs", "nothing of this kind") == "0 of 9 rows"
    browser.find_element("css selector", "#runs button.all").click()
    assert len(shown_rows(browser, "runs")) == 9


def test_the_map_changes_its_measure_and_a_cell_opens_its_layers(browser: Any, studied: Path) -> None:
    opened(browser, studied)
    measures = browser.find_elements("css selector", "#heatmap [data-measure]")
    assert [one.is_displayed() for one in measures] == [True, False, False, False]
    browser.find_element("css selector", "#heatmap option[value='ppr']").click()
    assert [one.is_displayed() for one in measures] == [False, False, True, False]
    cell = measures[2].find_element("css selector", "tbody tr:nth-child(2) button.open")
    cell.click()
    layers = shown_rows(browser, "layers")
    assert len(layers) == 4
    assert {tuple(row[:2]) for row in layers} == {("baseline", "sparse/csr-rows-16x16")}
    assert browser.find_elements("css selector", "#runs tr.chosen")


def test_a_point_is_named_and_opens_its_layers(browser: Any, studied: Path) -> None:
    opened(browser, studied)
    actions = hover(browser, -1, 0)
    name = browser.execute_script("return document.querySelector('.plot').data.at(-1).meta[0].name")
    assert name in hover_text(browser)
    actions.click().perform()
    assert name in browser.find_element("css selector", "aside.facts").text
    network, hardware = name.split(" on ")
    assert {tuple(row[:2]) for row in shown_rows(browser, "layers")} == {(network, hardware)}
    assert complaints(browser) == []


def test_the_front_is_that_of_the_chosen_axes(browser: Any, studied: Path) -> None:
    opened(browser, studied)
    data = study(3, 3)
    for x, y in (("cycles", "energy_pj"), ("dram_bytes", "ppr")):
        browser.find_element("css selector", f"select.x option[value='{x}']").click()
        browser.find_element("css selector", f"select.y option[value='{y}']").click()
        size = on_front(np.array([(run[x], run[y]) for run in data.runs], dtype=float)).sum()
        assert browser.find_element("css selector", ".front").text.startswith(f"{size} of 9 points")
        assert browser.execute_script("return document.querySelector('.plot').data[0].x.length") == size


def test_nothing_of_a_hostile_name_runs_and_nothing_is_fetched(browser: Any, tmp_path: Path) -> None:
    rows = [{**one, "workload": EVIL, "settings": json.dumps({EVIL: f"{n} {EVIL}", "array.rows": 8 + n})}
            for n, one in enumerate(POINTS)]  # fmt: skip
    opened(browser, plots.write_page(swept(tmp_path, rows)))
    actions = hover(browser, -1, 0)
    assert "alert(1)" in hover_text(browser)
    actions.click().perform()
    assert "onerror=alert(3)" in browser.find_element("css selector", "aside.facts").text
    assert browser.find_elements("css selector", "#points tr.chosen")
    assert not browser.find_elements("css selector", "main img, main a, [onmouseover], [onerror]")
    entries = browser.execute_script("return performance.getEntriesByType('resource').map((entry) => entry.name)")
    assert [name for name in entries if not name.startswith(("data:", "blob:"))] == []
    assert complaints(browser) == []


def test_no_page_is_wider_than_a_narrow_window(browser: Any, studied: Path, tmp_path: Path) -> None:
    long = f"a/rather/long/path/of/a/machine/{'x' * 90}"
    rows = [point(n, 8 + n, 1000 * n + 1, hardware=f"{long}-{n}.yaml") for n in range(30)]
    browser.set_window_size(420, 900)
    for path in (studied, plots.write_page(swept(tmp_path, rows))):
        opened(browser, path)
        script = "return [document.documentElement.scrollWidth, document.documentElement.clientWidth]"
        inner, outer = browser.execute_script(script)
        assert inner <= outer
        script = """return Array.from(document.querySelectorAll('table')).filter((one) =>
                    !one.closest('.scroll') && one.scrollWidth > one.parentElement.clientWidth).length"""
        assert browser.execute_script(script) == 0
    browser.set_window_size(1280, 900)
