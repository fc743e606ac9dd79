"""The doctor's report in words: text rows for a terminal, an HTML table for a notebook."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from workbench.words import Message, text, translate
from workbench.words.format import THIN, escape, number, printable, seconds, share, size

if TYPE_CHECKING:
    from workbench.results.machine import Gpu, Machine, Package, Power, Storage

# findings that stop something from working, as against those that explain
_PROBLEMS = frozenset(
    {
        "machine.torch.broken",
        "machine.torch.transformers_broken",
        "machine.cuda.minor",
        "machine.cuda.too_old",
        "machine.cuda.cpu_build",
        "machine.cuda.broken",
        "machine.gpu.driver_half_updated",
        "machine.gpu.nvml_error",
        "machine.gpu.no_pynvml",
        "machine.gpu.not_compiled_for",
        "machine.disk.not_kept",
        "machine.disk.below_7b",
        "machine.disk.below_demo",
        "machine.gpu.visible_none",
        "machine.gpu.visible_unknown",
        "machine.gpu.visible_twice",
        "machine.gpu.mig_empty",
        "machine.home.read_only",
        "machine.shm.none",
        "machine.power.battery",
        "machine.power.held_back",
    }
)
_WIDTH = 110


def rows(machine: Machine) -> list[tuple[str, str, str]]:
    """(topic, value, consequence) of each row, in words."""
    return [
        (
            text(f"machine.topic.{topic}"),
            printable(value),
            " ".join(str(line) for line in _lines(machine, topic)),
        )
        for topic, value in _values(machine)
    ]


def package_rows(machine: Machine) -> list[tuple[str, str, str, str, str]]:
    """(package, version, usable, purpose, reason and remedy) of each package, in words."""
    return [
        (package.name, _version(package), _usable(package), translate(package.purpose), _why(package))
        for package in machine.packages
    ]


def problems(machine: Machine) -> tuple[Message, ...]:
    """The findings that stop something from working."""
    return tuple(line for line in machine.lines if line.code in _PROBLEMS)


def plain(machine: Machine) -> str:
    """Aligned text for a terminal."""
    packages = [
        ((name, version, usable), (purpose, why)) for name, version, usable, purpose, why in package_rows(machine)
    ]
    lines = [
        *aligned([((topic,), (value, consequence)) for topic, value, consequence in rows(machine)]),
        "",
        *aligned(packages),
    ]
    if machine.topology is not None:
        lines += ["", text("device.topology.title"), str(machine.topology)]
    return "\n".join(lines).replace(THIN, " ")


def html(machine: Machine) -> str:
    """Two tables in JupyterLab's own colours and fonts; every text escaped."""
    marks = [_is_problem(machine, topic) for topic, _ in _values(machine)]
    unusable = [package.usable is False for package in machine.packages]
    return (
        f'<div class="wb-machine">{STYLE}'
        f"{table(('topic', 'value', 'consequence'), rows(machine), marks, 'wb-problem')}"
        f"{table(('package', 'version', 'usable', 'purpose', 'why'), package_rows(machine), unusable, 'wb-unusable')}"
        f"{_joined(machine)}</div>"
    )


def _joined(machine: Machine) -> str:
    if machine.topology is None:
        return ""
    head, *body = machine.topology.rows()
    return f"<p>{escape(text('device.topology.title'))}</p>{plain_table(head, body)}"


