"""Padding and end-of-sequence: which ids, which side."""

from collections.abc import Mapping
from typing import Any

from workbench.knobs.kinds import Choice, TokenIds
from workbench.knobs.knob import OK, Group, Knob
from workbench.results import Capability, Machine, ModelFacts
from workbench.words import say


def _ids_capability(value: Any, _machine: Machine, model: ModelFacts | None, _values: Mapping[str, Any]) -> Capability:
    ids = value if isinstance(value, tuple) else (value,)
    beyond = [part for part in ids if isinstance(part, int) and model is not None and part >= model.vocab_size]
    if beyond and model is not None:
        return Capability(
            ok=False,
            reason=say("capability.id_beyond_vocabulary", token_id=beyond[0], vocab_size=model.vocab_size),
            remedy=say("capability.use_id_below", largest=model.vocab_size - 1),
        )
    return OK


KNOBS = (
    Knob(
        name="pad_token",
        label="Pad token",
        help="Fills short rows of a batch and finished rows. auto: the tokenizer's, else the first end token. "
        "eos, unk: the tokenizer's token of that name. Or an id.",
        group=Group.TOKENS,
        kind=TokenIds(words=("auto", "eos", "unk")),
        default="auto",
        capability=_ids_capability,
    ),
    Knob(
        name="eos_token_ids",
        label="End tokens",
        help="Ids that end a row. auto: those of the model's generation config.",
        group=Group.TOKENS,
        kind=TokenIds(words=("auto",), many=True),
        default="auto",
        capability=_ids_capability,
    ),
    Knob(
        name="padding_side",
        label="Padding side",
        help="left keeps the last prompt token next to the first new one. right makes a decoder-only model continue "
        "from padding.",
        group=Group.TOKENS,
        kind=Choice(("left", "right")),
        default="left",
    ),
)
