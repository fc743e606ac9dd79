"""The profile as a file for Perfetto and TensorBoard: bounded, compressed as it is written, without names of places."""

import gzip
import json
import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch.profiler import profile

from workbench.runs import artifact, writing_artifact
from workbench.words import Message, say

MOST_EVENTS = 1_500_000  # some 400 bytes each before they are compressed
MOST_BYTES = 25 * 2**20
_LEVEL = 4  # a quarter more bytes than level 9, in a third of the time
_CHUNK = 2**20
_HOST = re.compile(rb'"host_name": "[^"]*"')
_NAME = re.compile(rb'"traceName": "[^"]*"')


@dataclass(frozen=True)
class Kept:
    """`name` in artifacts/, None when it was not kept: then a note says why."""

    name: str | None
    bytes: int
    notes: tuple[Message, ...] = ()


class TooLarge(Exception):
    """More than MOST_BYTES even compressed."""


def keep(prof: profile, events: int, model: str, config: Mapping[str, Any]) -> Kept:
    """Exports the profile, once: torch allows no second time. StoreError when the disk refuses."""
    if events > MOST_EVENTS:
        return Kept(None, 0, (say("trace.too_many_events", events=events, most=MOST_EVENTS),))
    # TensorBoard's plugin looks for .pt.trace.json.gz
    words = re.sub(r"[^A-Za-z0-9]+", "-", f"{model}-{config['attention']}").strip("-").lower()[-60:]
    name = f"trace-{time.strftime('%Y%m%d-%H%M%S')}-{words}-{secrets.token_hex(2)}.pt.trace.json.gz"
    plain = artifact(name).with_name(f".{name}.plain")
    try:
        prof.export_chrome_trace(str(plain))
        with writing_artifact(name) as path:
            _compress(plain, path, name)
    except TooLarge:
        return Kept(None, 0, (say("trace.too_large", most_mib=MOST_BYTES >> 20),))
    finally:
        plain.unlink(missing_ok=True)
    return Kept(name, artifact(name).stat().st_size)


def _compress(plain: Path, path: Path, name: str) -> None:
    """Kineto writes the host's name first and the path it was given last: neither leaves this machine."""
    size, read = plain.stat().st_size, 0
    with plain.open("rb") as source, path.open("wb") as target:
        with gzip.GzipFile(name.removesuffix(".gz"), "wb", _LEVEL, target, mtime=0) as packed:
            while chunk := source.read(_CHUNK if size - read > 2 * _CHUNK else 2 * _CHUNK):
                first, read = read == 0, read + len(chunk)
                if first:
                    chunk = _HOST.sub(b'"host_name": ""', chunk, count=1)
                if read >= size:
                    chunk = _NAME.sub(b'"traceName": ' + json.dumps(name).encode(), chunk)
                packed.write(chunk)
                if target.tell() > MOST_BYTES:
                    raise TooLarge
        if target.tell() > MOST_BYTES:
            raise TooLarge
