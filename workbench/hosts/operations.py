"""What a host can ask of an engine, by name. Both hosts run this; results are plain data either way."""

from importlib import import_module
from typing import Any

from workbench.catalog.sources import Source
from workbench.config import Config
from workbench.engine.census import census
from workbench.engine.engine import Engine
from workbench.errors import WorkbenchError
from workbench.probes.allocated import allocated
from workbench.probes.context import Context
from workbench.results import Applied, Resolved, Result

PROBES = (
    "timing",
    "paired",
    "trace",
    "block",
    "agreement",
    "scan",
    "requests",
    "batching",
    "prefix",
    "prefix_save",
    "served",
    "speculation",
    "decoding",
    "stopping",
    "windows",
    "powered",
    "ceilings",
    "experts",
    "steady",
    "memory_health",
    "quality.reference",
    "quality.candidate",
    "quality.sensitivity",
    "quality.reasoning",
    "quality.tasks",
    "tokens",
    "asked",
)


def execute(engine: Engine, op: str, params: dict[str, Any], context: Context) -> dict[str, Any]:
    """Runs one operation and returns its result as JSON-able data.

    open {source, config} · apply {config, fresh} · generate {prompts, max_new_tokens, seed, chat, logits_processors} ·
    probe {probe, …} · census {}
    """
    if op not in ("open", "apply") and engine.model is None:  # memory did not hold the model of before either
        engine.apply(engine.config, context)
    match op:
        case "open":
            applied = engine.open(Source(**params["source"]), Config(**params["config"]), context)
            return _applied(engine, applied)
        case "apply":
            applied = engine.apply(Config(**params["config"]), context, fresh=params.get("fresh", False))
            return _applied(engine, applied)
        case "generate":
            completions = engine.generate(context, **params)
            return {"completions": [completion.to_dict() for completion in completions], **_state(engine)}
        case "probe" if params["probe"] in PROBES:
            probe = import_module(f"workbench.probes.{params['probe']}")
            result: Result = engine.probe(probe.run, params, context)
            return {"result": result.to_dict(), **_state(engine)}
        case "census":
            counted = census(engine.model, engine.config, engine.loaded, engine.facts.checkpoint_quantization)
            return {"result": counted.to_dict(), **_state(engine)}
    raise WorkbenchError("worker.unknown_op", op=op)


def _applied(engine: Engine, applied: Applied) -> dict[str, Any]:
    return {"applied": applied.to_dict(), **_state(engine, applied.resolved)}


def _state(engine: Engine, resolved: Resolved | None = None) -> dict[str, Any]:
    """`resolved`: what was read back a moment ago, where it was."""
    held = allocated(engine.device)
    return {
        "config": engine.config.to_dict(),
        "resolved": (resolved or engine.resolved()).to_dict(),
        "facts": engine.facts.to_dict(),
        "allocator": held.to_dict() if held else None,
    }
