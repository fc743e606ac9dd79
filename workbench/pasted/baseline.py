"""The base line: the value of each knob that means what the script does, transformers' own default where it is silent.

Threads and how they wait are left to the machine's measured choice where the script says nothing: a base line is a fair
one. What no knob can hold is told.
"""

from collections.abc import Callable
from typing import Any

from workbench.config import Config
from workbench.errors import ConfigError
from workbench.knobs import KNOBS
from workbench.pasted.beyond import beyond
from workbench.pasted.calls import entries_of
from workbench.pasted.devices import device
from workbench.pasted.dtypes import dtype_of
from workbench.pasted.facts import Facts, Found, model_name
from workbench.pasted.marks_loading import nearest_attention
from workbench.pasted.marks_process import late
from workbench.pasted.marks_sampling import SAMPLING_ONLY
from workbench.pasted.marks_tokens import padded, side_said
from workbench.pasted.objects import cast_of
from workbench.pasted.rule import calls, methods
from workbench.pasted.values import Call, Dotted, Given, Made, Part, Unknown, known, or_unknown
from workbench.words import say
from workbench.words.format import knob_value
from workbench.words.message import Message

_BACKENDS = {"FLASH_ATTENTION": "flash", "EFFICIENT_ATTENTION": "efficient", "MATH": "math"} | {
    "CUDNN_ATTENTION": "cudnn",
}
_COMPILED = ("default", "reduce-overhead", "max-autotune")


def base_line(facts: Facts) -> tuple[Config, tuple[str, ...], list[Message], list[Message]]:
    """The config, the knobs that the script decides, what cannot be known, and what was decided."""
    config, said = Config(**_silent(facts)), []
    unknowns: list[Message] = []
    notes = list(beyond(facts))
    for part in PARTS:
        for knob, value in part(facts):
            if isinstance(value, Unknown):
                held = knob_value(config[knob])
                unknowns.append(say("pasted.unknown.knob", knob=knob, line=value.line, held=held))
                continue
            try:
                config = config.replace(**{knob: value})
            except ConfigError as error:
                notes.append(say("pasted.note.left_out", knob=knob, value=repr(value)[:80], problem=error.what))
                continue
            said.append(knob)
    if "threads" not in said:
        notes.append(say("pasted.note.threads"))
    return config, tuple(dict.fromkeys(said)), unknowns, notes


def _silent(facts: Facts) -> dict[str, Any]:
    """What transformers does where a script says nothing, as far as it is not the workbench's own default."""
    quantised = facts.loaded_with("quantization_config", "load_in_8bit", "load_in_4bit") is not None
    silent: dict[str, Any] = {"device": "auto" if facts.is_pipeline or quantised else "cpu"}
    sampling = {"do_sample": True, "temperature": 0.7} if facts.is_pipeline else dict(facts.ids.sampling)
    for name in ("do_sample", "temperature", "top_p", "top_k", "min_p", "repetition_penalty", "no_repeat_ngram_size"):
        if name in sampling and _allowed(name, sampling[name]):
            silent[name] = sampling[name]
    if facts.ids.padding_side in ("left", "right"):
        silent["padding_side"] = facts.ids.padding_side
    return silent


def _allowed(knob: str, value: Any) -> bool:
    try:
        KNOBS[knob].kind.check(value)
    except ValueError:
        return False
    return True


def _attention(facts: Facts) -> Found:
    if given := facts.loaded_with("attn_implementation"):
        value = given.value
        if isinstance(value, str) and not _allowed("attention", value):
            value = nearest_attention(value)
        if isinstance(value, str | Unknown):
            yield "attention", value
    elif (flag := facts.loaded_with("use_flash_attention_2")) and flag.value is True:
        yield "attention", "flash_attention_2"
    for call in calls(facts, "plain"):
        if call.name.endswith("nn.attention.sdpa_kernel") and call.values:
            chosen = call.values[0][0] if isinstance(call.values[0], list) and call.values[0] else call.values[0]
            if isinstance(chosen, Dotted) and chosen.last in _BACKENDS:
                yield "sdpa_backend", _BACKENDS[chosen.last]


