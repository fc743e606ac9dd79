"""What a session says of the device and of a long run: energy, latency over time, memory, who else is there."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, cast

from workbench.bench import Bench
from workbench.config import Config
from workbench.energy import energy
from workbench.errors import WorkbenchError
from workbench.hosts.registry import device_key
from workbench.jobs import Jobs
from workbench.latency import latency
from workbench.memory_health import REQUESTS, memory_health
from workbench.once import run_once
from workbench.others import check_load, load_of, seen
from workbench.powering import WINDOW_S
from workbench.proving import ceilings, experts, limits
from workbench.results import Block, Ceilings, Energy, Experts, LatencyRun, Limits, MemoryHealth, Sharing, Workload

if TYPE_CHECKING:
    from workbench.monitor import Monitor
    from workbench.monitor.watched import Watched

# operation -> what does it, given the bench, the job's number and the arguments of the method of that name
WATCHINGS: Mapping[str, Callable[..., Any]] = {
    "energy": energy,
    "ceilings": ceilings,
    "limits": limits,
    "experts": experts,
    "latency": latency,
    "memory_health": memory_health,
    "run_once": run_once,
}


class Watching:
    """Methods of a session, in a file of their own."""

    _bench: Bench
    _jobs: Jobs
    submit: Callable[..., Future[Any]]

    def sharing(self, config: Config | None = None) -> Sharing:
        """Who uses this session's device beside it now, in half a second; with `config`: whether that would fit too.

        Changes nothing and waits for no job. For another device, or before a session: `workbench.sharing`.
        """
        bench = self._bench
        load = None
        if config is not None:
            load = check_load(load_of(bench.config, config, bench.machine, bench.facts, bench.resolved.weight_bytes))
        return seen((config or bench.config)["device"], bench.machine, load)

    def energy(
        self,
        workload: Workload | None = None,
        *,
        price_per_hour: float | None = None,
        idle_s: float = 5.0,
        window_s: float = WINDOW_S,
        budget_s: float = 60.0,
    ) -> Energy:
        """Joules per new token and tokens per joule of `workload` (default: preset "quick"), and what they cost.

        price_per_hour  of this machine, in any currency: tells the cost of a million new tokens, counter or not
        idle_s          seconds without work in which the idle power is read; it is told, and taken off in the net value
        window_s        the sampling unit: whole requests until then, the device waited for at both ends
        budget_s        for all together

        From NVML's energy counter, its power, or RAPL; where nothing can be read, joules are None and `.missing` says
        why. Kept in `.runs`. ConfigError for a number that is not above 0.
        """
        options = {"price_per_hour": price_per_hour, "idle_s": idle_s, "window_s": window_s, "budget_s": budget_s}
        result: Energy = self._jobs.wait(self.submit("energy", workload, **options))
        return result

    def ceilings(self, *, threads: int | None = None, refresh: bool = False) -> Ceilings:
        """What the model's device reaches by itself: bytes a second, products a second by format, launch latency.

        threads  of a CPU, instead of those in force
        refresh  measures again; else what is kept of this machine, torch and driver is given, and only what is not
                 kept is measured: some seconds, while the model stays where it is

        A format that the device cannot do says why. What is measured is kept in `.runs`.
        """
        result: Ceilings = self._jobs.wait(self.submit("ceilings", threads=threads, refresh=refresh))
        return result

    def limits(self, workload: Workload | None = None) -> Limits:
        """How fast this model can be here at the most, and how near this session's runs and its last scan came.

        workload  default: that of the last `measure`, else Workload()

        Floors of a prefill and of a decode step: bytes over memory bandwidth, FLOP over the rate of products, launches
        (where `trace` has counted them) times their latency, each with its source. Routed experts as a `measure` of the
        same workload counted them, else as even draws would choose; which, is said. Ceilings that are not kept are
        measured first. Kept in `.runs`.
        """
        result: Limits = self._jobs.wait(self.submit("limits", workload))
        return result

    def experts(self, workload: Workload | None = None, *, budget_s: float = 60.0) -> Experts:
        """Each of transformers' ways to compute routed experts: what ran at prefill and decode, same tokens, speed.

        With the bytes that a step touches by routing. No verdict between them. Kept in `.runs`. CapabilityError for a
        model without routed experts, and while `compile` is on.
        """
        result: Experts = self._jobs.wait(self.submit("experts", workload, budget_s=budget_s))
        return result

    def latency(
        self,
        workload: Workload | None = None,
        *,
        seconds: float = 60.0,
        every_s: float | None = None,
        vary: bool = False,
        cold_start: bool = False,
        logits_processors: Sequence[Any] = (),
    ) -> LatencyRun:
        """Latency of `workload` (default: preset "quick") over `seconds` of steady load: percentiles, drift, stutters.

        every_s            between two arrivals: TTFT and E2E then count from the arrival, time in the queue included,
                           so that a slow request is seen in those behind it; None: one request after another
        vary               prompts and answers from half to one and a half of the workload's lengths, by its seed
        cold_start         before it a fresh worker is started, and timed to its first token
        logits_processors  as `generate` takes them, for what they cost

        p99 only from 100 samples on; intervals count requests, for the gaps too. A stutter is a step far above its
        like; beside it stands what fell into the same time (garbage collection, a compile, pages from disk, memory,
        a quota, other processes, throttling, a process that stood still), or that nothing was seen. Kept in `.runs`.
        ConfigError for a number that is not above 0; CapabilityError for a cold start in this process.
        """
        options = {"seconds": seconds, "every_s": every_s, "vary": vary, "cold_start": cold_start}
        result: LatencyRun = self._jobs.wait(
            self.submit("latency", workload, logits_processors=logits_processors, **options)
        )
        return result

    def run_once(
        self, config: Config, workload: Workload | None = None, *, first: bool = False, energy: bool = False
    ) -> Block:
        """One short run of `workload` (its prompt, few new tokens) under `config`: what races and rounds are made of.

        first   a warm-up run before it, and the peak of memory over both. Not kept: who asks keeps it with its round
        energy  also a window of whole requests of `workload` under the energy counter, and with `first` the idle power.
                CapabilityError where there is none
        """
        result: Block = self._jobs.wait(self.submit("run_once", config, workload, first=first, energy=energy))
        return result

    def monitor(self, port: int | None = None, *, address: str = "127.0.0.1", allow_remote: bool = False) -> "Monitor":
        """Serves the metrics of this session and its device to Prometheus at `.url`, until it or the session closes.

        port     default: 9464; 0 takes a free one
        address  one that is not loopback only with `allow_remote`: there is no password

        Latencies, tokens, requests and errors are counted from now on; no text of a prompt, a model or this machine is
        in them. A scrape asks nothing of the model. WorkbenchError where the port is taken or the session is closed.
        """
        from workbench.monitor import PORT, Monitor  # brings an HTTP server, which a notebook does without

        if self._jobs.closed:
            raise WorkbenchError("session.closed")
        asked = self._bench.asked
        key = device_key(asked["device"], self._bench.machine) if asked else ""
        return Monitor(
            cast("Watched", self),
            PORT if port is None else port,
            address=address,
            allow_remote=allow_remote,
            gpu_uuids=(key,) if key.startswith("MIG-") else None,  # a part is not its GPU; of GPUs all are told
        )

    def memory_health(
        self,
        workload: Workload | None = None,
        *,
        requests: int = REQUESTS,
        seed: int = 0,
        budget_s: float = 60.0,
        compare: Sequence[str] | None = None,
    ) -> MemoryHealth:
        """The allocator over requests of random lengths: pieces that are free, refusals, and whether memory grows.

        workload  its prompt_tokens and new_tokens are the longest that are drawn (default: 256 and 32)
        seed      of the lengths, which every run shares
        budget_s  for all runs together; after it, fewer requests
        compare   allocators (the knob's values), each measured in a fresh worker, there and back; one that this machine
                  cannot have is told with its reason. Default: the one in force, in the session's own worker

        On a GPU torch's own allocator; on the CPU glibc's. Kept in `.runs`. ConfigError for numbers or allocators that
        are none.
        """
        options = {"requests": requests, "seed": seed, "budget_s": budget_s, "compare": compare}
        result: MemoryHealth = self._jobs.wait(self.submit("memory_health", workload, **options))
        return result
