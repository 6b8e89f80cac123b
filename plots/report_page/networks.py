"""The networks of a study: accuracy, weight reduction, bits, and storage in each format."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..figures.storage import format_label
from .columns import NETWORK, amount, factor, percent
from .table import Column, Row, key, table

if TYPE_CHECKING:
    import pandas as pd

    from ..data_files.data import StudyData


def networks_table(data: StudyData) -> str:
    """Accuracy, reduction rates, bits, and storage in each format of every network."""
    columns = [
        NETWORK,
        Column("accuracy", key("accuracy"), percent),
        Column("against\nthe first", key("change"), lambda value: f"{100 * value:+.2f} points"),
        factor("weight reduction α\nconv layers", "conv"),
        factor("weight reduction α\nwhole", "whole"),
        Column("bits\nweights / activations", key("bits")),
        *(amount(f"{label}\nKiB, weights + indices", kind, 8 * 2**10) for kind, label in _formats(data).items()),
    ]  # fmt: skip
    return table(
        f"Networks; accuracy is measured on the integers, the first is {data.baseline!r}", columns, _networks(data)
    )


def _formats(data: StudyData) -> dict[str, str]:
    kinds = dict.fromkeys(row["format"] for row in data.storage)
    return {kind: format_label(kind) for kind in kinds}


def _networks(data: StudyData) -> list[Row]:
    bits = {(row["network"], row["format"]): row["value_bits"] + row["index_bits"] for row in data.storage}
    return [
        {
            "network": name,
            "accuracy": data.accuracy[name],
            "change": data.accuracy[name] - data.accuracy[data.baseline],
            **_rates(data, name),
            **{kind: bits.get((name, kind)) for kind in _formats(data)},
        }
        for name in data.networks
    ]


def _rates(data: StudyData, network: str) -> dict[str, Any]:
    """α of the conv layers (1 for the uncompressed network) and of all of them, and the bits, of the first run."""
    run, rows = data.runs_of(network)[0], _first_layers(data, network)
    uncompressed = _first_layers(data, data.baseline if data.baseline in data.networks else network)
    weights = float(uncompressed.loc[uncompressed["kind"] == "conv", "weights_dense"].sum())
    conv = rows[rows["kind"] == "conv"]
    nonzero = float(_weights_now(conv).sum())
    widths = rows[["weight_bits", "activation_bits"]].drop_duplicates().sort_values(["weight_bits", "activation_bits"])
    return {
        "conv": 1.0 if network == data.baseline else weights / nonzero if nonzero else None,
        "whole": run.get("alpha"),
        "bits": ", ".join(f"{w} / {a}" for w, a in widths.itertuples(index=False)),
    }


def _weights_now(layers: pd.DataFrame) -> pd.Series[int]:
    """What α counts: nonzero weights of pruned layers, all of others. Studies of earlier versions do not say which."""
    nonzero: pd.Series[int] = layers["weights_nonzero"]
    return nonzero.where(layers["pruned"], layers["weights_dense"]) if "pruned" in layers else nonzero


def _first_layers(data: StudyData, network: str) -> pd.DataFrame:
    hardware = data.runs_of(network)[0]["hardware"]
    rows: pd.DataFrame = data.layers[(data.layers["network"] == network) & (data.layers["hardware"] == hardware)]
    return rows
