"""Parallel sizes: the arithmetic of what one GPU holds, and what is said of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.catalog import GPUS
from workbench.catalog.serving import TOOLS
from workbench.config import Config
from workbench.export.request import Request
from workbench.export.serving.fleet import Fleet
from workbench.export.serving.parallel import Parallel, propose, sizes_of
from workbench.export.serving.served import Served
from workbench.forecast import forecast
from workbench.results import Workload

LLM, V3, QWEN = (
    "deepseek-ai/deepseek-llm-7b-base",
    "deepseek-ai/DeepSeek-V3",
    "deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B",
)


def proposal(model: str, on: str, nodes: int = 1, tool: str = "vllm", context: int | None = None) -> Parallel:
    fleet = Fleet.of(on, None, nodes)
    assert fleet is not None
    return propose(TOOLS[tool], Served.of(Request(Config(), model)), Config(), fleet, context)


def codes(found: Parallel) -> list[str]:
    return [line.code for line in found.lines]


def test_v3_needs_sixteen_gpus_of_80_gb_in_two_machines() -> None:
    few = proposal(V3, "4x h100-sxm")
    assert not few.fits
    assert few.lines[-1].params["enough"] == 16
    assert "673 GB" in str(few.lines[-1])
    two = proposal(V3, "8x h100-sxm", nodes=2)
    assert (two.tensor, two.pipeline, two.data, two.fits) == (8, 2, 1, True)
    assert two.context == 163840
    h200 = proposal(V3, "8x h200")
    assert (h200.tensor, h200.pipeline, h200.fits) == (8, 1, True)


def test_what_a_gpu_holds_is_the_forecasts_own_numbers() -> None:
    served = Served.of(Request(Config(), LLM))
    sizes = sizes_of(served, Config(), "h100-sxm", made=True)
    assert sizes is not None
    whole = forecast("deepseek-llm-7b-base", Config(), Workload(prompt_tokens=4000, new_tokens=96), on="h100-sxm")
    assert sizes.weights == whole.weights
    assert sizes.token * 4096 == pytest.approx(whole.kv_cache)
    # two GPUs: half of the weights and half of the KV heads each
    assert sizes.room(50e9, 2, 1) == pytest.approx(50e9 - whole.weights / 2 - sizes.workspace)
    assert sizes.token_share(2, 1) == sizes.token / 2


def test_a_latent_cache_is_not_divided_by_tensor_parallelism_but_by_stages() -> None:
    sizes = sizes_of(Served.of(Request(Config(), V3)), Config(), "h200", made=True)
    assert sizes is not None
    assert sizes.token == 70272
    assert sizes.token_share(8, 1) == sizes.token
    assert sizes.token_share(8, 2) == pytest.approx(sizes.token * 31 / 61)
    assert "serving.latent" in codes(proposal(V3, "8x h200"))
    assert "serving.latent" not in codes(proposal(LLM, "8x h200"))


def test_small_models_get_copies_and_heads_limit_the_split() -> None:
    found = proposal(LLM, "8x h100-sxm")
    assert (found.tensor, found.data) == (1, 8)
    assert proposal(LLM, "8x h100-sxm", tool="tgi").data == 1
    assert "serving.copies_by_hand" in codes(proposal(LLM, "8x h100-sxm", tool="tgi"))
    # 13.8 GB of weights do not fit a T4's 14.7 GB beside the cache: two do
    assert proposal(LLM, "2x t4").tensor == 2
    # 2 KV heads: a third and fourth GPU hold no less cache each
    sizes = sizes_of(Served.of(Request(Config(), QWEN)), Config(), "t4", made=True)
    assert sizes is not None
    assert sizes.token_share(4, 1) == sizes.token_share(2, 1) == sizes.token / 2


def test_a_length_that_does_not_fit_is_cut_and_said_unless_it_was_asked_for() -> None:
    cut = proposal("deepseek-ai/DeepSeek-R1-Distill-Llama-8B", "1x l4")
    assert cut.fits
    assert cut.context is not None
    assert 1024 <= cut.context < 131072
    assert "serving.context_cut" in codes(cut)
    asked = proposal("deepseek-ai/DeepSeek-R1-Distill-Llama-8B", "1x l4", context=131072)
    assert not asked.fits


def test_llama_cpp_splits_by_layers_and_triton_not_at_all() -> None:
    layers = proposal("deepseek-ai/DeepSeek-V2-Lite", "2x rtx-4090", tool="llama.cpp")
    assert (layers.tensor, layers.pipeline) == (1, 2)
    assert not proposal("deepseek-ai/DeepSeek-V2-Lite", "2x rtx-4090", tool="triton").fits


def test_an_unknown_size_proposes_nothing() -> None:
    found = proposal("somebody/unknown-model", "8x h100-sxm")
    assert codes(found) == ["serving.size_unknown"]
    assert (found.tensor, found.pipeline, found.data) == (1, 1, 1)


@given(
    model=st.sampled_from([LLM, V3, QWEN, "deepseek-ai/DeepSeek-V2-Lite"]),
    card=st.sampled_from(sorted(GPUS)),
    gpus=st.sampled_from([1, 2, 3, 4, 8]),
    nodes=st.sampled_from([1, 2, 4]),
    tool=st.sampled_from(["vllm", "sglang", "tensorrt-llm"]),
)
def test_what_is_proposed_fits_and_uses_no_more_than_there_is(
    model: str, card: str, gpus: int, nodes: int, tool: str
) -> None:
    found = proposal(model, f"{gpus}x {card}", nodes, tool)
    sizes = sizes_of(Served.of(Request(Config(), model)), Config(), card, made=False)
    assert sizes is not None
    assert found.tensor * found.data <= gpus
    assert found.pipeline <= nodes
    assert sizes.heads % found.tensor == 0
    usable = GPUS[card].memory_bytes * TOOLS[tool].memory_share
    if found.fits:
        assert found.context is not None
        held = sizes.weights * sizes.stage(found.pipeline) / found.tensor + sizes.workspace
        assert held + found.context * sizes.token_share(found.tensor, found.pipeline) <= usable
    for line in found.lines:
        assert str(line)
