"""Work whose seconds count, in its turn: while it runs, no other workbench on this machine times anything there."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from workbench import turn
from workbench.bench import Bench
from workbench.config import Config
from workbench.endpoint.address import address
from workbench.errors import ConfigError
from workbench.hosts.registry import device_key
from workbench.results import Snippet, TimedRun

_told: set[str] = set()  # why there are no turns: said once in each process


def timed(bench: Bench, operation: str, work: Callable[..., Any], job: int, *arguments: Any, **options: Any) -> Any:
    """`work(job, …)` in its turn on the devices that it times. Says whom it waits for; Stopped while it waits."""
    devices = devices_of(bench, operation, arguments, options)
    context = bench.context(job)

    def tell(device: str, run: TimedRun | None) -> None:
        context.progress(turn.waiting(devices[device], run), 0)

    with turn.taken(devices, check=context.check, tell=tell) as problem:
        if problem is not None and str(problem) not in _told:
            _told.add(str(problem))
            context.progress(problem, 0)
        return work(job, *arguments, **options)


def devices_of(
    bench: Bench, operation: str, arguments: Sequence[Any] = (), options: Mapping[str, Any] | None = None
) -> dict[str, str]:
    """The devices that an operation times: key -> what they are called. Nothing for a server on another machine.

    The one in force, and those that the sides of a comparison name; without sides, `crossover` is CPU against GPU. A
    server on this machine computes on devices that it does not tell: it takes all of them.
    """
    given = [*arguments, *(options or {}).values()]
    asked = [(bench.asked or Config())["device"]]
    if operation == "endpoint":
        if not _is_here(given):
            return {}
        asked = ["cpu", *(f"cuda:{index}" for index in range(len(bench.machine.gpus)))]
    given = [each.config if isinstance(each, Snippet) else each for each in given]
    sides = [side for side in _flat(given) if isinstance(side, Mapping)]
    asked += [device for side in sides for device in _texts(side.get("device"))]
    if operation == "crossover" and not sides:
        asked += ["cpu", "cuda"]
    return dict(_named(bench, device) for device in asked)


def _named(bench: Bench, device: str) -> tuple[str, str]:
    key = device_key(device, bench.machine)
    return key, "cpu" if key == "cpu" else f"cuda:{int(device.partition(':')[2] or 0)}"


def _is_here(given: Sequence[Any]) -> bool:
    urls = [each for each in given[:1] if isinstance(each, str)]
    try:
        return any(address(url).local for url in urls)
    except ConfigError:  # the operation itself says what is wrong with it
        return False


def _flat(given: Sequence[Any]) -> list[Any]:
    return [one for each in given for one in (each if isinstance(each, list | tuple) else (each,))]


def _texts(value: Any) -> list[str]:
    """Devices as torch writes them; the operation itself says what is wrong with others."""
    words = value if isinstance(value, list | tuple) else (value,)
    return [word for word in words if isinstance(word, str) and re.fullmatch(r"auto|cpu|cuda(:\d+)?", word)]