def _precision(facts: Facts) -> Found:
    given = facts.loaded_with("dtype", "torch_dtype")
    if given is not None and given.value not in ("auto", None):
        yield "dtype", dtype_of(given.value) or or_unknown(given)
    for call in methods(facts, "half", "bfloat16", "float", "to"):
        if call in facts.of("method") and (meant := cast_of(call)):
            yield "dtype", meant
    for call in calls(facts, "plain"):
        if call.name.endswith("autocast"):
            on_cpu = (call.values and call.values[0] == "cpu") or call.value("device_type") == "cpu"
            chosen = call.value("dtype", call.values[1] if len(call.values) > 1 else None)
            yield "autocast", dtype_of(chosen) or ("bfloat16" if on_cpu else "float16")
        if call.name.endswith("set_float32_matmul_precision") and call.values:
            yield "tf32", call.values[0] in ("high", "medium")
    for setting in facts.walk.settings:
        if setting.name == "torch.backends.cuda.matmul.allow_tf32" and isinstance(setting.given.value, bool):
            yield "tf32", setting.given.value
        if setting.name == "torch.backends.cudnn.benchmark" and isinstance(setting.given.value, bool):
            yield "cudnn_benchmark", setting.given.value


def _quantisation(facts: Facts) -> Found:
    given = facts.loaded_with("quantization_config")
    settings: dict[str, Given] = {}
    if given is not None and isinstance(given.value, Made) and given.value.kind == "bnb":
        settings = given.value.call.given
    elif given is not None:
        settings = entries_of(given.value)
    settings = {
        **settings,
        **{each.name: each for each in facts.loading() if each.name.startswith(("load_in_", "bnb_4bit_"))},
    }
    values = {name: each.value for name, each in settings.items()}
    if values.get("load_in_8bit") is True:
        yield "quantization", "bnb-int8"
        if isinstance(values.get("llm_int8_threshold"), int | float):
            yield "bnb_threshold", values["llm_int8_threshold"]
    elif values.get("load_in_4bit") is True:
        kind = values.get("bnb_4bit_quant_type", "fp4")  # transformers' default
        yield "quantization", f"bnb-{kind}" if kind in ("nf4", "fp4") else Unknown(given.words.lineno if given else 1)
        computed = values.get("bnb_4bit_compute_dtype")
        yield (
            "compute_dtype",
            "float32" if computed is None else dtype_of(computed) or or_unknown(settings["bnb_4bit_compute_dtype"]),
        )
        if isinstance(values.get("bnb_4bit_use_double_quant"), bool):
            yield "bnb_double_quant", values["bnb_4bit_use_double_quant"]
    elif given is not None and given.value is not None:
        yield "quantization", or_unknown(given)
    skipped = values.get("llm_int8_skip_modules")
    if isinstance(skipped, list) and skipped and known(skipped):
        yield "skip_modules", skipped


def _decoding(facts: Facts) -> Found:
    settings = facts.settings(next(iter(facts.generates), None))
    if (given := settings.get("cache_implementation")) and given.value is not None:
        yield "cache", given.value if isinstance(given.value, str) else or_unknown(given)
    if config := settings.get("cache_config"):
        entries = entries_of(config.value)
        for name, knob in {"backend": "cache_backend", "nbits": "cache_bits"}.items():
            if name in entries:
                yield knob, entries[name].value
    if (given := settings.get("max_cache_len")) and isinstance(given.value, int):
        yield "cache_length", given.value
    for call in (*(each for each in calls(facts, "wrap") if each.name.endswith("compile")), *methods(facts, "compile")):
        mode = call.value("mode")
        yield "compile", mode if mode in _COMPILED else "default"
    if (given := settings.get("prompt_lookup_num_tokens")) and isinstance(given.value, int):
        yield "speculation_tokens", given.value
        yield "speculation", "prompt_lookup"
    if (given := settings.get("assistant_early_exit")) and isinstance(given.value, int):
        yield "assistant_early_exit", given.value
        yield "speculation", "early_exit"
    drafter = settings.get("assistant_model")
    if drafter is not None and isinstance(drafter.value, Made) and isinstance(name := model_name(drafter.value), str):
        yield "assistant_model", name
        yield "speculation", "assistant"


