"""Session.from_code: a person's own script as the base line of a session."""

from typing import Any, Self

from workbench import machine as machines
from workbench.config import Config
from workbench.errors import ConfigError
from workbench.knobs import KNOBS, refusals
from workbench.pasted import Pasted, ids_of, read
from workbench.results import Machine
from workbench.words import say
from workbench.words.format import knob_value
from workbench.words.message import Message

_INSTEAD = {"device": "auto", "attention": "sdpa"}  # what stands in for what a machine lacks; else the knob's default


class FromCode:
    """Part of a session, in a file of its own."""

    _pasted: Pasted | None = None

    @property
    def pasted(self) -> Pasted | None:
        """The script that this session was opened from; None: it was opened otherwise."""
        return self._pasted

    @classmethod
    def from_code(cls, text: str, *, model: str | None = None, **options: Any) -> Self:
        """A session on the model that a pasted script loads, with the script's own arguments as the base line.

        text     Python or a notebook; read with `ast`, never executed
        model    opened instead of the one that the script names, or where it names none
        options  of Session, without `config` and `device`

        What this machine cannot do is replaced by the nearest that it can; `.pasted.notes` tells each difference, and
        `.pasted.marks` what the script's arguments really do. ConfigError for a text that cannot be read, or that does
        not say which model it loads.
        """
        machine = machines.doctor()
        found = read(text, machine=machine, look=ids_of)
        name = model or found.model
        if name is None:
            line = next((each.params["line"] for each in found.unknowns if each.code == "pasted.unknown.model"), 1)
            raise ConfigError("pasted.which_model", line=line)
        config, told = possible(found.config, machine)
        if model is None:
            options.setdefault("revision", found.revision)
        session: Any = cls(name, config=config, **options)  # type: ignore[call-arg]  # Session's own signature
        session._pasted = found.model_copy(update={"notes": (*found.notes, *told)})
        opened: Self = session
        return opened


def possible(config: Config, machine: Machine) -> tuple[Config, tuple[Message, ...]]:
    """The nearest config that `machine` can do, and what was changed for it."""
    told = []
    for _knob in KNOBS:  # each turn mends one; there are no more turns than knobs
        refused = next(iter(refusals(config, machine).items()), None)
        if refused is None:
            break
        knob, capability = refused
        used = _INSTEAD.get(knob, KNOBS[knob].default)
        if config[knob] == used:
            break  # the session says what is wrong
        words = {"value": knob_value(config[knob]), "used": knob_value(used), "reason": str(capability.reason)}
        told.append(say("pasted.note.not_here", knob=knob, **words))
        config = config.replace(**{knob: used})
    return config, tuple(told)
