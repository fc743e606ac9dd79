"""Where the machine takes its power from, and whether its settings hold the processor back."""

from pathlib import Path

import psutil

from workbench.results import Power
from workbench.words import say
from workbench.words.message import Message

# Under these drivers "powersave" is the usual governor and still goes to the highest frequency under load.
# Source: Linux, Documentation/admin-guide/pm/intel_pstate.rst and amd-pstate.rst
_SCALES_UNDER_POWERSAVE = ("intel_pstate", "amd-pstate-epp", "amd_pstate_epp")
_SLOW_PROFILES = ("low-power", "quiet", "cool")  # of the firmware; Documentation/ABI/testing/sysfs-platform_profile


def read_power(sys_folder: Path = Path("/sys")) -> Power:
    """As of now; what this system does not tell is None."""
    battery = psutil.sensors_battery() if hasattr(psutil, "sensors_battery") else None
    frequency = sys_folder / "devices/system/cpu/cpu0/cpufreq"
    return Power(
        plugged_in=None if battery is None else battery.power_plugged,
        battery_share=None if battery is None else min(max(battery.percent / 100, 0.0), 1.0),
        governor=_word(frequency / "scaling_governor"),
        driver=_word(frequency / "scaling_driver"),
        profile=_word(sys_folder / "firmware/acpi/platform_profile"),
    )


def _holding(power: Power) -> str | None:
    """The setting, apart from the battery, that keeps the processor below its speed."""
    if power.governor == "powersave" and power.driver not in _SCALES_UNDER_POWERSAVE:
        return power.governor
    return power.profile if power.profile in _SLOW_PROFILES else None


def holds(power: Power) -> tuple[Message, ...]:
    """What keeps this machine below its speed, for the doctor and beside each measurement."""
    found = []
    if power.plugged_in is False:
        found.append(say("machine.power.battery"))
    setting = _holding(power)
    if setting is not None:
        found.append(say("machine.power.held_back", setting=setting))
    return tuple(found)


def power_notes() -> tuple[Message, ...]:
    """The same for this machine, as of now."""
    return holds(read_power())


def _word(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip() or None
    except OSError:  # a virtual machine, a container, another system
        return None
