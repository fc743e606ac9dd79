"""Does the server render the bench's chat template and use its tokenizer? By token ids, else by their number."""

from collections.abc import Sequence

from workbench.endpoint.client import Client
from workbench.endpoint.prompts import Ask
from workbench.endpoint.replies import token_ids
from workbench.errors import EndpointError
from workbench.results import EndpointPrompt, EndpointReference, EndpointTokens
from workbench.words import Message, say, text


async def compare(client: Client, asks: Sequence[Ask], reference: EndpointReference) -> EndpointTokens:
    """`asks` as the server reads them, against the bench's `prompts` in the same order."""
    found = []
    for place, ask in enumerate(asks):
        own = reference.prompts[place]
        try:
            reply = await client.ask(ask, 1)
        except EndpointError as error:  # a template may refuse a conversation; the others are compared all the same
            if error.params.get("status") not in (400, 422, 500):
                raise
            found.append(EndpointPrompt(name=ask.name, bench=len(own), server=None))
            continue
        ids = reply.prompt_ids or await tokenized(client, ask, reference.rendered[place])
        found.append(
            EndpointPrompt(
                name=ask.name,
                bench=len(own),
                server=len(ids) if ids else reply.prompt_tokens,
                same_ids=None if ids is None else ids == own,
            )
        )
    return judged(found)


async def tokenized(client: Client, ask: Ask, rendered: str) -> tuple[int, ...] | None:
    """Token ids by the server's own /tokenize; None where there is none, or none that takes the whole prompt.

    vLLM renders messages itself; llama.cpp does in /apply-template. Neither is asked for a text that we rendered: that
    would leave the template out of the comparison.
    """
    names = {"model": client.served} if client.served else {}
    if ask.messages is None:
        whole = {"add_special": True, "parse_special": True}  # llama.cpp's words; the others do so by themselves
        body = await client.beside("tokenize", {**names, "prompt": ask.prompt, "content": ask.prompt, **whole})
        return token_ids(body)
    messages = [dict(message) for message in ask.messages]
    body = await client.beside("tokenize", {**names, "messages": messages, "add_generation_prompt": True})
    if ids := token_ids(body):
        return ids
    applied = await client.beside("apply-template", {"messages": messages})
    if not isinstance(applied, dict) or not isinstance(applied.get("prompt"), str):
        return None
    if applied["prompt"] == rendered:
        special = {"add_special": False, "parse_special": True}
        return token_ids(await client.beside("tokenize", {"content": applied["prompt"], **special}))
    return ()  # another text cannot be the same tokens


def judged(prompts: Sequence[EndpointPrompt]) -> EndpointTokens:
    """The sentence that the comparison allows."""
    by_ids = [each for each in prompts if each.same_ids is not None]
    by_count = [each for each in prompts if each.server is not None]
    if by_ids:
        off = [each for each in by_ids if not each.same_ids]
        verdict = _verdict("ids", off, len(by_ids))
        return EndpointTokens(prompts=tuple(prompts), way="ids", same=not off, verdict=verdict)
    if by_count:
        off = [each for each in by_count if each.server != each.bench]
        verdict = _verdict("counts", off, len(by_count))
        return EndpointTokens(prompts=tuple(prompts), way="counts", same=not off, verdict=verdict)
    return EndpointTokens(prompts=tuple(prompts), way="none", same=None, verdict=say("endpoint.tokens.none"))


def _verdict(way: str, off: Sequence[EndpointPrompt], count: int) -> Message:
    if not off:
        return say(f"endpoint.tokens.same_{way}", count=count)
    more = {None if each.server is None else each.server - each.bench for each in off}
    if len(off) == count > 1 and len(more) == 1 and more != {0}:  # a lost or doubled BOS, or another template
        return say("endpoint.tokens.shifted", count=count, more=f"{more.pop() or 0:+d}")
    shown = ", ".join(text("endpoint.tokens.one", name=each.name, server=each.server, bench=each.bench) for each in off)
    return say(f"endpoint.tokens.off_{way}", off=len(off), count=count, shown=shown)
