"""What the modules of the model are: their classes, and when 8 bits get their scales."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from workbench.errors import CapabilityError
from workbench.probes.bench import Bench
from workbench.probes.context import Context
from workbench.probes.timing import prepare
from workbench.results import Quantities, Quantity, Workload
from workbench.words import say

_TOLD = 6  # classes that are named


def modules(bench: Bench, params: dict[str, Any], _context: Context) -> Quantities:
    """params: classes. How many modules are of a class whose name has one of these words in it."""
    counts = Counter(type(each).__name__ for each in bench.model.modules())
    found = sum(count for name, count in counts.items() if any(word in name for word in params["classes"]))
    told = ", ".join(f"{count} {name}" for name, count in counts.most_common(_TOLD))
    return Quantities(values={"modules": Quantity(value=found)}, notes=(say("tips.note.classes", told=told),))


def scales(bench: Bench, params: dict[str, Any], context: Context) -> Quantities:
    """params: part (weights, activations). Whether scales of it are computed in a pass after the first one.

    Counted in bitsandbytes' own function that finds them. CapabilityError for a model without its 8 bits.
    """
    if bench.resolved().quantization != "bnb-int8":
        raise CapabilityError("tips.not_int8", quantization=bench.resolved().quantization)
    batch = prepare(bench, Workload(prompt_tokens=32, new_tokens=2))
    kept = {tuple(each.weight.shape) for each in bench.model.modules() if type(each).__name__ == "Linear8bitLt"}
    with torch.inference_mode(), bench.interruptible(context), bench.in_force():
        bench.model(**batch, use_cache=False)
        with _scaled() as shapes:
            bench.model(**batch, use_cache=False)
    weights = sum(shape in kept for shape in shapes)
    calls = {"weights": weights, "activations": len(shapes) - weights}
    return Quantities(
        values={"scaled_at_use": Quantity(value=calls[params["part"]] > 0)},
        notes=(say("tips.note.scales", weights=weights, activations=calls["activations"]),),
    )


@contextmanager
def _scaled() -> Iterator[list[tuple[int, ...]]]:
    """Shapes of what bitsandbytes finds scales for within it."""
    from bitsandbytes import functional

    shapes: list[tuple[int, ...]] = []
    inner: Any = functional.int8_vectorwise_quant

    def counted(tensor: torch.Tensor, *arguments: Any, **named: Any) -> Any:
        shapes.append(tuple(tensor.shape))
        return inner(tensor, *arguments, **named)

    functional.int8_vectorwise_quant = counted  # type: ignore[assignment]
    try:
        yield shapes
    finally:
        functional.int8_vectorwise_quant = inner
