"""What the files of a model on this disk say of its tokens: JSON files of its folder, and nothing else."""

import json
from pathlib import Path
from typing import Any

from workbench.catalog.sources import demo_folder, needs_hub
from workbench.hub.caches import locate
from workbench.pasted.facts import Ids
from workbench.results.folders import is_path

_SAMPLING = ("do_sample", "temperature", "top_p", "top_k", "min_p", "repetition_penalty", "no_repeat_ngram_size")
_LEFT = ("LlamaTokenizer", "LlamaTokenizerFast")  # transformers 5.23.0: models/llama/tokenization_llama.py
_LARGEST = 50_000_000


def ids_of(name: str, revision: str | None = None) -> Ids | None:
    """The end and pad ids, padding side and sampling of a model that lies here; None where it does not."""
    folder = _folder(name, revision)
    if folder is None or not (folder / "config.json").is_file():
        return None
    config, generation, tokenizer = (
        _json(folder / f"{file}.json") for file in ("config", "generation_config", "tokenizer_config")
    )
    ids = _added(folder, tokenizer)
    eos = generation.get("eos_token_id", config.get("eos_token_id", ids.get(_word(tokenizer.get("eos_token")))))
    pad = ids.get(_word(tokenizer.get("pad_token")), generation.get("pad_token_id"))
    side = tokenizer.get("padding_side", "left" if tokenizer.get("tokenizer_class") in _LEFT else "right")
    return Ids(
        eos=tuple(each for each in (eos if isinstance(eos, list) else [eos]) if isinstance(each, int)),
        pad=pad if isinstance(pad, int) else None,
        source=f"{folder.name}: generation_config.json, config.json, tokenizer_config.json",
        padding_side=side if tokenizer else None,
        sampling={key: generation[key] for key in _SAMPLING if generation.get(key) is not None},
    )


def _folder(name: str, revision: str | None) -> Path | None:
    if name == "demo":
        return demo_folder()
    if is_path(name):
        return Path(name).expanduser()
    return locate(name, revision) if needs_hub(name) else None


def _json(file: Path) -> dict[str, Any]:
    """The file's object; an empty one where it is missing or damaged: the load says what is wrong with it."""
    try:
        if file.stat().st_size > _LARGEST:
            return {}
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _word(token: Any) -> Any:
    return token.get("content") if isinstance(token, dict) else token


def _added(folder: Path, tokenizer: dict[str, Any]) -> dict[Any, int]:
    """Special tokens with their ids."""
    table = tokenizer.get("added_tokens_decoder")
    if isinstance(table, dict) and table:
        return {_word(token): int(number) for number, token in table.items() if str(number).isdecimal()}
    added = _json(folder / "tokenizer.json").get("added_tokens")
    rows = added if isinstance(added, list) else []
    return {row["content"]: row["id"] for row in rows if isinstance(row, dict) and {"content", "id"} <= set(row)}
