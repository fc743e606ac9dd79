"""Server-sent events, as the HTML standard's "event stream interpretation" has them, from bytes as they come.

https://html.spec.whatwg.org/multipage/server-sent-events.html. Two things are stricter than a browser, because JSON
follows: bytes that are not UTF-8 are an error, and so is a line without end.
"""

from collections.abc import Iterator

from workbench.errors import EndpointError

LONGEST = 1 << 20  # bytes of one event: a token's chunk has hundreds


class Events:
    """Feed it blocks of bytes; it gives the data of each event that became complete."""

    def __init__(self) -> None:
        self._rest = b""  # of a line that has not ended
        self._after_return = False  # a CR ended the last line: an LF that follows belongs to it
        self._data: list[str] = []
        self._held = 0
        self._begun = False

    def feed(self, block: bytes) -> Iterator[str]:
        """EndpointError for bytes that are no text, and for an event beyond LONGEST."""
        if self._after_return and block.startswith(b"\n"):
            block = block[1:]
            self._after_return = False
        if block:
            self._after_return = block.endswith(b"\r")
        whole = self._rest + block
        lines = whole.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        self._rest = lines.pop()
        if len(self._rest) + self._held > LONGEST:
            raise EndpointError("endpoint.too_large", most=LONGEST)
        for line in lines:
            yield from self._line(line)

    def _line(self, raw: bytes) -> Iterator[str]:
        if not self._begun:
            self._begun = True
            raw = raw.removeprefix(b"\xef\xbb\xbf")  # one byte order mark may stand at the beginning
        if not raw:
            if self._data:
                yield "\n".join(self._data)
            self._data, self._held = [], 0
            return
        try:
            line = raw.decode("utf-8")
        except UnicodeDecodeError:
            raise EndpointError("endpoint.not_utf8") from None
        field, _colon, value = line.partition(":")
        if field == "data":  # comments have an empty name; event, id and retry say nothing here
            self._data.append(value.removeprefix(" "))
            self._held += len(raw)
            if self._held > LONGEST:
                raise EndpointError("endpoint.too_large", most=LONGEST)
