"""Traces of real models on the CPU: the kernel that ran, the file, and nothing left behind on the model."""

import gzip
import json
import logging
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS
from transformers.models.llama import modeling_llama

import workbench as wb
from workbench.catalog.kernels import patterns
from workbench.probes import trace_file

pytestmark = pytest.mark.model

LAYERS, STEPS = 2, 3
FORWARDS = STEPS + 1
WORK = wb.Workload(prompt_tokens=24, new_tokens=16)
FEW = wb.Workload(prompt_tokens=24, new_tokens=4)  # where each length is compiled
PADDED = wb.Workload(prompts=("The sea", "The sea is wide and the wind is cold"), batch_size=2, new_tokens=16)
CPU_FLASH = "aten::_scaled_dot_product_flash_attention_for_cpu"
MATH = "aten::_scaled_dot_product_attention_math"
SEEN: set[str] = set()  # names in all files of this module


def session_of(model: str, **knobs: Any) -> wb.Session:
    return wb.Session(model, config=wb.Config(threads=1, dtype="float32", **knobs), host="inline")


@pytest.fixture(scope="module")
def llama(demo_home: Path) -> Iterator[wb.Session]:
    with session_of(f"random:deepseek-llm-7b-base?scale=tiny&layers={LAYERS}") as session:
        yield session


def document_of(trace: wb.Trace) -> dict[str, Any]:
    assert trace.path is not None
    with gzip.open(trace.path, "rt", encoding="utf-8") as file:
        document: dict[str, Any] = json.load(file)
    return document


def names_in(trace: wb.Trace) -> Counter[str]:
    """How often each operation stands in the file."""
    names = Counter(event["name"] for event in document_of(trace)["traceEvents"] if event.get("cat") == "cpu_op")
    SEEN.update(names)
    return names


def traced(session: wb.Session, workload: wb.Workload = WORK, **knobs: Any) -> wb.Trace:
    session.apply(wb.Config(threads=1, dtype="float32", **knobs))
    return session.trace(workload, steps=STEPS)


def test_sdpa_runs_the_flash_kernel_once_a_layer(llama: wb.Session) -> None:
    trace = traced(llama)
    assert trace.backend == {"prefill": "CPU flash", "decode": "CPU flash"}
    assert trace.attention_kernels == (CPU_FLASH,)
    assert names_in(trace)[CPU_FLASH] == LAYERS * FORWARDS
    assert trace.differences == ()
    assert trace.gpu_idle_fraction is None
    assert str(trace.why_no_gpu_idle)


def test_eager_is_two_matmuls_and_a_softmax_and_no_sdpa(llama: wb.Session) -> None:
    trace = traced(llama, attention="eager")
    names = names_in(trace)
    assert not [name for name in names if "scaled_dot_product" in name]
    assert names["aten::bmm"] == 2 * LAYERS * FORWARDS
    assert names["aten::_softmax"] == LAYERS * FORWARDS
    assert trace.backend == {"prefill": "eager", "decode": "eager"}
    assert trace.attention_kernels == ("aten::bmm", "aten::_softmax")
    assert trace.differences == ()


def test_the_math_kernel_when_it_was_asked_is_no_difference(llama: wb.Session) -> None:
    trace = traced(llama, sdpa_backend="math")
    assert trace.attention_kernels == (MATH,)
    assert names_in(trace)[MATH] == LAYERS * FORWARDS
    assert trace.differences == ()


def test_a_static_cache_is_written_in_place_and_compiles_nothing_here(llama: wb.Session) -> None:
    trace = traced(llama, cache="static")
    assert names_in(trace)["aten::index_copy_"] == 2 * LAYERS * FORWARDS
    assert trace.decode.compiled_regions == 0
    assert trace.resolved.cache == "static"
    assert trace.differences == ()


@pytest.mark.parametrize(("attention", "backend"), [("sdpa", "CPU flash"), ("eager", "eager")])
def test_padding_does_not_push_sdpa_off_its_kernel_on_a_cpu(llama: wb.Session, attention: str, backend: str) -> None:
    trace = traced(llama, PADDED, attention=attention)
    names_in(trace)
    assert trace.backend == {"prefill": backend, "decode": backend}
    assert trace.differences == ()
    assert trace.workload.batch_size == 2


