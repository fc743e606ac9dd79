"""What a script asks for that no knob holds, and what it leaves to others: told beside the base line."""

from collections.abc import Iterator

from workbench.pasted.facts import Facts
from workbench.pasted.marks_tokens import padded, side_said
from workbench.pasted.rule import arguments, calls, methods
from workbench.words import say
from workbench.words.message import Message


def beyond(facts: Facts) -> Iterator[Message]:
    """What a script asks for that no knob holds."""
    settings = facts.settings(next(iter(facts.generates), None))
    for name in ("num_beams", "num_return_sequences", "guidance_scale", "penalty_alpha"):
        given = settings.get(name)
        if given is not None and given.value not in (None, 1):
            yield say("pasted.note.no_knob", argument=name, value=facts.script.words(given.words)[:80])
    off = [given for _call, given in arguments(facts, ("load", "generate", "pipeline", "pipe_call"), "use_cache")]
    sets = [given for name, given in (facts.model.sets.items() if facts.model else ()) if name.endswith("use_cache")]
    if any(given.value is False for given in (*off, *sets)):
        yield say("pasted.note.no_knob", argument="use_cache", value="False")
    if any(call.name.endswith("compile") for call in (*calls(facts, "wrap"), *methods(facts, "compile"))):
        yield say("pasted.note.compiled")
    if not facts.is_pipeline and not facts.ids.sampling and "do_sample" not in settings:
        yield say("pasted.note.sampling")
    if side_said(facts) is None and facts.ids.padding_side is None and any(padded(call) for call in facts.tokenizes):
        yield say("pasted.note.padding_side")
