"""What is said of the device over a window, as cells for a page or a terminal."""

from workbench.export.judged import Told
from workbench.results import DeviceWindow, GpuWindow
from workbench.words import text
from workbench.words.format import number, quantity, seconds, share, size


def device(found: DeviceWindow) -> Told:
    """A line for each thing that could be read; what could not be is named in one line at the end."""
    rows = [(text("device.row.looks"), text("device.looks", looks=found.looks, seconds=seconds(found.seconds)))]
    rows.append((text("device.row.cpu"), share(found.cpu_busy_share)))
    cores = ((found.process_cores, "process"), (found.others_cores, "others"))
    rows += [
        (text(f"device.row.{name}"), text("device.cores", cores=number(used)))
        for used, name in cores
        if used is not None
    ]
    optional = (
        ("cpu_clock", found.cpu_mean_mhz, "MHz"),
        ("cpu_energy", found.cpu_energy_j, "J"),
    )
    rows += [(text(f"device.row.{name}"), quantity(value, unit)) for name, value, unit in optional if value is not None]
    if found.cpu_held_back_s:
        rows.append((text("device.row.quota"), seconds(found.cpu_held_back_s)))
    for gpu in found.gpus:
        rows += [(text("device.gpu", index=gpu.index, what=what), value) for what, value in _gpu(gpu)]
    untold = [text(f"device.row.{name}") for used, name in cores if used is None]
    unread = [text(f"device.row.{name}") for name, value, _unit in optional if value is None]
    told = (("device.untold", untold), ("device.unread", unread))
    return Told(("",), tuple(rows), tuple(text(code, names=", ".join(names)) for code, names in told if names))


def _gpu(gpu: GpuWindow) -> list[tuple[str, str]]:
    if gpu.lost:
        return [(text("device.row.state"), text("device.lost"))]
    shares = (
        ("kernel_time", gpu.kernel_time_share),
        ("sm_active", gpu.sm_active_share),
        ("tensor_active", gpu.tensor_active_share),
        ("dram_active", gpu.dram_active_share),
    )
    rows = [(text(f"device.row.{name}"), share(value)) for name, value in shares if value is not None]
    if gpu.memory_used_max_bytes is not None:
        rows.append((text("device.row.memory"), size(gpu.memory_used_max_bytes)))
    if gpu.sm_clock_mean_mhz is not None:
        said = {"mean": number(gpu.sm_clock_mean_mhz), "least": number(gpu.sm_clock_min_mhz)}
        most = "?" if gpu.max_sm_clock_mhz is None else number(gpu.max_sm_clock_mhz)
        rows.append((text("device.row.clock"), text("device.clock", **said, most=most)))
    if gpu.temperature_max_c is not None:
        rows.append((text("device.row.temperature"), quantity(gpu.temperature_max_c, "°C")))
    if gpu.power_mean_w is not None:
        limit = "?" if gpu.power_limit_w is None else quantity(gpu.power_limit_w, "W")
        rows.append((text("device.row.power"), text("device.power", mean=quantity(gpu.power_mean_w, "W"), limit=limit)))
    if gpu.energy_j is not None:
        rows.append((text("device.row.energy"), quantity(gpu.energy_j, "J")))
    if gpu.throttle is not None or gpu.held_back_s is not None:
        rows.append((text("device.row.throttle"), _throttle(gpu)))
    foreign = {True: "device.foreign", False: "device.alone", None: "device.hidden"}[gpu.foreign]
    rows.append((text("device.row.foreign"), text(foreign)))
    return rows


def _throttle(gpu: GpuWindow) -> str:
    held = {name: share(at) for name, at in (gpu.throttle or {}).items() if at > 0}
    held |= {name: seconds(at) for name, at in (gpu.held_back_s or {}).items() if at > 0}
    return ", ".join(f"{name} {much}" for name, much in held.items()) or text("device.unthrottled")
