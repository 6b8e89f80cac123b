"""What has no lowering: refused by name with its share, or, where that is allowed, recorded."""

import pytest
import torch
from torch import nn

import workloads
from accelsim.errors import ConfigError, TraceError
from accelsim.trace.not_simulated import NotSimulated
from accelsim.trace.workload import Workload
from tests.workloads.torch_examples import TRACERS, Calls, inputs_of
from workloads.torch.importer import from_torch

COMPLEX = torch.complex64
LOST = {  # name -> (model, shapes or inputs, the record)
    "bilinear": (
        Calls(lambda m, x: m.pair(x, m.one(x)), pair=nn.Bilinear(5, 5, 3), one=nn.Linear(5, 5)),
        (torch.ones(4, 5),), NotSimulated("pair", "bilinear", 4 * 3 * 5 * 5),
    ),
    "distances": (
        Calls(lambda m, x: torch.cdist(m.one(x), x), one=nn.Linear(5, 5)),
        (torch.ones(4, 5),), NotSimulated("the model", "_cdist_forward", 4 * 4 * 5),
    ),
    "solving": (
        Calls(lambda m, x: torch.linalg.solve(m.one(x), x), one=nn.Linear(5, 5)),
        (torch.eye(5),), NotSimulated("the model", "_linalg_solve_ex"),
    ),
    "a transform": (
        Calls(lambda m, x: torch.fft.rfft(m.one(x)).abs(), one=nn.Linear(5, 5)),
        (torch.ones(4, 5),), NotSimulated("the model", "_fft_r2c"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("tracer", TRACERS)
@pytest.mark.parametrize("name", LOST)
def test_matrix_work_without_a_lowering(name, tracer):
    model, inputs, record = LOST[name]
    with pytest.raises(TraceError, match=rf"'{record.name}' runs {record.operation}.*partial=\"allow\"") as caught:
        from_torch(model, inputs, trace_by=tracer)
    assert "\n" not in str(caught.value)
    found = from_torch(model, inputs, trace_by=tracer, partial="allow", values="weights")
    assert found.not_simulated == (record,)
    assert [t.name for t in found] == ["one"]


def test_the_share_of_what_is_refused_is_told():
    model, inputs, record = LOST["bilinear"]
    share = 100 * record.macs / (record.macs + 4 * 25)  # beside one linear layer of 25 weights on 4 rows
    with pytest.raises(TraceError, match=rf"\({record.macs} MACs, {share:.3g} % of the network's\)"):
        from_torch(model, inputs)


def test_the_record_is_saved_with_the_workload(tmp_path):
    model, inputs, record = LOST["bilinear"]
    from_torch(model, inputs, partial="allow").save(tmp_path / "net.npz")
    assert Workload.load(tmp_path / "net.npz").not_simulated == (record,)


def test_a_network_of_which_nothing_is_left_is_refused_in_any_case():
    with pytest.raises(ConfigError, match="partial is 'maybe'"):
        from_torch(nn.Linear(4, 4), torch.ones(4, 4), partial="maybe")
    with pytest.raises(TraceError, match="and no matrix product but bilinear at pair, which are not simulated"):
        from_torch(Calls(lambda m, x: m.pair(x, x), pair=nn.Bilinear(4, 4, 2)), torch.ones(4, 4), partial="allow")


@pytest.mark.parametrize("tracer", TRACERS)
@pytest.mark.parametrize("layer", [nn.Linear(5, 6, dtype=COMPLEX), nn.Conv1d(5, 6, 1, dtype=COMPLEX)])
def test_complex_numbers_are_refused_in_one_line(layer, tracer):
    x = torch.ones((5, 5), dtype=COMPLEX)
    with pytest.raises(TraceError, match="of complex64 numbers") as caught:
        from_torch(layer, x, trace_by=tracer)
    assert "\n" not in str(caught.value)


def test_sparse_constants_are_weights_and_sparse_activations_refused():
    graph = Calls(lambda m, x: torch.sparse.mm(m.graph, m.one(x)), one=nn.Linear(5, 6))
    graph.register_buffer("graph", torch.eye(4).to_sparse())
    found = from_torch(graph, torch.ones(4, 5), values="activations")
    assert [(t.name, t.M, t.N, t.K) for t in found] == [("one", 4, 6, 5), ("graph", 6, 4, 4)]
    assert (found["graph"].weight != 0).sum() == 4
    rows = Calls(lambda m, x: torch.sparse.mm(x, m.one.weight), one=nn.Linear(6, 4))
    with pytest.raises(TraceError, match="of sparse_coo activations"):
        from_torch(rows, torch.eye(4).to_sparse())


def test_a_model_without_numbers_gives_shapes_and_no_integers():
    with torch.device("meta"):
        model, x = nn.Linear(4, 3), torch.empty(2, 4)
    assert from_torch(model, x).macs == 24
    with pytest.raises(TraceError, match=r"weight of layer 'layer' is on the meta device"):
        from_torch(model, x, values="weights")


@pytest.mark.parametrize("tracer", TRACERS)
def test_bags_of_an_embedding_and_overlapping_windows_are_operators(tracer):
    model = nn.Sequential(nn.EmbeddingBag(10, 6, mode="sum"), nn.Linear(6, 3))
    rows, sums = from_torch(model, torch.randint(0, 10, (2, 4)), trace_by=tracer).operators
    assert (rows.op, rows.outputs, rows.parameters) == ("embedding", 4 * 2 * 6, 4 * 2 * 6)
    assert (sums.op, sums.inputs, sums.outputs, sums.work) == ("reduce_sum", 48, 12, 48)
    windows = Calls(lambda m, x: nn.functional.fold(m.one(x).mT, (6, 6), 3), one=nn.Linear(5, 27))
    (added,) = from_torch(windows, inputs_of([(2, 16, 5)]), trace_by=tracer).operators
    assert (added.op, added.inputs, added.outputs) == ("add", 2 * 16 * 27, 2 * 3 * 36)


def test_what_a_zoo_network_leaves_out_is_nothing():
    assert workloads.load("lenet5").not_simulated == ()
