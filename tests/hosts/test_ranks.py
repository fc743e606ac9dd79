"""Two real ranks over gloo: they compute what one process does, what they exchange is counted, none is left over."""

import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch
from transformers import AutoModelForCausalLM, DeepseekV2Config, LlamaConfig, PreTrainedModel

import workbench as wb
from workbench import export
from workbench.cli.trace import lines
from workbench.engine.ranks import Leader, RanksLost
from workbench.hosts.followers import _sweep
from workbench.hosts.pipes import socket_wire
from workbench.words import text

PLAIN = wb.Config(dtype="float32", threads=1)
CUT = PLAIN.replace(tp_plan="auto")
WORK = wb.Workload(prompt_tokens=8, new_tokens=4)
LAYERS, HIDDEN, VOCABULARY = 3, 64, 49152
SHAPE: dict[str, Any] = {
    "hidden_size": HIDDEN,
    "intermediate_size": 128,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": VOCABULARY,
    "max_position_embeddings": 2048,
}
PROMPTS = ["one two three", "a b c d e f"]


def made(folder: Path, config: Any) -> str:
    """A model of random weights on disk, with the demo's tokenizer."""
    from transformers import AutoTokenizer

    from workbench.engine.demo import ensure_demo

    torch.manual_seed(0)
    config.initializer_range = 0.125  # logits far apart: no ties
    model: PreTrainedModel = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(ensure_demo()).save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="module")
