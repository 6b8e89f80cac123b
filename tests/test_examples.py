"""Every example runs and says what it promises."""

import runpy
from pathlib import Path

EXAMPLES = Path(__file__).parent.parent / "examples"


def test_eie_on_alexnet(capsys):
    runpy.run_path(str(EXAMPLES / "eie_alexnet.py"), run_name="__main__")
    *layers, last = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in layers] == ["Alex-6", "Alex-7", "Alex-8"]
    frames = float(last.split()[0].replace(",", ""))
    assert abs(frames / 18_800 - 1) < 0.2