def test_latent_attention_falls_to_math_and_the_reason_is_told(tiny_mla: str) -> None:
    with session_of(tiny_mla) as session:
        trace = session.trace(WORK)
        eager = traced(session, PADDED, attention="eager")
    names_in(trace)
    names_in(eager)
    assert trace.backend["prefill"] == "sdpa math"
    assert {difference.code for difference in trace.differences} == {"trace.math_head_dims"}
    assert {difference.params["phase"] for difference in trace.differences} == {"prefill", "decode"}
    assert trace.differences[0].params["head_dim"] > trace.differences[0].params["value_dim"]
    assert eager.backend["decode"] == "eager"
    assert eager.differences == ()


@pytest.mark.parametrize("slug", ["deepseek-v3", "deepseek-r1-distill-qwen-1.5b"])
def test_time_is_told_apart_by_what_it_is_for(demo_home: Path, slug: str) -> None:
    with session_of(f"random:{slug}?scale=tiny") as session:
        trace = session.trace(WORK)
    names_in(trace)
    for phase in trace.phases.values():
        times = phase.time_by_category
        assert {"attention", "linear", "norm", "rotary", "memory", "sampling", "python"} <= set(times)
        assert sum(times.values()) == pytest.approx(phase.seconds, rel=1e-6)
        assert all(seconds >= 0 for seconds in times.values())
        assert phase.unrecognised == {}
    assert trace.launches_per_token == trace.decode.launches / STEPS > 100


def test_every_line_for_a_cpu_matches_a_name_of_these_traces() -> None:
    if not SEEN:
        pytest.skip("only meaningful after the traces above")
    lines = [pattern.regex for pattern in patterns() if pattern.where == "cpu"]
    assert [line.pattern for line in lines if not any(map(line.search, SEEN))] == []


def test_the_file_is_what_perfetto_and_tensorboard_read(llama: wb.Session) -> None:
    first, second = traced(llama), llama.trace(WORK)
    assert first.path is not None
    assert first.path != second.path
    assert first.path.name.endswith(".pt.trace.json.gz")
    assert first.path.stat().st_size == first.artifact_bytes
    document = document_of(first)
    assert len(document["traceEvents"]) > 100
    marks = {event["name"] for event in document["traceEvents"] if event["name"].startswith("workbench::")}
    assert {"workbench::forward", "workbench::norm", "workbench::rotary", "workbench::attention[sdpa]"} <= marks
    steps = Counter(event["name"] for event in document["traceEvents"] if event["name"].startswith("workbench."))
    assert steps == {"workbench.prefill": 1, "workbench.decode": STEPS, "workbench.sampling": FORWARDS}
    assert document["host_name"] == ""
    assert document["traceName"] == first.artifact
    assert not list(first.path.parent.glob(".*"))
    assert [said.code for said in first.how_to_open] == ["trace.open_perfetto", "trace.open_others"]
    assert first.path.name in str(first.how_to_open[0])


@pytest.mark.parametrize(
    ("limit", "code"), [("MOST_EVENTS", "trace.too_many_events"), ("MOST_BYTES", "trace.too_large")]
)
def test_a_file_that_would_be_too_large_is_not_kept_and_that_is_said(
    llama: wb.Session, monkeypatch: pytest.MonkeyPatch, limit: str, code: str
) -> None:
    folder = traced(llama).path.parent
    before = sorted(folder.iterdir())
    monkeypatch.setattr(trace_file, limit, 100)
    trace = llama.trace(WORK)
    assert (trace.artifact, trace.path, trace.how_to_open) == (None, None, ())
    assert [note.code for note in trace.notes] == [code]
    assert trace.backend["decode"] == "CPU flash"
    assert sorted(folder.iterdir()) == before


def test_the_model_is_left_as_it_was(llama: wb.Session) -> None:
    traced(llama, attention="eager")
    traced(llama)
    hooks = [module for module in llama.model.modules() if module._forward_hooks or module._forward_pre_hooks]
    assert hooks == []
    assert ALL_ATTENTION_FUNCTIONS["sdpa"] is sdpa_attention_forward
    assert not ALL_ATTENTION_FUNCTIONS._local_mapping
    functions = (modeling_llama.apply_rotary_pos_emb, modeling_llama.eager_attention_forward)
    assert [function.__module__ for function in functions] == [modeling_llama.__name__] * 2
    assert not any(hasattr(function, "__wrapped__") for function in functions)


