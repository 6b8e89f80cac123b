"""What no search can be: refused before anything runs, with the nearest right name."""

import pytest

from accelsim.errors import AccelSimError
from explore.search import samplers

BAD = [
    ({"minimize": ["cycls"]}, "unknown objective 'cycls'; did you mean 'cycles'"),
    ({"maximize": ["status"]}, "unknown objective 'status'"),
    ({"minimize": ["array.row"]}, "did you mean 'array.rows'"),
    ({"minimize": []}, "no objective is named"),
    ({"minimize": [3]}, "minimize is [3]; a list of columns"),
    ({"minimize": ["cycles", "cycles"]}, "'cycles' is named twice"),
    ({"maximize": ["cycles"]}, "'cycles' is named twice"),
    ({"constraints": ["area <= 4e6"]}, "unknown column of a constraint 'area'; did you mean 'area_um2'"),
    ({"constraints": ["area_um2 < 4e6"]}, "constraint 'area_um2 < 4e6' is no COLUMN <= NUMBER"),
    ({"constraints": ["area_um2 <= small"]}, "constraint 'area_um2 <= small' is no COLUMN <= NUMBER"),
    ({"constraints": ["area_um2 <= nan"]}, "is no COLUMN <= NUMBER"),
    ({"constraints": [4]}, "constraints is [4]"),
    ({"sampler": "nsga"}, "unknown sampler 'nsga'; did you mean 'nsga2'"),
    ({"trials": 0}, "trials is 0; 1 to"),
    ({"batch": 2.5}, "batch is 2.5"),
    ({"seed": -1}, "seed is -1"),
    ({"jobs": 0}, "jobs is 0"),
    ({"set": {"array.rows": []}}, "set.array.rows is empty"),
    ({"set": {"array.roows": [4]}}, "did you mean 'rows'"),
]


@pytest.mark.parametrize(("options", "says"), BAD, ids=[says[:40] for _, says in BAD])
def test_bad_searches(search, tmp_path, options, says):
    with pytest.raises(AccelSimError) as error:
        search(tmp_path / "out", **options)
    assert says in str(error.value)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "out").exists()


def test_the_gaussian_process_needs_scipy(search, monkeypatch):
    monkeypatch.setattr(samplers, "find_spec", lambda name: None)
    with pytest.raises(AccelSimError, match=r"needs SciPy.*accelsim\[search\]"):
        search(sampler="gp")
