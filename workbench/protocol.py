"""The wire between a session and its worker: length-prefixed JSON headers with raw bytes, versioned.

A frame is `magic, version, header length, payload length` (big endian), then the header as UTF-8 JSON, then the
payload. Never pickle: nothing that arrives can run. Never stdout: libraries print there.

session → worker   call {job, op, params} · stop {job} · exit
worker → session   hello {pid, versions, import_s} · event {job, seq, time, event, data} · result {job, data} ·
                   error {job, kind, code, params, detail} · fatal {code, params, detail} · handed_over {to}
"""

import json
import struct
import threading
from typing import Any, BinaryIO

PROTOCOL_VERSION = 1
MAX_HEADER = 64 * 1024 * 1024
_PREFIX = struct.Struct(">4sHIQ")
_MAGIC = b"DSWB"


class WireError(Exception):
    """The other end spoke something else, or another version."""


class Wire:
    """Frames over a pair of binary streams. `send` may be called from any thread; `receive` from one."""

    def __init__(self, reader: BinaryIO, writer: BinaryIO) -> None:
        self._reader = reader
        self._writer = writer
        self._sending = threading.Lock()

    def send(self, header: dict[str, Any], payload: bytes = b"") -> None:
        """OSError when the other end is gone."""
        body = json.dumps(header).encode()
        with self._sending:
            self._writer.write(_PREFIX.pack(_MAGIC, PROTOCOL_VERSION, len(body), len(payload)))
            self._writer.write(body)
            self._writer.write(payload)
            self._writer.flush()

    def receive(self) -> tuple[dict[str, Any], bytes] | None:
        """The next frame, or None when the other end closed. WireError for anything that is not a frame."""
        prefix = self._exactly(_PREFIX.size)
        if prefix is None:
            return None
        magic, version, header_length, payload_length = _PREFIX.unpack(prefix)
        if magic != _MAGIC:
            raise WireError(f"not a workbench frame: starts with {magic!r}")
        if version != PROTOCOL_VERSION:
            raise WireError(f"the other end speaks protocol {version}, this one {PROTOCOL_VERSION}")
        if header_length > MAX_HEADER:
            raise WireError(f"a header of {header_length} bytes exceeds {MAX_HEADER}")
        body = self._exactly(header_length)
        payload = self._exactly(payload_length)
        if body is None or payload is None:
            return None
        return json.loads(body), payload

    def fileno(self) -> int:
        """Of the reading end, for select."""
        return self._reader.fileno()

    def close(self) -> None:
        for stream in (self._writer, self._reader):
            try:
                stream.close()
            except OSError:  # the peer died with bytes of ours still buffered; nothing is left to save
                continue

    def _exactly(self, count: int) -> bytes | None:
        parts = []
        while count:
            part = self._reader.read(count)  # an unbuffered reader may give less
            if not part:
                return None
            parts.append(part)
            count -= len(part)
        return b"".join(parts)
