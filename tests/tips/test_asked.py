"""Each question to the model where the claim is true and where it is not, built for real: none is a constant."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from workbench.config import Config
from workbench.errors import CapabilityError
from workbench.probes.asked import QUESTIONS
from workbench.session import Session
from workbench.suites import decoding_prompts

PLAIN = Config(dtype="float32", threads=1)


@pytest.fixture(scope="module")
def session(demo_home: Path) -> Iterator[Session]:
    with Session("random:deepseek-llm-7b-base?scale=tiny", config=PLAIN, host="inline") as opened:
        yield opened


@pytest.fixture(autouse=True)
def _left_as_it_was(session: Session) -> Iterator[None]:
    before = session.config
    yield
    if session.config != before:
        session.apply(before)


def asked(session: Session, question: str, **params: Any) -> dict[str, Any]:
    before = session.config
    found = session.ask(question, **params)
    assert session.config == before, "a question changes nothing"
    return {name: each.value for name, each in found.values.items()}


def test_masks_reach_attention_only_where_something_is_masked(session: Session) -> None:
    ones = asked(session, "attention_calls", mask="ones", batch_size=2)
    assert ones["masked_share"] == 0.0
    assert ones["same_tokens"] is True
    padded = asked(session, "attention_calls", mask="padding", batch_size=2)
    assert padded["masked_share"] == 1.0
    assert padded["same_tokens"] is False, "a mask that is left out cannot be guessed: pad is an end token here"
    assert padded["tpot_ratio"] > 0


def test_forward_calls_are_counted(session: Session) -> None:
    plain = asked(session, "forward_calls", batch_size=4, pad_token="none")
    assert plain == {"calls_per_token": 1.0, "step_tokens": 1, "same_tokens": True}
    no_cache = asked(session, "forward_calls", batch_size=2, arguments={"use_cache": False})
    assert no_cache["step_tokens"] > 8
    assert no_cache["same_tokens"] is True
    in_chunks = asked(session, "forward_calls", batch_size=2, arguments={"prefill_chunk_size": 2})
    assert in_chunks["calls_per_token"] > 2
    drawn = asked(session, "forward_calls", batch_size=4, arguments={"do_sample": True, "temperature": 9.0})
    assert drawn["same_tokens"] is False


def test_a_compilation_that_nobody_asked_for_is_counted(session: Session) -> None:
    from transformers import CompileConfig

    assert asked(session, "compiled_by_itself", disable_compile=False) == {"frames": 0}
    session.apply(cache="static")
    generation = session.model.generation_config
    generation.compile_config = CompileConfig(backend="eager", fullgraph=False, dynamic=False)
    generation.compile_config._compile_all_devices = True  # what a GPU has by itself
    try:
        assert asked(session, "compiled_by_itself", disable_compile=True) == {"frames": 0}
        assert asked(session, "compiled_by_itself", disable_compile=False)["frames"] > 0
    finally:
        generation.compile_config = None


def test_another_end_token_ends_elsewhere_and_the_own_one_does_not(session: Session) -> None:
    assert asked(session, "ends", id="common") == {"stops_changed": True}
    assert asked(session, "ends", id="eos") == {"stops_changed": False}


def test_rows_padded_with_the_end_token_need_their_mask(session: Session) -> None:
    assert asked(session, "padded_rows", pad_token="eos", mask=True) == {"same_share": 1.0}
    assert asked(session, "padded_rows", pad_token="eos", mask=False)["same_share"] < 1.0


def test_near_zero_is_greedy_where_nothing_ties(session: Session) -> None:
    prompts = [prompt.content for prompt in decoding_prompts()][:3]
    near = asked(session, "ties", temperature=1e-6, seeds=3, prompts=prompts, threads=1)
    assert near["same_share"] == 1.0
    assert near["tie_share"] == 0.0
    assert asked(session, "ties", temperature=5.0, seeds=3, prompts=prompts, threads=1)["same_share"] < 1.0


def test_a_setting_that_the_class_reads_and_one_that_it_does_not(session: Session) -> None:
    same = asked(session, "edited_config", changes={"rms_norm_eps": session.model.config.rms_norm_eps})
    assert same == {"settable": True, "loads": True, "ppl_ratio": 1.0}
    unread = asked(session, "edited_config", changes={"sliding_window": 8})
    assert unread == {"settable": False, "loads": True, "ppl_ratio": 1.0}
    larger = asked(session, "edited_config", changes={"intermediate_size": 8})
    assert larger["loads"] is False
    assert larger["ppl_ratio"] is None
    assert asked(session, "edited_config", changes={"rms_norm_eps": 10.0})["ppl_ratio"] != 1.0


def test_fewer_and_wider_heads_load_and_leave_nothing_of_a_trained_model(demo_home: Path) -> None:
    with Session("demo", config=PLAIN, host="inline") as demo:
        found = demo.ask("edited_config", fewer_heads=True)
        assert found.values["loads"].value is True
        ratio = found.values["ppl_ratio"]
        assert ratio.ci95 is not None
        assert ratio.ci95[0] > 2
        assert "num_attention_heads=3" in str(found.notes[0])


def test_the_cache_keeps_the_latent_or_every_head(session: Session, tiny_mla: str) -> None:
    assert asked(session, "cache_tensors") == {"kept_ratio": 1.0}
    with Session(tiny_mla, config=PLAIN, host="inline") as latent:
        assert asked(latent, "cache_tensors")["kept_ratio"] < 0.5


def test_an_event_loop_waits_for_a_call_and_not_for_a_thread(session: Session) -> None:
    direct, threaded = (asked(session, "event_loop", threaded=each)["gap_share"] for each in (False, True))
    assert direct > 0.9
    assert threaded < direct


def test_modules_by_their_class(session: Session) -> None:
    assert asked(session, "modules", classes=("Conv1d", "LSTM")) == {"modules": 0}
    assert asked(session, "modules", classes=("Attention",))["modules"] == session.model.config.num_hidden_layers


def test_scales_of_eight_bits_are_found_once_for_weights_and_each_time_for_activations(demo_home: Path) -> None:
    config = PLAIN.replace(quantization="bnb-int8", dtype="bfloat16")
    with Session("random:deepseek-llm-7b-base?scale=tiny", config=config, host="inline") as eight:
        assert asked(eight, "scales", part="weights") == {"scaled_at_use": False}
        assert asked(eight, "scales", part="activations") == {"scaled_at_use": True}


def test_what_needs_something_else_says_so(session: Session) -> None:
    with pytest.raises(CapabilityError, match="8 bits"):
        session.ask("scales", part="weights")
    for question, params in {"ballast": {"filled": 0.5}, "emptied": {}}.items():
        with pytest.raises(CapabilityError, match="GPU"):
            session.ask(question, **params)


def test_every_question_of_the_model_is_tried_here() -> None:
    here = Path(__file__).read_text(encoding="utf-8")
    assert all(f'"{name}"' in here for name in QUESTIONS)
