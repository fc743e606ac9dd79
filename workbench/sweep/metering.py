"""Energy in a sweep: whether this machine can count it, before any load, and what is told of it."""

from collections.abc import Callable
from statistics import fmean

from workbench.config import Config
from workbench.errors import CapabilityError
from workbench.powering import counter_here
from workbench.probes.device.energy import Counter
from workbench.results import Machine, Sweep, SweepEnergy, SweepPoint
from workbench.sweep.runner import Runner


def metered(host: Callable[..., object], base: Config, machine: Machine) -> Counter:
    """The counter of the base line's device. CapabilityError: there is none, or it is none of `host`'s engines."""
    if not getattr(host, "meters", False):
        raise CapabilityError("sweep.host_meters_not")
    counter = counter_here(base.device, machine)
    if counter.source is None:
        raise CapabilityError("sweep.no_energy", why=str(counter.missing))
    return counter


def with_energy(found: Sweep, counter: Counter, runner: Runner) -> Sweep:
    """The sweep with its joules' source, the idle power, and each point's joules without it."""
    idle = [each.run["idle_w"] for runs in runner.state.runs.values() for each in runs if "idle_w" in each.run]
    idle_w = fmean(idle) if idle else None
    assert counter.source is not None, "a sweep without one does not begin"
    told = SweepEnergy(source=counter.source, covers=counter.covers, idle_w=idle_w)
    points = tuple(
        _with_net(point, runner.state.values(arm, "power_w"), idle_w) for arm, point in enumerate(found.points)
    )
    return found.model_copy(update={"energy": told, "points": points})


def _with_net(point: SweepPoint, powers: list[float], idle_w: float | None) -> SweepPoint:
    if idle_w is None or not powers:
        return point
    net = point.means["joules_per_token"] * (1 - idle_w / fmean(powers))
    return point.model_copy(update={"means": {**point.means, "net_joules_per_token": net}})