def llama(demo_home: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    return made(tmp_path_factory.mktemp("llama"), LlamaConfig(**SHAPE))


@pytest.fixture(scope="module")
def expected(llama: str) -> dict[str, Any]:
    """What one process says, and what it holds."""
    with wb.Session(llama, config=PLAIN, host="inline") as session:
        return {
            "tokens": [each.token_ids for each in session.generate(PROMPTS, max_new_tokens=12)],
            "bytes": session.resolved.bytes_by_place["cpu"],
        }


@pytest.fixture(scope="module")
def session(llama: str, expected: dict[str, Any]) -> Iterator[wb.Session]:
    with wb.Session(llama, config=CUT) as session:
        yield session
    assert followers() == []


def followers() -> list[int]:
    """Of this test's own process."""
    found = []
    for each in psutil.Process().children(recursive=True):
        try:
            if "workbench.hosts.follower" in each.cmdline():
                found.append(each.pid)
        except psutil.Error:
            continue
    return found


def test_two_ranks_say_what_one_process_says(session: wb.Session, expected: dict[str, Any]) -> None:
    assert len(followers()) == 1
    assert os.getpgid(followers()[0]) == session.pid  # it ends with the worker's process group
    assert [each.token_ids for each in session.generate(PROMPTS, max_new_tokens=12)] == expected["tokens"]
    state = session.resolved
    assert state.tp_size == 2
    assert state.differences(session.config) == ()
    norms = (2 * LAYERS + 1) * HIDDEN * 4
    rotary = expected["bytes"] - sum(state.rank_bytes.values()) + norms  # each rank has its own norms and frequencies
    assert set(state.rank_bytes) == {"0 cpu", "1 cpu"}
    assert len(set(state.rank_bytes.values())) == 1
    assert state.bytes_by_place["cpu"] == state.rank_bytes["0 cpu"]
    assert abs(rotary) < 1024
    assert session.facts.parameters == (2 * VOCABULARY * HIDDEN) + LAYERS * (3 * 128 + 3 * 64) * HIDDEN + norms // 4


def test_live_knobs_sampling_and_seeds_go_to_all(session: wb.Session, expected: dict[str, Any]) -> None:
    session.apply(attention="eager", cache="static")
    assert [each.token_ids for each in session.generate(PROMPTS, max_new_tokens=12)] == expected["tokens"]
    session.apply(do_sample=True)
    first, again, other = (session.generate(PROMPTS[0], max_new_tokens=8, seed=seed)[0].token_ids for seed in (1, 1, 2))
    assert first == again != other
    session.apply(CUT)


def test_fixed_work_is_measured_compared_and_judged(session: wb.Session) -> None:
    measured = session.measure(WORK, budget_s=1.0)
    assert measured.decode_tps > 0
    assert measured.resolved.tp_size == 2
    compared = session.compare({"attention": "sdpa"}, {"attention": "eager"}, WORK, budget_s=2.0)
    assert compared.agreement is not None
    assert compared.agreement.first_divergence is None
    assert compared.resolved_b.attention == "eager"
    assert session.config == CUT


def test_every_collective_is_counted(session: wb.Session) -> None:
    """Two sums a layer and one for the cut embedding table; the cut head's logits are gathered."""
    trace = session.trace(WORK)
    for phase, tokens in (("prefill", WORK.prompt_tokens), ("decode", 1)):
        found = {each.what: each for each in trace.phases[phase].crossings}
        assert set(found) == {"all_reduce", "all_gather"}
        assert found["all_reduce"].times == 2 * LAYERS + 1
        assert found["all_reduce"].bytes == (2 * LAYERS + 1) * tokens * HIDDEN * 4
        assert found["all_gather"].times == 1
        assert found["all_gather"].bytes == VOCABULARY // 2 * 4
        assert all(each.seconds > 0 for each in found.values())
    assert trace.decode.time_by_category["communication"] > 0
    assert not [name for name in trace.decode.unrecognised if "c10d" in name]
    written = "\n".join(lines(trace))
    assert "all_reduce" in written
    assert text("trace.crossing.among") in written


def test_what_the_others_cannot_be_told_is_refused_in_words(session: wb.Session, expected: dict[str, Any]) -> None:
    before = session.pid
    with pytest.raises(wb.CapabilityError, match="past_key_values"):
        session.prefix([8])
    assert session.pid == before
    assert [each.token_ids for each in session.generate(PROMPTS, max_new_tokens=12)] == expected["tokens"]


def test_a_change_that_all_ranks_refuse_leaves_all_as_they_were(session: wb.Session, expected: dict[str, Any]) -> None:
    before = session.pid
    with pytest.raises(wb.ConfigError):
        session.generate(PROMPTS[0], max_new_tokens=5000)
    with pytest.raises(wb.CapabilityError, match="beyond the vocabulary"):
        session.apply(pad_token=10**6)
    assert session.pid == before
    assert [each.token_ids for each in session.generate(PROMPTS, max_new_tokens=12)] == expected["tokens"]


def test_stop_ends_all_ranks_within_a_step(session: wb.Session, expected: dict[str, Any]) -> None:
    before, chunks = session.pid, session.stream(PROMPTS[0], max_new_tokens=2000)
    next(chunks)
    session.stop()
    assert list(chunks)[-1].finish_reason == "stopped"
    assert session.pid == before
    assert [each.token_ids for each in session.generate(PROMPTS, max_new_tokens=12)] == expected["tokens"]


def test_a_killed_rank_is_named_and_the_session_comes_back(session: wb.Session, expected: dict[str, Any]) -> None:
    before, chunks = session.pid, session.stream(PROMPTS[0], max_new_tokens=2000)
    next(chunks)
    os.kill(followers()[0], signal.SIGKILL)
    with pytest.raises(wb.WorkerDied, match="Rank 1 ended while generating"):
        list(chunks)
    assert [each.token_ids for each in session.generate(PROMPTS, max_new_tokens=12)] == expected["tokens"]
    assert session.pid != before
    assert session.resolved.tp_size == 2
    assert len(followers()) == 1


def test_a_killed_worker_takes_its_ranks_with_it(session: wb.Session, expected: dict[str, Any]) -> None:
    (rank,) = followers()
    assert session.pid is not None
    os.kill(session.pid, signal.SIGKILL)
    for _ in range(200):
        if not psutil.pid_exists(rank) or psutil.Process(rank).status() == psutil.STATUS_ZOMBIE:
            break
        time.sleep(0.05)
    else:
        pytest.fail("the rank outlived its worker")
    assert [each.token_ids for each in session.generate(PROMPTS, max_new_tokens=12)] == expected["tokens"]


def test_ranks_go_when_the_model_is_whole_again(session: wb.Session, expected: dict[str, Any]) -> None:
    applied = session.apply(tp_plan="none")
    assert (applied.cost, applied.resolved.tp_size, applied.resolved.rank_bytes) == ("restart", 1, {})
    assert followers() == []
    assert [each.token_ids for each in session.generate(PROMPTS, max_new_tokens=12)] == expected["tokens"]


def test_experts_and_latent_attention_over_two_ranks(demo_home: Path, tmp_path: Path) -> None:
    experts = {
        "kv_lora_rank": 16,
        "q_lora_rank": None,
        "qk_nope_head_dim": 16,
        "qk_rope_head_dim": 8,
        "v_head_dim": 16,
        "n_routed_experts": 4,
        "num_experts_per_tok": 2,
        "n_shared_experts": 1,
        "moe_intermediate_size": 32,
        "first_k_dense_replace": 1,
    }
    name = made(tmp_path / "v2", DeepseekV2Config(**{**SHAPE, "num_key_value_heads": 4}, **experts))
    with wb.Session(name, config=PLAIN, host="inline") as plain:
        expected = plain.generate(PROMPTS[0], max_new_tokens=8)[0].token_ids
    with wb.Session(name, config=CUT) as session:
        assert session.generate(PROMPTS[0], max_new_tokens=8)[0].token_ids == expected
        trace = session.trace(WORK)
    # an attention and a dense layer's product each; in layers with experts their sum and the shared ones' too
    sums = next(each for each in trace.decode.crossings if each.what == "all_reduce")
    assert sums.times == 1 + LAYERS + 1 + 2 * (LAYERS - 1)


def test_what_does_not_divide_is_told_before_the_load(demo_home: Path, tmp_path: Path) -> None:
    name = made(tmp_path / "odd", LlamaConfig(**{**SHAPE, "num_key_value_heads": 1}))
    with pytest.raises(wb.CapabilityError, match="num_key_value_heads is 1, which 2 ranks do not divide"):
        wb.Session(name, config=CUT).close()


def test_a_random_model_is_cut_too_and_none_inline(demo_home: Path) -> None:
    name = "random:deepseek-llm-7b-base?scale=tiny&layers=1"
    with wb.Session(name, config=PLAIN, host="inline") as plain:
        expected = plain.generate(PROMPTS[0], max_new_tokens=6)[0].token_ids
        whole = plain.resolved.bytes_by_place["cpu"]
        with pytest.raises(wb.CapabilityError, match="WORLD_SIZE"):
            plain.apply(tp_plan="auto")
    with wb.Session(name, config=CUT) as session:
        assert session.generate(PROMPTS[0], max_new_tokens=6)[0].token_ids == expected
        assert 0.49 * whole < session.resolved.rank_bytes["1 cpu"] < 0.51 * whole


def test_exported_code_runs_under_torchrun(llama: str, tmp_path: Path, expected: dict[str, Any]) -> None:
    snippet = export.snippet("transformers", CUT, model=llama)
    snippet.save(tmp_path)
    assert "torchrun --nproc-per-node 2 load_model.py" in snippet.code
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WORKBENCH")}
    alone = subprocess.run(
        [sys.executable, "load_model.py"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert alone.returncode
    assert "torchrun --nproc-per-node 2 load_model.py" in alone.stderr
    (tmp_path / "ask.py").write_text(
        "import sys, load_model as m\n"
        f"t, model = m.load()\nids = m.generate(t, model, [{PROMPTS[0]!r}], 12)\n"
        "import os\nif os.environ['RANK'] == '0': print('IDS', ids)\n"
        "import torch; torch.distributed.destroy_process_group()\n"
    )
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "ask.py"]
    ran = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr[-2000:]
    with wb.Session(llama, config=PLAIN, host="inline") as plain:
        alone_ids = plain.generate(PROMPTS[0], max_new_tokens=12)[0].token_ids
    assert f"IDS [{list(alone_ids)}]" in ran.stdout


class Rank:
    """The other end of a leader's wire, by hand."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        self.lost: queue.SimpleQueue[tuple[int, str]] = queue.SimpleQueue()
        self.leader = Leader([socket_wire(ours)], lambda rank, why: self.lost.put((rank, why)))
        self.wire = socket_wire(theirs)

    def answer(self, **end: Any) -> None:
        frame = self.wire.receive()
        assert frame is not None
        plain = {"job": frame[0]["job"], "error": "", "said": "", "halted": False, "holds": {}}
        self.wire.send({**plain, **end})


def test_ranks_that_end_differently_are_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    rank = Rank()
    answering = threading.Thread(target=rank.answer, kwargs={"error": "RuntimeError", "said": "no room"})
    answering.start()
    with pytest.raises(RanksLost, match="no room"), rank.leader.together("apply"):
        pass
    answering.join()


def test_ranks_that_fail_alike_stay_in_step() -> None:
    rank = Rank()
    answering = threading.Thread(target=rank.answer, kwargs={"error": "session.no_config"})
    answering.start()
    with pytest.raises(wb.WorkbenchError, match="No model is loaded"), rank.leader.together("apply"):
        raise wb.WorkbenchError("session.no_config")
    answering.join()
    answering = threading.Thread(target=rank.answer, kwargs={"holds": {"1 cpu": 5}})
    answering.start()
    with rank.leader.together("apply"):
        pass
    answering.join()
    assert rank.leader.holds == {"1 cpu": 5}


def test_a_rank_that_fails_alone_is_told_although_the_first_still_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workbench.engine.ranks._PATIENCE_S", 0.05)
    rank = Rank()
    answering = threading.Thread(target=rank.answer, kwargs={"error": "OutOfMemory", "said": "no room"})
    answering.start()
    told = None
    with pytest.raises(RanksLost), rank.leader.together("apply"):
        told = rank.lost.get(timeout=10)  # this rank is inside a collective meanwhile
    answering.join()
    assert told == (1, "no room")


def test_meeting_places_of_workers_that_are_gone_are_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    gone = ("workbench-ranks-999999999-a", "workbench-ranks-999999998-b")
    names = (*gone, f"workbench-ranks-{os.getpid()}-c", "workbench-ranks-x")
    for name in names:
        (tmp_path / name).mkdir()
    for name in (names[0], *names[2:]):
        os.utime(tmp_path / name, (1, 1))
    _sweep()
    assert sorted(each.name for each in tmp_path.iterdir()) == sorted(names[1:])
