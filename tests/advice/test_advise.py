"""Why is it slow: each rule on a situation that was really built, and none on a healthy one."""

import ctypes
import json
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import workbench as wb
from workbench.advice import RULES
from workbench.catalog.sources import demo_folder
from workbench.cli import main
from workbench.machine.filesystems import mount_of
from workbench.results.advice import Advice, Cure, Finding
from workbench.widgets.tables import show

pytestmark = pytest.mark.model
NAME = "random:deepseek-llm-7b-base?scale=tiny"
HEALTHY = wb.Config(dtype="float32", threads=1)
WORK = wb.Workload(prompt_tokens=64, new_tokens=8)
HOG = "import time\nend = time.monotonic() + 120\nwhile time.monotonic() < end: pass"
AROUND = {
    "shared",
    "threads",
    "held_back",
    "memory",
    "cold",
}  # what else runs on the tests' machine may really be found
MADV_PAGEOUT = 21


@pytest.fixture(scope="module")
def session(demo_home: Path) -> Iterator[wb.Session]:
    with wb.Session(NAME, config=HEALTHY) as opened:
        yield opened


@pytest.fixture(autouse=True)
def _as_it_was(session: wb.Session) -> Iterator[None]:
    yield
    session.apply(HEALTHY)


def advised(session: wb.Session, workload: wb.Workload = WORK, **knobs: Any) -> Advice:
    if knobs:
        session.apply(**knobs)
    findings = session.advise(workload, budget_s=1)
    found = session.last["advice"]
    assert isinstance(found, Advice)
    assert list(found.findings) == findings
    return found


def the(found: Advice, rule: str) -> Finding:
    finding = found.found(rule)
    assert finding is not None, [each.rule for each in found.findings]
    assert str(finding.title)
    assert all(map(str, finding.evidence))
    assert finding.change or finding.action
    assert (finding.expected_gain is None) == (finding.unknown is not None)
    return finding


def test_a_healthy_set_up_raises_no_alarm(demo_home: Path) -> None:
    with wb.Session("demo", config=wb.Config(dtype="bfloat16")) as demo:
        found = advised(demo)
        # it decodes far from its limit until it is compiled, which takes a minute; nothing else is wrong with it
        assert {each.rule for each in found.findings} <= AROUND | {"uncompiled"}
        assert set(found.looked_at) | set(found.left_out) == {rule.name for rule in RULES}
        assert set(found.left_out) == {"slow_eight", "experts", "head"}  # nothing is quantised
        before = demo.last["measurement"], demo.last["trace"]
        demo.advise(WORK)
        assert (demo.last["measurement"], demo.last["trace"]) == before  # nothing is measured twice
        assert demo.runs.list(kind="advice", limit=1)[0]["schema"] == "workbench.advice/1"


def test_eager_attention_over_a_long_prompt(session: wb.Session) -> None:
    finding = the(advised(session, wb.Workload(prompt_tokens=1024, new_tokens=4), attention="eager"), "eager")
    assert finding.change == {"attention": "sdpa"}
    assert finding.expected_gain is not None
    assert finding.expected_gain.metric == "prefill_tps"
    assert finding.expected_gain.high > 1.05
    assert advised(session, wb.Workload(prompt_tokens=1024, new_tokens=4), attention="sdpa").found("eager") is None


def test_sdpa_that_does_not_fuse(session: wb.Session) -> None:
    assert advised(session).found("math_attention") is None
    finding = the(advised(session, sdpa_backend="math"), "math_attention")
    assert finding.change == {"sdpa_backend": "auto"}


def test_decode_that_is_far_from_its_limit_and_not_compiled(session: wb.Session) -> None:
    found = advised(session)
    finding = the(found, "uncompiled")  # layers so small that torch's way to them is most of a step
    assert finding.change["compile"] in ("max-autotune", "default")
    assert "calls into torch" in str(finding.evidence[0])
    assert finding.expected_gain is not None
    assert finding.expected_gain.high > 1 / 0.4
    assert "uncompiled" in found.looked_at


def test_layers_that_wait_elsewhere(session: wb.Session) -> None:
    finding = the(advised(session, offloaded_layers=1), "offloaded")
    assert finding.change == {"offloaded_layers": 0}
    assert "1 of 3 layers" in str(finding.evidence[0])


