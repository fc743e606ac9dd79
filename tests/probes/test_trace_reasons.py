"""Why what ran is not what was asked: each quiet case as a row of facts."""

from typing import Any

import pytest

import workbench as wb
from workbench.probes.trace_reasons import Call, Circumstances, reasons
from workbench.results import Resolved, TracePhase

HALF, FULL = "c10::BFloat16", "float"
FITS = Call(HALF, 128, 128, masked=False)


def phase(backend: str | None = "sdpa flash", regions: int = 0, **unrecognised: float) -> TracePhase:
    return TracePhase(
        steps=1,
        seconds=1.0,
        attention_kernels=(),
        backend=backend,
        time_by_category={},
        launches=1,
        compiled_regions=regions,
        unrecognised=unrecognised,
    )


def resolved(**changes: Any) -> Resolved:
    facts: dict[str, Any] = {
        "attention": "sdpa",
        "dtype": "bfloat16",
        "bytes_by_dtype": {},
        "device_map": {"cuda:0": 1},
        "cache": "dynamic",
        "threads": 1,
        "pad_token_id": None,
        "eos_token_ids": (),
        "padding_side": "left",
    }
    return Resolved(**(facts | changes))


def told(
    knobs: dict[str, Any],
    *,
    backend: str | None = "sdpa flash",
    regions: int = 0,
    calls: tuple[Call, ...] = (FITS,),
    on_gpu: bool = True,
    zeros: bool = False,
    **facts: Any,
) -> tuple[list[str], list[str]]:
    """(codes of the differences, codes of the notes) where both phases are alike."""
    around = Circumstances(on_gpu=on_gpu, zeros_in_mask=zeros, calls={"prefill": calls, "decode": calls})
    phases = {"prefill": phase(backend, regions), "decode": phase(backend, regions)}
    state = resolved(**{"attention": knobs.get("attention", "sdpa"), **facts})
    found = reasons(wb.Config(**knobs), state, phases, around)
    differences, notes = ([message.code for message in messages] for messages in found)
    return list(dict.fromkeys(differences)), list(dict.fromkeys(notes))


@pytest.mark.parametrize(
    ("knobs", "facts", "codes"),
    [
        ({}, {}, []),
        ({"attention": "eager"}, {"backend": "eager"}, []),
        ({"attention": "eager"}, {"backend": "CPU flash"}, ["trace.other_attention"]),
        ({}, {"backend": "eager"}, ["trace.other_attention"]),
        ({}, {"backend": None}, ["trace.no_kernel"]),
        ({"sdpa_backend": "math"}, {"backend": "sdpa math"}, []),
        ({"sdpa_backend": "cudnn"}, {"backend": "sdpa flash"}, ["trace.other_kernel"]),
        ({"sdpa_backend": "flash"}, {"backend": "CPU flash", "on_gpu": False}, []),
        ({}, {"backend": "sdpa math", "calls": (Call(HALF, 192, 128, masked=False),)}, ["trace.math_head_dims"]),
        (
            {},
            {"backend": "sdpa math", "calls": (Call(FULL, 64, 32, masked=True),), "on_gpu": False},
            ["trace.math_head_dims"],  # the CPU's flash kernel takes float32 and masks
        ),
        ({}, {"backend": "sdpa math", "calls": (Call(HALF, 512, 512, masked=False),)}, ["trace.math_head_dim"]),
        ({}, {"backend": "sdpa math", "calls": (Call(FULL, 128, 128, masked=False),)}, ["trace.math_dtype"]),
        (
            {},
            {"backend": "sdpa math", "calls": (Call(HALF, 128, 128, masked=True),), "zeros": True},
            ["trace.math_zeros"],
        ),
        ({}, {"backend": "sdpa math", "calls": (Call(HALF, 128, 128, masked=True),)}, ["trace.math_mask"]),
        ({}, {"backend": "sdpa math"}, ["trace.math_unknown"]),
        (
            {"attention": "flash_attention_2"},
            {"backend": "FlashAttention 2 + hub kernel", "attention": "kernels-community/flash-attn2"},
            ["trace.substituted"],
        ),
        ({}, {"attention": "my_attention"}, ["trace.not_asked"]),
        ({"attention": "flash_attention_2"}, {"backend": "FlashAttention 2"}, []),
        (
            {"attention": "flash_attention_2"},
            {"backend": "FlashAttention 2", "dtype": "float32"},
            ["trace.flash_float32"],
        ),
        (
            {"attention": "flash_attention_2", "autocast": "bfloat16"},
            {"backend": "FlashAttention 2", "dtype": "float32"},
            [],
        ),
        ({"attention": "kernels-community/flash-attn2"}, {"backend": "FlashAttention 2"}, []),
        ({"attention": "flash_attention_3"}, {"backend": "FlashAttention 2"}, ["trace.other_attention"]),
        ({"cache": "static"}, {"regions": 3}, ["trace.compiled_by_itself"]),
        ({"cache": "static"}, {}, []),
        ({"attention": "flex_attention"}, {"backend": "flex", "regions": 60}, []),
        ({"compile": "default"}, {"regions": 3}, []),
        ({"compile": "default"}, {}, ["trace.not_compiled"]),
    ],
)
def test_differences(knobs: dict[str, Any], facts: dict[str, Any], codes: list[str]) -> None:
    assert told(knobs, **facts)[0] == codes


def test_zeros_that_only_shut_flash_out_are_a_note() -> None:
    assert told({}, backend="sdpa efficient", zeros=True) == ([], ["trace.flash_shut_out"])
    assert told({}, backend="sdpa efficient") == ([], [])


def test_beside_compiled_code_the_missing_marks_are_a_note() -> None:
    assert told({"compile": "default"}, regions=3) == ([], ["trace.unmarked"])


def test_an_unknown_name_is_told_when_it_takes_time() -> None:
    around = Circumstances(on_gpu=True, zeros_in_mask=False, calls={})
    phases = {"prefill": phase(big_kernel=0.5), "decode": phase(small_kernel=0.001)}
    _, notes = reasons(wb.Config(), resolved(), phases, around)
    assert [str(note) for note in notes] == ["unrecognised: big_kernel"]


def test_a_mixed_phase_is_what_was_asked_when_it_is_among_it() -> None:
    assert told({}, backend="sdpa efficient + sdpa flash")[0] == []
