from dataclasses import replace

import pytest

from tests.machine.facts import CPU, CPU_TORCH, CUDA_TORCH, PLAIN, with_gpu
from workbench.machine.facts import Facts, is_wsl
from workbench.machine.findings import driver_against_runtime, findings, runs_on
from workbench.machine.gpus import Driver
from workbench.machine.limits import Limits
from workbench.machine.threads import default_choice
from workbench.results import Power, Storage
from workbench.words import say


def _driver(version: tuple[int, int] | None) -> Facts:
    return with_gpu(driver=Driver(version="570.86", cuda=version, gpus=()))


def _cpu(**changes: object) -> Facts:
    return replace(PLAIN, cpu=CPU.model_copy(update=changes))


def _storage(**changes: object) -> Facts:
    return replace(PLAIN, storage=Storage(free_bytes=100 << 30).model_copy(update=changes))


TABLE = [
    (PLAIN, "machine.gpu.none", True),
    (replace(PLAIN, wsl=True), "machine.platform.wsl", True),
    (replace(PLAIN, system="Windows"), "machine.platform.windows", True),
    (replace(PLAIN, system="Darwin"), "machine.platform.macos", True),
    (PLAIN, "machine.platform.wsl", False),
    (replace(PLAIN, torch=None, torch_problem="ImportError: x"), "machine.torch.broken", True),
    (
        replace(PLAIN, torch=CPU_TORCH.model_copy(update={"transformers_problem": "ImportError: y"})),
        "machine.torch.transformers_broken",
        True,
    ),
    (replace(PLAIN, torch=CPU_TORCH.model_copy(update={"hip_runtime": "6.4"})), "machine.torch.rocm", True),
    (with_gpu(torch=CPU_TORCH), "machine.cuda.cpu_build", True),
    (_driver((12, 8)), "machine.cuda.same", True),
    (_driver((13, 0)), "machine.cuda.newer", True),
    (_driver((12, 2)), "machine.cuda.minor", True),
    (_driver((11, 8)), "machine.cuda.too_old", True),
    (
        with_gpu(torch=CUDA_TORCH.model_copy(update={"cuda_available": False, "cuda_problem": "too old"})),
        "machine.cuda.broken",
        True,
    ),
    (with_gpu("Tesla P100", (6, 0)), "machine.gpu.not_compiled_for", True),
    (
        with_gpu("Tesla T4", (7, 5), CUDA_TORCH.model_copy(update={"architectures": ("sm_75", "sm_80")})),
        "machine.gpu.before_ampere",
        True,
    ),
    (with_gpu(), "machine.gpu.before_ampere", False),
    (with_gpu(driver=Driver(gpus=with_gpu().gpus * 3)), "machine.gpu.hidden", True),
    (
        replace(PLAIN, driver=Driver(problem=say("machine.gpu.driver_half_updated"))),
        "machine.gpu.driver_half_updated",
        True,
    ),
    (replace(PLAIN, driver=Driver(problem=say("machine.gpu.no_driver"))), "machine.gpu.no_driver", False),
    (replace(PLAIN, machine_cpus=64), "machine.cpu.share", True),
    (PLAIN, "machine.cpu.no_16_bit", True),
    (_cpu(features=("avx512_bf16",)), "machine.cpu.bf16", True),
    (_cpu(features=("amx_bf16", "avx512_fp16")), "machine.cpu.bf16_and_fp16", True),
    (_cpu(features=("neon", "fp16")), "machine.cpu.fp16", True),
    (with_gpu(), "machine.cpu.no_16_bit", False),
    (_cpu(available_bytes=8 << 30), "machine.memory.below_7b", True),
    (PLAIN, "machine.memory.below_7b", False),
    (replace(_cpu(memory_bytes=4 << 30), limits=Limits(memory_bytes=4 << 30)), "machine.memory.limited", True),
    (replace(PLAIN, free_disk_bytes=1 << 30), "machine.disk.below_7b", True),
    (replace(PLAIN, free_disk_bytes=1 << 28), "machine.disk.below_demo", True),
    (replace(PLAIN, limits=Limits(cpus=1.5)), "machine.cpu.quota", True),
    (replace(PLAIN, limits=Limits(cpus=64.0)), "machine.cpu.quota", False),
    (_storage(), "machine.home.network", False),
    (_storage(network=True, file_system="nfs4"), "machine.home.network", True),
    (_storage(writable=False), "machine.home.read_only", True),
    (_storage(writable=False, network=True), "machine.home.network", False),
    (_storage(shm_bytes=0), "machine.shm.none", True),
    (_storage(shm_bytes=64 << 20), "machine.shm.small", True),
    (_storage(shm_bytes=8 << 30), "machine.shm.small", False),
    (_storage(shm_bytes=None), "machine.shm.none", False),
    (replace(PLAIN, power=Power(plugged_in=False, battery_share=0.4)), "machine.power.battery", True),
    (replace(PLAIN, power=Power(plugged_in=True, battery_share=0.4)), "machine.power.battery", False),
    (replace(PLAIN, power=Power(battery_share=0.4)), "machine.power.battery", False),
    (replace(PLAIN, power=Power(profile="low-power")), "machine.power.held_back", True),
    (replace(PLAIN, threads=default_choice()), "machine.threads.not_measured", True),
    (
        replace(PLAIN, threads=default_choice().model_copy(update={"busy_elsewhere": 0.9})),
        "machine.threads.disturbed",
        True,
    ),
    (replace(PLAIN, wait_policy_set="ACTIVE"), "machine.threads.set_outside", True),
]


