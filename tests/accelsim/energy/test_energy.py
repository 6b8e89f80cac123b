"""The energy table, its SRAM laws and node scaling, the action list, and the user's own figures."""

import csv
import json
from dataclasses import replace
from math import isnan

import numpy as np
import pytest
from typer.testing import CliRunner

import accelsim
from accelsim import GemmTrace
from accelsim.energy.actions import COMPONENTS, actions, buffer_bytes
from accelsim.energy.area import area_items, machine_area, machine_leakage_uw
from accelsim.energy.built import built_for
from accelsim.engine.layer_result import OperandWidths
from accelsim.errors import ConfigError
from accelsim.hardware.loading import config_names, load_hardware
from accelsim.technology.cost import Cost
from accelsim.technology.settings import table_of
from accelsim.technology.table import default_table
from explore.cli import app
from tests.places import GOLDEN

ROWS = GOLDEN / "sram_cacti.csv"
SYSTOLIC = {"kind": "systolic", "rows": 2, "cols": 2}
WIDTHS = ("weight_bits", "stored_weight_bits", "activation_bits", "output_bits", "accumulator_bits")
BITS = {
    "xnor": {"weight_bits": 1, "activation_bits": 1, "weight_coding": "binary"},
    "shift": {"weight_bits": 4, "weight_coding": "pow2"},
    "ternary": {"weight_bits": 2, "weight_coding": "ternary"},
}


def cacti(nm: str) -> list[dict[str, str]]:
    with ROWS.open(newline="") as file:
        return [row for row in csv.DictReader(file) if row["technology_nm"] == nm]


def fitted(rows: list[dict[str, str]], figure: str, width_exponent: float) -> tuple[float, float]:
    """(ln factor, size exponent) by least squares in logarithms, the width's exponent being stated."""
    sizes = np.array([[1, np.log(float(row["bytes"]))] for row in rows])
    published = np.array([np.log(float(row[figure])) for row in rows])
    width = np.array([np.log(float(row["width_bits"])) for row in rows])
    found = np.linalg.lstsq(sizes, published - width_exponent * width, rcond=None)[0]
    return float(found[0]), float(found[1])


def test_every_figure_has_a_source():
    table = default_table()
    assert set(table.sources) == {*table.figures, *table.sram, "sram_width_bits"}
    assert all(len(source) > 10 for source in (*table.sources.values(), *table.scaling.sources.values()))


@pytest.mark.parametrize("figure", ["read_pj", "write_pj", "area_um2", "leakage_uw"])
def test_an_sram_law_is_the_stated_fit_and_within_a_quarter_of_cacti(figure):
    law, rows = default_table().sram[figure], cacti("45")
    assert (np.log(law.factor), law.size_exponent) == pytest.approx(fitted(rows, figure, law.width_exponent), abs=1e-4)
    for row in rows:
        assert 0.75 < law.at(float(row["bytes"]), float(row["width_bits"])) / float(row[figure]) < 1.25


@pytest.mark.parametrize("left_out", range(4))
@pytest.mark.parametrize("figure", ["read_pj", "write_pj", "area_um2", "leakage_uw"])
def test_an_sram_law_without_a_row_still_says_that_row_within_twice(figure, left_out):
    rows, exponent = cacti("45"), default_table().sram[figure].width_exponent
    row = rows.pop(left_out)
    factor, size_exponent = fitted(rows, figure, exponent)
    said = np.exp(factor) * float(row["bytes"]) ** size_exponent * float(row["width_bits"]) ** exponent
    assert 0.5 < said / float(row[figure]) < 2


@pytest.mark.parametrize(
    ("figure", "kind"), [("read_pj", "energy"), ("write_pj", "energy"), ("area_um2", "area"), ("leakage_uw", "leakage")]
)
def test_the_sram_laws_scaled_to_32_nm_are_within_a_quarter_of_cacti(figure, kind):
    """Energy and area are foretold by the paper's factors; leakage was fitted to this row and its 45 nm twin."""
    table, (row,) = default_table(), cacti("32")
    said = table.sram[figure].at(float(row["bytes"]), float(row["width_bits"])) * table.scaling.factor(kind, 32)
    assert 0.75 < said / float(row[figure]) < 1.25


def test_scaling_is_the_published_polynomial_between_nominal_supplies():
    """65 nm at 1.1 V and 32 nm at 0.9 V against 45 nm at 1.0 V; factors of area as published."""
    scaling = default_table().scaling
    at_45 = 1.018 - 0.3107 + 0.1539
    assert scaling.factor("energy", 65) == pytest.approx((3.755 * 1.1**2 - 4.398 * 1.1 + 1.975) / at_45)
    assert scaling.factor("energy", 32) == pytest.approx((0.8367 * 0.81 - 0.4341 * 0.9 + 0.1701) / at_45)
    assert (scaling.factor("area", 65), scaling.factor("area", 16)) == (1.5, 0.19)
    assert {kind: scaling.factor(kind, 45) for kind in ("energy", "area", "leakage")} == {
        "energy": 1, "area": 1, "leakage": 1,
    }  # fmt: skip


