"""What only CUDA can show of ceilings and limits: launches queued and waited for, and limits that runs stay below."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from workbench.config import Config
from workbench.probes.launches import launch_latency
from workbench.results import Workload
from workbench.session import Session

pytestmark = [pytest.mark.gpu]

WORK = Workload(prompt_tokens=128, new_tokens=16)


@pytest.fixture(scope="module")
def session(demo_home: Path) -> Iterator[Session]:
    with Session("demo", config=Config(device="cuda", dtype="bfloat16")) as opened:
        yield opened


def test_a_launch_that_is_waited_for_takes_longer_than_one_in_a_row() -> None:
    found = launch_latency(torch.device("cuda", torch.cuda.current_device()), lambda: None)
    assert found.method == "queued"
    assert set(found.samples) == {"queued", "round_trip"}
    assert found.round_trip_s is not None
    assert found.round_trip_ci95 is not None
    assert 1e-7 < found.seconds < 1e-3
    assert found.ci95[0] <= found.seconds <= found.ci95[1]
    assert found.round_trip_ci95[0] <= found.round_trip_s <= found.round_trip_ci95[1]
    assert found.seconds < found.round_trip_s < 1e-2  # the same launch, and a wait


@pytest.mark.model
def test_ceilings_of_the_gpu_are_kept_under_its_name_and_driver(session: Session) -> None:
    found = session.ceilings(refresh=True)
    assert (found.key, found.threads) == ("cuda:0", None)
    assert found.launch is not None
    assert found.launch.round_trip_s is not None
    assert "driver" in found.versions
    assert session.machine.ceilings["cuda:0"] == found.lean()
    rates = {rate.format: rate.flops_per_s for rate in found.matmul}
    assert {"float32", "tf32", "bfloat16", "float16", "int8", "float8_e4m3"} == set(rates)


@pytest.mark.model
def test_runs_stay_below_the_limits_and_launches_are_one_of_them(session: Session) -> None:
    session.trace(WORK)
    taken = session.measure(WORK, budget_s=20)
    found = session.limits(WORK)
    assert found.format == "bfloat16"
    for limit, metric in ((found.prefill, "prefill_tps"), (found.decode, "decode_tps")):
        assert all(floor.seconds is not None for floor in limit.floors)
        bound = limit.tps("memory" if metric == "decode_tps" else "compute")
        assert bound is not None
        assert taken.ci95[metric][0] < bound
    assert found.decode.floor("launches").amount == session.last["trace"].launches_per_token
    assert [point.phase for point in found.points] == ["prefill", "decode"]
