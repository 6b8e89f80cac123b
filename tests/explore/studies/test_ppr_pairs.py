"""The published pairs at the same accuracy: their own layers and rates, nothing estimated, and who is faster."""

import numpy as np
import pytest

import accelsim
import workloads
from accelsim.analysis.dense_baseline import dense_workload
from accelsim.hardware.loading import load_hardware
from accelsim.trace.workload import Workload
from explore.reproduce.storage_tables import paired_rows
from explore.studies.ppr_conclusion import Pair, conclusion, conclusion_sentence, knob_sentences, wins
from explore.studies.ppr_designs import COMPARISONS
from explore.studies.ppr_pairs import FORMS, PAIRS, SPARSE, PairPoint, branch_layers, printed_rates, smaller
from explore.studies.ppr_points import measure

LENET = "XIV LeNet-5, MNIST"
BITS = {"VIII": 7, "IX": 6, "X": 6, "XI": 5, "XII": 5, "XIII": 4, "XIV": 3}  # tables of 001, conv quant bits


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("ACCELSIM_CACHE_DIR", str(tmp_path_factory.getbasetemp() / "ppr-cache"))


def test_every_pair_of_the_paper_is_measured():
    assert sorted(PAIRS) == sorted(row.name for row in paired_rows())


def test_the_rates_are_the_printed_ones():
    assert printed_rates(LENET) == (114.3, 87.9)
    assert printed_rates("IX ResNet-18, ImageNet (2)") == (8.9, 4.3)


def weights(layers):
    return sum(np.prod(layer.dense_shape[1:]) * layer.dense_groups for layer in layers)


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("branch", [SPARSE, *FORMS])
def test_a_branch_has_the_pairs_layers_rate_and_bits(pair, branch):
    layers = branch_layers(PairPoint("csr_rows", pair, branch, "mac"), seed=0)
    shapes = [trace for trace in workloads.load(PAIRS[pair].network).traces if trace.kind == "conv"]
    assert [layer.name for layer in layers] == [shape.name for shape in shapes]
    assert weights(layers) == sum(shape.groups * shape.N * shape.K for shape in shapes)
    if branch == SPARSE:
        left = sum(np.count_nonzero(layer.weight) for layer in layers)
    else:
        left = sum(layer.groups * layer.N * layer.K for layer in layers)
    grain = 0.25 if pair == LENET else 0.03  # a column of LeNet-5's first layer is a twelfth of what is left
    assert weights(layers) / left == pytest.approx(printed_rates(pair)[branch != SPARSE], rel=grain)
    assert {layer.weight_bits for layer in layers} == {BITS[pair.split()[0]]}


def test_fewer_filters_make_fewer_channels_and_the_image_stays():
    shapes = [trace for trace in workloads.load("mobilenet_v2").traces if trace.kind == "conv"]
    layers = smaller(shapes, 1.7, 6)
    assert layers[0].conv.channels == 3
    for layer, shape in zip(layers, shapes, strict=True):
        assert layer.M == shape.M
        if shape.groups > 1:
            assert (layer.N, layer.K) == (1, 9)
            assert layer.groups < shape.groups
    assert layers[1].groups == layers[0].N  # a depthwise layer behind the first one


def test_filters_of_a_grouped_layer_are_what_the_next_one_reads():
    shapes = [trace for trace in workloads.load("alexnet_caffe").traces if trace.kind == "conv"]
    for rate in (1.3, 2.3, 5.1, 40.0):
        layers = smaller(shapes, rate, 7)
        made = [layer.groups * layer.N for layer in layers]
        read = [layer.groups * layer.conv.channels for layer in layers]
        assert (read[0], read[1:]) == (3, made[:-1])
        assert [layer.groups for layer in layers] == [1, 2, 1, 2, 2]


def test_a_branch_by_hand():
    """LeNet-5's two conv layers on csr_rows against the strongest dense array, and the smaller ones on that."""
    dense, sparse = COMPARISONS["mac"](load_hardware("sparse/csr-rows-16x16"))
    point = PairPoint("csr_rows", LENET, SPARSE, "mac", seeds=(0,))
    layers = Workload("pruned", branch_layers(point, 0))
    shapes = Workload("shapes", [t for t in workloads.load("lenet5").traces if t.kind == "conv"])
    before = accelsim.simulate(dense_workload(shapes, layers), dense)
    ratio = accelsim.ppr(before, accelsim.simulate(layers, sparse))
    row = measure(point)
    assert (row["alpha"], row["ppr"]) == pytest.approx((ratio.alpha, ratio.ppr))
    columns = PairPoint("csr_rows", LENET, FORMS[0], "mac", seeds=(0,))
    now = accelsim.simulate(Workload("columns", branch_layers(columns, 0)), dense)
    assert measure(columns)["seconds"] == pytest.approx(now.seconds)
    assert measure(columns)["hardware"] == dense.name


def test_seeds_are_summed():
    one, three = (measure(PairPoint("csr_rows", LENET, SPARSE, "mac", seeds=seeds)) for seeds in ((1,), (0, 1, 2)))
    assert three["ppr_least"] <= one["ppr"] <= three["ppr_greatest"]
    assert three["dense_seconds"] == pytest.approx(3 * one["dense_seconds"])


def rows_of(sparse_s, columns_s, filters_s, design="csr_rows", setting=""):
    label = {"pattern": "pair", "comparison": "mac", "setting": setting, "design": design, "workload": "p"}
    energy = {"energy_on_chip_pj": 3.0, "energy_dram_access_pj": 1.0}
    seconds = dict(zip((SPARSE, *FORMS), (sparse_s, columns_s, filters_s), strict=True))
    alphas = {SPARSE: 10.0, FORMS[0]: 4.0, FORMS[1]: 5.0}
    return [
        label | energy | {"branch": b, "alpha": alphas[b], "ppr": alphas[b] * s / 100, "seconds": s}
        for b, s in seconds.items()
    ]


def test_structured_wins_above_the_ratio_of_the_pprs():
    columns, filters = conclusion(rows_of(30.0, 29.0, 31.0))
    assert (columns.ratio, columns.turns_at) == pytest.approx((0.4, 0.4 * 29 / 30))
    assert columns.structured_wins
    assert not filters.structured_wins
    for pair in (columns, filters):
        assert pair.structured_wins == (pair.ratio > pair.turns_at)
        assert pair.energy_gain == 1


def test_wins_are_told_by_form_where_they_differ():
    assert wins(conclusion(rows_of(30.0, 29.0, 29.0))) == {"csr_rows": "1 of 1"}
    assert wins(conclusion(rows_of(30.0, 29.0, 31.0))) == {
        "csr_rows": "1 (columns removed) or 0 (filters and channels removed) of 1"
    }
    said = conclusion_sentence(conclusion(rows_of(30.0, 29.0, 29.0)))
    assert "structured pruning is faster against csr_rows in 1 of 1 pairs" in said
    assert said.endswith("concludes structured in all 8 pairs.")


def test_a_setting_that_turns_the_verdict_is_told():
    rows = rows_of(30.0, 29.0, 29.0, setting="8 banks") + rows_of(20.0, 29.0, 29.0, setting="128 banks")
    assert knob_sentences(rows) == [
        "Against csr_rows structured pruning is faster in 1 of 1 with 8 banks, 0 of 1 with 128 banks."
    ]


def test_pairs_take_rows_of_their_own_comparison_alone():
    assert conclusion(rows_of(1.0, 1.0, 1.0), comparison="area") == []
    assert all(isinstance(pair, Pair) for pair in conclusion(rows_of(1.0, 1.0, 1.0)))
