"""How the exported code speculates: the smaller model that drafts, and what a drafter's generation config says."""

from typing import Any

from workbench.config import Config
from workbench.export.piece import Loading, Piece
from workbench.export.python import arguments, literal
from workbench.export.source import loadable
from workbench.knobs.generation import drafter_settings

_DRAFTING = '''\
@cache
def drafting(model):
    """Return the arguments of generate for drafts by a smaller model, loaded once."""
    drafter = AutoModelForCausalLM.from_pretrained(
        ASSISTANT,
{where}        use_safetensors=True,
        dtype={dtype},
        attn_implementation={attention},
        device_map={{"": DEVICE}},
    )
    drafter.eval()
{settings}
    if drafter.config.vocab_size == model.config.vocab_size:
        return {{"assistant_model": drafter}}
    return {{  # other words are translated by way of text
        "assistant_model": drafter,
        "tokenizer": AutoTokenizer.from_pretrained(MODEL),
        "assistant_tokenizer": AutoTokenizer.from_pretrained(ASSISTANT),
    }}'''


def piece(loading: Loading) -> Piece:
    """Nothing for drafts from the prompt, which are an argument of `generate`. ModelError: no such assistant."""
    config = loading.config
    if config.speculation == "early_exit":  # the model is its own assistant
        return Piece({"in_place": _settings(config, "model")})
    if config.speculation != "assistant":
        return Piece()
    source = loadable(config.assistant_model)
    where: dict[str, Any] = {"gguf_file": source.gguf_file} if source.gguf_file else {}
    function = _DRAFTING.format(
        where="".join(f"        {line}\n" for line in arguments(where)),
        dtype=literal("auto") if config.dtype == "auto" else f"torch.{config.dtype}",
        attention=literal(config.attention),
        settings="\n".join(f"    {line}" for line in _settings(config, "drafter")),
    )
    return Piece(
        {
            "std_imports": ["from functools import cache"],
            "constants": [f"ASSISTANT = {literal(source.location)}"],
            "functions": ["", function, ""],
            "run_arguments": ["**drafting(model),"],
        }
    )


def _settings(config: Config, model: str) -> list[str]:
    """Assignments to the generation config of whoever drafts: `generate` takes no argument for them."""
    return [f"{model}.generation_config.{name} = {literal(value)}" for name, value in drafter_settings(config).items()]
