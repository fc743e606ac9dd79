"""The person's own objects on the bench: what works, what is refused in words, and that they come back unchanged."""

import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import (
    AttentionInterface,
    AutoModelForCausalLM,
    AutoTokenizer,
    BertConfig,
    BertModel,
    BitsAndBytesConfig,
    GenerationConfig,
    LlamaConfig,
    LlamaForCausalLM,
    MambaConfig,
    MambaForCausalLM,
    T5Config,
    T5ForConditionalGeneration,
)

import workbench as wb
from workbench.catalog.random_names import parse
from workbench.engine.demo import ensure_demo
from workbench.engine.random_model import build

pytestmark = pytest.mark.model

QUICK = wb.Workload(prompt_tokens=8, new_tokens=4)
SHAPE = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}


@pytest.fixture(scope="module")
def tokenizer(demo_home: Path) -> Any:
    return AutoTokenizer.from_pretrained(ensure_demo())


@pytest.fixture
def model() -> Any:
    torch.manual_seed(0)
    made = LlamaForCausalLM(LlamaConfig(vocab_size=49152, **SHAPE))
    return made.eval()


@pytest.fixture(autouse=True)
def _threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def test_everything_that_needs_no_reload_works(model: Any, tokenizer: Any) -> None:
    with wb.Session.attach(model, tokenizer) as session:
        assert session.model is model
        assert session.config.dtype == "float32"
        greedy = session.generate("The sea", 4)[0]
        assert [chunk.token_id for chunk in session.stream("The sea", 4)] == list(greedy.token_ids)
        for knobs in ({"attention": "eager"}, {"cache": "static"}, {"threads": 1}, {"padding_side": "right"}):
            assert session.apply(**knobs).cost == "live"
            assert session.resolved.differences(session.config) == ()
        assert session.resolved.attention == "eager"
        assert session.resolved.cache == "static"
        session.apply(padding_side="left", pad_token="eos", eos_token_ids=(5,))
        assert session.resolved.pad_token_id == 5
        session.apply(do_sample=True, temperature=2.0)
        assert session.resolved.sampling["temperature"] == 2.0
        assert session.measure(QUICK, precision=0.9).decode_tps > 0
        assert session.forecast().weights > 0
        assert wb.Config.from_json(session.export("json").code) == session.config
        for knobs in ({"dtype": "bfloat16"}, {"device": "cuda"}):
            with pytest.raises(wb.CapabilityError):
                session.apply(**knobs)
        with pytest.raises(wb.CapabilityError, match="attached"):
            session.apply(dtype="bfloat16")


def state(model: Any, tokenizer: Any) -> dict[str, Any]:
    return {
        "attention": model.config._attn_implementation,
        "generation": id(model.generation_config),
        "generation_values": model.generation_config.to_dict() if model.generation_config else None,
        "training": [module.training for module in model.modules()],
        "hooks": [(len(module._forward_hooks), len(module._forward_pre_hooks)) for module in model.modules()],
        "attributes": set(vars(model)),
        "pad": tokenizer.pad_token,
        "side": tokenizer.padding_side,
        "threads": torch.get_num_threads(),
        "gradients": [parameter.requires_grad for parameter in model.parameters()],
        "weights": [parameter.detach().clone() for parameter in model.parameters()],
    }


def same(before: dict[str, Any], after: dict[str, Any]) -> None:
    assert all(torch.equal(one, other) for one, other in zip(before.pop("weights"), after.pop("weights"), strict=True))
    assert before.pop("attributes") ^ after.pop("attributes") == set()
    assert after == before


def work(session: wb.Session) -> None:
    session.apply(attention="eager", cache="static", threads=1, padding_side="right", pad_token=7, eos_token_ids=(3,))
    session.apply(do_sample=True)
    session.generate(["The sea", "A"], 3)


def test_on_close_everything_is_as_it_was_found(model: Any, tokenizer: Any) -> None:
    seen: list[int] = []
    handle = model.model.layers[0].register_forward_hook(lambda *_: seen.append(1))
    model.train()
    model.model.layers[1].eval()
    model.generation_config = GenerationConfig(num_beams=3, repetition_penalty=1.1, do_sample=True, temperature=0.5)
    before = state(model, tokenizer)
    with wb.Session.attach(model, tokenizer) as session:
        assert not model.training
        assert (session.config.do_sample, session.config.temperature) == (True, 0.5)
        assert model.generation_config.repetition_penalty == 1.1
        work(session)
        assert seen, "the person's hook runs"
    same(before, state(model, tokenizer))
    handle.remove()
    with wb.Session.attach(model, tokenizer) as session:  # and again
        session.generate("The sea", 2)


def test_a_model_without_generation_config_pad_or_end(model: Any, tokenizer: Any) -> None:
    model.generation_config = None
    before = state(model, tokenizer)
    with wb.Session.attach(model, tokenizer) as session:
        work(session)
        assert [row.finish_reason for row in session.generate(["One", "Two words"], 2)]
    same(before, state(model, tokenizer))


def test_a_session_that_could_not_begin_leaves_the_model_and_no_thread(model: Any, tokenizer: Any) -> None:
    def broken(*_: Any) -> None:
        raise OSError("a hook of mine")

    model.train()
    model.model.layers[1].register_forward_hook(broken)
    before, threads = state(model, tokenizer), threading.active_count()
    with pytest.raises(OSError, match="a hook of mine"):
        wb.Session.attach(model, tokenizer)
    same(before, state(model, tokenizer))
    assert threading.active_count() == threads


