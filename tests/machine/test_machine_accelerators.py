"""Accelerators that NVML does not cover are found by their files and answered with a reason."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.machine.facts import PLAIN, with_gpu
from workbench.machine.accelerators import unsupported
from workbench.machine.findings import findings
from workbench.machine.surroundings import PID_NAMESPACE
from workbench.words import say


def place(root: Path, *names: str) -> None:
    for name in names:
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.mkdir() if name.endswith("/") else file.touch()


@pytest.mark.parametrize(
    ("files", "code"),
    [
        ((), None),
        (("dev/kfd",), None),  # any AMD display adapter brings it
        (("dev/kfd", "opt/rocm/"), "machine.gpu.rocm"),
        (("dev/accel/accel0", "sys/module/habanalabs/"), "machine.gpu.gaudi"),
        (("dev/hl0",), "machine.gpu.gaudi"),
        (("dev/hlink",), None),
        (("dev/davinci0", "dev/davinci_manager"), "machine.gpu.ascend"),
        (("dev/davinci_manager",), None),
        (("etc/nv_tegra_release",), "machine.gpu.jetson"),
    ],
)
def test_what_is_found(tmp_path: Path, files: tuple[str, ...], code: str | None) -> None:
    place(tmp_path, *files)
    found = unsupported(tmp_path)
    assert (found.code if found else None) == code
    if found is not None:
        assert "because" in str(found), "a reason, not only a name"


def test_a_jetson_by_its_device_tree(tmp_path: Path) -> None:
    place(tmp_path, "proc/device-tree/model")
    model = tmp_path / "proc/device-tree/model"
    model.write_bytes(b"NVIDIA Jetson AGX Orin Developer Kit\0")
    assert "NVIDIA Jetson AGX Orin Developer Kit:" in str(unsupported(tmp_path))
    model.write_bytes(b"Raspberry Pi 5 Model B Rev 1.0\0")
    assert unsupported(tmp_path) is None


def test_the_doctor_says_it() -> None:
    found = [line.code for line in findings(replace(PLAIN, accelerator=say("machine.gpu.gaudi")))]
    assert found.index("machine.gpu.none") < found.index("machine.gpu.gaudi")
    assert "machine.gpu.rocm" in [line.code for line in findings(with_gpu(accelerator=say("machine.gpu.rocm")))]


def test_the_doctor_says_what_a_container_hides() -> None:
    inside = [line.code for line in findings(with_gpu(surroundings=PID_NAMESPACE))]
    assert "machine.gpu.processes_hidden" in inside
    assert "machine.gpu.processes_hidden" not in [line.code for line in findings(with_gpu())]
    assert "machine.gpu.processes_hidden" not in [
        line.code for line in findings(replace(PLAIN, surroundings=PID_NAMESPACE))
    ]
