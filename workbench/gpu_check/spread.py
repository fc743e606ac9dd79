"""A model over two GPUs: placed by the libraries, and cut over ranks. Without a GPU: memory and disk, and gloo."""

from functools import partial
from typing import Any

from workbench.config import Config
from workbench.export.crossings import crossings
from workbench.gpu_check.plan import Findings, Plan
from workbench.knobs.conditions import visible_gpus
from workbench.results import Workload
from workbench.session import Session
from workbench.words import text

_MODEL = "deepseek-llm-7b-base"
_WORK = Workload(prompt_tokens=64, new_tokens=16)
_FEWEST = 2
_PROMPT = "Tell me about the sea, the wind and the long way home."


def spread(plan: Plan) -> dict[str, Any]:
    """The same greedy tokens as on one device, bytes by place, and what crosses in a step: bytes, seconds, share."""
    findings = Findings(plan)
    [model] = [plan.model] if plan.model else plan.models((_MODEL,))
    found = len(visible_gpus(plan.machine))
    if plan.device == "cuda" and found < _FEWEST:
        findings.skip(model, text("gpu.two_gpus", count=found))
        return findings.to_dict()
    plain = Config(dtype="bfloat16" if plan.device == "cuda" else "float32")
    with Session(model, config=plain) as session:
        whole = sum(session.resolved.bytes_by_place.values())
        expected = session.generate(_PROMPT, max_new_tokens=_WORK.new_tokens)[0].token_ids
        facts = session.facts
    table = facts.vocab_size * facts.hidden_size * (2 if plan.device == "cuda" else 4)
    place = _halves(whole) if plan.device == "cuda" else {"cpu": 2 * table + max(whole - 2 * table, 0) // 2}
    ways = {"device_map": plain.replace(device_map="auto", max_memory=place), "tp_plan": plain.replace(tp_plan="auto")}
    possible = {name: config for name, config in ways.items() if findings.possible(config, facts, name)}
    findings.each([(name, partial(_way, model, config, expected)) for name, config in possible.items()])
    return findings.to_dict()


def _halves(whole: int) -> dict[int | str, int]:
    """Room on two GPUs for a little more than half of it each, and for the largest module on the first."""
    return {0: int(0.8 * whole), 1: int(0.8 * whole), "cpu": whole}


def _way(model: str, config: Config, expected: tuple[int, ...]) -> dict[str, Any]:
    with Session(model, config=config) as session:
        tokens = session.generate(_PROMPT, max_new_tokens=_WORK.new_tokens)[0].token_ids
        same = next(
            (at for at, pair in enumerate(zip(tokens, expected, strict=False)) if pair[0] != pair[1]), len(expected)
        )
        trace, state = session.trace(_WORK), session.resolved
        return {
            "same_tokens": same,
            "of": len(expected),
            "bytes": state.rank_bytes or state.bytes_by_place,
            "boundaries": list(state.boundaries),
            "differences": [str(each) for each in state.differences(config)],
            "crossings": [each.to_dict() for phase in trace.phases.values() for each in phase.crossings],
            "said": list(crossings(trace).remarks),
        }
