"""read(text): what a pasted script means, by `ast` alone: nothing in it is executed, nothing it names is opened."""

from collections.abc import Callable
from typing import Any

from workbench.errors import ConfigError
from workbench.pasted.baseline import base_line
from workbench.pasted.facts import Facts, Ids, entry_of, facts, loaded_by, model_name
from workbench.pasted.flow import walk
from workbench.pasted.marks import marks
from workbench.pasted.marks_sampling import length_meant
from workbench.pasted.result import Pasted
from workbench.pasted.source import script
from workbench.pasted.values import Entries, Unknown
from workbench.results import Machine
from workbench.words import say
from workbench.words.message import Message

# (model, revision) -> what is known of its token ids
Look = Callable[[str, str | None], Ids | None]
_MOST_PROMPTS = 64


def read(text: str, *, machine: Machine | None = None, look: Look | None = None) -> Pasted:
    """What the script in `text` loads and how, what is wrong with it, and what cannot be known.

    machine  marks values that it cannot do
    look     tells the token ids of a model that lies here (`workbench.pasted.here.ids_of`); default: the catalogue's

    ConfigError for a text that is no Python, that no one could have written, or that loads no model.
    """
    source = script(text)
    try:
        return _read(facts(walk(source), Ids(), machine), look)
    except RecursionError:
        raise ConfigError("pasted.too_deep") from None


def _read(found: Facts, look: Look | None) -> Pasted:
    if found.model is None:
        raise ConfigError("pasted.no_model")
    name, revision = found.name, _text(found, "revision")
    found.ids = (look(name, revision) if look and isinstance(name, str) else None) or _catalogued(name)
    config, said, unknowns, notes = base_line(found)
    prompts = _prompts(found)
    unknown_model = [
        say("pasted.unknown.model", line=name.line if isinstance(name, Unknown) else found.model.call.line)
    ]
    others = [str(other) for made in found.models if (other := model_name(made)) != name and isinstance(other, str)]
    return Pasted(
        text=found.script.text,
        model=name if isinstance(name, str) else None,
        revision=revision,
        others=tuple(dict.fromkeys(others)),
        knobs=dict(config),
        said=said,
        prompts=tuple(prompts),
        max_new_tokens=_length(found),
        batch_size=len(prompts) or _rows(found),
        marks=marks(found),
        unknowns=(*([] if isinstance(name, str) else unknown_model), *_opened(found), *unknowns),
        notes=(*_chosen(found, others), *_skipped(found), *notes),
    )


def _text(found: Facts, name: str) -> str | None:
    given = found.loaded_with(name)
    return given.value if given and isinstance(given.value, str) else None


def _catalogued(name: Any) -> Ids:
    entry = entry_of(name)
    if entry is None:
        return Ids()
    eos, pad = (entry.tokens.get(key) for key in ("eos", "pad"))
    ids = eos.value if eos else ()
    return Ids(
        eos=tuple(ids) if isinstance(ids, list) else (ids,) if isinstance(ids, int) else (),
        pad=pad.value if pad and isinstance(pad.value, int) else None,
        source=eos.source if eos else "",
    )


def _length(found: Facts) -> int | None:
    call = next(iter(found.generates), None)
    given = found.settings(call).get("max_new_tokens") or (length_meant(call) if call else None)
    length = given.value if given else (256 if found.is_pipeline else None)
    return length if isinstance(length, int) and not isinstance(length, bool) and length > 0 else None


def _texts(found: Facts) -> Any:
    for call in found.generates:
        if call.kind == "pipe_call":
            return call.value("text_inputs")
        if inputs := found.inputs_of(call):
            given = inputs.call.given.get("text") or inputs.call.given.get("conversation")
            return given.value if given else next(iter(inputs.call.values), None)
    return None


def _prompts(found: Facts) -> list[str]:
    """The literal prompts; none where one of them cannot be known."""
    value = _texts(found)
    rows = value if isinstance(value, list) else [value]
    if rows and all(isinstance(row, Entries) for row in rows):  # one conversation: its questions
        asked = [row.given["content"].value for row in rows if "content" in row.given and _role(row) == "user"]
        rows = asked[-1:]
    texts = [row for row in rows if isinstance(row, str) and row.strip()]
    return texts if len(texts) == len(rows) and len(texts) <= _MOST_PROMPTS else []


def _role(row: Entries) -> Any:
    return row.given["role"].value if "role" in row.given else None


def _rows(found: Facts) -> int | None:
    value = _texts(found)
    plain = isinstance(value, list) and value and not any(isinstance(row, Entries) for row in value)
    if plain:
        return len(value)
    given = found.loaded_with("batch_size")
    return given.value if given and isinstance(given.value, int) and given.value > 0 else None


def _opened(found: Facts) -> list[Message]:
    """Arguments that come by a `**` which cannot be known."""
    lines = {call.opened for call in (found.load, *found.generates) if call and call.opened}
    return [say("pasted.unknown.arguments", line=line) for line in sorted(lines)]


def _chosen(found: Facts, others: list[str]) -> list[Message]:
    inner = loaded_by(found.model)
    several = [made for made in found.models if made is not found.model and made is not inner]
    if not several or found.model is None:
        return []
    name = found.name if isinstance(found.name, str) else found.model.name or "?"
    why = "generated" if found.generates else "first"
    return [say(f"pasted.note.{why}", model=name, line=found.model.call.line, others=", ".join(others) or len(several))]


def _skipped(found: Facts) -> list[Message]:
    lines = found.script.magics
    return [say("pasted.note.magics", lines=", ".join(map(str, lines[:8])), count=len(lines))] if lines else []
