"""Session.agreement on tiny models: statistics against values computed by hand, real kernels, and a wrong one."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import workbench as wb

pytestmark = pytest.mark.model

CONFIG = wb.Config(dtype="float32", threads=1)
WORK = wb.Workload(prompt_tokens=40, new_tokens=6)
EAGER, SDPA = {"attention": "eager"}, {"attention": "sdpa"}


@pytest.fixture(scope="module")
def session(demo_home: Path) -> Iterator[wb.Session]:
    with wb.Session("random:deepseek-llm-7b-base?scale=tiny&layers=2", config=CONFIG, host="inline") as session:
        yield session


@pytest.fixture(scope="module")
def wrong(session: wb.Session) -> Iterator[str]:
    """An attention with scores half as large: it runs, and computes something else."""
    from transformers import AttentionInterface
    from transformers.masking_utils import AttentionMaskInterface, eager_mask
    from transformers.models.llama.modeling_llama import eager_attention_forward

    def halves(module: Any, query: Any, key: Any, value: Any, mask: Any, scaling: float, **options: Any) -> Any:
        return eager_attention_forward(module, query, key, value, mask, scaling * 0.5, **options)

    AttentionInterface.register("wrong_attention", halves)
    AttentionMaskInterface.register("wrong_attention", eager_mask)
    # the doctor asked another process what is registered
    machine = session.machine
    assert machine.torch is not None
    known = (*machine.torch.attention_implementations, "wrong_attention")
    torch_too = machine.torch.model_copy(update={"attention_implementations": known})
    session._bench.machine = machine.model_copy(update={"torch": torch_too})
    yield "wrong_attention"
    session._bench.machine = machine
    del AttentionInterface._global_mapping["wrong_attention"]
    del AttentionMaskInterface._global_mapping["wrong_attention"]


def test_the_distance_is_the_one_computed_by_hand() -> None:
    import torch

    from workbench.probes.agreement import distance

    a = torch.tensor([[0.0, math.log(3.0)], [0.0, 0.0]])  # p = (1/4, 3/4) and (1/2, 1/2)
    b = torch.tensor([[0.0, 0.0], [0.0, math.log(3.0)]])
    found = distance(a, b)
    first = 0.25 * math.log(0.25 / 0.5) + 0.75 * math.log(0.75 / 0.5)
    second = 0.5 * math.log(0.5 / 0.25) + 0.5 * math.log(0.5 / 0.75)
    assert found.kl_mean == pytest.approx((first + second) / 2)
    assert found.kl_max == pytest.approx(max(first, second))
    assert found.max_logit_diff == pytest.approx(math.log(3.0))
    assert (found.positions, found.same_top) == (2, 0.0)
    assert distance(a, a).kl_max == 0
    lost = distance(a, torch.full_like(a, math.nan))
    assert lost.max_logit_diff == lost.kl_mean == math.inf


def test_the_first_divergent_token_and_its_margin() -> None:
    import torch

    from workbench.probes.agreement import divergence

    class Letters:
        def decode(self, ids: list[int]) -> str:
            return "abc"[ids[0]]

    a = torch.tensor([[[2.0, 0.0, 1.0], [0.0, 3.0, 2.5], [1.0, 0.0, 0.0]]])
    b = torch.tensor([[[2.0, 0.0, 1.0], [0.0, 2.0, 2.5], [0.0, 1.0, 0.0]]])
    found = divergence(a.argmax(-1), a, b, Letters())
    assert found is not None
    assert (found.row, found.index, found.token_a, found.token_b) == (0, 1, 1, 2)
    assert (found.text_a, found.text_b, found.margin) == ("b", "c", pytest.approx(0.5))
    assert divergence(a.argmax(-1), a, a, Letters()) is None


def test_two_kernels_agree_within_rounding(session: wb.Session) -> None:
    found = session.agreement(EAGER, SDPA, WORK)
    assert found.level == "agrees"
    assert 0 < found.prefill.max_logit_diff < 1e-4
    assert (found.prefill.positions, found.decode.positions) == (40, 6)
    assert found.rounding_dtype == "float32"
    assert found.first_divergence is None
    assert "agrees with eager" in str(found.verdict)
    assert session.config == CONFIG
    stored = session.runs.list(kind="agreement")[0]
    assert stored["result"]["excess"] == found.excess
    assert session.last["agreement"] == found


def test_a_static_cache_computes_the_same_as_a_dynamic_one(session: wb.Session) -> None:
    found = session.agreement({"cache": "dynamic"}, {"cache": "static"}, WORK)
    assert found.level in ("same", "agrees")


def test_a_wrong_kernel_is_called_wrong_however_fast(session: wb.Session, wrong: str) -> None:
    found = session.agreement(EAGER, {"attention": wrong}, WORK)
    assert found.level == "wrong"
    assert found.excess > 100
    assert str(found.verdict).startswith(f"WRONG: {wrong} and eager do not compute the same")
    compared = session.compare(EAGER, {"attention": wrong}, WORK, precision=0.9)
    assert compared.agreement is not None
    assert compared.agreement.level == "wrong"
    assert session.config == CONFIG


def test_a_text_of_ones_own(session: wb.Session) -> None:
    found = session.agreement(EAGER, SDPA, WORK, "The sea is wide and the ship is small.")
    assert 5 < found.prefill.positions < 20


def test_padding_is_left_out(session: wb.Session) -> None:
    found = session.agreement(EAGER, SDPA, WORK.replace(padded=0.5))
    assert found.prefill.positions == 20
    assert found.level == "agrees"


@pytest.mark.parametrize("model", ["random:deepseek-v2-lite?scale=tiny&layers=2"])
def test_latent_attention_with_routed_experts(demo_home: Path, model: str) -> None:
    with wb.Session(model, config=CONFIG, host="inline") as session:
        assert session.agreement(EAGER, SDPA, WORK).level in ("agrees", "rounding")


@pytest.mark.parametrize(
    ("b", "kind", "code"),
    [
        ({"dtype": "bfloat16"}, wb.CapabilityError, "agreement.needs_reload"),
        (EAGER, wb.ConfigError, "compare.same"),
    ],
)
def test_what_cannot_be_asked_is_told(
    session: wb.Session, b: dict[str, str], kind: type[wb.WorkbenchError], code: str
) -> None:
    with pytest.raises(kind) as caught:
        session.agreement(EAGER, b, WORK)
    assert caught.value.code == code
