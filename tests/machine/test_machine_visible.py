"""CUDA_VISIBLE_DEVICES as CUDA reads it."""

from dataclasses import replace

import pytest

from tests.machine.facts import with_gpu
from workbench.machine.facts import Facts
from workbench.machine.findings import findings
from workbench.machine.gpus import Driver, visible_gpus
from workbench.machine.visible import read_visible
from workbench.results import Gpu, MigInstance

PARTS = (
    MigInstance(name="NVIDIA A100-SXM4-80GB MIG 1g.10gb", memory_bytes=10 << 30, uuid="MIG-11aa-1"),
    MigInstance(name="NVIDIA A100-SXM4-80GB MIG 2g.20gb", memory_bytes=20 << 30, uuid="MIG-22bb-2"),
)
A100 = Gpu(index=0, name="NVIDIA A100", memory_bytes=80 << 30, uuid="GPU-aaaa-1", mig=False, capability=(8, 0))
DIVIDED = Gpu(index=1, name="NVIDIA A100", memory_bytes=80 << 30, uuid="GPU-aabb-2", mig=True, instances=PARTS)
T4 = Gpu(index=2, name="Tesla T4", memory_bytes=15 << 30, uuid="GPU-cccc-3", capability=(7, 5))
ALL = (A100, DIVIDED, T4)


@pytest.mark.parametrize(
    ("setting", "chosen", "unknown"),
    [
        (None, [0, 1, 2], None),
        ("", [], None),
        (" ", [], None),
        ("0", [0], None),
        ("2,0", [2, 0], None),
        ("0,2,", [0, 2], ""),
        ("-1", [], "-1"),
        ("0,-1,2", [0], "-1"),
        ("7", [], "7"),
        ("0,7,2", [0], "7"),
        ("GPU-cccc-3,GPU-aaaa-1", [2, 0], None),
        ("GPU-cc", [2], None),
        ("GPU-aa", [], "GPU-aa"),
        ("gpu-CCCC-3", [2], None),
        ("NoDevFiles", [], "NoDevFiles"),
        ("MIG-22bb-2", [1], None),
        ("MIG-99", [], "MIG-99"),
    ],
)
def test_which_gpus_a_setting_leaves(setting: str | None, chosen: list[int], unknown: str | None) -> None:
    visible = read_visible(setting, ALL)
    assert [gpu.index for gpu in visible.gpus] == chosen
    assert visible.unknown == unknown
    assert visible.nothing is (setting is not None and not chosen)


def test_a_mig_instance_is_found_in_its_gpu() -> None:
    assert read_visible("MIG-22bb-2", ALL).instance == PARTS[1]
    assert read_visible("MIG-11aa-1,MIG-22bb-2", ALL).instance == PARTS[0], "CUDA takes one"


def test_a_gpu_named_twice_leaves_none() -> None:
    visible = read_visible("0,GPU-aaaa-1", ALL)
    assert (visible.gpus, visible.twice) == ((), A100)


def _machine(setting: str | None, gpus: tuple[Gpu, ...] = ALL) -> Facts:
    """A machine whose torch sees what CUDA would let it see."""
    driver = Driver(version="570.86", cuda=(12, 8), gpus=gpus)
    visible = read_visible(setting, gpus)
    return replace(with_gpu(driver=driver), gpus=visible_gpus(driver, None, visible), visible=visible)


@pytest.mark.parametrize(
    ("setting", "codes"),
    [
        (None, {"machine.gpu.mig"}),
        ("", {"machine.gpu.none", "machine.gpu.visible_none"}),
        ("2,0", {"machine.gpu.visible_some", "machine.gpu.visible_order"}),
        ("GPU-aaaa", {"machine.gpu.visible_some"}),
        ("0,7", {"machine.gpu.visible_some", "machine.gpu.visible_unknown", "machine.gpu.visible_order"}),
        ("9", {"machine.gpu.none", "machine.gpu.visible_none", "machine.gpu.visible_unknown"}),
        ("0,0", {"machine.gpu.none", "machine.gpu.visible_twice"}),
        ("MIG-22bb-2", {"machine.gpu.visible_mig"}),
        ("1", {"machine.gpu.visible_some", "machine.gpu.mig", "machine.gpu.visible_order"}),
    ],
)
def test_what_is_said_about_a_setting(setting: str | None, codes: set[str]) -> None:
    told = {line.code: str(line) for line in findings(_machine(setting)) if line.code.startswith("machine.gpu.")}
    assert told.keys() - {"machine.gpu.not_compiled_for"} == codes
    assert all("{" not in words for words in told.values())


def test_the_words_name_the_numbers_that_torch_and_nvidia_smi_give() -> None:
    (line,) = (line for line in findings(_machine("2,0")) if line.code == "machine.gpu.visible_some")
    assert "cuda:0 = 2, cuda:1 = 0" in str(line)
    assert "2 of 3" in str(line)


def test_a_divided_gpu_without_an_instance_is_told() -> None:
    empty = DIVIDED.model_copy(update={"instances": (), "index": 0})
    assert "machine.gpu.mig_empty" in {line.code for line in findings(_machine(None, (empty,)))}


def test_a_cpu_build_of_torch_is_no_reason_to_show_what_is_hidden() -> None:
    assert visible_gpus(Driver(gpus=ALL), None, read_visible("", ALL)) == ()
