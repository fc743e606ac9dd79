"""Drivers, GPUs and builds as tables of facts: what is installed, what is refused, what is said."""

import pytest

from workbench.bootstrap.builds import BUILDS, OFFERED, System, of_pypi
from workbench.bootstrap.driver import Driver, Gpu, parse_cuda, parse_proc, parse_smi
from workbench.bootstrap.fitting import Kind, Verdict, fitting, judge, runs
from workbench.bootstrap.remarks import command, refusal, remark

LINUX, WSL = System("linux", "x86_64"), System("linux", "x86_64", wsl=True)
WINDOWS, MAC = System("win32", "amd64"), System("darwin", "arm64")
ADA, VOLTA, BLACKWELL, KEPLER = Gpu("L4", (8, 9)), Gpu("V100", (7, 0)), Gpu("RTX 5090", (12, 0)), Gpu("K80", (3, 7))
UNSAID = Gpu("old driver's GPU")


def with_gpu(version: str | None, *gpus: Gpu, cuda: tuple[int, int] | None = None) -> Driver:
    return Driver(version, cuda, gpus, gpu=True)


@pytest.mark.parametrize(
    ("label", "driver", "system", "verdict"),
    [
        ("cu130", Driver(), LINUX, (Kind.NO_GPU, "cpu")),
        ("cu130", Driver("580.65.06", (13, 0)), LINUX, (Kind.NO_GPU, "cpu")),  # the host's driver, no device in reach
        ("cpu", Driver(), LINUX, (Kind.FITS, None)),
        ("cu130", with_gpu("580.65.06", ADA), LINUX, (Kind.FITS, None)),
        ("cu130", with_gpu("580.65.06", ADA, cuda=(13, 0)), LINUX, (Kind.FITS, None)),
        ("cu132", with_gpu("580.65.06", ADA, cuda=(13, 0)), LINUX, (Kind.FITS, None)),  # within one major version
        ("cu130", with_gpu("575.57.08", ADA), LINUX, (Kind.DRIVER_TOO_OLD, "cu126")),
        ("cu130", with_gpu("575.57.08", ADA, cuda=(12, 9)), LINUX, (Kind.DRIVER_TOO_OLD, "cu126")),
        ("cu130", with_gpu("525.60.13", ADA), LINUX, (Kind.DRIVER_TOO_OLD, "cu126")),
        ("cu130", with_gpu("525.60.11", ADA), LINUX, (Kind.DRIVER_TOO_OLD, None)),
        ("cu130", with_gpu("527.41", ADA), WSL, (Kind.DRIVER_TOO_OLD, None)),  # a Windows driver's number
        ("cu130", with_gpu("528.33", ADA), WSL, (Kind.DRIVER_TOO_OLD, "cu126")),
        ("cu130", with_gpu("470.82.01", KEPLER, cuda=(11, 4)), LINUX, (Kind.DRIVER_TOO_OLD, None)),
        ("cu130", with_gpu("535.183.01", ADA, cuda=(13, 0)), LINUX, (Kind.FITS, None)),  # the compatibility package
        ("cu130", with_gpu("580.65.06", VOLTA), LINUX, (Kind.GPU_TOO_OLD, "cu126")),
        ("cu130", with_gpu("580.65.06", VOLTA, ADA), LINUX, (Kind.FITS, None)),  # one that it can use
        ("cu126", with_gpu("580.65.06", BLACKWELL), LINUX, (Kind.GPU_TOO_NEW, "cu130")),
        ("cu130", with_gpu("570.86.10", BLACKWELL), LINUX, (Kind.DRIVER_TOO_OLD, None)),  # cu126 has no code for it
        ("cu130", with_gpu("580.65.06", KEPLER), LINUX, (Kind.GPU_TOO_OLD, None)),
        ("cu130", with_gpu("580.65.06", UNSAID), LINUX, (Kind.FITS, None)),
        ("cu130", with_gpu(None), LINUX, (Kind.FITS, None)),  # nobody knows: no reason to refuse
        ("cpu", with_gpu("580.65.06", ADA), WINDOWS, (Kind.GPU_UNUSED, "cu130")),
        ("cpu", with_gpu("560.94", ADA), WINDOWS, (Kind.GPU_UNUSED, "cu126")),
        ("cpu", with_gpu("472.12", ADA), WINDOWS, (Kind.FITS, None)),
        ("cpu", Driver(), MAC, (Kind.FITS, None)),
    ],
)
def test_judgements(label: str, driver: Driver, system: System, verdict: tuple[Kind, str | None]) -> None:
    kind, instead = verdict
    assert judge(BUILDS[label], driver, system) == Verdict(kind, BUILDS[instead] if instead else None)