def test_prompts_that_wait_while_one_row_is_computed(session: wb.Session) -> None:
    prompts = tuple(f"Number {number}: the sea is" for number in range(8))
    work = wb.Workload(prompts=prompts, new_tokens=8)
    finding = the(advised(session, work), "rows")
    assert finding.expected_gain is not None
    assert (finding.expected_gain.low, finding.expected_gain.high) == (1.0, 8.0)
    assert advised(session, work.replace(batch_size=8)).found("rows") is None


def test_padding_is_counted_in_tokens_of_the_prompts_themselves(session: wb.Session) -> None:
    uneven = ("The sea.", "The sea is wide and the night is long, and nobody knows how far it is to the other shore.")
    work = wb.Workload(prompts=uneven, batch_size=2, new_tokens=8)
    finding = the(advised(session, work), "padding")
    assert finding.expected_gain is not None
    assert finding.expected_gain.high > 1.25
    assert advised(session, work.replace(prompts=uneven[:1])).found("padding") is None
    assert the(advised(session, WORK.replace(batch_size=4, padded=0.4)), "padding")


def test_a_wrong_end_token_comes_first(demo_home: Path) -> None:
    with wb.Session("demo", config=wb.Config(threads=1)) as demo:
        assert advised(demo).found("tokens") is None
        demo.apply(eos_token_ids=(5,))
        found = advised(demo)
        assert found.findings[0].rule == "tokens"
        assert found.findings[0].severity == "wrong"
        demo.apply(**found.findings[0].change)
        assert advised(demo).found("tokens") is None


def test_eight_bits_that_are_slower_by_a_measurement_of_the_same_work(session: wb.Session) -> None:
    session.measure(WORK, budget_s=4)  # long enough that a busy machine leaves both intervals apart
    assert advised(session).found("slow_eight") is None
    session.apply(quantization="bnb-int8")
    session.measure(WORK, budget_s=4)
    finding = the(advised(session), "slow_eight")
    assert finding.change == {"quantization": "none", "dtype": "float32"}
    assert finding.expected_gain is not None
    assert finding.expected_gain.low > 1
    other = advised(session, WORK.replace(prompt_tokens=65))  # of that work there is no measurement in full
    assert "slow_eight" in other.left_out


def test_experts_that_stay_in_full(demo_home: Path) -> None:
    with wb.Session("random:deepseek-v2-lite?scale=tiny", config=HEALTHY) as experts:
        assert "experts" in advised(experts).left_out
        finding = the(advised(experts, quantization="bnb-nf4"), "experts")
        assert "experts" in str(finding.title)


def test_a_head_that_stays_in_full(session: wb.Session) -> None:
    finding = the(advised(session, quantization="torchao-int8-weight"), "head")
    assert finding.change == {"quantize_head": True}
    before = session.facts.weight_bytes
    session.apply(**finding.change)
    assert finding.expected_gain is not None
    assert finding.expected_gain.high == pytest.approx(before / session.facts.weight_bytes, rel=0.05)  # but for scales
    assert advised(session).found("head") is None
    small = advised(session, quantization="torchao-int8-weight", quantize_head=False, skip_modules=("layers",))
    assert small.found("head") is None  # nothing is quantised: the head is no exception


def test_a_busy_neighbour_is_found_and_threads_beside_it(session: wb.Session) -> None:
    # by a shell that ends at once: what this process started itself would be its own
    begin = f"{shlex.quote(sys.executable)} -c {shlex.quote(HOG)} >/dev/null 2>&1 & echo $!"
    hogs = [
        int(subprocess.run(["sh", "-c", begin], capture_output=True, text=True, check=True).stdout)
        for _ in range(session.machine.cpu.cores)
    ]
    try:
        time.sleep(0.5)
        found = advised(session, threads=session.machine.cpu.cores)
    finally:
        for hog in hogs:
            os.kill(hog, signal.SIGKILL)
    assert the(found, "shared").severity == "unreliable"
    if session.machine.cpu.cores > 1:
        assert the(found, "threads").change["threads"] == 1


