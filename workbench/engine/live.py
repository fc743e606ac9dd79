"""Settings that change on a resident model: attention, threads, cache, tokens, sampling."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Self

import torch

from workbench.config import Config
from workbench.engine.cache_bytes import cache_bytes
from workbench.engine.readback import Seen, as_ids, cache_word, kv_bytes_per_token
from workbench.engine.scope import in_force
from workbench.errors import CapabilityError, ConfigError
from workbench.knobs.generation import PENALTIES, PLAIN, SAMPLING, drafter_settings, generation_arguments
from workbench.probes.context import Context
from workbench.probes.failures import loses_device, refuses_memory
from workbench.results import NO_LOOP_YET, TRANSFORMERS_LOOP, ThreadChoice
from workbench.words import Message, say


@dataclass(frozen=True)
class Originals:
    """The checkpoint's own settings, kept so that "auto" means them again after other values."""

    generation_config: Any
    pad_token_id: int | None
    padding_side: str

    @classmethod
    def of(cls, model: Any, tokenizer: Any, before: Self | None = None) -> Self:
        """`before`: of an earlier load. The tokenizer outlives a reload, with what was set since."""
        mine = before or tokenizer
        return cls(deepcopy(model.generation_config), mine.pad_token_id, mine.padding_side)


def align(model: Any, tokenizer: Any, originals: Originals, config: Config) -> dict[str, Message]:
    """Puts pad, end and sampling settings into the tokenizer and a fresh copy of the checkpoint's generation config.

    Returns the reasons for what was chosen here, by knob: an id of the checkpoint that the model has no row for is left
    out. Raises ConfigError when such an id is asked for, or a token that this tokenizer lacks.
    """
    why: dict[str, Message] = {}
    generation = deepcopy(originals.generation_config)
    vocabulary = model.get_input_embeddings().weight.shape[0]

    eos, why_eos = _end_ids(config.eos_token_ids, tokenizer, as_ids(generation.eos_token_id), vocabulary)
    pad, why_pad = _pad_id(config.pad_token, tokenizer, originals, eos, vocabulary)
    why |= {knob: said for knob, said in (("eos_token_ids", why_eos), ("pad_token", why_pad)) if said}
    for knob, ids in (("eos_token_ids", eos), ("pad_token", (pad,) if pad is not None else ())):
        for token_id in ids:
            if token_id >= vocabulary:
                raise ConfigError(
                    "config.refused",
                    knob=knob,
                    value=token_id,
                    reason=str(say("capability.id_beyond_vocabulary", token_id=token_id, vocab_size=vocabulary)),
                    remedy=str(say("capability.use_id_below", largest=vocabulary - 1)),
                )

    if pad is not None and tokenizer.convert_ids_to_tokens(pad) is None:
        raise _refused("pad_token", pad, say("why.no_token_of_id", token_id=pad))
    generation.eos_token_id = list(eos) or None
    generation.pad_token_id = pad
    arguments = generation_arguments(config)
    for name in ("do_sample", *SAMPLING, *PENALTIES):
        setattr(generation, name, arguments.get(name))
    if config.speculation == "early_exit":  # the model is its own assistant
        for name, value in drafter_settings(config).items():
            setattr(generation, name, value)
    generation.stop_strings = None  # they need the tokenizer: a criterion of the engine's own (`probes.stops`)
    model.generation_config = generation
    if tokenizer.pad_token_id != pad:
        tokenizer.pad_token = None if pad is None else tokenizer.convert_ids_to_tokens(pad)
    tokenizer.padding_side = config.padding_side
    return why


def _end_ids(
    asked: Any, tokenizer: Any, stated: tuple[int, ...], vocabulary: int
) -> tuple[tuple[int, ...], Message | None]:
    """`stated`: by the checkpoint's generation config."""
    if asked != "auto":
        return asked, None
    eos = tuple(each for each in stated if 0 <= each < vocabulary)
    why = None
    if beyond := set(stated) - set(eos):
        why = say("why.eos_beyond", token_id=min(beyond), vocab_size=vocabulary)
    own = tokenizer.eos_token_id
    if not eos and own is not None and own < vocabulary:
        return (own,), why or say("why.eos_from_tokenizer")
    return eos, why


def _pad_id(
    asked: Any, tokenizer: Any, originals: Originals, eos: tuple[int, ...], vocabulary: int
) -> tuple[int | None, Message | None]:
    if isinstance(asked, int):
        return asked, None
    if asked == "auto":
        own = originals.pad_token_id
        if own is not None and own < vocabulary:
            return own, None
        named = [each for each in eos if tokenizer.convert_ids_to_tokens(each) is not None]
        why = say("why.pad_eos") if own is None else say("why.pad_beyond", token_id=own, vocab_size=vocabulary)
        return (named[0], why) if named else (None, None)
    token_id = {"eos": eos[0] if eos else None, "unk": tokenizer.unk_token_id}[asked]
    if token_id is None:
        raise _refused("pad_token", asked, say("why.no_such_token", token=asked))
    return token_id, None


def _refused(knob: str, value: Any, reason: Message) -> ConfigError:
    remedy = str(say("why.use_token_id"))
    return ConfigError("config.refused", knob=knob, value=value, reason=str(reason), remedy=remedy)


