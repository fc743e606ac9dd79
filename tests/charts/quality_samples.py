"""Quality diffs, censuses and sensitivities made by hand, of the real types."""

from typing import Any

from tests.charts.samples import measurement, resolved
from workbench.config import Config
from workbench.results import (
    AnswerFlips,
    AnswerPair,
    Census,
    Degeneration,
    Kld,
    Left,
    ModelFacts,
    Perplexity,
    QualityDiff,
    QualityFloor,
    Sensitive,
    Sensitivity,
    Share,
    Statistics,
    TokenPair,
    recorded,
)
from workbench.words import say

MIB = 1 << 20
MACHINE = {"label": "two cores"}
REFERENCE = Config(dtype="float32", attention="eager")
NF4 = Config(dtype="bfloat16", quantization="bnb-nf4")


def facts(**changes: Any) -> ModelFacts:
    values: dict[str, Any] = {
        "name": "demo",
        "model_type": "llama",
        "architecture": "LlamaForCausalLM",
        "parameters": 134_515_008,
        "layers": 30,
        "hidden_size": 576,
        "heads": 9,
        "kv_heads": 3,
        "head_dim": 64,
        "context_length": 8192,
        "vocab_size": 49152,
        "kv_bytes_per_token": 46080,
        "weight_bytes": 538_060_032,
        **changes,
    }
    return ModelFacts(**values)


def statistics(kld: float = 0.3, same_top: float = 0.7, **changes: Any) -> Statistics:
    """`kld` ± a tenth of it."""
    values: dict[str, Any] = {
        "positions": 255,
        "blocks": 16,
        "perplexity": Perplexity(
            value=16.0,
            reference=15.0,
            correlation=0.98,
            ln_ratio=0.0645,
            ln_ratio_ci95=(0.05, 0.08),
            ratio=1.067,
            ratio_ci95=(1.05, 1.08),
            difference=1.0,
            difference_ci95=(0.8, 1.2),
        ),
        "kld": Kld(mean=kld, mean_ci95=(0.9 * kld, 1.1 * kld), percentiles={"99": 8 * kld, "50": kld / 2}),
        "same_top": same_top,
        "same_top_ci95": (same_top - 0.02, min(same_top + 0.02, 1.0)),
        **changes,
    }
    return Statistics(**values)


def answer(prompt: str = "Name a colour.", parts_at: int | None = 1) -> AnswerPair:
    same = TokenPair(text="The", p=0.8, top_p=0.1)
    other = TokenPair(text=" sea", p=0.4, top_p=0.3)
    one = TokenPair(text=" sky", p=0.5, top_p=0.4)
    candidate = (same, one) if parts_at is None else (same, other)
    return AnswerPair(
        prompt=prompt, domain="english", reference=(same, one), candidate=candidate, parts_at=parts_at, margin=0.2
    )


def quality(kld: float = 0.3, config: Config = NF4, **changes: Any) -> QualityDiff:
    values: dict[str, Any] = {
        "reference": REFERENCE.to_dict(),
        "candidate": config.to_dict(),
        "suite": "short",
        "suite_hash": "abc",
        "overall": statistics(kld),
        "by_domain": {
            "chinese": statistics(1.5 * kld, 0.6),
            "chinese_punctuation": statistics(1.8 * kld, 0.55),
            "mathematics": statistics(0.9 * kld, 0.78),
            "code": statistics(0.7 * kld, 0.8),
            "english": statistics(0.8 * kld, 0.72),
            "long_context": statistics(0.75 * kld, 0.74),
        },
        "noise_floor": QualityFloor(kld_mean=2e-4, same_top=0.995, by={"attention": 2e-4, "batch": 1e-6}),
        "decode_path": statistics(0.9 * kld, 0.72),
        "answers": (answer(), answer("Count.", None)),
        "degeneration": Degeneration(
            answers=2, repeat_4gram=(0.0, 0.1), ended=(1.0, 0.5), looping=(0.0, 0.5), unbalanced=(0.0, 0.0)
        ),
        "choices": AnswerFlips(
            items=20, flips=4, flip_share=0.2, flip_share_ci95=(0.08, 0.42), accuracy=(0.6, 0.5), changed=("a", "b")
        ),
        "weight_bytes": 110 * MIB,
        "reference_bytes": 513 * MIB,
        "verdict": say("decision.no_workload"),
        "seconds": 20.0,
        "reference_seconds": 8.0,
        **changes,
    }
    return QualityDiff(**values)


def judged(number: int, config: Config, kld: float, ran: str = "none", **changes: Any) -> dict[str, Any]:
    """A stored quality record; a higher `number` is newer."""
    state = resolved(dtype=config["dtype"], quantization=ran)
    record = recorded("demo", MACHINE, quality(kld, config, **changes), config=config, resolved=state)
    return {"id": number, "time": "2026-01-01T00:00:00+00:00", **_plain(record)}


def timed(number: int, config: Config, decode_tps: float, **changes: Any) -> dict[str, Any]:
    """A stored measurement."""
    record = recorded("demo", MACHINE, measurement(decode_tps, **changes), config=config)
    return {"id": number, "time": "2026-01-01T00:00:00+00:00", **_plain(record)}


def _plain(record: dict[str, Any]) -> dict[str, Any]:
    return {**record, "machine": MACHINE}


def census(**changes: Any) -> Census:
    """What V2-Lite shows: its experts stay as they were."""
    values: dict[str, Any] = {
        "asked": "bnb-nf4",
        "ran": "bnb-nf4",
        "loaded": (),
        "now": (
            Share(role="embedding", format="bfloat16", values=10_000_000, bytes=20_000_000),
            Share(role="attention", format="nf4", values=8_000_000, bytes=4_500_000, state_bytes=500_000),
            Share(role="mlp", format="nf4", values=4_000_000, bytes=2_250_000, state_bytes=250_000),
            Share(role="experts", format="bfloat16", values=200_000_000, bytes=400_000_000),
            Share(role="norm", format="bfloat16", values=10_000, bytes=20_000),
        ),
        "left": (
            Left(
                role="experts",
                format="bfloat16",
                values=200_000_000,
                bytes=400_000_000,
                count=52,
                names=("model.layers.1.mlp.experts.gate_up_proj",),
                why=say("decision.no_workload"),
            ),
        ),
        "sentence": say("decision.no_workload"),
        **changes,
    }
    return Census(**values)


def sensitivity(**changes: Any) -> Sensitivity:
    values: dict[str, Any] = {
        "candidate": NF4.to_dict(),
        "positions": 500,
        "kld": 0.31,
        "groups": (
            Sensitive(names=("down_proj",), label="down_proj", error=0.21, kld_without=0.12, more_bytes=40 * MIB),
            Sensitive(names=("v_proj",), label="v_proj", error=0.11, kld_without=0.26, more_bytes=5 * MIB),
            Sensitive(names=("q_proj",), label="q_proj", error=0.09, kld_without=None, more_bytes=15 * MIB),
        ),
        "suggestion": ("down_proj",),
        "suggestion_kld": 0.12,
        "suggestion_more_bytes": 40 * MIB,
        "weight_bytes": 110 * MIB,
        "sentence": say("decision.no_workload"),
        "seconds": 30.0,
        **changes,
    }
    return Sensitivity(**values)