def test_kernels_that_refuse_a_layer_are_told_in_words(tokenizer: Any, tmp_path: Path) -> None:
    """transformers quantises kv_b_proj too, whose 4-D inputs bitsandbytes' int8 cannot multiply."""
    asked = parse("random:deepseek-v2-lite?scale=tiny")
    build(asked, torch.float32, torch.device("cpu"), "sdpa", tokenizer)[0].save_pretrained(tmp_path)
    model = AutoModelForCausalLM.from_pretrained(
        tmp_path, quantization_config=BitsAndBytesConfig(load_in_8bit=True), device_map={"": "cpu"}
    )
    with pytest.raises(wb.CapabilityError, match=r"quantization='bnb-int8'.*size of tensor") as caught:
        wb.Session.attach(model, tokenizer)
    assert caught.value.code == "capability.setting_refused"
    assert caught.value.next_step


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (torch.OutOfMemoryError("Tried to allocate 20.00 GiB"), wb.OutOfMemory),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), wb.OutOfMemory),
        (RuntimeError("CUDA error: out of memory"), wb.OutOfMemory),
        (RuntimeError("CUDA error: an illegal memory access was encountered"), RuntimeError),
        (RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"), RuntimeError),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), wb.CapabilityError),
    ],
)
def test_memory_and_a_lost_gpu_are_no_refusals_of_a_setting(
    model: Any, tokenizer: Any, error: Exception, told: type[Exception]
) -> None:
    """What is of no use any more ends the worker, which knows it by the library's own error."""
    raised = []

    def failing(*_: Any) -> None:
        if not raised:
            raised.append(error)
            raise error

    with wb.Session.attach(model, tokenizer) as session:
        handle = model.model.layers[0].register_forward_hook(failing)
        with pytest.raises(told) as caught:
            session.apply(attention="eager")
        handle.remove()
        assert raised == [error]
        assert (caught.value is error) == (told is RuntimeError)
        assert session.resolved.attention == "sdpa"


def test_attached_twice_is_refused_and_once_more_after_the_first_is_fine(model: Any, tokenizer: Any) -> None:
    with wb.Session.attach(model, tokenizer) as first:
        with pytest.raises(wb.CapabilityError, match="already on a bench"):
            wb.Session.attach(model, tokenizer)
        assert first.generate("The sea", 2)[0].token_ids
    wb.Session.attach(model, tokenizer).close()


def test_what_stands_where_a_model_belongs_is_named(model: Any, tokenizer: Any) -> None:
    small = LlamaForCausalLM(LlamaConfig(vocab_size=64, **SHAPE))
    with torch.device("meta"):
        empty = LlamaForCausalLM(LlamaConfig(vocab_size=49152, **SHAPE))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch's own modules, which it imports here
        compiled = torch.compile(model)
    bert = BertModel(BertConfig(vocab_size=64, **SHAPE))
    t5 = T5ForConditionalGeneration(
        T5Config(vocab_size=64, d_model=32, d_kv=16, d_ff=64, num_layers=1, num_heads=2, decoder_start_token_id=0)
    )
    for wrong, words in (
        ((None, tokenizer), "NoneType is not a transformers model"),
        (("demo", tokenizer), "str is not a transformers model"),
        ((torch.nn.Linear(2, 2), tokenizer), "Linear is not a transformers model"),
        ((torch.nn.DataParallel(model), tokenizer), r"Session\.attach\(model\.module"),
        ((compiled, tokenizer), r"model\._orig_mod"),
        ((bert, tokenizer), "not a causal language model"),
        ((t5, tokenizer), "not a causal language model"),
        ((empty, tokenizer), "meta device"),
        ((model, None), "NoneType is not a tokenizer"),
        ((model, "demo"), "str is not a tokenizer"),
        ((small, tokenizer), "does not belong to this model"),
    ):
        with pytest.raises((wb.ModelError, wb.CapabilityError), match=words) as caught:
            wb.Session.attach(*wrong)
        assert caught.value.next_step


def test_an_attention_without_a_knob_is_named(model: Any, tokenizer: Any) -> None:
    AttentionInterface.register("mine", AttentionInterface._global_mapping["sdpa"])
    model.set_attn_implementation("mine")
    with pytest.raises(wb.CapabilityError, match=r"set_attn_implementation\('sdpa'\)"):
        wb.Session.attach(model, tokenizer)
    assert model.config._attn_implementation == "mine"


def test_a_model_without_attention_is_named(tokenizer: Any) -> None:
    made = MambaForCausalLM(MambaConfig(vocab_size=49152, hidden_size=32, num_hidden_layers=1, state_size=4))
    with pytest.raises(wb.ModelError, match="attention heads"):
        wb.Session.attach(made, tokenizer)


def test_an_attention_of_the_persons_own_can_be_chosen(model: Any, tokenizer: Any) -> None:
    from transformers import AttentionInterface
    from transformers.integrations.sdpa_attention import sdpa_attention_forward
    from transformers.masking_utils import AttentionMaskInterface, sdpa_mask

    calls = []

    def watched(*arguments: Any, **options: Any) -> Any:
        calls.append(1)
        return sdpa_attention_forward(*arguments, **options)

    AttentionInterface.register("watched_attention", watched)
    AttentionMaskInterface.register("watched_attention", sdpa_mask)
    try:
        with wb.Session.attach(model, tokenizer) as session:
            assert session.apply(attention="watched_attention").resolved.attention == "watched_attention"
            assert calls
    finally:
        del AttentionInterface._global_mapping["watched_attention"]
        del AttentionMaskInterface._global_mapping["watched_attention"]
