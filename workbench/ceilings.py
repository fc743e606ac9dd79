"""The ceilings that limits are computed from: measured when they are first needed, kept with the machine."""

from collections.abc import Sequence

from workbench import machine as machines
from workbench.bench import Bench
from workbench.checks import at_least_one
from workbench.errors import OutOfMemory
from workbench.limits import product_formats
from workbench.results import Ceilings, ceiling_key


def ceilings_for(bench: Bench, job: int, *, formats: Sequence[str] = (), threads: int | None = None) -> Ceilings | None:
    """Bandwidth and the rate of products in force, of the device in force: what a measurement is held against.

    formats  of products beside the one in force; threads: of a CPU, default: those in force

    None, or without what is missing: memory has no room for measuring it. The work may need less, and its limit stays
    unknown.
    """
    known = _known(bench, threads)
    wanted = dict.fromkeys((*product_formats(bench.resolved), *formats))
    lacking = [form for form in wanted if known is None or (not known.complete and known.rate(form) is None)]
    parts = [] if known is not None and known.bandwidth is not None else ["bandwidth"]
    if lacking:
        parts.append("matmuls")
    if not parts:
        return known
    try:
        return _measured(bench, job, parts, lacking, threads)[1]
    except OutOfMemory:
        return known


def whole_ceilings(
    bench: Bench, job: int, *, threads: int | None = None, refresh: bool = False
) -> tuple[Ceilings, bool]:
    """Every part, and whether any of it was measured now: `refresh` measures all, else only what is not kept."""
    if threads is not None:
        at_least_one("threads", threads)
    known = None if refresh else _known(bench, threads)
    if known is not None and known.whole:
        return known, False
    lacking = [
        part
        for part, there in (
            ("bandwidth", known and known.bandwidth),
            ("matmuls", known and known.complete),
            ("launches", known and known.launch),
        )
        if not there
    ]
    found, kept = _measured(bench, job, lacking, None, threads)
    return (found if len(lacking) == 3 else kept), True


def _known(bench: Bench, threads: int | None) -> Ceilings | None:
    return bench.machine.ceilings.get(_key(bench, threads))


def _key(bench: Bench, threads: int | None) -> str:
    return ceiling_key(bench.resolved.device, threads or bench.resolved.threads)


def _measured(
    bench: Bench, job: int, parts: Sequence[str], formats: Sequence[str] | None, threads: int | None
) -> tuple[Ceilings, Ceilings]:
    """What was measured, with its samples, and all that is known with it, which is kept."""
    parameters = {"probe": "ceilings", "parts": list(parts), "threads": threads}
    if formats is not None:
        parameters["formats"] = list(formats)
    found = Ceilings.from_dict(bench.call(job, "probe", parameters)["result"])
    found = found.model_copy(update={"versions": _versions(bench)})
    known = bench.machine.ceilings.get(found.key)
    kept = (known.joined(found) if known and not found.whole else found).lean()
    machines.remember_ceilings(kept)
    bench.machine = bench.machine.model_copy(update={"ceilings": {**bench.machine.ceilings, kept.key: kept}})
    return found, kept


def _versions(bench: Bench) -> dict[str, str]:
    torch, gpus = bench.machine.torch, bench.machine.gpus
    driver = gpus[0].driver if gpus else None
    return {**({"torch": torch.version} if torch else {}), **({"driver": driver} if driver else {})}