def set_threads(asked: Any, choice: ThreadChoice | None) -> Message | None:
    """Sets torch's intra-op threads for the calling thread, and says why when the count was chosen here."""
    if isinstance(asked, int):
        torch.set_num_threads(asked)
        return None
    torch.set_num_threads(choice.threads if choice else 1)
    return choice.reason if choice else say("why.threads_default")


def set_attention(model: Any, implementation: str) -> None:
    """Switches on the resident model. CapabilityError when transformers refuses; the old one then stays."""
    before = model.config._attn_implementation
    try:
        model.set_attn_implementation(implementation)
    except (ImportError, ValueError) as error:
        model.set_attn_implementation(before)
        raise CapabilityError(
            "capability.attention_refused", implementation=implementation, problem=str(error).splitlines()[0]
        ) from error


# knobs whose change is proved by a forward pass
CACHE_KNOBS = frozenset({"compile", "cache", "cache_backend", "cache_bits", "cache_length"})
DRAFT_KNOBS = frozenset({"speculation", "speculation_tokens", "assistant_model", "assistant_early_exit"})
PROVED = CACHE_KNOBS | DRAFT_KNOBS | {"attention", "sdpa_backend", "autocast", "bnb_threshold"}
_DRAFTED = 4  # tokens of a proof with speculation
TOLD = PROVED | {"dtype", "quantization"}  # in the error when the proof fails


def prove(model: Any, config: Config, *, same_cache: bool = False, drafting: Mapping[str, Any] | None = None) -> Any:
    """One token under the settings in force; returns the cache that it used.

    `same_cache`: the kind of cache is the one that was proved before. Where it is the decoder's own choice, its layers
    run without the head and without `generate`, which no other live setting touches: a quarter less time. What
    `compile` makes of the step is proved when it is first used: here its layers run uncompiled, over a static cache.
    With speculation a few tokens run, so that whoever drafts does. drafting: the assistant, as arguments of `generate`.
    """
    start = model.generation_config.bos_token_id or 0
    if drafting and "assistant_tokenizer" in drafting:  # of a special token alone, translation leaves nothing
        start = drafting["tokenizer"]("a", add_special_tokens=False)["input_ids"][:1]
    token = torch.full((1, 1), as_ids(start)[0], dtype=torch.long, device=model.device)
    if config.compile != "off":
        config = config.replace(compile="off", cache="static")
    with in_force(config, model.device):
        if same_cache and config.cache == "dynamic" and model.base_model is not model:
            mask = torch.ones_like(token)
            return model.base_model(input_ids=token, attention_mask=mask, use_cache=True).past_key_values
        return model.generate(
            input_ids=token,
            attention_mask=torch.ones_like(token),
            max_new_tokens=1 if config.speculation == "off" else _DRAFTED,
            return_dict_in_generate=True,
            **generation_arguments(config.replace(**PLAIN)),
            **(drafting or {}),
        ).past_key_values


def proof(
    model: Any,
    config: Config,
    context: Context,
    *,
    same_cache: bool = False,
    counted: bool = True,
    drafting: Mapping[str, Any] | None = None,
) -> tuple[Seen, int]:
    """What `prove` showed: the kind of cache, and a token's bytes in it (0: kept in another form than computed).

    counted  False where a token's bytes are not known yet: a cache that is kept as computed is then tried beside

    CapabilityError when a library refuses this model: it then never got as far as a token. Memory that was refused and
    a GPU whose context is lost are no refusals, and go through.
    """
    if first_use_compiles(config):
        context.enter(say("phase.first_use"), killable=True)
    try:
        cache = prove(model, config, same_cache=same_cache, drafting=drafting)
    except (AssertionError, ImportError, RuntimeError, ValueError) as error:
        if refuses_memory(error) or loses_device(error):
            raise
        settings = ", ".join(f"{name}={config[name]!r}" for name in sorted(TOLD) if config[name] != Config()[name])
        raise CapabilityError(
            "capability.setting_refused", settings=settings or "defaults", problem=f"{type(error).__name__}: {error}"
        ) from error
    kind = cache_word(cache)
    seen = Seen(kind, cache_bytes(cache), TRANSFORMERS_LOOP if config.compile == "off" else NO_LOOP_YET)
    kv_bytes = kv_bytes_per_token(cache) if kind in ("dynamic", "static") else 0
    if not kv_bytes and not counted:
        kv_bytes = proof(model, config.replace(cache="dynamic", compile="off"), context)[1]
    return seen, kv_bytes


def check_cache_length(config: Config, tokens: int) -> None:
    """ConfigError when prompt and answer together, `tokens`, are more than a cache of fixed length has room for."""
    length = config.cache_length
    if config.matters("cache_length") and length != "auto" and tokens > length:
        raise ConfigError("probe.cache_too_short", tokens=tokens, length=length)


def first_use_compiles(config: Config) -> bool:
    """Whether the proof itself may build a kernel, which takes up to minutes and cannot notice Stop."""
    return bool(config.attention == "flex_attention" or (config.matters("cache") and config.cache == "quantized"))