def _values(machine: Machine) -> list[tuple[str, str]]:
    """(topic, value) in the order of the report."""
    cpu = machine.cpu
    processor = text("machine.value.cpu_one" if cpu.cores == 1 else "machine.value.cpu", name=cpu.name, cores=cpu.cores)
    if cpu.logical_cores != cpu.cores:
        processor += text("machine.value.hyperthreads", logical=cpu.logical_cores)
    if cpu.features:
        processor += f"; {', '.join(cpu.features)}"
    memory = text("machine.value.memory", available=size(cpu.available_bytes), total=size(cpu.memory_bytes))
    found = [
        ("platform", machine.platform),
        ("python", machine.python),
        ("cpu", processor),
        ("memory", memory),
        ("threads", _threads(machine)),
        ("bandwidth", _bandwidth(machine)),
        *(("matmul", rates) for rates in [_matmul(machine)] if rates),
        *(("launch", told) for told in [_launch(machine)] if told),
        ("torch", _torch(machine)),
    ]
    if machine.torch is not None and machine.torch.transformers is not None:
        found.append(("transformers", machine.torch.transformers))
    found += [("gpu", _gpu(gpu)) for gpu in machine.gpus] or [("gpu", text("machine.value.no_gpu"))]
    if machine.gpus:
        found.append(("cuda", _cuda(machine)))
    if machine.storage is not None:
        found.append(("home", _home(machine.storage)))
        if machine.storage.shm_bytes is not None:
            found.append(("shm", _shm(machine.storage.shm_bytes)))
    if machine.power is not None and (power := _power(machine.power)):
        found.append(("power", power))
    return [*found, ("disk", text("machine.value.disk", free=size(machine.free_disk_bytes)))]


def _home(storage: Storage) -> str:
    kind = storage.file_system or text("machine.value.unknown")
    return text("machine.value.home" if storage.writable else "machine.value.home_read_only", kind=kind)


def _shm(shm_bytes: int) -> str:
    return text("machine.value.shm", size=size(shm_bytes)) if shm_bytes else text("machine.value.no_shm")


def _power(power: Power) -> str:
    """Empty where the machine tells nothing."""
    left = share(power.battery_share)
    told = {
        None: [],
        True: [text("machine.value.charging", share=left)],
        False: [text("machine.value.battery", share=left)],
    }[power.plugged_in]
    if power.governor is not None:
        driver = power.driver or text("machine.value.unknown")
        told = [*told, text("machine.value.governor", governor=power.governor, driver=driver)]
    if power.profile is not None:
        told = [*told, text("machine.value.profile", profile=power.profile)]
    return ", ".join(told)


def _threads(machine: Machine) -> str:
    choice = machine.threads
    if choice is None:
        return text("machine.value.not_measured")
    code = "machine.value.threads_one" if choice.threads == 1 else "machine.value.threads"
    return text(code, threads=choice.threads, policy=choice.omp_wait_policy.lower())


def _bandwidth(machine: Machine) -> str:
    rates = [
        text("machine.value.bandwidth", rate=number(rate / 1e9), device=device)
        for device, rate in machine.copy_bandwidth.items()
    ]
    return "; ".join(rates) or text("machine.value.no_bandwidth")


def _matmul(machine: Machine) -> str:
    """Of each device its rates by number format; what it cannot do is left out. Empty while nothing was measured."""
    told = []
    for device, found in machine.ceilings.items():
        rates = [
            text("machine.value.rate", format=rate.format, rate=number(rate.flops_per_s / 1e9))
            for rate in found.matmul
            if rate.flops_per_s is not None
        ]
        if rates:
            told.append(text("machine.value.matmul", rates=", ".join(rates), device=device))
    return "; ".join(told)


def _launch(machine: Machine) -> str:
    told = []
    for device, found in machine.ceilings.items():
        if found.launch is None:
            continue
        each = seconds(found.launch.seconds)
        if found.launch.round_trip_s is None:
            told.append(text("machine.value.launch", seconds=each, device=device))
        else:
            back = seconds(found.launch.round_trip_s)
            told.append(text("machine.value.launch_gpu", seconds=each, back=back, device=device))
    return "; ".join(told)


def _torch(machine: Machine) -> str:
    torch = machine.torch
    if torch is None:
        return text("machine.value.torch_missing")
    if torch.cuda_runtime is not None:
        return text("machine.value.torch_cuda", version=torch.version, runtime=torch.cuda_runtime)
    if torch.hip_runtime is not None:
        return text("machine.value.torch_rocm", version=torch.version, runtime=torch.hip_runtime)
    kernels = torch.cpu_capability or text("machine.value.unknown")
    return text("machine.value.torch_cpu", version=torch.version, kernels=kernels)


def _cuda(machine: Machine) -> str:
    runtime = (machine.torch.cuda_runtime if machine.torch is not None else None) or text("machine.value.unknown")
    driver = machine.gpus[0].driver
    if driver is None or machine.driver_cuda is None:
        return text("machine.value.cuda_unknown", runtime=runtime)
    return text("machine.value.cuda", driver=driver, driver_cuda=machine.driver_cuda, runtime=runtime)


