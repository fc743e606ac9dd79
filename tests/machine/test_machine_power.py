from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from workbench.machine.power import holds, read_power
from workbench.results import Power


def _sys(folder: Path, **files: str) -> Path:
    places = {
        "governor": "devices/system/cpu/cpu0/cpufreq/scaling_governor",
        "driver": "devices/system/cpu/cpu0/cpufreq/scaling_driver",
        "profile": "firmware/acpi/platform_profile",
    }
    for name, text in files.items():
        path = folder / places[name]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    return folder


def test_a_laptop_on_battery(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    battery = SimpleNamespace(percent=41.5, secsleft=3600, power_plugged=False)
    monkeypatch.setattr(psutil, "sensors_battery", lambda: battery, raising=False)
    folder = _sys(tmp_path, governor="powersave", driver="intel_pstate", profile="balanced")
    assert read_power(folder) == Power(
        plugged_in=False, battery_share=0.415, governor="powersave", driver="intel_pstate", profile="balanced"
    )


def test_a_machine_that_tells_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(psutil, "sensors_battery", raising=False)
    assert read_power(tmp_path) == Power()
    monkeypatch.setattr(psutil, "sensors_battery", lambda: None, raising=False)
    assert read_power(tmp_path) == Power()


@pytest.mark.parametrize(
    ("power", "setting"),
    [
        (Power(), None),
        (Power(governor="performance", driver="acpi-cpufreq"), None),
        (Power(governor="powersave", driver="intel_pstate"), None),
        (Power(governor="powersave", driver="amd-pstate-epp"), None),
        (Power(governor="powersave", driver="acpi-cpufreq"), "powersave"),
        (Power(governor="powersave", driver="intel_pstate", profile="low-power"), "low-power"),
        (Power(governor="schedutil", driver="acpi-cpufreq", profile="quiet"), "quiet"),
        (Power(profile="balanced"), None),
    ],
)
def test_only_a_setting_that_pins_the_clock_holds_back(power: Power, setting: str | None) -> None:
    told = holds(power)
    assert [message.params["setting"] for message in told] == ([setting] if setting else [])


def test_a_battery_is_a_reason_of_its_own() -> None:
    told = holds(Power(plugged_in=False, battery_share=0.9, profile="low-power"))
    assert [message.code for message in told] == ["machine.power.battery", "machine.power.held_back"]
