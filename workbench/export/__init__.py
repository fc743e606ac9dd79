"""Configurations as code to take home: `render(target, config, model=...)` needs no model in memory."""

import difflib
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
) -> Snippet:
    """`config` of `model` as files for `target`, with the numbers they should reproduce.

    model        "demo", a hub id, a local directory or .gguf file
    resolved     what was in force: turns each "auto" of the config into the value that was chosen
    measurement  written into the header with its intervals, and into `expected`
    machine      names the machine in the header and gives the waiting policy of its OpenMP threads

    ConfigError: an unknown target. ModelError: a model that no code can load (random weights).
    """
    if target not in TARGETS:
        raise ConfigError(
            "export.unknown_target",
            target=target,
            targets=", ".join(TARGETS),
            nearest=next(iter(difflib.get_close_matches(target, TARGETS, n=1)), "-"),
        )
    request = Request(config, model, revision, resolved, measurement, workload, facts, machine)
    files = TARGETS[target].files(request)
    expected = {key: float(getattr(measurement, key)) for key in _EXPECTED} if measurement else {}
    code = next(iter(files.values()))
    return Snippet(target=target, code=code, files=files, expected=expected, config=config.to_dict())


def render(target: str, config: Config, *, model: str, **known: Any) -> str:
    """The main file of `snippet(...)`, which see for the arguments."""
    return snippet(target, config, model=model, **known).code


__all__ = ["TARGETS", "Target", "render", "snippet"]
