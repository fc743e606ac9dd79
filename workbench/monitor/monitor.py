"""Monitor: a session, or the device alone, as Prometheus scrapes it."""

import os
from collections.abc import Callable
from types import TracebackType
from typing import Self

from prometheus_client import CollectorRegistry

from workbench.monitor.collector import Collector
from workbench.monitor.recorder import Recorder
from workbench.monitor.server import Server, checked
from workbench.monitor.watched import Watched
from workbench.probes.device import Sampler
from workbench.results import Event

PORT = 9464
_LOOKS = 16  # the last one is told, a rate takes a few
PERIOD_S = 1.0  # a scraper comes every few seconds: ten looks a second would be nobody's
_EVENTS = ("state", "token", "result", "error")


class Monitor:
    """Listens until `close`, or until its session closes; a context manager.

    bench         the session; None: the device alone
    port          0 takes a free one; `.port` and `.url` tell which
    address       of this machine, as numbers; one that is not loopback only with `allow_remote`: there is no password
    period_s      between two looks at the device
    gpu_uuids     only these GPUs or MIG instances; None: all GPUs

    A scrape reads what was counted and sampled: it asks neither the model nor its process for anything. Counters begin
    with the monitor. ConfigError for an address or a port that is none; WorkbenchError where the port is taken.
    """

    def __init__(
        self,
        bench: Watched | None = None,
        port: int = PORT,
        *,
        address: str = "127.0.0.1",
        allow_remote: bool = False,
        period_s: float = PERIOD_S,
        gpu_uuids: tuple[str, ...] | None = None,
    ) -> None:
        address = checked(address, port, allow_remote)
        self._bench = bench
        self._recorder = Recorder()
        self._sampler = Sampler(period_s, self._pid(), gpu_uuids, _LOOKS)
        self._watched = self._pid()
        registry = CollectorRegistry()
        registry.register(Collector(bench, self._recorder, self._sampler))
        self._server = Server(registry, address, port)
        self.closed = False
        self._sampler.start()
        self._offs = [] if bench is None else [bench.on(name, self._listener(name)) for name in _EVENTS]

    @property
    def url(self) -> str:
        """Where Prometheus scrapes."""
        return self._server.url

    @property
    def address(self) -> str:
        return self._server.address

    @property
    def port(self) -> int:
        return self._server.port

    def close(self) -> None:
        """Ends listening and sampling. Harmless when closed already."""
        if self.closed:
            return
        self.closed = True
        for off in self._offs:
            off()
        self._server.close()
        self._sampler.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Monitor {self.url}{' closed' if self.closed else ''}>"

    def _pid(self) -> int | None:
        """The process that holds the model."""
        if self._bench is None:
            return None
        return os.getpid() if self._bench.in_process else self._bench.pid

    def _listener(self, name: str) -> Callable[[Event], None]:
        record: Callable[[Event], None] = getattr(self._recorder, f"on_{name}")
        return self._on_state if name == "state" else record

    def _on_state(self, event: Event) -> None:
        self._recorder.on_state(event)
        if event.data["state"] == "closed":
            self.close()
        elif (pid := self._pid()) != self._watched:  # the worker was replaced
            self._watched = pid
            self._sampler.watch(pid)
