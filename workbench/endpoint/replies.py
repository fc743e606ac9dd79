"""What a server answers, as plain data: whole answers, pieces of a stream, lists of models and of token ids."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from workbench.endpoint.failures import told
from workbench.errors import EndpointError
from workbench.words.format import printable

_ID = "token_id:"  # how vLLM writes a token in logprobs when asked for ids (return_tokens_as_token_ids)


@dataclass
class Reply:
    """One answer, whole. Counts are None where the server does not tell them.

    ids      token ids where the server tells them, the end token included or not
    finish   stop, length, or another word of the server's
    done     a stream ended with [DONE]
    """

    text: str = ""
    finish: str | None = None
    prompt_tokens: int | None = None
    new_tokens: int | None = None
    ids: list[int] = field(default_factory=list)
    prompt_ids: tuple[int, ...] | None = None
    done: bool = False
    streamed: bool = False

    @property
    def ended(self) -> bool | None:
        """By an end token; None: not told."""
        return {"stop": True, "length": False}.get(self.finish or "")

    def take(self, body: dict[str, Any]) -> bool:
        """Adds a chunk, or a whole body; True when it brought text."""
        _usage(self, body.get("usage"))
        self.prompt_ids = _ids(body.get("prompt_token_ids")) or self.prompt_ids
        text = ""
        for choice in _list(body.get("choices"))[:1]:
            if not isinstance(choice, dict):
                raise EndpointError("endpoint.not_openai", problem="choices")
            text = _text(choice)
            self.finish = _word(choice.get("finish_reason")) or self.finish
            self.prompt_ids = _ids(choice.get("prompt_token_ids")) or self.prompt_ids
            if ids := _ids(choice.get("token_ids")):
                self.ids += ids
            else:
                self._logprobs(choice.get("logprobs"))
        self.text += text
        return bool(text)

    def _logprobs(self, logprobs: Any) -> None:
        """llama.cpp tells ids beside logprobs, vLLM in place of the tokens' texts."""
        if not isinstance(logprobs, dict):
            return
        listed = _list(logprobs.get("content")) or _list(logprobs.get("tokens"))  # of chat; of the older /completions
        for each in listed:
            entry = each if isinstance(each, dict) else {"token": each}
            token, known = entry.get("token"), entry.get("id")
            if isinstance(known, int) and not isinstance(known, bool):
                self.ids.append(known)
            elif isinstance(token, str) and token.startswith(_ID) and token.removeprefix(_ID).isdecimal():
                self.ids.append(int(token.removeprefix(_ID)))


def parsed(data: str | bytes, key: str | None) -> dict[str, Any]:
    """A JSON object. EndpointError for text that is none, and for an error inside."""
    try:
        body = json.loads(data)
    except UnicodeDecodeError:
        raise EndpointError("endpoint.not_utf8") from None
    except (ValueError, RecursionError):
        raise EndpointError("endpoint.not_json") from None
    if not isinstance(body, dict):
        raise EndpointError("endpoint.not_openai", problem=type(body).__name__)
    if body.get("error"):
        raise told(body, key)
    return body


def answer(body: dict[str, Any]) -> Reply:
    """A whole, unstreamed answer. EndpointError when it has no choices."""
    if not _list(body.get("choices")):
        raise EndpointError("endpoint.not_openai", problem="choices")
    reply = Reply()
    reply.take(body)
    return reply


def models(body: dict[str, Any]) -> list[str]:
    """The names that /v1/models lists. EndpointError when it is no such list."""
    listed = body.get("data")
    if not isinstance(listed, list):
        raise EndpointError("endpoint.not_openai", problem="data")
    return [each["id"] for each in listed if isinstance(each, dict) and isinstance(each.get("id"), str)]


def token_ids(body: Any) -> tuple[int, ...] | None:
    """Of a /tokenize answer: vLLM's and SGLang's `tokens`, llama.cpp's (numbers, or objects with an id)."""
    listed = body.get("tokens") if isinstance(body, dict) else body
    if isinstance(listed, list) and listed and all(isinstance(each, dict) for each in listed):
        listed = [each.get("id") for each in listed]
    return _ids(listed)


def content_of(content_type: str) -> str:
    """json, events, html or another word, from a Content-Type."""
    kind = content_type.partition(";")[0].strip().lower()
    known = {"text/event-stream": "events", "text/html": "html"}
    if kind == "application/json" or kind.endswith("+json"):
        return "json"
    return known.get(kind, printable(kind, 40))


def _text(choice: dict[str, Any]) -> str:
    """Content and what a reasoning model thinks; of a chunk, of a message, or of the older /completions."""
    holder = choice.get("delta") or choice.get("message") or choice
    if not isinstance(holder, dict):
        raise EndpointError("endpoint.not_openai", problem="delta")
    return "".join(_pieces(holder))


def _pieces(holder: dict[str, Any]) -> Iterator[str]:
    thought = holder.get("reasoning_content") or holder.get("reasoning")
    for piece in (thought, holder.get("content"), holder.get("text")):
        if piece is not None and not isinstance(piece, str):
            raise EndpointError("endpoint.not_openai", problem="content")
        yield piece or ""


def _usage(reply: Reply, usage: Any) -> None:
    if not isinstance(usage, dict):
        return
    reply.prompt_tokens = _count(usage.get("prompt_tokens"), reply.prompt_tokens)
    reply.new_tokens = _count(usage.get("completion_tokens"), reply.new_tokens)


def _count(value: Any, before: int | None) -> int | None:
    good = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    return value if good else before


def _ids(value: Any) -> tuple[int, ...] | None:
    if (
        isinstance(value, list)
        and value
        and all(isinstance(each, int) and not isinstance(each, bool) for each in value)
    ):
        return tuple(value)
    return None


def _word(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