def _sampling(facts: Facts) -> Found:
    settings = facts.settings(next(iter(facts.generates), None))
    for name in (*SAMPLING_ONLY, "repetition_penalty", "no_repeat_ngram_size"):
        given = settings.get(name)
        if given is None or given.value is None or name not in KNOBS:
            continue
        yield name, given.value if isinstance(given.value, int | float) else or_unknown(given)
    if (given := settings.get("do_sample")) and given.value is not None:
        yield "do_sample", given.value if isinstance(given.value, bool) else or_unknown(given)
    if (given := settings.get("stop_strings")) and given.value:
        yield "stop_strings", given.value if known(given.value) else or_unknown(given)
    for call in calls(facts, "plain"):
        name = call.name.rpartition(".")[2]
        if name in ("manual_seed", "set_seed", "manual_seed_all") and call.values:
            yield "seed", call.values[0] if isinstance(call.values[0], int) else Unknown(call.line)


def _tokens(facts: Facts) -> Found:
    settings = facts.settings(next(iter(facts.generates), None))
    made = facts.tokenizer
    own = made.sets.get("pad_token") or made.sets.get("pad_token_id") if made else None
    for given in (own, settings.get("pad_token_id")):
        if given is not None and given.value is not None:
            value = _token(given)
            if value is not None:
                yield "pad_token", value
    if (given := settings.get("eos_token_id")) and given.value is not None:
        if isinstance(given.value, Part) and given.value.name == "eos_token_id":
            yield "eos_token_ids", "auto"
        else:
            yield "eos_token_ids", given.value if known(given.value) else or_unknown(given)
    if side := side_said(facts):
        yield "padding_side", side.value if isinstance(side.value, str) else or_unknown(side)
    for call in facts.of("generate"):
        mask = call.given.get("attention_mask")
        inputs = facts.inputs_of(call)
        if mask is not None and "ones" in facts.script.words(mask.words)[:200]:
            yield "attention_mask", "ones"
        elif mask is None and inputs is not None and padded(inputs.call) and not _whole(call):
            yield "attention_mask", "none"
        break


def _whole(call: Call) -> bool:
    return call.opened > 0 or any(given.name == "**" for given in call.given.values())


def _token(given: Given) -> Any:
    value = given.value
    if isinstance(value, Part):
        return next((word for word in ("eos", "unk") if value.name.startswith(word)), "auto")
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return value if isinstance(value, Unknown) else None


def _machine(facts: Facts) -> Found:
    for call in calls(facts, "plain"):
        if call.name.endswith("set_num_threads") and call.values:
            yield "threads", call.values[0] if isinstance(call.values[0], int) else Unknown(call.line)
    for setting in facts.walk.settings:
        name, value = setting.name.removeprefix("os.environ:"), setting.given.value
        if name == setting.name or not isinstance(value, str) or late(facts, setting):
            continue
        if name == "OMP_NUM_THREADS" and value.isdecimal():
            yield "threads", int(value)
        if name == "OMP_WAIT_POLICY" and value.lower() in ("active", "passive"):
            yield "waiting", value.lower()
        if name in ("PYTORCH_CUDA_ALLOC_CONF", "PYTORCH_ALLOC_CONF") and "expandable_segments:true" in value.lower():
            yield "allocator", "expandable_segments"


# in the order of the registry of knobs; later ones win
PARTS: tuple[Callable[[Facts], Found], ...] = (
    _attention,
    _precision,
    _quantisation,
    device,
    _decoding,
    _sampling,
    _tokens,
    _machine,
)
