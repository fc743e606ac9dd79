"""Configurations as code to take home: `render(target, config, model=...)` needs no model in memory."""

import difflib
from collections.abc import Mapping
from typing import Any

from workbench.config import Config
from workbench.errors import ConfigError
from workbench.export.request import Request
from workbench.export.targets import TARGETS, Target
from workbench.results import Machine, Measurement, ModelFacts, Resolved, Snippet, Workload

_EXPECTED = ("decode_tps", "prefill_tps", "ttft_s", "tpot_s", "peak_bytes")


def snippet(
    target: str,
    config: Config,
    *,
    model: str,
    revision: str | None = None,
    resolved: Resolved | None = None,
    measurement: Measurement | None = None,
    workload: Workload | None = None,
    facts: ModelFacts | None = None,
    machine: Machine | None = None,
    versions: Mapping[str, str] | None = None,
    on: str | None = None,
    gpus: int | None = None,
    nodes: int | None = None,
    context: int | None = None,
) -> Snippet:
    """`config` of `model` as files for `target`, with the numbers they should reproduce.

    model        "demo", a hub id, a local directory or .gguf file
    resolved     what was in force: turns each "auto" of the config into the value that was chosen
    measurement  written into the header with its intervals, and into `expected`
    machine      names the machine in the header and gives the waiting policy of its OpenMP threads
    versions     of the packages that all this was found with (default: those installed here)

    For the targets that serve:

    on           a GPU of the catalogue ("h100-sxm", or "8x h100-sxm"): parallel sizes are proposed for it
    gpus, nodes  GPUs of one machine (1), machines (1)
    context      tokens of one request, prompt and answer; None: the model's own limit, or as many as fit

    ConfigError: an unknown target or GPU, a count below 1, a context beyond the model's. ModelError: a model that no
    code can load (random weights). CapabilityError: files, an architecture or a number of machines that the target
    does not take.
    """
    if target not in TARGETS:
        raise ConfigError(
            "export.unknown_target",
            target=target,
            targets=", ".join(TARGETS),
            nearest=next(iter(difflib.get_close_matches(target, TARGETS, n=1)), "-"),
        )
    chosen = TARGETS[target]
    place: dict[str, Any] = {"on": on, "gpus": gpus, "nodes": nodes, "context": context}
    if not chosen.serves and (given := [name for name, value in place.items() if value is not None]):
        raise ConfigError("export.not_served", target=target, given=", ".join(given), serving=", ".join(_serving()))
    request = Request(config, model, revision, resolved, measurement, workload, facts, machine, versions, **place)
    files = chosen.files(request)
    numbers = measurement if not chosen.serves else None
    expected = {key: float(getattr(numbers, key)) for key in _EXPECTED} if numbers else {}
    code = next(iter(files.values()))
    return Snippet(target=target, code=code, files=files, expected=expected, config=config.to_dict())


def _serving() -> list[str]:
    return [name for name, target in TARGETS.items() if target.serves]


def render(target: str, config: Config, *, model: str, **known: Any) -> str:
    """The main file of `snippet(...)`, which see for the arguments."""
    return snippet(target, config, model=model, **known).code


__all__ = ["TARGETS", "Target", "render", "snippet"]
