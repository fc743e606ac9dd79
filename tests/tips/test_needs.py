"""Whether a tip can be tested on a machine, by tables of facts."""

import pytest

from tests.knobs.facts import A100, H100, PLAIN, T4, WINDOWS, gpu, having, machine
from tests.tips.test_registry import NINETY
from workbench.results import Machine
from workbench.tips import TIPS, Takes, Untestable, can_test

CPU = having(PLAIN, "bitsandbytes", "torchao")
EIGHT = machine(*(gpu((8, 0), "NVIDIA A100") for _ in range(8)))
NO_TORCH = PLAIN.model_copy(update={"torch": None})


@pytest.mark.parametrize(
    ("id_", "where", "ok", "word"),
    [
        ("S0-14", CPU, True, None),
        ("S0-14", PLAIN, False, "missing"),
        ("S0-13", PLAIN, False, "missing"),
        ("S0-27", CPU, False, "no_gpu"),
        ("S0-27", A100, False, "missing"),
        ("S0-27", having(A100, "flash-attn"), True, None),
        ("S0-27", having(T4, "flash-attn"), False, "gpu_too_old"),
        ("S4-12", having(A100, "torchao"), False, "gpu_too_old"),
        ("S4-12", having(H100, "torchao"), True, None),
        ("S1-10", A100, False, "too_few_gpus"),
        ("S1-10", EIGHT, True, None),
        ("S0-26", CPU, False, "other_system"),
        ("S0-26", WINDOWS, True, None),
        ("S3-12", WINDOWS, False, "other_system"),
        ("S0-10", NO_TORCH, True, None),
        ("S0-1", NO_TORCH, False, "no_torch"),
        ("S3-2", NO_TORCH, False, "no_torch"),
        ("S2-10", H100, False, "fp8_kernels"),
        ("S2-10", having(H100, "kernels"), True, "needs_files"),
        ("S0-4", H100, False, "untestable"),
        ("U2-1", H100, False, "untestable"),
        ("M-4", CPU, False, "no_gpu"),
        ("M-4", A100, True, None),
    ],
)
def test_what_stands_in_the_way(id_: str, where: Machine, ok: bool, word: str | None) -> None:
    can = can_test(TIPS[id_], where)
    told = can.note if can.ok else can.reason
    assert can.ok is ok, str(can.reason)
    assert (told.code.rpartition(".")[2] if told else None) == word
    assert "{" not in f"{can.reason}{can.remedy}{can.note}"


def test_another_engine_needs_an_environment_of_its_own() -> None:
    missing = can_test(TIPS["R-1"], CPU)
    assert not missing.ok
    assert "workbench tips engine onnxruntime" in str(missing.remedy)
    assert can_test(TIPS["R-1"], CPU, ("onnxruntime",)).ok
    assert not can_test(TIPS["R-2"], CPU, ("onnxruntime",)).ok


def test_a_pair_needs_what_its_knobs_need() -> None:
    """By the knobs' own word: nothing in the tip's needs says that these are not for this machine."""
    assert not TIPS["S2-4"].needs.gpus
    no_compiler = CPU.model_copy(update={"tools": ()})
    assert can_test(TIPS["S2-17"], CPU).ok
    refused = can_test(TIPS["S2-17"], no_compiler)
    assert not refused.ok
    assert refused.remedy


@pytest.mark.parametrize("where", [PLAIN, CPU, T4, A100, H100, EIGHT, WINDOWS, NO_TORCH])
def test_every_tip_has_an_answer_on_every_machine(where: Machine) -> None:
    for each in TIPS.values():
        can = can_test(each, where)
        assert can.ok or can.reason
        assert can.ok or can.remedy or isinstance(each.experiment, Untestable) or each.needs.systems
        assert "{" not in f"{can.reason}{can.remedy}{can.note}"


def test_a_cpu_can_test_most_of_the_ninety_in_time() -> None:
    able = [TIPS[id_] for id_ in NINETY if can_test(TIPS[id_], CPU).ok]
    assert len(able) >= 55
    exact = [each for each in able if each.takes in (Takes.INSTANT, Takes.SECONDS)]
    assert len(exact) >= 25
