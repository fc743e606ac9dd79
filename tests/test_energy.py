"""Energy per token: counters read between looks, a real run under a real counter file, and what is said without one."""

import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import psutil
import pytest

from workbench.charts import LIGHT
from workbench.charts import energy as energy_chart
from workbench.energy import cost_per_million
from workbench.errors import ConfigError, Stopped
from workbench.export import energy as told
from workbench.machine import doctor
from workbench.probes.device import sampler
from workbench.probes.device.energy import counter_of
from workbench.probes.device.processor import PackageEnergy
from workbench.probes.device.window import growth
from workbench.results import DeviceSample, Energy, GpuSample, Workload
from workbench.runs import Runs
from workbench.session import Session

WORK = Workload(prompt_tokens=8, new_tokens=8)
IDLE_W = 10.0
WORKING_W = 40.0  # more, for each core that computes


def sample(at: float, *gpus: GpuSample, cpu_j: float | None = None) -> DeviceSample:
    return DeviceSample(
        time_s=at,
        cpu_busy_share=None,
        process_cores=None,
        process_rss_bytes=None,
        others_cores=None,
        available_bytes=1,
        cpu_energy_j=cpu_j,
        gpus=gpus,
    )


def test_a_counter_is_read_between_its_looks() -> None:
    points = [(0.0, 100.0), (1.0, 110.0), (2.0, 130.0)]
    assert growth(points, 0.5, 1.5) == pytest.approx(15.0)
    assert growth(points, 0.0, 2.0) == pytest.approx(30.0)
    assert growth(points, -0.1, 2.0) is None
    assert growth(points, 1.0, 2.1) is None
    assert growth([(0.0, 100.0), (1.0, 3.0)], 0.0, 1.0) is None  # the driver was loaded anew


def test_a_gpus_counter_comes_before_its_power(workbench_home: Path) -> None:
    looks = [sample(at, GpuSample(index=0, energy_j=50.0 + 300 * at, power_w=299.0)) for at in (0.0, 1.0, 2.0)]
    counter = counter_of(looks, "cuda:0", doctor())
    assert counter.source == "nvml_counter"
    assert counter.between(0.5, 1.5) == pytest.approx(300.0)


def test_power_is_summed_up_where_nothing_counts_energy(workbench_home: Path) -> None:
    looks = [sample(at, GpuSample(index=0, power_w=100.0 * at)) for at in (0.0, 1.0, 2.0)]
    counter = counter_of(looks, "cuda:0", doctor())
    assert counter.source == "nvml_power"
    assert counter.between(0.0, 2.0) == pytest.approx(200.0)


def test_a_gpu_that_tells_neither_says_why(workbench_home: Path) -> None:
    looks = [sample(0.0, GpuSample(index=0, missing={"power_w": "no_permission"}))]
    counter = counter_of(looks, "cuda:0", doctor())
    assert counter.source is None
    assert "no_permission" in str(counter.missing)
    assert counter.between(0.0, 1.0) is None


def test_a_price_an_hour_as_a_price_of_a_million_tokens() -> None:
    assert cost_per_million(3.6, 1000.0) == pytest.approx(1.0)  # 3.6 million tokens an hour


class Meter(threading.Thread):
    """A counter file as the kernel keeps it, growing with time and with the CPU seconds of this process."""

    def __init__(self, powercap: Path, every_s: float = 0.01) -> None:
        super().__init__(daemon=True)
        self._every_s = every_s
        package = powercap / "intel-rapl:0"
        package.mkdir(parents=True)
        (package / "name").write_text("package-0\n")
        (package / "max_energy_range_uj").write_text("262143328850\n")
        self._file = package / "energy_uj"
        self._process = psutil.Process()
        self._began, self._cpu = time.monotonic(), self._cpu_s()
        self._over = threading.Event()
        self._write()

    def run(self) -> None:
        while not self._over.wait(self._every_s):
            self._write()

    def close(self) -> None:
        self._over.set()
        self.join()

    def _write(self) -> None:
        joules = IDLE_W * (time.monotonic() - self._began) + WORKING_W * (self._cpu_s() - self._cpu)
        unfinished = self._file.with_suffix(".tmp")
        unfinished.write_text(f"{joules * 1e6:.0f}\n")
        unfinished.replace(self._file)

    def _cpu_s(self) -> float:
        times = self._process.cpu_times()
        return times.user + times.system


