import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import workbench as wb
from tests.machine.facts import CPU, PLAIN, with_gpu
from workbench.machine import examine, remember_ceilings, torch_process
from workbench.machine.child import Told
from workbench.machine.gpus import Driver
from workbench.results import Ceilings, Gpu, Launch, Machine, MatmulRate, Power, Storage, of_bandwidth
from workbench.results.machine_report import html, plain, problems


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """machine.json of a home where torch was asked once and nothing else happened."""
    home = tmp_path_factory.mktemp("asked")
    command = [sys.executable, "-P", "-c", "import workbench as wb; wb.doctor()"]
    subprocess.run(command, env={**os.environ, "WORKBENCH_HOME": str(home)}, check=True)
    return home / "machine.json"


@pytest.fixture
def known_home(workbench_home: Path, asked: Path) -> Path:
    """A home of the test's own that knows torch already: asking it takes seconds."""
    shutil.copy(asked, workbench_home)
    return workbench_home


def test_this_machine_without_importing_torch(known_home: Path) -> None:
    code = "import sys, workbench as wb; m = wb.doctor(); assert 'torch' not in sys.modules; print(m.to_json())"
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    machine = Machine.from_json(done.stdout)
    assert machine.torch is not None
    assert machine.torch.version.startswith("2.")
    assert {"eager", "sdpa"} <= set(machine.torch.attention_implementations)
    assert {"static", "dynamic"} <= set(machine.torch.cache_implementations)
    assert machine.torch.kernels_window is not None
    assert machine.package("accelerate") is not None
    assert machine.threads is not None
    assert not machine.threads.measured
    assert str(Path.home()) not in done.stdout
    assert str(known_home) not in done.stdout


def test_the_second_call_reads_what_the_first_kept(known_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> Told:
        raise AssertionError("torch was asked again")

    monkeypatch.setattr(torch_process, "run_module", never)
    assert wb.doctor().torch is not None
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "7")
    with pytest.raises(AssertionError, match="asked again"):
        wb.doctor()