def test_between_two_nodes_and_beyond_the_last_the_factor_is_a_power_of_the_length():
    scaling = replace(default_table().scaling, extrapolate=True)
    nodes = np.array([3.0, 5.0, 7.0, 8.0, 28.0, 40.0, 45.0, 100.0, 180.0, 500.0])
    for kind in ("energy", "area"):
        factors = [scaling.factor(kind, node) for node in nodes]
        assert np.all(np.diff(factors) > 0)
    a, b = scaling.factor("area", 32), scaling.factor("area", 45)
    assert scaling.factor("area", (32 * 45) ** 0.5) == pytest.approx((a * b) ** 0.5)


def test_a_machine_at_another_node_is_scaled_but_not_its_dram():
    small, large = (
        accelsim.simulate(GemmTrace("a", M=2, N=2, K=2), {"name": "n", "technology_nm": nm, "array": SYSTOLIC})
        for nm in (16.0, 45.0)
    )
    scaling = default_table().scaling
    assert small.area_um2 == pytest.approx(large.area_um2 * 0.19)
    for part in ("mac", "register", "sram"):
        key = f"energy_{part}_pj"
        assert small.rows[0][key] == pytest.approx(large.rows[0][key] * scaling.factor("energy", 16)), part
    assert small.rows[0]["energy_dram_access_pj"] == large.rows[0]["energy_dram_access_pj"] > 0
    leakage = small.rows[0]["energy_leakage_pj"] / large.rows[0]["energy_leakage_pj"]
    assert leakage == pytest.approx((16 / 45) ** -1.6087)


def layer(kind: str) -> GemmTrace:
    """A convolution that the kind runs, in whatever coding."""
    rng = np.random.default_rng(1)
    weight, ifmap = rng.choice([-1, 1], (20, 4, 3, 3)), rng.choice([-1, 1], (1, 4, 6, 6))
    if kind == "nm_sparse":
        weight.reshape(20, -1)[:, 2::4] = weight.reshape(20, -1)[:, 3::4] = 0
    return GemmTrace.from_conv("a", weight=weight, ifmap=ifmap, **BITS.get(kind, {}))


@pytest.mark.parametrize("name", [n for n in config_names() if not n.startswith("published/")])
def test_a_layers_energy_is_the_sum_over_the_action_list_of_its_own_row(name):
    machine = load_hardware(name)
    report = accelsim.simulate(layer(machine.array.kind), machine)
    row = report.rows[0]
    array = machine.array if row["array"] == machine.array.kind else machine.fallback
    built = built_for([layer.result for layer in report.results])
    leak_uw = machine_leakage_uw(machine, *built[0], built[1])
    clocked = array.logic(row["weight_bits"], row["activation_bits"])["register_bit"]
    sizes = buffer_bytes(machine, report.traffic)
    listed = actions(machine, array, OperandWidths(*(row[width] for width in WIDTHS)), sizes, leak_uw, clocked)
    total = dict.fromkeys(COMPONENTS, 0.0)
    for action in listed:
        total[action.component] += action.count.of(row) * action.pj
    for component, pj in total.items():
        assert row[f"energy_{component}_pj"] == pytest.approx(pj, rel=1e-9, abs=1e-9), component
    assert all(action.sources for action in listed)


@pytest.mark.parametrize("name", config_names())
def test_area_has_every_array_lane_and_buffer(name):
    machine = load_hardware(name)
    parts = {"array", "vector", *(f"{operand}_buffer" for operand in ("ifmap", "filter", "ofmap"))}
    area = machine_area(machine, 8, 8)
    assert set(area) == parts | ({"fallback"} if machine.reaches_fallback else set())
    assert all(um2 > 0 for um2 in area.values())
    items = area_items(machine, 8, 8)
    assert sum(item.um2 for item in items) == pytest.approx(sum(area.values()))
    assert all(item.sources for item in items)


def test_a_vector_lane_operation_by_hand():
    """8-bit multiply 0.2, 32-bit add 0.1 and a comparison, which is a subtraction of 32 bits."""
    assert float(default_table().lane(8, 32)) == pytest.approx(0.4)


def test_unlimited_buffers_hold_one_step_of_a_recurrent_layer():
    """35 steps cost 35 times one, but for the weights, which come once."""
    hardware = {"name": "m", "array": SYSTOLIC}
    one, all_steps = (
        accelsim.simulate(GemmTrace("h", M=2, N=40, K=10, kind="lstm", repeat=steps), hardware).rows[0][
            "energy_sram_pj"
        ]
        for steps in (1, 35)
    )
    filled = 8 * 40 * 10 * float(default_table().sram_bit("write_pj", 40 * 10, 2 * 8))
    assert all_steps == pytest.approx(35 * one - 34 * filled)


def test_a_cost_keeps_its_formula():
    a, b = Cost(0.2, "a"), Cost(0.1, "b")
    cost = 2 * (a + b) / 4 + 0
    assert (float(cost), cost.formula) == (pytest.approx(0.15), "(2 × (a + b)) / 4")
    assert sum([a, b]) == pytest.approx(0.3)
    assert default_table().multiply(4, 8).formula == "0.5 × mult_8_pj"