@pytest.mark.parametrize(("facts", "code", "found"), TABLE)
def test_finding(facts: Facts, code: str, found: bool) -> None:
    told = {message.code: message for message in findings(facts)}
    assert (code in told) is found
    assert all(str(message) and "{" not in str(message) for message in told.values())


def test_a_difference_between_nvidia_smi_and_torch_is_called_harmless_only_when_it_is() -> None:
    newer = next(line for line in findings(_driver((13, 0))) if line.code == "machine.cuda.newer")
    older = next(line for line in findings(_driver((11, 8))) if line.code == "machine.cuda.too_old")
    assert "harmless" in str(newer)
    assert "harmless" not in str(older)


@pytest.mark.parametrize(
    ("driver", "runtime", "verdict"),
    [
        ((12, 8), (12, 8), "same"),
        ((13, 0), (12, 8), "newer"),
        ((12, 2), (12, 8), "minor"),
        ((11, 8), (12, 1), "too_old"),
        ((12, 9), (13, 0), "too_old"),
    ],
)
def test_driver_against_runtime(driver: tuple[int, int], runtime: tuple[int, int], verdict: str) -> None:
    assert driver_against_runtime(driver, runtime) == verdict


@pytest.mark.parametrize(
    ("architectures", "capability", "runs"),
    [
        (("sm_80",), (8, 0), True),
        (("sm_80",), (8, 9), True),
        (("sm_80",), (9, 0), False),
        (("sm_86",), (8, 0), False),
        (("sm_80", "compute_80"), (12, 0), True),
        (("compute_90",), (8, 0), False),
        (("sm_90a",), (9, 0), True),
        (("sm_90a",), (9, 3), False),
        (("sm_100", "sm_120"), (12, 0), True),
        (("gfx90a",), (9, 0), False),
        ((), (7, 5), True),
    ],
)
def test_runs_on(architectures: tuple[str, ...], capability: tuple[int, int], runs: bool) -> None:
    assert runs_on(architectures, capability) is runs


def test_wsl_is_known_by_its_kernel() -> None:
    assert is_wsl("5.15.167.4-microsoft-standard-WSL2")
    assert not is_wsl("6.12.0-1-amd64")


def test_what_is_used_inside_a_control_group_is_told() -> None:
    facts = replace(_cpu(memory_bytes=4 << 30), limits=Limits(memory_bytes=4 << 30, memory_left_bytes=1 << 30))
    (line,) = (line for line in findings(facts) if line.code == "machine.memory.limited")
    assert "4.00\u2009GiB, of which 3.00\u2009GiB is in use" in str(line)
