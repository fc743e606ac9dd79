"""Every value has a verdict, on this machine and on others, and for models that are not loaded."""

from dataclasses import replace

import pytest

from tests.machine.facts import CUDA_TORCH, PLAIN, installed, with_gpu
from workbench.catalog.architectures import class_support
from workbench.errors import ModelError
from workbench.knobs import KNOBS, Choice
from workbench.machine import examine, values
from workbench.machine.findings import findings
from workbench.results.values import Values

HOPPER = with_gpu("NVIDIA H100", (9, 0), torch=CUDA_TORCH.model_copy(update={"cudnn": 91200}))


def verdicts(found: Values, knob: str) -> dict[str, bool]:
    return {verdict.value: verdict.usable for verdict in found.verdicts if verdict.knob == knob}


@pytest.mark.parametrize("facts", [PLAIN, HOPPER, replace(HOPPER, system="Windows", architecture="AMD64")])
def test_every_value_has_a_verdict_and_a_refusal_its_reason_and_way_out(facts: object) -> None:
    found = values(examine.report(facts, {}))  # type: ignore[arg-type]
    for name in ("attention", "sdpa_backend", "attention_mask", "compile", "freezing", "cache", "cache_backend"):
        kind = KNOBS[name].kind
        assert isinstance(kind, Choice)
        assert set(kind.values) <= set(verdicts(found, name))
    assert set(verdicts(found, "cache_bits")) >= {"2 (quanto)", "4 (quanto)", "1 (hqq)", "8 (hqq)"}
    for verdict in found.verdicts:
        assert verdict.usable or (verdict.reason and verdict.remedy), f"{verdict.knob}={verdict.value}"
    assert Values.from_json(found.to_json()) == found


def test_a_model_of_the_catalogue_decides_too() -> None:
    ready = examine.report(installed(HOPPER, flash_attn="2.8.3", flash_attn_3="3.0.0", triton="3.5"), {})
    llama = values(ready, "deepseek-llm-7b-base")
    latent = values(ready, "deepseek-v3")
    newest = values(ready, "deepseek-v4-flash-base")
    assert verdicts(llama, "attention")["flash_attention_2"]
    assert verdicts(llama, "sdpa_backend")["flash"]
    assert verdicts(latent, "attention")["flash_attention_2"]
    assert not verdicts(latent, "sdpa_backend")["flash"]
    assert verdicts(latent, "sdpa_backend")["cudnn"]
    assert not any(usable for value, usable in verdicts(newest, "attention").items() if value != "eager")
    assert not verdicts(newest, "compile")["default"]
    with pytest.raises(ModelError):
        values(ready, "deepseek-v9")


def test_neighbours_with_one_verdict_share_a_row() -> None:
    found = values(examine.report(PLAIN, {}))
    rows = {(knob, listed): why for knob, listed, _, why in found.rows()}
    assert "needs a CUDA GPU" in rows["attention", "flash_attention_2, flash_attention_3, flash_attention_4"]
    assert "cache_bits" in str(found)
    assert max(len(line) for line in str(found).splitlines()) <= 110
    assert "<table>" in found._repr_html_()


@pytest.mark.parametrize("model_type", ["llama", "qwen2", "deepseek_v2", "deepseek_v3", "deepseek_v32", "deepseek_v4"])
def test_the_class_says_what_its_source_says(model_type: str) -> None:
    """Read without torch, and the same as the imported class says."""
    import importlib

    told = class_support(model_type)
    assert told is not None
    module = importlib.import_module(f"transformers.models.{model_type}.modeling_{model_type}")
    known = next(kind for name, kind in vars(module).items() if name.endswith("ForCausalLM"))
    assert (told.sdpa, told.flash, told.flex) == (
        known._supports_sdpa,
        known._supports_flash_attn,
        known._supports_flex_attn,
    )
    assert told.static_cache is not known._is_stateful
    assert told.compiles_whole is known._can_compile_fullgraph


def test_an_unknown_class_says_nothing() -> None:
    assert class_support("no_such_model") is None
    assert class_support("../llama") is None


def test_a_look_alike_is_a_finding_with_the_way() -> None:
    torch = CUDA_TORCH.model_copy(update={"attention_modules": {"fa3_fwd_interface": ("fa3-fwd",)}})
    (line,) = (line for line in findings(with_gpu(torch=torch)) if line.code == "machine.transformers.look_alike")
    for word in ("fa3_fwd_interface", "fa3-fwd", "flash-attn-3", "flash_attention_3", "AttentionInterface.register"):
        assert word in str(line)


@pytest.mark.parametrize(
    ("modules", "versions"),
    [
        ({"flash_attn": ("flash-attn",)}, {"flash-attn": "2.8.3"}),
        ({"flash_attn": ("flash-attn-4",)}, {"flash-attn-4": "4.0.0b36"}),
        ({"flash_attn_interface": ("flash-attn-3",)}, {"flash-attn-3": "3.0.0"}),
        ({}, {}),
    ],
)
def test_what_transformers_sees_is_no_look_alike(modules: dict[str, tuple[str, ...]], versions: dict[str, str]) -> None:
    torch = CUDA_TORCH.model_copy(update={"attention_modules": modules})
    facts = replace(with_gpu(torch=torch), versions=versions)
    assert "machine.transformers.look_alike" not in {line.code for line in findings(facts)}
