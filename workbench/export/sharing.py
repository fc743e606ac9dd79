"""Who else uses this machine, as cells for a page or a terminal."""

from workbench.export.judged import Told
from workbench.results import Neighbour, Sharing, TimedRun
from workbench.words import text
from workbench.words.format import number, printable, share, size


def sharing(found: Sharing) -> Told:
    """The verdict, what others take, and who they are; what is worth knowing under it."""
    cores = text("sharing.row.cores_value", cores=number(found.others_cores, 2), all=found.cores)
    memory = {"free": size(found.available_bytes), "all": size(found.memory_bytes)}
    rows = [
        (text("sharing.row.verdict"), str(found.text)),
        (text("sharing.row.cores"), cores),
        (text("sharing.row.memory"), text("sharing.row.memory_value", **memory)),
    ]
    if found.gpu_total_bytes is not None:
        used = {"used": size(found.gpu_used_bytes), "all": size(found.gpu_total_bytes)}
        rows.append((text("sharing.row.gpu", device=found.name), text("sharing.row.gpu_value", **used)))
        rows.append((text("sharing.row.kernels"), share(found.gpu_kernel_time_share)))
    rows.append((text("sharing.row.run"), _run(found.timed_run)))
    if found.load is not None:
        rows.append((text("sharing.row.load"), str(found.load)))
    rows += [(_name(each), size(each.bytes)) for each in found.gpu_holders or ()]
    rows += [(_name(each), _takes(each)) for each in found.neighbours]
    choices = found.load.choices if found.load else ()
    return Told(("",), tuple(rows), (*map(str, choices), *map(str, found.remarks)))


def _run(run: TimedRun | None) -> str:
    if run is None:
        return text("sharing.row.no_run")
    return text("sharing.row.run_value", notebook=run.notebook, pid=run.pid or "?", user=_user(run))


def _name(each: Neighbour) -> str:
    return text("sharing.row.process", name=printable(each.name or "?", 40), pid=each.pid, user=_user(each))


def _takes(each: Neighbour) -> str:
    return text("sharing.row.process_value", cores=number(each.cores, 2), memory=size(each.bytes))


def _user(whose: Neighbour | TimedRun) -> str:
    return text("sharing.you") if whose.ours else printable(whose.user or text("sharing.somebody"), 40)