def test_stop_ends_it_and_takes_the_marks_off(llama: wb.Session) -> None:
    traced(llama)
    stopping = llama.on("state", lambda event: event.data["state"] == "tracing" and llama.stop())
    with pytest.raises(wb.Stopped):
        llama.trace(wb.Workload(prompt_tokens=512, new_tokens=16))
    stopping()
    assert not [module for module in llama.model.modules() if module._forward_pre_hooks]
    assert not ALL_ATTENTION_FUNCTIONS._local_mapping
    assert llama.trace(WORK).backend["decode"] == "CPU flash"


def test_no_more_steps_than_the_workload_has(llama: wb.Session) -> None:
    assert traced(llama, wb.Workload(prompt_tokens=8, new_tokens=2)).decode.steps == 1


@pytest.fixture
def loud(llama: wb.Session) -> Iterator[Callable[..., Any]]:
    """An attention that somebody registered and put on the model, and that warns through transformers' logger."""

    def loud_attention(*arguments: Any, **options: Any) -> Any:
        logging.getLogger("transformers.loud").warning_once("this attention is loud")
        return sdpa_attention_forward(*arguments, **options)

    AttentionInterface.register("loud_attention", loud_attention)
    AttentionMaskInterface.register("loud_attention", sdpa_mask)
    llama.apply(wb.Config(threads=1, dtype="float32"))
    llama.model.set_attn_implementation("loud_attention")
    yield loud_attention
    llama.model.set_attn_implementation("sdpa")
    del AttentionInterface._global_mapping["loud_attention"]
    del AttentionMaskInterface._global_mapping["loud_attention"]


def test_what_transformers_warned_of_is_in_the_trace_every_time(llama: wb.Session, loud: Callable[..., Any]) -> None:
    for _ in range(2):  # the library says it once only
        trace = llama.trace(WORK)
        assert trace.warnings == ("this attention is loud",)
    assert trace.backend["prefill"] == "CPU flash"
    assert [difference.code for difference in trace.differences] == ["trace.not_asked"]
    assert ALL_ATTENTION_FUNCTIONS["loud_attention"] is loud


def test_tracing_does_not_change_what_is_computed(llama: wb.Session) -> None:
    llama.apply(wb.Config(threads=1, dtype="float32"))
    before = llama.generate("The sea", 8)[0].token_ids
    llama.trace(WORK)
    assert llama.generate("The sea", 8)[0].token_ids == before
    assert torch.is_grad_enabled()


@pytest.mark.slow
def test_compiled_decode_is_entered_once_a_step_and_its_kernel_is_named(demo_home: Path) -> None:
    with session_of("random:deepseek-llm-7b-base?scale=tiny&layers=1", compile="default") as session:
        trace = session.trace(WORK, steps=STEPS)
    assert trace.decode.compiled_regions == STEPS
    assert trace.prefill.compiled_regions == 0
    assert trace.decode.time_by_category["compiled"] > 0
    assert trace.backend["decode"] == "CPU flash"
    assert trace.differences == ()
    assert [note.code for note in trace.notes] == ["trace.unmarked"]


@pytest.mark.filterwarnings("ignore:_compile flag on create_block_mask:DeprecationWarning")  # transformers' own use
@pytest.mark.parametrize(
    "model", ["random:deepseek-llm-7b-base?scale=tiny&layers=1", pytest.param("demo", marks=pytest.mark.slow)]
)
def test_flex_attention_is_seen_by_what_it_compiled_and_agrees_with_eager(demo_home: Path, model: str) -> None:
    with session_of(model, attention="flex_attention") as session:
        trace = session.trace(FEW, steps=1)
        agreement = session.agreement({"attention": "eager"}, {"attention": "flex_attention"}, FEW)
    assert trace.backend == {"prefill": "flex", "decode": "flex"}
    assert trace.differences == ()
    assert agreement.level in ("agrees", "rounding")
