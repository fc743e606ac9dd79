"""The benchmark of number formats: what it judges, what it leaves out and says so, and what it makes beforehand."""

from types import SimpleNamespace
from typing import Any

import pytest

from benchmarks import formats
from workbench.knobs.formats import FORMATS
from workbench.results import Capability
from workbench.words import say


class Recorded:
    """A session that only notes what is asked of it."""

    def __init__(self, *_: Any, **__: Any) -> None:
        self.machine, self.facts = None, SimpleNamespace(name="demo")
        self.resolved = SimpleNamespace(threads=1)
        self.log: list[Any] = []

    def __enter__(self) -> "Recorded":
        return self

    def __exit__(self, *_: object) -> None: ...

    def census(self) -> Any:
        return SimpleNamespace(bytes=100, quantized_share=0.5)

    def quality(self) -> Any:
        return SimpleNamespace(kld_mean=0.1, kld_mean_ci95=(0.0, 0.2), same_top=0.9, by_domain={}, decode_path=None)

    def apply(self, config: Any) -> Any:
        self.log.append(config)
        return SimpleNamespace(seconds=1.0)

    def compare(self, _before: Any, after: dict[str, Any], *_: Any, **__: Any) -> Any:
        self.log.append(after)
        both = ("decode_tps", "prefill_tps")
        return SimpleNamespace(ratio=dict.fromkeys(both, 1.0), ci95={}, samples={key: [(1.0, 1.0)] for key in both})


def test_it_judges_every_format_and_the_two_beside_them(monkeypatch: pytest.MonkeyPatch) -> None:
    session = Recorded()
    refusal = Capability(ok=False, reason=say("capability.fp8_needs_gpu"))
    monkeypatch.setattr(formats, "Session", lambda *_, **__: session)
    monkeypatch.setattr(
        formats, "refusals", lambda config, *_: {"quantization": refusal} if config.quantization == "fp8" else {}
    )
    monkeypatch.setattr(formats, "quantize", lambda model, method: session.log.append((model, method)))
    outcome = formats.run(1.0)
    named = [row.what.removesuffix(": weights ÷ bfloat16") for row in outcome.rows if "weights ÷" in row.what]
    assert named == ["float16", *(name for name in FORMATS if name != "fp8"), "bnb-nf4, double quantised"]
    assert outcome.conditions["not here"].startswith("fp8: FP8 in blocks")
    changes = [entry for entry in session.log if isinstance(entry, dict)]
    assert {"dtype": "float16"} in changes
    assert {"quantization": "bnb-nf4", "bnb_double_quant": True} in changes
    made = [entry for entry in session.log if isinstance(entry, tuple)]
    assert made == [("demo", "gptq"), ("demo", "awq")]
    for model, method in made:
        assert session.log.index((model, method)) < session.log.index(formats.CONFIGS[method])