def test_a_home_that_cannot_be_written(known_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = wb.doctor().torch
    assert real is not None
    monkeypatch.setattr(torch_process, "run_module", lambda _: Told((real.to_dict(),), None))
    (known_home / "file").write_text("")
    monkeypatch.setenv("WORKBENCH_HOME", str(known_home / "file" / "home"))
    machine = wb.doctor()
    assert machine.torch == real
    assert "machine.disk.not_kept" in {line.code for line in problems(machine)}


@pytest.fixture
def broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose modules shadow the installed ones in the doctor's process."""
    folder = tmp_path / "broken"
    folder.mkdir()
    monkeypatch.setenv("PYTHONPATH", str(folder))
    return folder


def test_a_torch_that_does_not_import_is_told(workbench_home: Path, broken: Path) -> None:
    (broken / "torch.py").write_text("raise ImportError('libcudart.so.12: cannot open shared object file')")
    machine = wb.doctor()
    assert machine.torch is None
    (line,) = (line for line in machine.lines if line.code == "machine.torch.broken")
    assert "ImportError: libcudart.so.12: cannot open shared object file" in str(line)
    assert not (workbench_home / "machine.json").exists(), "a failure must not be kept"
    assert "cannot be imported" in plain(machine)


def test_a_transformers_that_does_not_import_costs_only_itself(workbench_home: Path, broken: Path) -> None:
    (broken / "transformers.py").write_text("raise ImportError('tokenizers>=0.22 is required')")
    machine = wb.doctor()
    assert machine.torch is not None
    assert machine.torch.version.startswith("2.")
    assert "tokenizers>=0.22" in str(machine.torch.transformers_problem)
    assert "machine.torch.transformers_broken" in {line.code for line in problems(machine)}


def test_a_damaged_cache_is_rebuilt_and_libraries_that_print_do_not_disturb(workbench_home: Path, broken: Path) -> None:
    (broken / "sitecustomize.py").write_text("print('{\"version\": \"noise\"}')\nprint('noise')")
    (workbench_home / "machine.json").write_text('{"schema": "workbench.machine-cache/1", "sections": {"torch": ')
    machine = wb.doctor()
    assert machine.torch is not None
    assert machine.torch.version.startswith("2.")
    assert json.loads((workbench_home / "machine.json").read_text())["sections"]["torch"]


def reached(key: str, bytes_per_s: float) -> Ceilings:
    """As a probe tells it, samples and all."""
    alone = of_bandwidth(key, bytes_per_s)
    assert alone.bandwidth is not None
    return alone.model_copy(
        update={
            "bandwidth": alone.bandwidth.model_copy(update={"samples": {"copy": (bytes_per_s,)}}),
            "matmul": (
                MatmulRate(format="float32", flops_per_s=6e10, ci95=(5e10, 7e10), size=512, samples=(6e10,)),
                MatmulRate(format="float16", missing="RuntimeError: no"),
            ),
            "launch": Launch(method="call", seconds=2.5e-7, ci95=(2e-7, 3e-7), samples={"view": (2.5e-7,)}),
            "versions": {"torch": "2.13.0"},
            "complete": True,
        }
    )


def test_ceilings_are_remembered_for_this_machine_without_their_samples(known_home: Path) -> None:
    for key, rate in (("cpu:1", 25e9), ("cpu:2", 33e9)):
        assert remember_ceilings(reached(key, rate)) is None
    machine = wb.doctor()
    assert machine.copy_bandwidth == {"cpu:1": 25e9, "cpu:2": 33e9}
    assert machine.ceilings["cpu:2"] == reached("cpu:2", 33e9).lean() != reached("cpu:2", 33e9)
    assert Machine.from_json(machine.to_json()) == machine
    values = {topic: value for topic, value, _ in machine.rows()}
    assert values["Memory bandwidth"] == "25.0 GB/s on cpu:1; 33.0 GB/s on cpu:2"
    assert values["Products"] == "GFLOP/s on cpu:1: float32 60.0; GFLOP/s on cpu:2: float32 60.0"
    assert values["Launch latency"].startswith("0.250\u2009µs an operation on cpu:1")


@pytest.mark.parametrize(
    ("driver", "torch", "cores", "kept"),
    [
        (Driver(version="580.1"), None, None, True),
        (Driver(version="999.1"), None, None, False),
        (Driver(version="580.1", gpus=(Gpu(index=0, name="another", memory_bytes=1),)), None, None, False),
        (Driver(version="580.1"), "9.9.9", None, False),
        (Driver(version="580.1"), None, 4096, False),
    ],
    ids=["same", "another driver", "another GPU", "another torch", "another processor"],
)
def test_ceilings_of_another_torch_driver_or_machine_are_not_taken_for_its_own(
    known_home: Path,
    monkeypatch: pytest.MonkeyPatch,
    driver: Driver,
    torch: str | None,
    cores: int | None,
    kept: bool,
) -> None:
    monkeypatch.setattr(examine, "read_driver", lambda: Driver(version="580.1"))
    remember_ceilings(reached("cpu:1", 25e9))
    real = examine.metadata.version
    monkeypatch.setattr(examine.metadata, "version", lambda name: torch or real(name))
    cpu = examine._cpu()
    asked = cpu.model_copy(update={"cores": cores or cpu.cores})
    assert bool(examine._kept_ceilings(examine._ceilings_key(asked, driver))) is kept


@pytest.mark.parametrize("value", [["damaged"], {"cpu:1": {"of": "another version"}}, 7])
def test_ceilings_that_cannot_be_read_are_as_if_not_measured(known_home: Path, value: Any) -> None:
    remember_ceilings(reached("cpu:1", 25e9))
    file = known_home / "machine.json"
    document = json.loads(file.read_text())
    document["sections"]["ceilings"]["value"] = value
    file.write_text(json.dumps(document))
    assert wb.doctor().ceilings == {}


def test_a_record_of_before_still_has_its_bandwidth() -> None:
    machine = examine.report(with_gpu(), {})
    old = {**machine.to_dict(), "copy_bandwidth": {"cpu:1": 25e9, "cuda:0": 1.4e12}}
    del old["ceilings"]
    again = Machine.from_dict(old)
    assert again.copy_bandwidth == {"cpu:1": 25e9, "cuda:0": 1.4e12}
    assert (again.ceilings["cpu:1"].threads, again.ceilings["cuda:0"].threads) == (1, None)
    assert Machine.from_json(again.to_json()) == again


def test_report_of_a_machine_with_a_gpu() -> None:
    machine = examine.report(with_gpu(), {"cuda:0": of_bandwidth("cuda:0", 1.4e12)})
    assert machine.label == "NVIDIA A100"
    assert machine.driver_cuda == "12.8"
    values = {topic: (value, consequence) for topic, value, consequence in machine.rows()}
    assert values["GPU"][0] == "NVIDIA A100, 40.0\u2009GiB, compute capability 8.0"
    assert values["CUDA"] == ("driver 570.86 for up to CUDA 12.8; torch brings 12.8", "The driver and torch agree.")
    assert values["Memory bandwidth"][0] == "1400 GB/s on cuda:0"
    assert Machine.from_json(machine.to_json()) == machine


def test_every_finding_stands_in_a_row() -> None:
    facts = with_gpu(
        "Tesla P100",
        (6, 0),
        wsl=True,
        machine_cpus=64,
        free_disk_bytes=1,
        wait_policy_set="ACTIVE",
        storage=Storage(file_system="nfs4", network=True, free_bytes=1, shm_bytes=0),
        power=Power(plugged_in=False, battery_share=0.4, governor="powersave", profile="low-power"),
    )
    machine = examine.report(facts, {})
    shown = " ".join(consequence for _, _, consequence in machine.rows())
    for line in machine.lines:
        assert str(line) in shown, line.code
    values = {topic: value for topic, value, _ in machine.rows()}
    assert values["Home"] == "on nfs4"
    assert values["Shared memory"] == "no /dev/shm"
    assert values["Power"] == "battery, 40.0\u2009% left, governor powersave (unknown), profile low-power"


def test_foreign_text_is_never_html() -> None:
    evil = "<img src=x onerror=alert(1)>"
    facts = with_gpu(evil, cpu=CPU.model_copy(update={"name": evil}))
    shown = html(examine.report(facts, {}))
    assert "<img" not in shown
    assert "&lt;img src=x onerror=alert(1)&gt;" in shown


def test_the_table_takes_its_colours_from_jupyterlab() -> None:
    shown = examine.report(PLAIN, {})._repr_html_()
    assert "--jp-ui-font-color1" in shown
    assert "#fff" not in shown
    assert "white;" not in shown


def test_a_look_alike_of_flash_attention_is_found_with_its_owner(workbench_home: Path, broken: Path) -> None:
    (broken / "fa3_fwd_interface.py").write_text("")
    owner = broken / "fa3_fwd-0.0.3.dist-info"
    owner.mkdir()
    (owner / "METADATA").write_text("Metadata-Version: 2.1\nName: fa3_fwd\nVersion: 0.0.3\n")
    (owner / "top_level.txt").write_text("fa3_fwd_interface\n")
    (broken / "vllm_flash_attn.py").write_text("")  # a folder on the path that no distribution owns
    machine = wb.doctor()
    assert machine.torch is not None
    assert machine.torch.attention_modules == {"fa3_fwd_interface": ("fa3-fwd",), "vllm_flash_attn": ()}
    assert machine.torch.cxx11_abi is not None
    lines = [str(line) for line in machine.lines if line.code == "machine.transformers.look_alike"]
    assert len(lines) == 2
    assert "distribution: fa3-fwd" in " ".join(lines)
    assert "fa3_fwd_interface" in plain(machine)


def test_the_tools_that_were_found_are_told(known_home: Path) -> None:
    tools = wb.doctor().tools
    assert tools is not None
    assert ("g++" in tools) == (shutil.which("g++") is not None)
    assert ("ninja" in tools) == (shutil.which("ninja") is not None)
