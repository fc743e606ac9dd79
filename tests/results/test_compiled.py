"""What a compiled loop says of itself beside its numbers."""

from typing import Any

import pytest

from workbench.results import CompileReport, break_even_tokens


def report(**changes: Any) -> CompileReport:
    values: dict[str, Any] = {
        "mode": "default",
        "freezing": True,
        "batch_size": 1,
        "cache_tokens": 512,
        "graphs": 1,
        "graph_breaks": 0,
        "recompiles": 0,
        "compile_s": 84.96,
        "last_run_s": 0.0,
        "runs": 5,
        "held_bytes": 0,
    }
    return CompileReport(**{**values, **changes})


@pytest.mark.parametrize(
    ("compile_s", "uncompiled", "compiled", "tokens"),
    [(85.0, 0.05, 0.02, 2833), (85.0, 0.02, 0.02, None), (85.0, 0.02, 0.05, None), (0.0, 0.05, 0.02, 0)],
)
def test_break_even(compile_s: float, uncompiled: float, compiled: float, tokens: int | None) -> None:
    assert break_even_tokens(compile_s, uncompiled, compiled) == tokens


def test_flags_say_what_it_cost_and_what_went_wrong() -> None:
    said = [str(flag) for flag in report().flags(2833)]
    assert said == [
        "compiling the decode step took 85.0 s, for a cache of 512 tokens",
        "compiling has paid for itself after 2833 new tokens",
    ]
    codes = [flag.code for flag in report(recompiles=2, graph_breaks=3, graph_skips=1).flags(None)]
    worse = ["flag.recompiled", "flag.graph_skips", "flag.graph_breaks"]
    assert codes == ["flag.compiled", "flag.compile_no_gain", *worse]
    assert "ran without CUDA graphs" in str(report(graph_skips=1).flags(1)[-1])
    assert report().graph_skips is None  # of records that are older
