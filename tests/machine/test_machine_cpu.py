import os
from pathlib import Path

from workbench.machine.cpu import allowed_cpus, from_proc, physical_cores, read_cpu
from workbench.machine.limits import Limits

X86 = """processor\t: 0
model name\t: AMD EPYC 9654 96-Core Processor
flags\t\t: fpu avx2 fma avx512f avx512_bf16 avx512_vnni gfni

processor\t: 1
model name\t: something else
flags\t\t: fpu
"""
ARM = """processor\t: 0
BogoMIPS\t: 2100.00
Features\t: fp asimd asimdhp bf16 i8mm sve
CPU implementer\t: 0x41
CPU part\t: 0xd40
"""


def test_x86_name_and_the_features_that_matter() -> None:
    assert from_proc(X86) == (
        "AMD EPYC 9654 96-Core Processor",
        ("avx2", "fma", "avx512f", "avx512_bf16", "avx512_vnni"),
    )


def test_arm_has_no_model_name_but_a_part() -> None:
    name, features = from_proc(ARM)
    assert name.endswith("0x41/0xd40")
    assert features == ("neon", "fp16", "bf16", "i8mm", "sve")


def test_hyperthreads_share_a_core(tmp_path: Path) -> None:
    for cpu, siblings in enumerate(("0,2", "1,3", "0,2", "1,3")):
        folder = tmp_path / f"cpu{cpu}" / "topology"
        folder.mkdir(parents=True)
        (folder / "thread_siblings_list").write_text(f"{siblings}\n")
    assert physical_cores(range(4), tmp_path) == 2
    assert physical_cores((1, 3), tmp_path) == 1


def test_a_quota_and_a_memory_limit_count() -> None:
    cpu = read_cpu(Limits(cpus=1.0, memory_bytes=1 << 20, memory_left_bytes=1 << 10), "x", ())
    assert (cpu.cores, cpu.logical_cores, cpu.memory_bytes, cpu.available_bytes) == (1, 1, 1 << 20, 1 << 10)


def test_this_machine() -> None:
    cpu = read_cpu(Limits(), "x", ())
    assert 1 <= cpu.cores <= cpu.logical_cores == len(allowed_cpus()) <= (os.cpu_count() or 1)
    assert 0 < cpu.available_bytes < cpu.memory_bytes