@pytest.fixture
def metered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    meter = Meter(tmp_path / "powercap")
    monkeypatch.setattr(sampler, "PackageEnergy", partial(PackageEnergy, tmp_path / "powercap"))
    meter.start()
    yield
    meter.close()


@pytest.fixture
def inline(tiny: str, own_demo_home: Path) -> Iterator[Session]:
    with Session(tiny, host="inline") as session:
        yield session


@pytest.mark.model
def test_joules_of_a_real_run(inline: Session, metered: None) -> None:
    found = inline.energy(WORK, price_per_hour=2.0, idle_s=1.0, window_s=0.5, budget_s=8.0)
    assert found.source == "rapl"
    assert len(found.windows) >= 2
    assert all(window.new_tokens == 8 * window.requests for window in found.windows)
    assert found.idle_w is not None
    assert found.power_w is not None
    assert IDLE_W < found.idle_w < IDLE_W + WORKING_W / 2  # the sampler's own work, and little else
    assert found.power_w > 1.2 * found.idle_w
    assert found.joules_per_token == pytest.approx(found.power_w / found.tokens_per_s, rel=0.2)
    assert found.net_joules_per_token == pytest.approx((found.power_w - found.idle_w) / found.tokens_per_s, rel=0.25)
    assert found.tokens_per_joule == pytest.approx(1 / found.joules_per_token)
    assert found.cost_per_million == pytest.approx(2.0 / 3600 / found.tokens_per_s * 1e6)
    low, high = found.ci95["joules_per_token"]
    assert low <= found.joules_per_token <= high
    assert found.device.cpu_energy_j is not None
    words = [cell for row in told.energy(found).rows for cell in row]
    assert any("RAPL" in cell for cell in words)
    chart = energy_chart(found, LIGHT)
    assert [trace["y"] for trace in chart["data"]] == [[found.joules_per_token], [found.net_joules_per_token]]


@pytest.mark.model
def test_without_a_counter_it_says_so_and_still_tells_the_price(inline: Session, tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sampler, "PackageEnergy", partial(PackageEnergy, tmp_path / "nothing"))
        found = inline.energy(WORK, price_per_hour=2.0, idle_s=0.2, window_s=0.2, budget_s=2.0)
    assert found.source is None
    assert (found.joules_per_token, found.power_w, found.idle_w) == (None, None, None)
    assert found.cost_per_million is not None
    assert "RAPL" in str(found.missing)
    rows = dict(row[:2] for row in told.energy(found).rows)
    assert any(cell.startswith("not measured") for cell in rows.values())
    chart = energy_chart([found], LIGHT)
    assert chart["data"] == []
    assert "RAPL" in chart["layout"]["annotations"][0]["text"]
    kept = inline.runs.list(kind="energy")[0]
    assert Energy.from_dict(kept["result"]) == found


@pytest.mark.model
def test_stop_ends_the_idle_wait(inline: Session) -> None:
    future = inline.submit("energy", WORK, idle_s=600.0, budget_s=700.0)
    while inline.state != "measuring":
        time.sleep(0.01)
    inline.stop()
    with pytest.raises(Stopped):
        future.result(timeout=20)
    assert inline.generate(["The sea"], max_new_tokens=1)


@pytest.mark.model
@pytest.mark.parametrize(
    "wrong",
    [{"price_per_hour": 0}, {"price_per_hour": float("nan")}, {"idle_s": -1}, {"window_s": "2"}, {"budget_s": 0}],
)
def test_numbers_that_cannot_be(inline: Session, wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        inline.energy(WORK, **wrong)  # type: ignore[arg-type]
    assert Runs().count("energy") == 0
