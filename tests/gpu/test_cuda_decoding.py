"""What only CUDA can show of decoding: CUDA graphs, and caches that wait in the computer's memory."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from workbench.config import Config
from workbench.results import COMPILED_LOOP, Workload
from workbench.session import Session

pytestmark = [pytest.mark.gpu, pytest.mark.model]

MODELS = {"mha": "random:deepseek-llm-7b-base?layers=2", "mla": "random:deepseek-v2-lite?layers=2"}
PROMPT = "Write one sentence about the sea."


@pytest.fixture(scope="module", params=MODELS.values(), ids=MODELS)
def session(demo_home: Path, request: pytest.FixtureRequest) -> Iterator[Session]:
    with Session(request.param, config=Config(device="cuda", dtype="float32")) as opened:
        yield opened


def tokens(session: Session, **knobs: object) -> tuple[int, ...]:
    session.apply(Config(device="cuda", dtype="float32", **knobs))
    return session.generate(PROMPT, max_new_tokens=16)[0].token_ids


@pytest.mark.parametrize("mode", ["default", "reduce-overhead", "max-autotune"])
def test_the_compiled_loop_says_the_same(session: Session, mode: str) -> None:
    expected = tokens(session)
    assert tokens(session, compile=mode) == expected
    assert session.resolved.loop == COMPILED_LOOP
    assert session.resolved.differences(session.config) == ()


def test_cuda_graphs_leave_few_launches(session: Session) -> None:
    work = Workload(prompt_tokens=32, new_tokens=4)
    session.apply(Config(device="cuda", dtype="bfloat16"))
    plain = session.trace(work).launches_per_token
    session.apply(compile="reduce-overhead")
    session.generate(PROMPT, max_new_tokens=8)  # graphs are recorded in the first calls
    assert session.trace(work).launches_per_token < plain / 2


@pytest.mark.parametrize("cache", ["static", "offloaded", "offloaded_static"])
def test_the_kind_of_cache_changes_no_token(session: Session, cache: str) -> None:
    expected = tokens(session)
    assert tokens(session, cache=cache) == expected
    assert session.resolved.cache == cache


def test_an_offloaded_cache_takes_less_memory(session: Session) -> None:
    work = Workload(prompt_tokens=2048, new_tokens=4, batch_size=8)
    peaks = {}
    for cache in ("dynamic", "offloaded"):
        session.apply(Config(device="cuda", dtype="bfloat16", cache=cache))
        peaks[cache] = session.measure(work, budget_s=10).peak_bytes
    assert peaks["offloaded"] < peaks["dynamic"]
