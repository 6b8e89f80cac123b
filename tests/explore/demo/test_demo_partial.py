"""The files and the table of the demo, of networks of which something is not simulated."""

import json
import re
from dataclasses import replace
from html import unescape

import pandas as pd
import pytest

import plots
from accelsim.analysis.runs import Study, compare
from accelsim.analysis.storage import storage_rows
from accelsim.analysis.verdict import verdict
from accelsim.hardware.loading import load_hardware
from explore.cli.output import make_console
from explore.demo import study as demo
from tests.partial_networks import EXPECTED, PARTIAL, WHOLE, told

NAMES = ("baseline", "nonstructured")


def written(network, out):
    """What the demo leaves in a folder of a network and a thinner one, and prints."""
    thin = replace(network.traces[0], weight=[[1, 0, 0, 0] * 5] * 40)
    networks = dict(zip(NAMES, (network, replace(network, traces=[thin, network.traces[1]])), strict=True))
    machines = [load_hardware(name) for name in ("dense/os-16x16", "sparse/csr-rows-16x16")]
    study = Study(compare(networks, machines), dict.fromkeys(NAMES, 0.9), {"timeline": demo.TIMELINE})
    storage = storage_rows(networks)
    sentence = verdict(study.summaries(), storage, accuracy=study.accuracy)
    demo._write(out, study, storage, sentence)
    return study, sentence


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Of the partial network and of the whole one."""
    places = [tmp_path_factory.mktemp(name) for name in ("partial", "whole")]
    for network, place in zip((PARTIAL, WHOLE), places, strict=True):
        written(network, place)
    return places


def networks_told(text: str) -> list[tuple[str, object]]:
    """(network, what is said of it) of the lines of a text."""
    lines = [line for line in text.splitlines() if told(line)]
    return [(re.sub(r"^\W+", "", line).partition(":")[0], told(line)[0]) for line in lines]


BOTH = [(name, EXPECTED) for name in NAMES]


def test_the_table_of_layers_begins_with_it(folders):
    text, same = ((folder / "layers.csv").read_text() for folder in folders)
    head, rows = text.splitlines(keepends=True)[:2], text.splitlines(keepends=True)[2:]
    assert networks_told("".join(head)) == BOTH
    assert "".join(rows) == same


def test_the_report_has_the_records_in_each_run(folders):
    reports = [json.loads((folder / "report.json").read_text()) for folder in folders]
    parts = [{"name": "head", "operation": "com.example::Mystery", "macs": 24_000}]
    assert all(run["not_simulated"] == parts and run["not_simulated_share"] == 0.75 for run in reports[0]["runs"])
    assert "not_simulated" not in (folders[1] / "report.json").read_text()
    assert told(reports[0]["verdict"]) == [EXPECTED] * 2


def test_the_page_says_it_above_its_numbers(folders):
    page, same = ((folder / "report.html").read_text() for folder in folders)
    head = page[: page.index("<main>")]
    paragraphs = [unescape(text) for text in re.findall(r'<p class="(?:verdict|warning)">(.*?)</p>', head)]
    assert networks_told("\n".join(paragraphs[1:])) == BOTH
    assert "not simulated" not in same


def test_the_timeline_says_it(folders):
    assert told(json.loads((folders[0] / "timeline.json").read_text())["otherData"]["not_simulated"]) == [EXPECTED]
    assert "otherData" not in json.loads((folders[1] / "timeline.json").read_text())


def test_the_files_are_read_again(folders):
    data, same = (plots.StudyData.from_folder(folder) for folder in folders)
    assert networks_told("\n".join(data.not_simulated_lines)) == BOTH
    pd.testing.assert_frame_equal(data.layers, same.layers)
    assert same.not_simulated_lines == []


@pytest.mark.parametrize("name", ["cycles", "ppr", "storage", "energy", "traffic", "timeline"])
def test_every_figure_says_it(folders, name):
    drawn, same = (plots.plot(name, folder).figure for folder in folders)
    assert told(" ".join(drawn.get_supxlabel().split())) == [EXPECTED] * 2
    assert "not simulated" not in same.get_supxlabel()


def test_an_axes_of_the_callers_own_says_it(folders):
    from matplotlib.figure import Figure

    axes, same = (plots.plot("energy", folder, Figure().subplots()) for folder in folders)
    assert told(" ".join(" ".join(text.get_text() for text in axes.texts).split())) == [EXPECTED] * 2
    assert not any("not simulated" in text.get_text() for text in same.texts)


def test_the_terminal_says_it(tmp_path, capsys):
    study, sentence = written(PARTIAL, tmp_path)
    demo._tell(make_console(), study, sentence, tmp_path)
    text = capsys.readouterr().out
    assert [line.partition(":")[0] for line in text.splitlines() if told(line)][:2] == [*NAMES]


@pytest.mark.parametrize("change", [{"not_simulated": 1}, {"not_simulated_share": -1}])
def test_a_report_with_something_else_is_refused(folders, tmp_path, change):
    from accelsim.errors import FileFormatError

    content = json.loads((folders[0] / "report.json").read_text())
    content["runs"][1] |= change
    (tmp_path / "report.json").write_text(json.dumps(content))
    (tmp_path / "layers.csv").write_text((folders[0] / "layers.csv").read_text())
    with pytest.raises(FileFormatError, match=r"runs\[1\].*not_simulated"):
        plots.StudyData.from_folder(tmp_path)
