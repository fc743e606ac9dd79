import pynvml
import pytest

from tests.fake_nvml import FakeNvml
from tests.machine.facts import PLAIN, with_gpu
from tests.nvml_standin import H100 as H100_PLAYED
from tests.nvml_standin import T4 as T4_PLAYED
from tests.nvml_standin import Standin
from workbench.machine.examine import report
from workbench.machine.gpus import Driver, cuda_version, read_driver, sampled_uuids, visible_gpus
from workbench.machine.nvml import Nvml
from workbench.results import Gpu, MigInstance, Torch

H100 = {"name": "NVIDIA H100 80GB HBM3", "uuid": "GPU-aa11", "total": 80 << 30, "capability": (9, 0)}
T4 = {"name": "Tesla T4", "uuid": "GPU-bb22", "total": 15 << 30, "capability": (7, 5)}


def test_driver_and_gpus_are_read_through_pynvml(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeNvml([H100, T4]).install(monkeypatch)
    driver = read_driver()
    assert (driver.version, driver.cuda, driver.problem) == ("570.86.15", (12, 8), None)
    assert [gpu.capability for gpu in driver.gpus] == [(9, 0), (7, 5)]
    assert driver.gpus[0] == Gpu(
        index=0,
        name="NVIDIA H100 80GB HBM3",
        memory_bytes=80 << 30,
        capability=(9, 0),
        uuid="GPU-aa11",
        driver="570.86.15",
        free_bytes=80 << 30,
    )
    assert fake.opened == 0, "NVML must be closed again"


def test_a_gpu_that_tells_nothing_is_still_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    FakeNvml([{}]).install(monkeypatch)
    (gpu,) = read_driver().gpus
    assert (gpu.name, gpu.memory_bytes, gpu.capability, gpu.uuid) == ("NVIDIA GPU", 0, None, None)


def test_the_instances_of_a_divided_gpu_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = [
        {"name": "NVIDIA H100 80GB HBM3 MIG 1g.10gb", "uuid": "MIG-1", "total": 10 << 30},
        None,  # a place that holds none
        {"name": "NVIDIA H100 80GB HBM3 MIG 3g.40gb", "uuid": "MIG-3", "total": 40 << 30, "used": 1 << 30},
    ]
    FakeNvml([H100 | {"mig": True, "instances": parts}, T4 | {"mig": False}, H100]).install(monkeypatch)
    divided, whole, silent = read_driver().gpus
    assert [part.uuid for part in divided.instances] == ["MIG-1", "MIG-3"]
    assert divided.instances[1].memory_bytes == 40 << 30
    assert (divided.mig, whole.mig, silent.mig) == (True, False, None)


def test_torch_on_a_mig_instance_keeps_the_instances_memory() -> None:
    part = MigInstance(name="MIG 1g.10gb", memory_bytes=10 << 30, uuid="MIG-AB")
    whole = Gpu(
        index=0, name="H100", memory_bytes=80 << 30, free_bytes=70 << 30, uuid="GPU-1", mig=True, instances=(part,)
    )
    seen = Gpu(index=0, name="H100 MIG 1g.10gb", memory_bytes=10 << 30, uuid="ab")
    (gpu,) = visible_gpus(Driver(gpus=(whole,)), _torch(seen))
    assert (gpu.memory_bytes, gpu.free_bytes, gpu.mig, gpu.uuid) == (10 << 30, None, True, "GPU-1")


@pytest.mark.parametrize(
    ("refusal", "code"),
    [
        (pynvml.NVML_ERROR_DRIVER_NOT_LOADED, "machine.gpu.no_driver"),
        (pynvml.NVML_ERROR_LIBRARY_NOT_FOUND, "machine.gpu.no_driver"),
        (pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH, "machine.gpu.driver_half_updated"),
        (pynvml.NVML_ERROR_UNKNOWN, "machine.gpu.nvml_error"),
    ],
)
def test_each_refusal_of_nvml_is_a_message(monkeypatch: pytest.MonkeyPatch, refusal: int, code: str) -> None:
    FakeNvml([H100], start=refusal).install(monkeypatch)
    driver = read_driver()
    assert driver.gpus == ()
    assert driver.problem is not None
    assert driver.problem.code == code
    assert str(driver.problem)


def test_a_gpu_that_cannot_be_reached_keeps_its_place(nvml: Standin) -> None:
    lost = T4_PLAYED | {"error": {"nvmlDeviceGetHandleByIndex_v2": pynvml.NVML_ERROR_GPU_IS_LOST}}
    nvml.play(gpus=[lost, H100_PLAYED])
    (gpu,) = read_driver().gpus
    assert (gpu.index, gpu.uuid) == (1, "GPU-aa11"), "NVML's number, as nvidia-smi shows it"


def test_a_function_the_driver_lacks_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    FakeNvml([H100]).install(monkeypatch)
    with Nvml() as nvml:
        assert nvml.ask("nvmlDeviceGetFanSpeed", nvml.handles[0]) is None  # not in the library
        assert nvml.ask("nvmlNoSuchFunction") is None  # not in pynvml
        assert nvml.ask("nvmlDeviceGetPowerUsage", nvml.handles[0]) is None  # not supported by the GPU
        asked = [
            ("nvmlDeviceGetFanSpeed", nvml.handles[0]),
            ("nvmlNoSuchFunction",),
            ("nvmlDeviceGetUUID", nvml.handles[0]),
        ]
        assert [nvml.query(*each).missing for each in asked] == ["old_driver", "old_driver", None]
        assert nvml.query("nvmlDeviceGetPowerUsage", nvml.handles[0]).missing == "not_supported"
    assert nvml.query("nvmlDeviceGetCount").missing == "lost", "it is closed"


@pytest.mark.parametrize(("number", "version"), [(12080, (12, 8)), (13000, (13, 0)), (11040, (11, 4)), (None, None)])
def test_cuda_version(number: int | None, version: tuple[int, int] | None) -> None:
    assert cuda_version(number) == version


def _torch(*gpus: Gpu) -> Torch:
    return Torch(version="2.13.0+cu128", cuda_runtime="12.8", cuda_available=True, gpus=gpus)


def test_gpus_come_in_torchs_order_with_nvmls_uuid() -> None:
    slow = Gpu(index=0, name="Tesla T4", memory_bytes=1, uuid="GPU-bb22", driver="570")
    fast = Gpu(index=1, name="H100", memory_bytes=2, uuid="GPU-aa11", driver="570")
    driver = Driver(version="570", cuda=(12, 8), gpus=(slow, fast))
    torch = _torch(Gpu(index=0, name="H100", memory_bytes=2, capability=(9, 0), uuid="AA11"))
    (first,) = visible_gpus(driver, torch)
    assert (first.index, first.name, first.uuid, first.driver) == (0, "H100", "GPU-aa11", "570")


def test_nvmls_list_stands_where_torch_sees_no_gpu() -> None:
    gpu = Gpu(index=0, name="Tesla T4", memory_bytes=1)
    assert visible_gpus(Driver(gpus=(gpu,)), _torch()) == (gpu,)
    assert visible_gpus(Driver(gpus=(gpu,)), None) == (gpu,)


def test_what_the_sampler_is_asked_for_comes_in_torchs_order() -> None:
    part = Gpu(index=0, name="H100 MIG 1g.10gb", memory_bytes=1, uuid="33cc")  # as torch writes the instance's own
    whole = Gpu(index=0, name="H100", memory_bytes=2, uuid="GPU-aa11", mig=True)
    machine = report(with_gpu(torch=_torch(part)), {})
    assert sampled_uuids(machine) == ("33cc",)
    assert sampled_uuids(machine.model_copy(update={"torch": None, "gpus": (whole,)})) == ("GPU-aa11",)
    nameless = Gpu(index=0, name="old", memory_bytes=1)
    assert sampled_uuids(machine.model_copy(update={"torch": _torch(part, nameless)})) is None
    assert sampled_uuids(report(PLAIN, {})) is None
