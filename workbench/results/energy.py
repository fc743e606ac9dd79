"""What a token costs: joules over synchronised windows, idle power apart, and money by an hourly price."""

from typing import Any, Literal

from workbench.results.base import Interval, Result
from workbench.results.device import DeviceWindow
from workbench.results.resolved import Resolved
from workbench.results.workload import Workload
from workbench.words.message import Message

# nvml_counter: NVML's energy counter; nvml_power: its power × seconds; rapl: the processor packages' counters
EnergySource = Literal["nvml_counter", "nvml_power", "rapl"]


class PoweredSpan(Result):
    """One window of whole requests, CLOCK_MONOTONIC seconds; the device was waited for at both ends."""

    start_s: float
    end_s: float
    requests: int
    new_tokens: int


class PoweredRuns(Result):
    """The windows of one run of the probe, and the state they ran under."""

    spans: tuple[PoweredSpan, ...]
    workload: Workload
    resolved: Resolved


class EnergyWindow(Result):
    """One window. `energy_j`: all that the device took, idle power included; None: no counter could be read."""

    seconds: float
    requests: int
    new_tokens: int
    energy_j: float | None = None

    @property
    def tokens_per_s(self) -> float:
        return self.new_tokens / self.seconds


class Energy(Result):
    """Energy of whole requests (prefill and decode), counted by their new tokens. The sampling unit is the window.

    source              where the joules come from; None: nowhere, and `missing` says why
    covers              what the counter counts: a GPU by its name, or the processor packages with everybody on them
    idle_w              power with the model resident and nothing running, over `idle_seconds`; None: not read
    tokens_per_s        mean over the windows, prefill's time included
    power_w             mean power during the windows
    joules_per_token    all energy ÷ new tokens; net_joules_per_token: idle power × seconds taken off before
    tokens_per_joule    the inverse of joules_per_token
    price_per_hour      that the person gave for the machine, in any currency
    cost_per_million    new tokens at that price
    ci95                metric -> 95 % interval over the windows
    device              the whole run as the sampler saw it: clocks, heat, throttling, others
    """

    workload: Workload
    resolved: Resolved
    config: dict[str, Any]
    source: EnergySource | None
    covers: str
    missing: Message | None = None
    windows: tuple[EnergyWindow, ...]
    idle_w: float | None
    idle_seconds: float
    tokens_per_s: float
    power_w: float | None = None
    joules_per_token: float | None = None
    net_joules_per_token: float | None = None
    tokens_per_joule: float | None = None
    price_per_hour: float | None = None
    cost_per_million: float | None = None
    ci95: dict[str, Interval]
    stopped_by: str
    device: DeviceWindow
    flags: tuple[Message, ...] = ()
