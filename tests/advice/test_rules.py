"""Rules whose situation this machine cannot have, by facts; and how findings are ranked."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import workbench as wb
from workbench.advice import RULES, Evidence, ranked
from workbench.results import AllocatorReading, Gpu, RunConditions, ThreadChoice
from workbench.results.advice import Finding
from workbench.results.ceilings import of_bandwidth
from workbench.results.compiled import CompileReport
from workbench.words import say

pytestmark = pytest.mark.model
GIB = 1 << 30
LOOK = {rule.name: rule.look for rule in RULES}


@pytest.fixture(scope="module")
def healthy(demo_home: Path) -> Iterator[Evidence]:
    """A real session's facts, measurement and trace."""
    with wb.Session("random:deepseek-llm-7b-base?scale=tiny", config=wb.Config(threads=1)) as session:
        work = wb.Workload(prompt_tokens=16, new_tokens=4)
        yield Evidence(
            machine=session.machine,
            facts=session.facts,
            config=session.config,
            resolved=session.resolved,
            workload=work,
            measurement=session.measure(work, budget_s=0.5),
            trace=session.trace(work),
            sharing=session.sharing(),
            allocator=AllocatorReading(),
            swapped=0,
            padding=0.0,
        )


def with_gpu(evidence: Evidence, cuda: bool, **torch: Any) -> Evidence:
    gpu = Gpu(
        index=0, name="NVIDIA H200", memory_bytes=141 * GIB, uuid="GPU-1", capability=(9, 0), free_bytes=140 * GIB
    )
    gpus = (gpu,) if cuda else ()
    here = evidence.machine.torch
    assert here is not None
    told = here.model_copy(update={"cuda_available": cuda, "cuda_runtime": "13.0", "gpus": gpus, **torch})
    rates = {"cpu:1": 20e9, "cuda:0": 4e12}
    known = {**evidence.machine.ceilings, **{key: of_bandwidth(key, rate) for key, rate in rates.items()}}
    machine = evidence.machine.model_copy(update={"torch": told, "gpus": (gpu,), "ceilings": known})
    return replace(evidence, machine=machine, config=evidence.config.replace(device="cpu"))


def the(evidence: Evidence, rule: str) -> Finding:
    found = LOOK[rule](evidence)
    assert found is not None
    assert found.rule == rule
    assert str(found.title)
    assert all(map(str, found.evidence))
    return found


def measured(evidence: Evidence, **changes: Any) -> Evidence:
    assert evidence.measurement is not None
    return replace(evidence, measurement=evidence.measurement.model_copy(update=changes))


def test_a_gpu_that_is_idle_beside_the_cpu(healthy: Evidence) -> None:
    assert LOOK["cpu_beside_a_gpu"](healthy) is None
    found = the(with_gpu(healthy, cuda=True), "cpu_beside_a_gpu")
    assert found.change == {"device": "cuda"}
    assert found.expected_gain is not None
    assert found.expected_gain.high == pytest.approx(200)  # 4000 GB/s against 20


