"""Whether drafting tokens pays: each usable mode against plain decoding, on a text to copy and on prose."""

import time
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

from workbench.bench import Bench
from workbench.checks import refuse_impossible
from workbench.config import Config
from workbench.errors import CapabilityError, ConfigError
from workbench.knobs import Cost
from workbench.knobs.speculation import MODES, NO_ASSISTANT
from workbench.results import Speculation, SpeculationRun
from workbench.words import Message, say, text

Mode = str | Mapping[str, Any] | Config
_COPIED = 460  # characters of the built-in text that the copying task begins again
_BEGUN = 180  # of them, from which the model is seen to copy on


def speculation(
    bench: Bench,
    job: int,
    modes: Mode | Sequence[Mode] | None = None,
    prompts: str | Sequence[str] | Mapping[str, str] | None = None,
    *,
    new_tokens: int = 64,
    precision: float = 0.05,
    budget_s: float = 120.0,
) -> Speculation:
    """Each mode on each task, against the configuration in force without speculation. Kept in the store.

    ConfigError for a mode that there is not, or that cannot stand beside the configuration; CapabilityError for one
    that this model or machine cannot do, or that needs a reload.
    """
    plain = bench.config.replace(speculation="off")
    sides, left_out = _sides(plain, modes, bench)
    tasks = _tasks(prompts)
    context = bench.context(job)
    began = time.monotonic()
    runs = []
    for at, (side, (task, prompt)) in enumerate((side, task) for side in sides for task in tasks.items()):
        context.progress(say("progress.speculation", mode=side.speculation, task=task), at, len(sides) * len(tasks))
        parameters = {
            "probe": "speculation",
            "a": plain.to_dict(),
            "b": side.to_dict(),
            "task": task,
            "prompt": prompt,
            "new_tokens": new_tokens,
            "precision": precision,
            "budget_s": budget_s / (len(sides) * len(tasks)),
        }
        runs.append(SpeculationRun.from_dict(bench.call(job, "probe", parameters)["result"]))
    found = Speculation(
        runs=tuple(runs),
        left_out=left_out,
        config=plain.to_dict(),
        seconds=time.monotonic() - began,
        flags=tuple(dict.fromkeys(flag for run in runs for flag in run.comparison.flags)),
    )
    return bench.deliver(job, "speculation", found)


def _sides(plain: Config, modes: Any, bench: Bench) -> tuple[list[Config], tuple[Message, ...]]:
    """The configurations to try; of the default ones, why some are left out."""
    if modes is None:
        asked, left_out = _usable(plain, bench)
        if not asked:
            raise CapabilityError("speculation.no_modes", reason="; ".join(map(str, left_out)))
        return asked, left_out
    listed = list(modes) if isinstance(modes, list | tuple) else [modes]
    sides = [_side(plain, mode) for mode in listed]
    if not sides:
        raise ConfigError("speculation.unknown_mode", mode=repr(modes), modes=", ".join(MODES))
    for side in sides:
        refuse_impossible(side, bench.machine, bench.facts)
        if plain.cost_to(side) is not Cost.LIVE or bench.config.cost_to(side) is not Cost.LIVE:
            raise CapabilityError("agreement.needs_reload", knobs=", ".join(plain.diff(side)))
    return sides, ()


def _usable(plain: Config, bench: Bench) -> tuple[list[Config], tuple[Message, ...]]:
    found, left_out = [], []
    for mode in MODES:
        if mode == "assistant" and plain.assistant_model == NO_ASSISTANT:
            left_out.append(say("speculation.left_out", mode=mode, reason=text("speculation.no_assistant_named")))
            continue
        try:
            side = plain.replace(speculation=mode)
            refuse_impossible(side, bench.machine, bench.facts)
        except (ConfigError, CapabilityError) as error:
            left_out.append(say("speculation.left_out", mode=mode, reason=error.what))
            continue
        found.append(side)
    return found, tuple(left_out)


def _side(plain: Config, mode: Any) -> Config:
    if isinstance(mode, str):
        if mode not in MODES:
            raise ConfigError("speculation.unknown_mode", mode=repr(mode), modes=", ".join(MODES))
        return plain.replace(speculation=mode)
    side = mode if isinstance(mode, Config) else plain.replace(**mode)
    if side.speculation not in MODES:
        raise ConfigError("speculation.unknown_mode", mode=repr(side.speculation), modes=", ".join(MODES))
    return side


def _tasks(prompts: str | Sequence[str] | Mapping[str, str] | None) -> dict[str, str]:
    if prompts is None:
        built_in = files("workbench.probes").joinpath("texts/workload.txt").read_text(encoding="utf-8")
        start = built_in[:_COPIED]
        again = f"{start}\n\n{start[:_BEGUN]}"
        return {text("speculation.task.copy"): again, text("speculation.task.prose"): text("speculation.prose")}
    if isinstance(prompts, Mapping):
        return dict(prompts)
    listed = [prompts] if isinstance(prompts, str) else list(prompts)
    return {text("speculation.task.given", number=at): prompt for at, prompt in enumerate(listed, 1)}