@pytest.mark.skipif(sys.platform != "linux", reason="takes pages away by madvise(2)")
def test_weights_that_come_from_the_disk_while_it_is_measured(demo_home: Path) -> None:
    folder = demo_folder()
    assert folder is not None
    if mount_of(folder.resolve()).kind in ("tmpfs", "ramfs"):
        pytest.skip("the model lies in memory: no disk to come from")
    with wb.Session("demo", config=wb.Config(dtype="float32", threads=1), host="inline") as demo:
        weights = [parameter for parameter in demo.model.parameters() if parameter.numel() > 100_000]
        over, libc = threading.Event(), ctypes.CDLL(None, use_errno=True)

        def take_away() -> None:
            while not over.wait(0.5):
                for weight in weights[::10]:
                    begin = weight.data_ptr() // 4096 * 4096
                    length = weight.data_ptr() + weight.numel() * 4 - begin
                    libc.madvise(ctypes.c_void_p(begin), ctypes.c_size_t(length), MADV_PAGEOUT)

        assert advised(demo).found("cold") is None
        taking = threading.Thread(target=take_away)
        taking.start()
        try:
            found = advised(demo, WORK.replace(seed=1))
        finally:
            over.set()
            taking.join()
        assert the(found, "cold").severity == "unreliable"


def test_a_change_is_tried_and_expected_stands_beside_got(session: wb.Session) -> None:
    work = wb.Workload(prompt_tokens=1024, new_tokens=4)
    finding = the(advised(session, work, attention="eager"), "eager")
    cure = session.try_out(finding, work, budget_s=10)
    assert isinstance(cure, Cure)
    assert cure.metric == "prefill_tps"
    assert cure.got == cure.comparison.ratio["prefill_tps"]
    assert cure.got_ci95 is not None
    assert cure.got_ci95[0] <= cure.got <= cure.got_ci95[1]
    assert session.config["attention"] == ("sdpa" if cure.kept else "eager")
    assert "expected" in str(cure.sentence)
    assert session.last["cure"] == cure
    back = session.config
    looked = session.try_out(
        finding.model_copy(update={"change": {"sdpa_backend": "math"}}), work, budget_s=5, keep=False
    )
    assert (looked.kept, session.config) == (False, back)
    assert "expected" in repr(show(cure))
    single = cure.model_copy(update={"got_ci95": None})  # of one pair, as by loads that take the whole budget
    assert "interval not measured" in repr(show(single))
    with pytest.raises(wb.ConfigError, match="no knob"):
        session.try_out(finding.model_copy(update={"change": {}}))


def test_three_minutes_for_a_slow_script(demo_home: Path) -> None:
    script = (
        "from transformers import AutoModelForCausalLM\n"
        f"model = AutoModelForCausalLM.from_pretrained({NAME!r}, attn_implementation='eager', torch_dtype='float32')\n"
    )
    with wb.Session.from_code(script, model=NAME) as session:
        before = session.config
        found = session.quick_check(wb.Workload(prompt_tokens=512, new_tokens=4), budget_s=30)
        assert session.config == before
        assert found.kernels["prefill"] == "eager"
        assert found.limit_shares.keys() == {"prefill", "decode"}
        assert all(share is None or share > 0 for share in found.limit_shares.values())
        tried = {cure.finding.rule for cure in found.cures}
        assert "eager" in tried
        assert len(found.cures) <= 3
        assert all(not cure.kept for cure in found.cures)
        if found.advice.found("uncompiled"):  # there is no time for it
            assert any("compil" in str(each) for each in found.untried)
        short = session.quick_check(wb.Workload(prompt_tokens=512, new_tokens=4), budget_s=0.1)
        assert not short.cures
        assert any("attention" in str(each) for each in short.untried)
        assert found.corrected is not None
        assert "torch_dtype" not in found.corrected
        assert "attention at prefill" in repr(show(found))
        assert session.runs.list(kind="quick-check", limit=1)
    best = found.best
    assert best is None or best.got > 1


def test_shown_and_on_the_command_line(session: wb.Session, capsys: pytest.CaptureFixture[str]) -> None:
    found = advised(session, sdpa_backend="math")
    assert "math kernel" in repr(show(found))
    assert "session.apply(sdpa_backend='auto')" in repr(show(list(found.findings)))
    assert main(["advise", NAME, "--set", "sdpa_backend=math", "--budget", "1", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == "workbench.advice/1"
    assert Advice.from_dict(document["result"]).found("math_attention")
    assert main(["advise", NAME, "--budget", "-1"]) == 2
    assert main(["advise", NAME, "--quick", "--budget", "12", "--prompt-tokens", "16", "--new-tokens", "4"]) == 0
    assert "share of its limit" in capsys.readouterr().out


@pytest.mark.slow
def test_once_compiled_it_is_near_enough(demo_home: Path) -> None:
    with wb.Session("demo", config=wb.Config(dtype="float32", threads=1, compile="max-autotune")) as demo:
        assert advised(demo).found("uncompiled") is None
