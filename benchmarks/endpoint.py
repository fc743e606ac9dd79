"""What `workbench endpoint` measures of the demo behind `transformers serve`, and what its own client costs."""

import asyncio
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2

from benchmarks.record import Outcome, Row
from workbench import Config, Session
from workbench.endpoint.address import address
from workbench.endpoint.client import Client
from workbench.endpoint.patience import Patience
from workbench.endpoint.prompts import Ask
from workbench.engine.demo import ensure_demo

QUESTION = "the demo in float32 behind transformers serve: latencies, agreement with the bench, the client's own cost"
NEW_TOKENS = 24
_CHUNKS = 64  # of each answer that the client's cost is taken from
_REQUESTS = 60


def run(budget_s: float) -> Outcome:
    """The server and the load share this machine's cores; the bench rests meanwhile."""
    folder = ensure_demo()
    threads = 1
    with _served(folder, threads) as url, Session("demo", config=Config(dtype="float32", threads=threads)) as session:
        found = session.endpoint(
            url,
            served=str(folder),
            concurrency=(1, 2, 4),
            requests=100,
            budget_s=budget_s / 4,
            new_tokens=NEW_TOKENS,
            target="ttft=2,tpot=0.1",
        )
    assert found.greedy is not None
    assert found.tokens is not None
    rows = []
    for level in found.levels:
        name = f"{level.concurrency} at a time, n {level.ok}"
        for metric, each in (("TTFT", level.ttft), ("TPOT", level.tpot)):
            if each is not None and each.p50 is not None:
                rows.append(Row(f"{name}: {metric} p50", each.p50, "s", bounds=each.p50_ci95))
            if each is not None and each.p95 is not None:
                rows.append(Row(f"{name}: {metric} p95", each.p95, "s", bounds=each.p95_ci95))
        rows.append(Row(f"{name}: goodput, TTFT ≤ 2 s and TPOT ≤ 0.1 s", level.goodput_rps or 0.0, "requests/s"))
    rows.append(Row("greedy answers identical", found.greedy.share, "", bounds=found.greedy.share_ci95))
    ours, bare = asyncio.run(_costs())
    rows += [
        Row(f"CPU of the client, a streamed answer of {_CHUNKS} chunks", statistics.median(ours), "s"),
        Row("the same by a bare httpx2 loop", statistics.median(bare), "s"),
    ]
    conditions = {
        "model": "demo",
        "server": "transformers serve, float32, no continuous batching",
        "server threads": threads,
        "new tokens": NEW_TOKENS,
        "prompt tokens": str(found.tokens.verdict),
        "greedy": str(found.greedy.verdict),
        "load generator": f"{max(level.own_share for level in found.levels):.3f} of a core at most",
    }
    return Outcome("endpoint", QUESTION, tuple(rows), conditions, {"client_s": ours, "bare_s": bare})


@contextmanager
def _served(folder: Path, threads: int) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(Path(sys.executable).parent / "transformers"), "serve", str(folder), "--dtype", "float32"]
    command += ["--device", "cpu", "--host", "127.0.0.1", "--port", str(port), "--log-level", "error"]
    with tempfile.TemporaryFile("w+") as log:
        environment = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": str(threads)}
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        try:
            while not _answers(f"http://127.0.0.1:{port}/health"):
                if process.poll() is not None:
                    log.seek(0)
                    raise RuntimeError(f"transformers serve did not start: {log.read()[-2000:]}")
                time.sleep(0.2)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(30)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


async def _costs() -> tuple[list[float], list[float]]:
    """CPU seconds of an answer, by our client and by a loop that only reads lines, in turns.

    The server that sends the chunks is a process of its own, so that its time is not in these.
    """
    code = f"import benchmarks.endpoint as it; it.send({_CHUNKS})"
    server = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        url = f"http://127.0.0.1:{int(server.stdout.readline())}"
        ask = Ask("cost", messages=({"role": "user", "content": "x"},))
        ours: list[float] = []
        bare: list[float] = []
        async with Client(address(url), Patience(), served="x") as client, httpx2.AsyncClient(trust_env=False) as http:
            for _round in range(_REQUESTS):
                began = time.thread_time()
                timed = await client.stream(ask, _CHUNKS)
                ours.append(time.thread_time() - began)
                assert len(timed.stamps) == _CHUNKS
                began = time.thread_time()
                async with http.stream("POST", f"{url}/v1/chat/completions", json={}) as response:
                    lines = [line async for line in response.aiter_lines() if line]
                bare.append(time.thread_time() - began)
                assert len(lines) == _CHUNKS + 1
    finally:
        server.kill()
        server.wait()
    return ours[5:], bare[5:]


def send(chunks: int) -> None:
    """A server that answers every request with that many chunks, one write each; prints its port."""
    event = b'data: {"choices": [{"index": 0, "delta": {"content": "word "}, "finish_reason": null}]}\n\n'

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            try:
                head = await reader.readuntil(b"\r\n\r\n")
            except asyncio.IncompleteReadError:  # the client is done
                return
            size = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
            await reader.readexactly(size)
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
            for part in [event] * chunks + [b"data: [DONE]\n\n"]:
                writer.write(b"%x\r\n%b\r\n" % (len(part), part))
                await writer.drain()
                await asyncio.sleep(0.001)  # as tokens come: one read each
            writer.write(b"0\r\n\r\n")

    async def serve() -> None:
        server = await asyncio.start_server(one, "127.0.0.1", 0)
        print(server.sockets[0].getsockname()[1], flush=True)
        await server.serve_forever()

    asyncio.run(serve())