def test_a_gpu_that_torch_cannot_use(healthy: Evidence) -> None:
    assert LOOK["driver"](healthy) is None
    assert LOOK["driver"](with_gpu(healthy, cuda=True)) is None
    found = the(with_gpu(healthy, cuda=False, cuda_problem="The NVIDIA driver is too old"), "driver")
    assert found.evidence[0].code.startswith("capability.")
    assert LOOK["cpu_beside_a_gpu"](with_gpu(healthy, cuda=False)) is None


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"swapped": 3 * GIB}, "in swap"),
        ({"allocator": AllocatorReading(retries=4)}, "4 times"),
        ({"allocator": AllocatorReading(retries=0)}, None),
        ({"swapped": 4096}, None),
    ],
)
def test_memory_that_is_short(healthy: Evidence, changes: dict[str, Any], said: str | None) -> None:
    assert healthy.sharing is not None
    roomy = healthy.sharing.model_copy(update={"available_bytes": healthy.sharing.memory_bytes // 2})
    evidence = replace(healthy, sharing=roomy, **changes)
    if said is None:
        assert LOOK["memory"](evidence) is None
    else:
        assert said in str(the(evidence, "memory").evidence[0])
    full = roomy.model_copy(update={"gpu_used_bytes": 79 * GIB, "gpu_total_bytes": 80 * GIB})
    assert "in use" in str(the(replace(evidence, sharing=full), "memory").evidence[-1])


def test_compiled_code_that_is_left_or_made_again(healthy: Evidence) -> None:
    assert healthy.measurement is not None
    report = CompileReport(
        mode="default",
        freezing=True,
        batch_size=1,
        cache_tokens=64,
        graphs=1,
        graph_breaks=0,
        recompiles=0,
        compile_s=40.0,
        last_run_s=0.0,
        runs=3,
        held_bytes=0,
    )

    def after(**changes: Any) -> Evidence:
        assert healthy.measurement is not None
        compiled = report.model_copy(update=changes)
        return measured(healthy, warm_up=healthy.measurement.warm_up.model_copy(update={"compiled": compiled}))

    assert LOOK["recompiled"](healthy) is None
    assert LOOK["recompiled"](after()) is None
    assert "3 graphs" in str(the(after(recompiles=3), "recompiled").evidence[0])
    assert len(the(after(graph_breaks=2, graph_skips=1), "recompiled").evidence) == 2


def test_a_device_that_is_held_back(healthy: Evidence) -> None:
    calm = measured(healthy, conditions=RunConditions(), set_aside=0)
    assert LOOK["held_back"](calm) is None
    hot = the(measured(calm, conditions=RunConditions(held_back=("hw_thermal_slowdown",))), "held_back")
    assert hot.severity == "unreliable"
    capped = the(measured(calm, conditions=RunConditions(power_capped=True)), "held_back")
    assert capped.severity == "slow"  # that is its speed under this cap
    assert the(measured(calm, set_aside=2), "held_back").severity == "unreliable"


def test_a_mask_that_shuts_the_flash_kernel_out(healthy: Evidence) -> None:
    assert healthy.trace is not None
    assert LOOK["mask"](healthy) is None
    shut = healthy.trace.model_copy(update={"notes": (say("trace.flash_shut_out", phase="prefill"),)})
    assert the(replace(healthy, trace=shut), "mask").action is not None


def test_a_gpu_that_waits_for_launches(healthy: Evidence) -> None:
    assert healthy.trace is not None

    def idle(share: float) -> Evidence:
        assert healthy.trace is not None
        decode = healthy.trace.decode.model_copy(update={"gpu_idle_fraction": share})
        return replace(healthy, trace=healthy.trace.model_copy(update={"decode": decode}))

    found = the(idle(0.6), "uncompiled")
    assert found.change.keys() == {"compile"}
    assert found.expected_gain is not None
    assert found.expected_gain.high == pytest.approx(2.5)
    assert LOOK["uncompiled"](idle(0.1)) is None
    assert LOOK["uncompiled"](replace(idle(0.6), config=healthy.config.replace(compile="default"))) is None


def test_a_thread_count_that_was_slower_when_it_was_measured(healthy: Evidence) -> None:
    choice = ThreadChoice(
        threads=2,
        omp_wait_policy="PASSIVE",
        seconds={"PASSIVE:1": 0.03, "PASSIVE:2": 0.02},
        reason=say("advice.threads.how"),
    )
    machine = healthy.machine.model_copy(
        update={"threads": choice, "cpu": healthy.machine.cpu.model_copy(update={"cores": 4, "logical_cores": 4})}
    )
    assert healthy.sharing is not None
    alone = replace(healthy, machine=machine, sharing=healthy.sharing.model_copy(update={"others_cores": 0.0}))
    found = the(alone, "threads")
    assert found.change == {"threads": 2}
    assert found.expected_gain is not None
    assert found.expected_gain.high == pytest.approx(1.5)
    best = machine.model_copy(update={"threads": choice.model_copy(update={"threads": 1})})
    assert LOOK["threads"](replace(alone, machine=best)) is None


def test_what_is_wrong_comes_before_what_is_slow_and_large_gains_first(healthy: Evidence) -> None:
    findings, asked, lacking = ranked(with_gpu(measured(healthy, set_aside=1), cuda=True))
    kinds = [finding.severity for finding in findings]
    assert kinds == sorted(kinds, key=("wrong", "unreliable", "slow").index)
    slow = [
        finding.expected_gain.high if finding.expected_gain else 0 for finding in findings if finding.severity == "slow"
    ]
    assert slow == sorted(slow, reverse=True)
    assert set(asked) | set(lacking) == {rule.name for rule in RULES}
    assert lacking.keys() >= {"tokens", "slow_eight", "experts"}
