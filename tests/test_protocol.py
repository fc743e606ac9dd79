"""Frames over a real socket pair: whole or not at all, whatever the other end does."""

import json
import random
import socket
import struct
import threading
import time
from collections.abc import Iterator

import pytest

from workbench.protocol import MAX_HEADER, PROTOCOL_VERSION, Wire, WireError

PREFIX = struct.Struct(">4sHIQ")


def frame(header: bytes, payload: bytes = b"", *, magic: bytes = b"DSWB", version: int = PROTOCOL_VERSION) -> bytes:
    return PREFIX.pack(magic, version, len(header), len(payload)) + header + payload


class Ends:
    """A wire, and the raw socket at its other end."""

    def __init__(self) -> None:
        near, self.raw = socket.socketpair()
        near.settimeout(30)
        self.raw.settimeout(30)
        self.wire = Wire(near.makefile("rb"), near.makefile("wb"))
        near.close()  # the two files keep it open


@pytest.fixture
def ends() -> Iterator[Ends]:
    pair = Ends()
    yield pair
    pair.raw.close()
    pair.wire.close()


@pytest.fixture
def wires() -> Iterator[tuple[Wire, Wire]]:
    left, right = socket.socketpair()
    for end in (left, right):
        end.settimeout(10)
    pair = tuple(Wire(end.makefile("rb"), end.makefile("wb")) for end in (left, right))
    left.close()
    right.close()
    yield pair  # type: ignore[misc]
    for wire in pair:
        wire.close()


@pytest.mark.parametrize(
    ("header", "payload"),
    [
        ({}, b""),
        ({"op": "apply", "text": "模型 \u2028 😀 \x00 \udc80 alone"}, b""),
        ({"n": 1.5, "none": None, "deep": {"list": [1, [2]]}}, bytes(range(256)) * 3),
    ],
)
def test_header_and_payload_arrive_as_they_were(
    wires: tuple[Wire, Wire], header: dict[str, object], payload: bytes
) -> None:
    wires[0].send(header, payload)
    assert wires[1].receive() == (header, payload)


def test_a_large_payload_both_ways_at_once(wires: tuple[Wire, Wire]) -> None:
    payload = random.Random(0).randbytes(8_000_000)
    senders = [threading.Thread(target=wire.send, args=({"size": len(payload)}, payload)) for wire in wires]
    for sender in senders:
        sender.start()
    received: list[object] = []
    readers = [threading.Thread(target=lambda wire=wire: received.append(wire.receive())) for wire in wires]
    for reader in readers:
        reader.start()
    for thread in (*senders, *readers):
        thread.join(30)
    assert received == [({"size": len(payload)}, payload)] * 2


def test_bytes_that_trickle_in_one_by_one(ends: Ends) -> None:
    data = frame(b'{"op": "stop"}', b"abc") + frame(b'{"op": "exit"}')

    def trickle() -> None:
        for byte in data:
            ends.raw.sendall(bytes([byte]))
            time.sleep(0.0002)

    sender = threading.Thread(target=trickle)
    sender.start()
    assert ends.wire.receive() == ({"op": "stop"}, b"abc")
    assert ends.wire.receive() == ({"op": "exit"}, b"")
    sender.join(30)


def test_a_closed_end_is_none(ends: Ends) -> None:
    ends.raw.close()
    assert ends.wire.receive() is None


@pytest.mark.parametrize("keep", [1, PREFIX.size - 1, PREFIX.size, PREFIX.size + 3, -1])
def test_a_frame_cut_short_by_death_is_none(ends: Ends, keep: int) -> None:
    ends.raw.sendall(frame(b'{"op": "result"}', b"payload")[:keep])
    ends.raw.close()
    assert ends.wire.receive() is None


def test_something_else_on_the_line(ends: Ends) -> None:
    ends.raw.sendall(b"Traceback (most recent call last):\n")
    with pytest.raises(WireError, match="not a workbench frame: starts with b'Trac'"):
        ends.wire.receive()


def test_another_version(ends: Ends) -> None:
    ends.raw.sendall(frame(b"{}", version=PROTOCOL_VERSION + 1))
    with pytest.raises(WireError, match=f"speaks protocol {PROTOCOL_VERSION + 1}, this one {PROTOCOL_VERSION}"):
        ends.wire.receive()


def test_a_header_too_large_is_refused_before_it_is_read(ends: Ends) -> None:
    ends.raw.sendall(PREFIX.pack(b"DSWB", PROTOCOL_VERSION, MAX_HEADER + 1, 0))
    with pytest.raises(WireError, match="exceeds"):
        ends.wire.receive()


def test_concurrent_senders_never_mix_their_frames(wires: tuple[Wire, Wire]) -> None:
    threads, each = 8, 50

    def send(number: int) -> None:
        for turn in range(each):
            wires[0].send({"sender": number, "turn": turn}, bytes([number]) * (turn * 37))

    senders = [threading.Thread(target=send, args=(number,), daemon=True) for number in range(threads)]
    for sender in senders:
        sender.start()
    turns: dict[int, list[int]] = {number: [] for number in range(threads)}
    for _ in range(threads * each):
        received = wires[1].receive()
        assert received is not None
        header, payload = received
        assert payload == bytes([header["sender"]]) * (header["turn"] * 37)
        turns[header["sender"]].append(header["turn"])
    for sender in senders:
        sender.join(30)
    assert turns == {number: list(range(each)) for number in range(threads)}


def test_sending_to_a_dead_end_is_an_oserror(ends: Ends) -> None:
    ends.raw.close()
    with pytest.raises(OSError):  # noqa: PT011  # which of them depends on the system
        ends.wire.send({"op": "call"}, b"x" * 10_000_000)


def test_closing_twice_and_after_a_death_is_harmless(ends: Ends) -> None:
    ends.raw.close()
    ends.wire.close()
    ends.wire.close()


def test_headers_are_plain_json(ends: Ends) -> None:
    ends.wire.send({"op": "call", "job": 1}, b"raw")
    data = ends.raw.recv(4096)
    magic, version, header_length, payload_length = PREFIX.unpack(data[: PREFIX.size])
    assert (magic, version, payload_length) == (b"DSWB", PROTOCOL_VERSION, 3)
    assert json.loads(data[PREFIX.size : PREFIX.size + header_length]) == {"op": "call", "job": 1}
    with pytest.raises(TypeError):
        ends.wire.send({"object": object()})