def test_what_is_offered_fits_itself() -> None:
    for label in OFFERED:
        build = BUILDS[label]
        assert runs(build, with_gpu(build.drivers[0]), LINUX)
        assert not runs(build, with_gpu("450.80.02"), LINUX)
    assert fitting(with_gpu("999.0", ADA), LINUX) == BUILDS["cu130"]


def test_pypi_has_cuda_on_linux_only() -> None:
    assert [of_pypi(system).label for system in (LINUX, WSL, WINDOWS, MAC)] == ["cu130", "cu130", "cpu", "cpu"]


def test_a_refusal_names_reason_build_and_both_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAKELEVEL", "1")
    driver = with_gpu("535.183.01", ADA)
    said = str(refusal(judge(BUILDS["cu130"], driver, LINUX), BUILDS["cu130"], driver, LINUX, "lab"))
    assert "nothing was downloaded" in said
    assert "torch for CUDA 13.0 needs an NVIDIA driver from 580; this machine has 535.183.01." in said
    assert "The build for CUDA 12.6 fits. Run: make lab WORKBENCH_TORCH=cu126" in said
    assert "make lab WORKBENCH_TORCH=as-found" in said


def test_without_a_fitting_build_the_driver_is_the_way() -> None:
    driver = with_gpu("570.86.10", BLACKWELL)
    said = str(refusal(judge(BUILDS["cu130"], driver, LINUX), BUILDS["cu130"], driver, LINUX, "lab"))
    assert "update the NVIDIA driver" in said
    assert "cu126" not in said


@pytest.mark.parametrize(
    ("driver", "label", "by_name", "words"),
    [
        (Driver(), "cu130", False, "The CPU build is smaller (torch: 0.2 GB)"),
        (Driver(), "cu130", True, ""),
        (with_gpu("580.65.06", ADA), "cpu", False, "this machine has a GPU (L4). The build with CUDA 13.0 fits"),
        (with_gpu("580.65.06", ADA), "cpu", True, ""),
        (with_gpu("580.65.06", ADA), "cu130", False, ""),
        (with_gpu("535.183.01", ADA), "cu130", True, "It is installed all the same, as asked."),
    ],
)
def test_remarks(driver: Driver, label: str, by_name: bool, words: str) -> None:
    said = remark(judge(BUILDS[label], driver, LINUX), BUILDS[label], driver, LINUX, "lab", by_name=by_name)
    assert words in said
    assert bool(said) == bool(words)


def test_commands_are_spelled_the_way_the_person_came() -> None:
    assert command("lab", "cpu", by_make=True) == "make lab WORKBENCH_TORCH=cpu"
    assert command("lab", "cpu", by_make=False, windows=False) == "python3 -m workbench.bootstrap lab --torch cpu"
    assert command("lab", "cpu", by_make=False, windows=True) == "python -m workbench.bootstrap lab --torch cpu"


def test_nvidia_smi_is_read_with_and_without_the_newer_field() -> None:
    two = "535.183.01, Tesla T4, 7.5\n535.183.01, NVIDIA L4, 8.9\n"
    assert parse_smi(two) == ("535.183.01", (Gpu("Tesla T4", (7, 5)), Gpu("NVIDIA L4", (8, 9))))
    assert parse_smi("470.82.01, Tesla K80\n") == ("470.82.01", (Gpu("Tesla K80"),))
    assert parse_smi("No devices were found\n") == (None, ())
    assert parse_smi("") == (None, ())


@pytest.mark.parametrize(
    ("said", "version"),
    [
        ("NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.183.01  Sun May 12 19:39:15 UTC 2024\nGCC", "535.183.01"),
        ("NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  570.86.15  Release Build  (dvs@x)", "570.86.15"),
        ("NVRM version: something else", None),
    ],
)
def test_the_kernel_modules_own_words(said: str, version: str | None) -> None:
    assert parse_proc(said) == version


def test_the_librarys_number() -> None:
    assert (parse_cuda(12040), parse_cuda(13000), parse_cuda(0)) == ((12, 4), (13, 0), None)