def test_figures_of_the_user_replace_the_tables_and_say_so():
    own = {"mult_8_pj": 0.5, "sram": {"read_pj": {"factor": 1.0}, "width_bits": 32}, "scaling": {"area": 3.0}}
    machine = load_hardware({"name": "u", "array": SYSTOLIC, "energy": own})
    table = table_of(machine.energy)
    assert table.mac(8, 8, 32) == pytest.approx(0.6)
    assert (table.sram["read_pj"].factor, table.sram["read_pj"].size_exponent) == (1.0, 0.53565)
    assert (table.sources["mult_8_pj"], table.sources["read_pj"], table.scaling.source("area")) == ("user",) * 3
    assert table.sources["add_32_pj"] != "user"
    assert table.sram_width_bits == 32
    rows = [
        accelsim.simulate(GemmTrace("a", M=2, N=2, K=2), m).rows[0] for m in (machine, {"name": "t", "array": SYSTOLIC})
    ]
    assert rows[0]["energy_mac_pj"] == pytest.approx(rows[1]["energy_mac_pj"] * 2)
    assert machine_area(machine, 8, 8)["array"] == pytest.approx(3 * 4 * (282 + 137 + 48 * 4.5))
    assert load_hardware(machine.to_dict()) == machine
    assert default_table().figures["mult_8_pj"] == 0.2


def test_an_override_by_dotted_name():
    machine = load_hardware("dense/os-16x16", **{"energy.mult_8_pj": 0.25, "energy.sram.read_pj.factor": 0.01})
    assert table_of(machine.energy).figures["mult_8_pj"] == 0.25
    assert table_of(machine.energy).sram["read_pj"].factor == 0.01


@pytest.mark.parametrize(
    ("own", "said"),
    [
        ({"mult_9_pj": 1}, "unknown key 'energy.mult_9_pj'; did you mean 'mult_8_pj'"),
        ({"sram": {"reed_pj": {}}}, "unknown key 'energy.sram.reed_pj'; did you mean 'read_pj'"),
        ({"sram": {"read_pj": {"factr": 1}}}, "unknown key 'energy.sram.read_pj.factr'; did you mean 'factor'"),
        ({"mult_8_pj": -1}, "energy.mult_8_pj is -1; input should be greater than or equal to 0"),
        ({"mult_8_pj": "cheap"}, "energy.mult_8_pj is 'cheap'"),
        ({"scaling": {"energy": 0}}, "energy.scaling.energy is 0"),
        (3, "energy is 3; a mapping"),
    ],
)
def test_a_wrong_figure_is_refused_with_the_right_name(own, said):
    with pytest.raises(ConfigError, match=said):
        load_hardware({"name": "w", "array": SYSTOLIC, "energy": own})


def shown(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["hw", "show", *arguments])
    assert result.exit_code == 0, result.stderr
    return result.stdout


def test_show_energy_prints_every_figure_law_and_factor_with_its_source():
    text, table = shown("published/scnn", "--energy"), default_table()
    for name in (*table.figures, *table.sram, *(machine_area(load_hardware("published/scnn"), 8, 8))):
        assert name in text
    for expected in ("45 to 16 nm", "bytes^0.53565", "scnn_outside", "Horowitz", "Stillmaker", "16 nm"):
        assert expected in text


def test_show_energy_as_json_has_the_users_figure_at_the_node():
    sheet = json.loads(shown("published/eie", "--energy", "--json", "--set", "energy.mult_8_pj=0.25"))
    mac = sheet["actions"][0]
    assert (mac["component"], mac["count"], mac["formula"]) == ("mac", "eie_work", "mult_8_pj + add_32_pj")
    assert mac["pj"] == pytest.approx(0.35)
    assert mac["sources"][0] == "user"
    figure = {"figure": "mult_8_pj", "value": 0.25, "node_nm": 45.0, "scale": 1.0, "scaled": 0.25, "source": "user"}
    assert figure in sheet["figures"]
    assert {entry["component"] for entry in sheet["actions"]} == set(COMPONENTS)


def test_show_energy_leaves_open_what_follows_from_the_layer(tmp_path):
    (tmp_path / "m.yaml").write_text("name: m\narray: {kind: systolic}\n")
    sheet = json.loads(shown(str(tmp_path / "m.yaml"), "--energy", "--json"))
    sram = [entry for entry in sheet["actions"] if entry["component"] == "sram"]
    assert sram
    assert all(entry["pj"] is None for entry in sram)
    assert all(isnan(size) for size in buffer_bytes(load_hardware(tmp_path / "m.yaml")).values())
    assert "by layer" in shown(str(tmp_path / "m.yaml"), "--energy")


def test_a_wrong_override_ends_show_with_one_line():
    result = CliRunner().invoke(app, ["hw", "show", "dense/os-16x16", "--energy", "--set", "energy.mult_9_pj=1"])
    assert result.exit_code == 2
    assert "did you mean 'mult_8_pj'" in result.stderr