def _gpu(gpu: Gpu) -> str:
    unknown = text("machine.value.unknown")
    return text(
        "machine.value.gpu" if gpu.free_bytes is None else "machine.value.gpu_free",
        name=gpu.name,
        free=size(gpu.free_bytes),
        memory=size(gpu.memory_bytes) if gpu.memory_bytes else unknown,
        capability=".".join(str(part) for part in gpu.capability) if gpu.capability else unknown,
    )


def _lines(machine: Machine, topic: str) -> list[Message]:
    """The findings of a topic; those of several GPUs stand beside the first."""
    return [line for line in machine.lines if line.code.startswith(f"machine.{topic}.")]


def _is_problem(machine: Machine, topic: str) -> bool:
    return any(line.code in _PROBLEMS for line in _lines(machine, topic))


def _version(package: Package) -> str:
    return package.version or text("machine.value.not_installed")


def _usable(package: Package) -> str:
    words = {True: "machine.value.yes", False: "machine.value.no", None: "machine.value.perhaps"}
    return text(words[package.usable])


def _why(package: Package) -> str:
    return " → ".join(str(part) for part in (package.reason, package.remedy) if part)


def aligned(table: Sequence[tuple[tuple[str, ...], tuple[str, ...]]]) -> list[str]:
    """Rows of (short cells, paragraphs): cells padded to the widest of their column, paragraphs wrapped beside them."""
    if not table:
        return []
    widths = [max(len(cells[column]) for cells, _ in table) for column in range(len(table[0][0]))]
    lines = []
    for cells, paragraphs in table:
        head = "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
        room = _WIDTH - len(head) - 2
        pieces = [
            piece
            for paragraph in paragraphs
            for piece in textwrap.wrap(paragraph, room, break_on_hyphens=False, break_long_words=False)
        ]
        lines += [f"{start}  {piece}" for start, piece in zip(_first_then(head), pieces or [""], strict=False)]
    return [line.rstrip() for line in lines]


def _first_then(head: str) -> Iterator[str]:
    yield head
    while True:
        yield " " * len(head)


def plain_table(head: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    """A table of texts as they are; every cell escaped."""
    titles = "".join(f'<th scope="col">{escape(cell, limit=200)}</th>' for cell in head)
    rows = "".join(f"<tr>{''.join(f'<td>{escape(cell, limit=200)}</td>' for cell in row)}</tr>" for row in body)
    return f"<table><thead><tr>{titles}</tr></thead><tbody>{rows}</tbody></table>"


def table(head: Sequence[str], table: Sequence[Sequence[str]], marked: Sequence[bool], mark: str) -> str:
    titles = "".join(f'<th scope="col">{escape(text(f"machine.head.{name}"))}</th>' for name in head)
    body = "".join(
        (f'<tr class="{mark}">' if is_marked else "<tr>")
        + "".join(f"<td>{escape(cell, limit=2000)}</td>" for cell in row)
        + "</tr>"
        for row, is_marked in zip(table, marked, strict=True)
    )
    return f"<table><thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table>"


STYLE = """<style>
.wb-machine { overflow-x: auto; }
.wb-machine table { border-collapse: collapse; margin: 0 0 1em 0; width: 100%; color: var(--jp-ui-font-color1);
  font-family: var(--jp-ui-font-family); font-size: var(--jp-ui-font-size1); background: var(--jp-layout-color0); }
.wb-machine th { color: var(--jp-ui-font-color2); font-weight: 600; }
.wb-machine th, .wb-machine td { text-align: left !important; vertical-align: top; padding: 3px 12px 3px 0;
  border: 0; border-bottom: 1px solid var(--jp-border-color2); white-space: normal; }
.wb-machine td:first-child { white-space: nowrap; font-weight: 600; }
.wb-machine tr.wb-problem td:last-child { color: var(--jp-error-color1); }
.wb-machine tr.wb-unusable td { color: var(--jp-ui-font-color2); }
</style>"""
