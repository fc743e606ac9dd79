"""What a misbehaving server does to a request, one thing each; and how long to wait for it."""

import asyncio
from typing import Any

from tests.endpoint.serving import Behaviour, Talk, chunk

SHORT = {"connect": 1.0, "first": 0.3, "gap": 0.3, "total": 0.6}
KEY = "sk-secret-0123456789"


async def silent(_talk: Talk) -> None:
    await asyncio.sleep(30)


async def headers_only(talk: Talk) -> None:
    await talk.head()
    await asyncio.sleep(30)


async def comments_for_ever(talk: Talk) -> None:
    await talk.head()
    while True:
        await talk.send(b": keep-alive\n\n")
        await asyncio.sleep(0.05)


async def stalls(talk: Talk) -> None:
    await talk.head()
    await talk.send(chunk(None) + chunk("The"))
    await asyncio.sleep(30)


async def dribbles(talk: Talk) -> None:
    await talk.head()
    while True:
        await talk.send(chunk("a"))
        await asyncio.sleep(0.05)


async def dies(talk: Talk) -> None:
    await talk.head(transfer_encoding="chunked")
    await talk.send(b"400\r\n" + chunk("The"))  # says more than it sends


async def ends_early(talk: Talk) -> None:
    await talk.head()
    await talk.send(chunk("The") + chunk(" sea"))


async def html(talk: Talk) -> None:
    await talk.head(kind="text/html; charset=utf-8")
    await talk.send(b"<script>alert(1)</script>")


async def words(talk: Talk) -> None:
    await talk.head(kind="text/plain")
    await talk.send(b"OK")


async def broken_json(talk: Talk) -> None:
    await talk.json(b'{"choices": [')


async def broken_event(talk: Talk) -> None:
    await talk.head()
    await talk.send(b'data: {"choices": [\n\n')


async def other_json(talk: Talk) -> None:
    await talk.json({"answer": 42})


async def a_list(talk: Talk) -> None:
    await talk.json([1, 2])


async def odd_content(talk: Talk) -> None:
    await talk.json({"choices": [{"message": {"content": {"text": "?"}}}]})


async def error_inside(talk: Talk) -> None:
    await talk.head()
    await talk.send(chunk("The") + b'data: {"error": {"message": "out of memory"}}\n\n')


async def not_text(talk: Talk) -> None:
    await talk.head()
    await talk.send(b"data: \xff\xfe\x00\n\n")


async def one_line(talk: Talk) -> None:
    await talk.head()
    while True:
        await talk.send(b"x" * 65536)


async def circle(talk: Talk) -> None:
    await talk.head(307, location=talk.path)


async def elsewhere(talk: Talk) -> None:
    await talk.head(307, location="http://localhost.invalid/v1/chat/completions")


async def to_get(talk: Talk) -> None:
    await talk.head(302, location=talk.path)


async def gibberish(talk: Talk) -> None:
    await talk.send(b"\x16\x03\x01 no HTTP at all\r\n\r\n")


async def refuses_and_hangs(talk: Talk) -> None:
    await talk.head(502, "application/json", content_length="100")
    await asyncio.sleep(30)


def status(code: int, body: Any = None, **headers: str) -> Behaviour:
    async def answer(talk: Talk) -> None:
        await talk.json({"error": {"message": f"no: {KEY}"}} if body is None else body, code, **headers)

    return answer
