"""`accelsim compress`: a network of the zoo, trained and compressed as a recipe says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from accelsim.errors import unknown_name
from accelsim.files import require_writable

from .completion import model_names, recipe_names
from .output import Json, print_table
from .progress import counted

if TYPE_CHECKING:
    from ..recipes.compressing import Compressed

SEED_LIMIT = 2**31


def compress(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL", help="A zoo network that takes digits, such as lenet5.", autocompletion=model_names
        ),
    ],
    recipe: Annotated[
        str,
        typer.Option(
            metavar="FILE|NAME", help="A YAML recipe, or the name of a shipped one.", autocompletion=recipe_names
        ),
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="The checkpoint's folder.")],
    seed: Annotated[
        int | None, typer.Option(min=0, max=SEED_LIMIT, help="In place of the recipe's: of split, weights and batches.")
    ] = None,
    steps: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Keep finished stages here, for others to share; else in the checkpoint's."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Train a network on the bundled digits, compress it by a recipe, measure it on its integers and save it.

    The same command again goes on where an interrupted one ended. log.jsonl beside the checkpoint has a line a step.

    JSON: model, recipe, seed, folder, accuracy and baseline_accuracy (fractions, on integers), conv_rate and whole_rate
    (weights before by those left), cpu_seconds, and layers, an object each with weights and bits.

    Shipped recipes take minutes (quick), tens of minutes, or hours (same-accuracy, which search for the last rate at
    the baseline's accuracy):

    \b
      lenet5-admm-quick             lenet5-conv-structured-88x
      lenet5-inq-quick              lenet5-conv-structured-88x-3bit
      lenet5-admm-inq-quick         lenet5-246x
      lenet5-xnor-quick             lenet5-246x-3bit
      lenet5-conv-114x              lenet5-348x
      lenet5-conv-114x-3bit         lenet5-348x-3bit
      lenet5-same-accuracy-nonstructured
      lenet5-same-accuracy-structured

    The networks of `accelsim demo`, and those of `accelsim demo --fast`; `binary` is for the model lenet5_xnor:

    \b
      lenet5-demo-baseline          lenet5-demo-baseline-fast
      lenet5-demo-nonstructured     lenet5-demo-nonstructured-fast
      lenet5-demo-structured        lenet5-demo-structured-fast
      lenet5-demo-pow2              lenet5-demo-pow2-fast
      lenet5-demo-binary            lenet5-demo-binary-fast
      lenet5-demo-ternary           lenet5-demo-ternary-fast
      lenet5-demo-mixed             lenet5-demo-mixed-fast

    \b
    Example: accelsim compress lenet5 --recipe lenet5-inq-quick --out out/lenet5-inq
    """
    from compress.recipes.recipe import load_recipe
    from workloads import list_models

    if model not in list_models():
        raise unknown_name("model", model, list_models())
    plan = load_recipe(recipe)
    plan.require_model(model)
    require_writable(out)
    if steps is not None:
        require_writable(steps)
    from ..recipes.compressing import compress_model

    try:
        with counted("training", unit="epochs") as progress:
            result = compress_model(model, plan, out=out, seed=seed, progress=progress.staged, steps=steps)
    except KeyboardInterrupt as stop:
        raise KeyboardInterrupt("interrupted; the same command goes on behind the last finished stage") from stop
    if as_json:
        typer.echo(json.dumps(_as_dict(result), indent=1, allow_nan=False))
    else:
        _show(result)


def _as_dict(result: Compressed) -> dict[str, object]:
    from dataclasses import asdict

    rates = {"conv_rate": result.conv_rate, "whole_rate": result.whole_rate}
    return asdict(result) | {"folder": str(result.folder)} | rates


def _show(result: Compressed) -> None:
    """A table of the layers, then accuracies and rates in a line."""
    rows = [
        (
            layer.name,
            layer.kind,
            f"{layer.weights_dense:,}",
            f"{layer.weights_nonzero:,}",
            layer.weight_coding,
            layer.weight_bits,
            layer.activation_bits,
        )
        for layer in result.layers
    ]
    columns = ("layer", "kind", ">weights", ">nonzero", "coding", ">weight bits", ">activation bits")
    caption = (
        f"accuracy on integers {100 * result.accuracy:.2f} % (baseline {100 * result.baseline_accuracy:.2f} %); "
        f"{result.conv_rate:.1f}x fewer conv weights, {result.whole_rate:.1f}x fewer in all; saved in {result.folder}"
    )
    print_table(f"{result.model} by {result.recipe}, seed {result.seed}", columns, rows, (), caption)
