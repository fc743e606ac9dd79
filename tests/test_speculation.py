"""Speculation on tiny models: who drafted, what was kept, the same tokens, and a loop that is measured right."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

import workbench as wb
from workbench.charts import figure
from workbench.decoding import speculation as speculations
from workbench.engine import drafting
from workbench.engine.engine import Engine
from workbench.errors import ModelError, Stopped
from workbench.probes.clock import Clock, Sample
from workbench.probes.context import Context
from workbench.probes.forced import Recorder
from workbench.results import Drafts, Speculation
from workbench.widgets.tables import show

CONFIG = wb.Config(dtype="float32", threads=1)
NAME = "random:deepseek-llm-7b-base?scale=tiny"
TWIN = NAME  # drafts by the same weights: everything is kept
STRANGER = f"{NAME}&layers=1&seed=7"
REPEATS = "one two three four one two three four one two three"
QUICK = {"precision": 5.0, "budget_s": 0.5, "new_tokens": 8}


@pytest.fixture(scope="module")
def session(demo_home: Path) -> Iterator[wb.Session]:
    with wb.Session(NAME, config=CONFIG, host="inline") as session:
        yield session


@pytest.fixture(autouse=True)
def _plain(session: wb.Session) -> Iterator[None]:
    yield
    session.apply(CONFIG)


@pytest.fixture(scope="module")
def found(session: wb.Session) -> Speculation:
    modes: list[Any] = [
        "prompt_lookup",
        {"speculation": "early_exit", "assistant_early_exit": 1},
        {"speculation": "assistant", "assistant_model": TWIN, "speculation_tokens": 3},
    ]
    return session.speculation(modes, REPEATS, **QUICK)


def engine(session: wb.Session) -> Engine:
    found: Engine = session._bench.host.engine  # type: ignore[union-attr]
    return found


def test_a_twin_is_believed_and_saves_passes(found: Speculation) -> None:
    twin = found.runs[2]
    drafts = twin.drafts
    assert drafts.drafter == "assistant"
    # 8 tokens by steps of 3 drafts and the model's own
    assert (drafts.passes, drafts.steps) == (2, 2)
    assert drafts.drafted == drafts.kept == 6
    assert drafts.acceptance == 1.0
    assert drafts.kept_per_step == 3.0
    assert drafts.draft_passes == 6
    assert twin.tokens_per_pass == 4.0
    assert twin.load_s is not None
    assert twin.assistant_bytes > 1_000_000


def test_what_was_tried_is_not_said_to_be_in_force(found: Speculation, session: wb.Session) -> None:
    assert session.resolved.speculation == "off"
    work = wb.Workload(prompt_tokens=8, new_tokens=4)
    session.compare({"cache": "dynamic"}, {"cache": "static"}, work, precision=5.0, budget_s=0.5)
    assert session.resolved.cache == "dynamic"
    assert not session.resolved.differences(session.config)


def test_every_mode_counts_and_keeps_the_tokens(found: Speculation, session: wb.Session) -> None:
    for run in found.runs:
        drafts = run.drafts
        assert drafts.drafter == run.name == run.comparison.resolved_b.speculation
        assert 0 <= drafts.kept <= drafts.drafted
        assert drafts.passes == drafts.steps
        assert drafts.kept + drafts.steps == run.new_tokens  # each step adds one token of the model's own
        assert run.comparison.agreement is not None
        assert run.comparison.agreement.level in ("same", "agrees")
        assert run.comparison.agreement.first_divergence is None
        assert run.comparison.agreement.decode.positions == run.new_tokens
    assert found.runs[1].drafts.draft_passes > 0
    stored = session.runs.list(kind="speculation")[0]
    assert Speculation.from_dict(stored["result"]) == found
    assert session.config == CONFIG


def test_lookup_drafts_from_what_repeats(session: wb.Session) -> None:
    session.apply(speculation="prompt_lookup", speculation_tokens=4)
    answer = session.generate(REPEATS, max_new_tokens=10)[0]
    drafts = engine(session).drafts
    assert session.resolved.speculation == "prompt_lookup"
    assert session.resolved.differences(session.config) == ()
    assert drafts is not None
    assert drafts.drafter == "prompt_lookup"
    session.apply(speculation="off")
    assert session.resolved.speculation == "off"
    assert session.generate(REPEATS, max_new_tokens=10)[0].token_ids == answer.token_ids


@pytest.mark.parametrize(
    "knobs",
    [{"speculation": "assistant", "assistant_model": TWIN}, {"speculation": "early_exit", "assistant_early_exit": 1}],
    ids=str,
)
def test_a_stream_has_a_chunk_for_every_token(session: wb.Session, knobs: dict[str, Any]) -> None:
    plain = [chunk.token_id for chunk in session.stream(REPEATS, max_new_tokens=9)]
    session.apply(**knobs)
    chunks = list(session.stream(REPEATS, max_new_tokens=9))
    assert [chunk.token_id for chunk in chunks] == plain
    assert [chunk.index for chunk in chunks] == list(range(9))
    assert chunks[-1].finish_reason == "length"


def test_the_measuring_loop_counts_tokens_not_steps(session: wb.Session) -> None:
    session.apply(speculation="assistant", assistant_model=TWIN, speculation_tokens=3)
    taken = session.measure(wb.Workload(prompt_tokens=16, new_tokens=13), precision=5.0, budget_s=0.5)
    steps = taken.itl_s.n / taken.repeats
    assert steps == 3  # 4, 4, 4 and 1 tokens: three gaps
    assert taken.tpot_s < taken.itl_s.p50  # a step brings several
    with pytest.raises(wb.ConfigError, match="came in one step"):
        session.measure(wb.Workload(prompt_tokens=16, new_tokens=3), budget_s=1.0)


def test_the_rate_leaves_out_what_came_with_the_first_step() -> None:
    class Guard:
        def lift(self) -> None: ...

    clock = Clock(Context(lambda _name, _data: None), Guard())
    for tokens in (torch.zeros(1, 5), torch.zeros(1, 4), torch.zeros(1, 2), torch.zeros(1, 1)):
        clock.put(tokens)
    clock.stamps = [1.0, 2.0, 3.0]
    assert clock.tokens == [4, 2, 1]
    sample = Sample(0.0, clock, torch.zeros(1, 12, dtype=torch.long), 5)
    assert sample.ttft_s == 1.0
    assert sample.decode_tps == pytest.approx(3 / 2)
    assert sample.gaps == [1.0, 1.0]


def test_rows_are_refused_before_the_run(session: wb.Session) -> None:
    session.apply(speculation="prompt_lookup")
    with pytest.raises(wb.ConfigError, match="this batch has 2"):
        session.generate(["one", "two"], max_new_tokens=4)
    with pytest.raises(wb.ConfigError, match="this batch has 2"):
        session.measure(wb.Workload(batch_size=2, prompt_tokens=8, new_tokens=4))


def test_stop_inside_a_draft_leaves_the_model_whole(session: wb.Session) -> None:
    session.apply(speculation="early_exit", assistant_early_exit=1)
    resident = engine(session)
    layers = resident.model.config.num_hidden_layers
    seen = []

    def stop(_module: Any, _inputs: Any) -> None:
        seen.append(resident.model.config.num_hidden_layers)
        raise Stopped("session.stopped", phase="testing")

    handle = resident.model.model.layers[0].register_forward_pre_hook(stop)
    try:
        with pytest.raises(Stopped):
            session.generate(REPEATS, max_new_tokens=4)
    finally:
        handle.remove()
    assert seen == [1]  # it did happen within a draft
    assert resident.model.config.num_hidden_layers == layers
    assert "_get_candidate_generator" not in vars(resident.model)


def test_an_assistant_stays_until_another_is_named(session: wb.Session) -> None:
    applied = session.apply(speculation="assistant", assistant_model=STRANGER)
    assert applied.resolved.assistant == STRANGER
    first = engine(session).decoder.assistant.model
    session.apply(speculation="off")
    session.apply(speculation="assistant")
    assert engine(session).decoder.assistant.model is first
    session.apply(speculation="off", assistant_model="none")
    assert engine(session).decoder.assistant.model is None
    assert session.resolved.assistant == ""


def test_what_cannot_draft_is_refused_and_the_old_stays(session: wb.Session, tmp_path: Path) -> None:
    with pytest.raises(ModelError):
        session.apply(speculation="assistant", assistant_model=str(tmp_path))
    with pytest.raises(ModelError, match="not on this machine"):
        session.apply(speculation="assistant", assistant_model="nobody/has-this")
    with pytest.raises(wb.CapabilityError, match="layers"):
        session.apply(speculation="early_exit", assistant_early_exit=50)
    assert session.config == CONFIG
    with pytest.raises(wb.ConfigError, match="no speculation"):
        session.speculation("guessing")
    with pytest.raises(wb.ConfigError, match="no speculation"):
        session.speculation({"attention": "eager"})


def test_other_tokens(session: wb.Session, monkeypatch: pytest.MonkeyPatch) -> None:
    resident = engine(session)
    with monkeypatch.context() as patch:
        patch.setattr(type(resident.tokenizer), "get_vocab", lambda self: {str(id(self)): 0})
        with pytest.raises(wb.CapabilityError, match="speaks other tokens"):
            session.apply(speculation="assistant", assistant_model=STRANGER)


def test_probes_that_look_at_each_step_see_no_drafts(session: wb.Session) -> None:
    session.apply(speculation="prompt_lookup")
    resident = engine(session)
    seen: list[int] = []

    recorder = Recorder(lambda step, _scores: seen.append(step))
    resident.produce(resident.inputs([REPEATS]), None, 6, logits_processor=[recorder])
    assert seen == list(range(6))


def test_counts_are_of_transformers_own_drafter(session: wb.Session) -> None:
    class Generator:
        def get_candidates(self, ids: torch.Tensor) -> tuple[torch.Tensor, None]:
            return torch.cat((ids, ids[:, :2]), dim=1), None

        def update_candidate_strategy(self, *_arguments: Any) -> None: ...

    watch = drafting.Watch()
    generator: Any = watch.follow(Generator())
    for kept in (2, 0):
        generator.get_candidates(torch.zeros(1, 4, dtype=torch.long))
        watch.on_pass(None, None)
        generator.update_candidate_strategy(None, None, kept)
    expected = Drafts(drafter="Generator", steps=2, drafting_steps=2, drafted=4, kept=2, passes=2, draft_passes=0)
    assert watch.drafts() == expected
    assert expected.acceptance == 0.5


def test_shown_and_drawn(found: Speculation) -> None:
    table = show(found)
    assert table.rows[2][0] == "assistant, prompt 1"
    assert "100" in table.rows[2][3]
    assert table.rows[2][6] == "the same 8 tokens"
    assert any("takes" in each for each in table.remarks)
    assert len(figure(found).data[0].x) == 3


@pytest.mark.slow
@pytest.mark.model
@pytest.mark.timeout(600)
def test_the_demo_copies_what_it_has_read(demo_home: Path) -> None:
    with wb.Session("demo", config=CONFIG, host="inline") as session:
        session.apply(speculation="prompt_lookup")
        prompt = speculations._tasks(None)["copy"]
        resident = engine(session)
        resident.produce(resident.inputs([prompt]), None, 32)
        drafts = resident.drafts
    assert drafts is not None
    assert drafts.acceptance is not None
    assert drafts.acceptance > 0.5
    assert drafts.acceptance > 0.5
    assert drafts.passes < 20


@pytest.mark.slow
@pytest.mark.model
@pytest.mark.timeout(600)
def test_the_exported_code_drafts_too(demo_home: Path, tmp_path: Path) -> None:
    with wb.Session("demo", config=CONFIG, host="inline") as session:
        session.apply(speculation="assistant", assistant_model="demo", speculation_tokens=2)
        answer = session.generate("Explain in two sentences what the KV cache of a language model is for.")[0]
        code = session.export("transformers").code
    file = tmp_path / "load_model.py"
    file.write_text(code)
    ran = subprocess.run([sys.executable, str(file)], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == answer.text.strip()
