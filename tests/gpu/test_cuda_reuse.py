"""What only CUDA can show of prefixes, drafts, layers in the computer's memory, and of CPU against GPU."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from workbench.config import Config
from workbench.results import Workload
from workbench.session import Session

pytestmark = [pytest.mark.gpu, pytest.mark.model]

MODELS = {"mha": "random:deepseek-llm-7b-base?layers=3", "mla": "random:deepseek-v2-lite?layers=3"}
CONFIG = Config(device="cuda", dtype="bfloat16")
QUICK = {"precision": 0.5, "budget_s": 10.0}


@pytest.fixture(scope="module", params=MODELS.values(), ids=MODELS)
def session(demo_home: Path, request: pytest.FixtureRequest) -> Iterator[Session]:
    with Session(request.param, config=CONFIG) as opened:
        yield opened


def test_a_prefix_is_continued_and_kept(session: Session) -> None:
    point = session.prefix(256, **QUICK).points[0]
    assert point.computed == 16
    assert point.level in ("same", "agrees", "rounding")
    session.save_prefix(64, "gpu")
    assert session.prefix(saved="gpu", **QUICK).points[0].reused == 64


def test_drafts_leave_the_tokens(session: Session) -> None:
    run = session.speculation("prompt_lookup", "a b c a b c a b c", new_tokens=16, **QUICK).runs[0]
    assert run.drafts.kept + run.drafts.steps == 16
    assert run.comparison.agreement is not None
    assert run.comparison.agreement.level in ("same", "agrees", "rounding")


def test_layers_wait_in_memory(session: Session) -> None:
    found = session.offload([0, 1, 3], Workload(prompt_tokens=16, new_tokens=4), **QUICK)
    assert found.elsewhere == "cpu"
    assert found.device.startswith("cuda")
    held = [point.device_bytes for point in found.points]
    assert held == sorted(held, reverse=True)
    assert held[0] > held[2]
    assert session.config == CONFIG


def test_the_cpu_beside_the_gpu(session: Session) -> None:
    found = session.crossover(prompt_tokens=[8, 256], new_tokens=4, **QUICK)
    assert found.names == ("cpu", "cuda")
    assert found.way == "two_engines"
    assert found.resolved_a.device == "cpu"
    assert found.resolved_b.device.startswith("cuda")
