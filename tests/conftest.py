"""What every test has: a home that is never the person's own, the demo model once, and a watch on leaked workers."""

import gc
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import hypothesis
import psutil
import pytest

from tests.nvml_standin import Standin, build, why_not

ROOT = Path(__file__).parents[1]
WORKER = "workbench.hosts.worker"
SHOWN = ("torch", "transformers", "ipykernel", "ipywidgets", "plotly", "jupyterlab", "playwright")

hypothesis.settings.register_profile("workbench", deadline=None)  # a busy machine is no failure
hypothesis.settings.load_profile("workbench")


def pytest_report_header(config: pytest.Config) -> str:
    return "workbench with " + ", ".join(f"{package} {_version(package)}" for package in SHOWN)


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "absent"


def pytest_configure(config: pytest.Config) -> None:
    # A run in the background of a script inherits "ignore Ctrl-C", and so would every kernel and server it starts.
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for_gpu = [item for item in items if item.get_closest_marker("gpu")]
    if for_gpu and not _cuda_works():
        for item in for_gpu:
            item.add_marker(pytest.mark.skip(reason="needs CUDA, which torch does not find here"))


def _cuda_works() -> bool:
    asked = "import torch, sys; sys.exit(not torch.cuda.is_available())"
    return subprocess.run([sys.executable, "-c", asked], check=False, stderr=subprocess.DEVNULL).returncode == 0


@pytest.fixture(scope="session", autouse=True)
def shared_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The home of every test that asks for no other; no test reaches the person's own, nor the hub."""
    home = tmp_path_factory.mktemp("home")
    locks = tmp_path_factory.mktemp("locks")  # two runs of tests at once must not wait for each other
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WORKBENCH_HOME", str(home))
        patch.setenv("WORKBENCH_LOCKS", str(locks))
        patch.setenv("HF_HUB_OFFLINE", "1")
        patch.setenv("WORKBENCH_WHEN_BUSY", "beside")  # tests of all rooms share the device
        yield home


@pytest.fixture
def workbench_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home of the test's own."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("WORKBENCH_HOME", str(home))
    return home


@pytest.fixture(scope="session")
def demo_models() -> Path:
    """The folder `models` that holds the converted demo model: made once, kept between runs. Read it, never write.

    Beside it lies `machine.json`, what the doctor measured: copy it where measuring again would only take time.
    """
    cache = Path(os.environ.get("WORKBENCH_TEST_HOME", ROOT / "build" / "test-home"))
    _must_run("-m", "workbench.engine.demo", home=cache)
    if not (cache / "machine.json").exists():
        _must_run("-c", "import workbench; workbench.doctor()", home=cache)
    return cache / "models"


def _must_run(*arguments: str, home: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-P", *arguments],
        env={**os.environ, "WORKBENCH_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode:
        pytest.fail(f"{' '.join(arguments)} failed:\n{ran.stdout}{ran.stderr}", pytrace=False)


@pytest.fixture(scope="session")
def demo_home(shared_home: Path, demo_models: Path) -> Path:
    """The shared home with the demo model in it."""
    _furnish(shared_home, demo_models)
    return shared_home


@pytest.fixture
def own_demo_home(workbench_home: Path, demo_models: Path) -> Path:
    """A home of the test's own with the demo model in it."""
    _furnish(workbench_home, demo_models)
    return workbench_home


def _furnish(home: Path, demo_models: Path) -> None:
    # the models one by one: what a test adds to its home stays there
    models = home / "models"
    models.mkdir(exist_ok=True)
    for model in demo_models.glob("SmolLM2-*"):
        if model.is_dir() and not (models / model.name).exists():
            (models / model.name).symlink_to(model, target_is_directory=True)
    if not (home / "machine.json").exists():
        shutil.copy(demo_models.parent / "machine.json", home)


@pytest.fixture(scope="session")
def nvml_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the compiled stand-in for NVIDIA's libnvidia-ml.so.1."""
    if problem := why_not():
        pytest.skip(problem)
    return build(tmp_path_factory.mktemp("nvml"))


@pytest.fixture
def nvml(nvml_library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Standin:
    """NVML with the GPUs that a test plays, in this process and in children: see tests/nvml_standin.

    This process is outside any container then, wherever the tests run: a child takes the machine as it is.
    """
    monkeypatch.setattr("workbench.probes.device.gpu.surroundings", lambda: None)
    return Standin(nvml_library, tmp_path / "nvml.txt", monkeypatch)


@pytest.fixture
def tiny(demo_home: Path) -> str:
    """The name of a model with every mechanism of the Llama-shaped DeepSeek, at test size."""
    return "random:deepseek-llm-7b-base?scale=tiny"


@pytest.fixture(scope="session")
def tiny_mla(demo_home: Path) -> str:
    """The same with MLA and routed experts."""
    return "random:deepseek-v2-lite?scale=tiny"


def workers() -> list[psutil.Process]:
    """The worker processes below this one."""
    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            if WORKER in process.cmdline() and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.NoSuchProcess:
            continue
    return found


def _leaked(allowed: int, patience_s: float = 5.0) -> list[psutil.Process]:
    """What is above `allowed` after a grace for processes on their way out."""
    until = time.monotonic() + patience_s
    alive = workers()
    while len(alive) > allowed and time.monotonic() < until:
        time.sleep(0.05)
        alive = workers()
    return alive if len(alive) > allowed else []


def _end(processes: list[psutil.Process]) -> None:
    for process in processes:
        process.kill()
    psutil.wait_procs(processes, timeout=5)


@pytest.fixture(autouse=True)
def _no_worker_outlives_its_test() -> Iterator[None]:
    # Counted, not named: a fixture's worker may be replaced by another during the test.
    before = len(workers())
    yield
    leaked = _leaked(before)
    if leaked:
        _end(leaked)
        pytest.fail(f"{len(leaked) - before} worker process(es) outlived the test", pytrace=False)


@pytest.fixture(scope="module", autouse=True)
def _what_is_imported_is_searched_no_more() -> None:
    """An engine collects garbage at every load and close; through all of torch's objects that takes a second each."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _no_worker_outlives_the_run() -> Iterator[None]:
    yield
    leaked = _leaked(0)
    if leaked:
        _end(leaked)
        pytest.fail(f"{len(leaked)} worker process(es) outlived the run", pytrace=False)
