"""A long input in one pass, or by windows that slide over it: tokens, time, memory, and what the model loses."""

from importlib.resources import files
from typing import Any

from workbench.bench import Bench
from workbench.checks import at_least_one
from workbench.errors import ConfigError
from workbench.results import Windows

BUILT_IN_TOKENS = 1024


def windows(
    bench: Bench,
    job: int,
    text: str | None = None,
    size: int | None = None,
    overlap: float = 0.2,
    *,
    tokens: int | None = None,
    rounds: int = 3,
) -> Windows:
    """Both ways over the same text, by pairs. Kept in the store. ConfigError for what cannot be asked.

    size     tokens of a window, default: a quarter of the text's, within the context
    overlap  tokens of a window that the one before had too, or a share of `size` below 1
    """
    if text is not None and (not isinstance(text, str) or not text.strip()):
        raise ConfigError("windows.no_text")
    whole = isinstance(overlap, int) and not isinstance(overlap, bool)
    if not whole and not (isinstance(overlap, float) and 0 < overlap < 1):
        raise ConfigError("windows.bad_overlap", overlap=repr(overlap)[:40])
    limit = tokens if tokens is not None or text is not None else BUILT_IN_TOKENS
    parameters: dict[str, Any] = {
        "probe": "windows",
        "text": text if text is not None else _built_in(),
        "tokens": None if limit is None else at_least_one("tokens", limit),
        "size": None if size is None else at_least_one("size", size),
        "overlap": overlap,
        "rounds": at_least_one("rounds", rounds),
    }
    data = bench.call(job, "probe", parameters)
    found = Windows.from_dict(data["result"])
    return bench.deliver(job, "windows", found, config=bench.config, resolved=data["resolved"])


def _built_in() -> str:
    return (files("workbench.probes") / "texts" / "long_context.txt").read_text(encoding="utf-8")
