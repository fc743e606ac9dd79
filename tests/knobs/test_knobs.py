"""Each knob is complete, and each branch of its capability is decided by facts alone."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.config import Config
from workbench.knobs import KNOBS, Choice, Cost, Group, Number, Texts, Toggle, TokenIds, cost_of, parse, refusals
from workbench.knobs.generation import PLAIN, generation_arguments
from workbench.knobs.machine import SPINS, environment_of
from workbench.results import Capability, Cpu, Gpu, Machine, ModelFacts, Torch
from workbench.words import translate

A100 = Gpu(index=0, name="NVIDIA A100-SXM4-80GB", memory_bytes=80 * 2**30, capability=(8, 0))
T4 = Gpu(index=0, name="Tesla T4", memory_bytes=16 * 2**30, capability=(7, 5))
CUDA_TORCH = Torch(version="2.13.0+cu130", cuda_runtime="13.0", cuda_available=True)


def machine(gpus: tuple[Gpu, ...] = (), torch: Torch | None = None, cores: int = 2) -> Machine:
    return Machine(
        label="a machine",
        platform="Linux x86_64",
        python="3.11.7",
        cpu=Cpu(name="CPU", cores=cores, logical_cores=cores, features=(), memory_bytes=2**34, available_bytes=2**33),
        gpus=gpus,
        torch=torch,
        packages=(),
        free_disk_bytes=2**36,
    )


def model(**changes: Any) -> ModelFacts:
    values: dict[str, Any] = {
        "name": "m",
        "model_type": "llama",
        "architecture": "LlamaForCausalLM",
        "parameters": 1,
        "layers": 1,
        "hidden_size": 8,
        "heads": 1,
        "kv_heads": 1,
        "head_dim": 8,
        "context_length": 64,
        "vocab_size": 100,
        "kv_bytes_per_token": 32,
        "weight_bytes": 1000,
    }
    return ModelFacts(**{**values, **changes})


def ask(knob: str, value: Any, where: Machine, facts: ModelFacts | None = None, **others: Any) -> Capability:
    return KNOBS[knob].capability(value, where, facts, {**Config(**others), knob: value})


@pytest.mark.parametrize("name", KNOBS)
def test_a_knob_is_complete(name: str) -> None:
    knob = KNOBS[name]
    assert knob.name == name
    assert knob.label
    assert len(knob.help) > 20
    assert translate(knob.help) == knob.help
    assert knob.group in Group
    assert knob.cost in Cost
    assert knob.kind.check(knob.default) == knob.default
    assert knob.kind.allowed
    assert knob.when(Config()) in (True, False)


def test_every_default_can_be_used_on_any_machine() -> None:
    for where in (machine(), machine((A100,), CUDA_TORCH), machine((T4,), CUDA_TORCH)):
        assert refusals(Config(), where) == {}
        assert refusals(Config(), where, model()) == {}


CPU_TORCH = Torch(version="2.13.0+cpu", cuda_runtime=None, cuda_available=False)
BROKEN = Torch(version="2.13.0+cu130", cuda_runtime="13.0", cuda_available=False, cuda_problem="driver too old")


@pytest.mark.parametrize(
    ("knob", "value", "where", "facts", "code"),
    [
        ("device", "cpu", machine(), None, None),
        ("device", "auto", machine(), None, None),
        ("device", "cuda", machine(), None, "capability.no_gpu"),
        ("device", "cuda", machine((A100,)), None, None),
        ("device", "cuda", machine((A100,), CUDA_TORCH), None, None),
        ("device", "cuda:0", machine((A100,), CUDA_TORCH), None, None),
        ("device", "cuda:1", machine((A100,), CUDA_TORCH), None, "capability.no_such_gpu"),
        ("device", "cuda", machine((A100,), CPU_TORCH), None, "capability.cpu_torch"),
        ("device", "cuda", machine((A100,), BROKEN), None, "capability.cuda_broken"),
        ("dtype", "bfloat16", machine(), None, None),
        ("dtype", "bfloat16", machine((A100,), CUDA_TORCH), None, None),
        ("dtype", "bfloat16", machine((T4,), CUDA_TORCH), None, "capability.no_bf16"),
        ("dtype", "float16", machine((T4,), CUDA_TORCH), None, None),
        ("attention", "sdpa", machine(), None, None),
        ("attention", "sdpa", machine(), model(), None),
        ("attention", "sdpa", machine(), model(supports_sdpa=False), "capability.class_without_sdpa"),
        ("attention", "eager", machine(), model(supports_sdpa=False), None),
        ("cache", "static", machine(), None, None),
        ("cache", "static", machine(), model(supports_static_cache=False), "capability.class_without_static_cache"),
        ("cache", "dynamic", machine(), model(supports_static_cache=False), None),
        ("threads", 2, machine(cores=2), None, None),
        ("threads", 3, machine(cores=2), None, "capability.more_threads_than_cores"),
        ("threads", "auto", machine(cores=2), None, None),
        ("pad_token", 99, machine(), model(), None),
        ("pad_token", 100, machine(), model(), "capability.id_beyond_vocabulary"),
        ("pad_token", 100, machine(), None, None),
        ("pad_token", "eos", machine(), model(), None),
        ("eos_token_ids", (1, 100), machine(), model(), "capability.id_beyond_vocabulary"),
        ("eos_token_ids", (1, 99), machine(), model(), None),
        ("speculation", "prompt_lookup", machine(), model(), None),
        ("speculation", "prompt_lookup", machine(), None, None),
        ("speculation", "early_exit", machine(), model(supports_static_cache=False), "capability.stateful"),
        ("speculation", "off", machine(), model(supports_static_cache=False), None),
    ],
)
def test_capability_by_facts(knob: str, value: Any, where: Machine, facts: ModelFacts | None, code: str | None) -> None:
    found = ask(knob, value, where, facts)
    assert found.ok is (code is None)
    assert (found.reason and found.reason.code) == code
    if code:
        assert str(found.reason)
        assert str(found.remedy)


def test_an_old_gpu_does_not_stop_bfloat16_on_the_cpu() -> None:
    assert ask("dtype", "bfloat16", machine((T4,), CUDA_TORCH), device="cpu").ok


def test_refusals_name_every_knob_that_cannot_be_used() -> None:
    config = Config(threads=64, pad_token=5000)
    assert set(refusals(config, machine(), model())) == {"threads", "pad_token"}


def test_threads_have_no_effect_beside_a_gpu() -> None:
    assert KNOBS["threads"].when(Config(device="cpu"))
    assert not KNOBS["threads"].when(Config(device="cuda"))
    assert KNOBS["temperature"].when(Config(do_sample=True))
    assert not KNOBS["temperature"].when(Config())


def test_the_cost_of_no_change_is_live() -> None:
    assert cost_of({}) is Cost.LIVE
    assert cost_of({"attention": 1, "dtype": 1}) is Cost.RELOAD


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (Choice(("a", "b")), " a ", "a"),
        (Choice(("cpu",), pattern=r"cuda:\d+"), "cuda:3", "cuda:3"),
        (Toggle(), "ON", True),
        (Toggle(), "0", False),
        (Number(0, 5, 0.1), "0.6", 0.6),
        (Number(1, 8, 1, integer=True, words=("auto",)), "4", 4),
        (Number(1, 8, 1, integer=True, words=("auto",)), "auto", "auto"),
        (TokenIds(("auto",), many=True), "1, 2 3", (1, 2, 3)),
        (TokenIds(("auto", "eos")), "eos", "eos"),
        (TokenIds(("auto",)), "7", 7),
        (Texts(), "", ()),
        (Texts(), " END ", ("END",)),
        (Texts(), "a, b", ("a, b",)),
        (Texts(), r'["\n\n", " END", "。"]', ("\n\n", " END", "。")),
        (Texts(), r'"\n"', ("\n",)),
    ],
)
def test_text_becomes_a_value(kind: Any, text: str, value: Any) -> None:
    found = parse(kind, text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (Choice(("a", "b")), "c"),
        (Choice(("cpu",), pattern=r"cuda:\d+"), "cuda:"),
        (Toggle(), "maybe"),
        (Number(0, 5, 0.1), "6"),
        (Number(0, 5, 0.1), "nan"),
        (Number(1, 8, 1, integer=True), "1.5"),
        (Number(1, 8, 1, integer=True), ""),
        (TokenIds(("auto",)), ""),
        (TokenIds(("auto",)), "-1"),
        (TokenIds(("auto",), many=True), "one"),
        (Texts(), '[""]'),
        (Texts(), "[1]"),
        (Texts(), '["a"'),
        (Texts(longest=3), "four"),
        (Texts(most=1), '["a", "b"]'),
    ],
)
def test_text_that_is_no_value_says_what_is_allowed(kind: Any, text: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011  # its words are compared below
        parse(kind, text)
    assert str(caught.value) == kind.allowed


@given(st.sampled_from(sorted(KNOBS)), st.text())
def test_any_text_is_a_value_or_a_value_error(name: str, text: str) -> None:
    kind = KNOBS[name].kind
    try:
        value = parse(kind, text)
    except ValueError:
        return
    assert kind.check(value) == value


def test_greedy_passes_no_sampling_argument() -> None:
    assert generation_arguments(Config(temperature=0.5, min_p=0.1)) == {
        "do_sample": False,
        "repetition_penalty": 1.0,
        "no_repeat_ngram_size": 0,
        "cache_implementation": "dynamic",
    }


def test_penalties_act_on_greedy_decoding_too_and_plain_work_has_none() -> None:
    config = Config(repetition_penalty=1.2, no_repeat_ngram_size=3, stop_strings=("END",), stop_at_sentence=8)
    passed = generation_arguments(config)
    assert (passed["repetition_penalty"], passed["no_repeat_ngram_size"]) == (1.2, 3)
    assert config.replace(**PLAIN) == Config()


def test_sampling_passes_every_one() -> None:
    config = Config(do_sample=True, temperature=0.6, top_p=0.95, top_k=0, cache="static")
    assert generation_arguments(config) == {
        "do_sample": True,
        "temperature": 0.6,
        "top_p": 0.95,
        "top_k": 0,
        "min_p": None,
        "repetition_penalty": 1.0,
        "no_repeat_ngram_size": 0,
        "cache_implementation": "static",
        "disable_compile": True,
    }


@pytest.mark.parametrize(
    ("platform", "cores", "reason"),
    [
        ("Linux 6.12 x86_64", 2, None),
        ("Linux 6.12 x86_64", 1, "capability.one_core"),
        ("macOS 15.1 arm64", 8, "capability.no_affinity"),
        ("Windows 11 AMD64", 8, "capability.no_affinity"),
    ],
)
def test_threads_are_pinned_where_the_system_can(platform: str, cores: int, reason: str | None) -> None:
    where = machine(cores=cores).model_copy(update={"platform": platform})
    found = ask("pinning", "cores", where)
    assert (found.reason.code if found.reason else None) == reason
    assert found.ok is (reason is None)
    assert ask("pinning", "off", where).ok


@pytest.mark.parametrize(
    ("gpus", "platform", "device", "ok", "said"),
    [
        ((A100,), "Linux 6.12 x86_64", "auto", True, None),
        ((A100,), "Linux WSL2 x86_64", "auto", True, "capability.note.expandable_wsl"),
        ((A100,), "Windows 11 AMD64", "cuda", False, "capability.no_expandable_segments"),
        ((A100,), "Linux 6.12 x86_64", "cpu", False, "capability.on_cpu"),
        ((), "Linux 6.12 x86_64", "auto", False, "capability.no_gpu"),
    ],
)
def test_segments_that_grow_are_for_gpus_on_linux(
    gpus: tuple[Gpu, ...], platform: str, device: str, ok: bool, said: str | None
) -> None:
    where = machine(gpus, CUDA_TORCH if gpus else None).model_copy(update={"platform": platform})
    found = ask("allocator", "expandable_segments", where, device=device)
    message = found.note if ok else found.reason
    assert found.ok is ok
    assert (message.code if message else None) == said
    assert ok or found.remedy
    assert ask("allocator", "default", where, device=device).ok
    assert KNOBS["allocator"].when({**Config(), "device": device}) is (device != "cpu")


def test_what_torch_reads_at_import_costs_a_new_worker() -> None:
    restarts = {name for name, knob in KNOBS.items() if knob.cost is Cost.RESTART}
    assert restarts == {"waiting", "pinning", "allocator", "tp_plan", "tp_size"}
    assert environment_of(Config()) == {}
    assert environment_of(Config(waiting="active")) == {"OMP_WAIT_POLICY": "ACTIVE", "GOMP_SPINCOUNT": str(SPINS)}
    both = environment_of(Config(waiting="passive", pinning="cores"))
    assert environment_of(Config(allocator="expandable_segments")) == {
        "PYTORCH_CUDA_ALLOC_CONF": "expandable_segments:True"
    }
    assert environment_of(Config(allocator="expandable_segments", device="cpu")) == {}  # no new worker for nothing
    assert both.pop("GOMP_SPINCOUNT") == "0"  # it would win over the policy
    assert both == {"OMP_WAIT_POLICY": "PASSIVE", "OMP_PROC_BIND": "close", "OMP_PLACES": "cores"}
