"""A server that the configuration was handed to, measured and compared with the resident model."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from workbench.bench import Bench
from workbench.endpoint import check
from workbench.endpoint.checking import GREEDY_ANSWERS, GREEDY_TOKENS, request
from workbench.endpoint.prompts import Ask, asks, telling
from workbench.results import Endpoint, EndpointReference


def endpoint(
    bench: Bench, job: int, url: str, prompts: str | Path | Sequence[Any] | None = None, **options: Any
) -> Endpoint:
    """What `workbench.endpoint.check` finds, with the bench's own tokens and greedy answers beside. Kept in the store.

    options  as `workbench.endpoint.check` has them; ConfigError and EndpointError as there. The bench answers first, so
             that it rests while the server is measured.
    """
    request(url, prompts, **options)  # what is wrong with it is said before the bench works
    chat = options.get("api") != "completions"
    asked = [*telling(chat=chat), *asks(prompts, chat=chat)][: max(GREEDY_ANSWERS, len(telling(chat=chat)))]
    reference = _reference(bench, job, [_prompt(each) for each in asked], GREEDY_ANSWERS)

    def count(texts: list[str]) -> list[int]:
        return [len(ids) for ids in _reference(bench, job, [], 0, count=texts).plain]

    found = check(url, prompts=prompts, reference=reference, count=count, context=bench.context(job), **options)
    found = found.model_copy(update={"bench": _own_numbers(bench)})
    return bench.deliver(job, "endpoint", found, config=bench.config, resolved=bench.resolved)


def _reference(
    bench: Bench, job: int, prompts: list[Any], answered: int, count: Sequence[str] = ()
) -> EndpointReference:
    parameters = {
        "probe": "served",
        "prompts": prompts,
        "answered": answered,
        "new_tokens": GREEDY_TOKENS,
        "count": list(count),
    }
    return EndpointReference.from_dict(bench.call(job, "probe", parameters)["result"])


def _prompt(ask: Ask) -> Any:
    return ask.prompt if ask.messages is None else [dict(message) for message in ask.messages]


def _own_numbers(bench: Bench) -> dict[str, float]:
    """Of the last measurement of this very configuration, where there is one."""
    measured = bench.last.get("measurement")
    if measured is None or bench.last.get("measured_config") != bench.config:
        return {}
    return {name: getattr(measured, name) for name in ("ttft_s", "tpot_s", "decode_tps")}
