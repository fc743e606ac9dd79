"""What is said of the device over a window: what could be read as a line, what could not by its name."""

from workbench.export import device
from workbench.results import DeviceWindow


def test_what_a_window_without_looks_cannot_tell_is_named() -> None:
    _heading, rows, remarks = device.device(DeviceWindow(seconds=0.05, looks=1, cpu_mean_mhz=2000.0, cpu_energy_j=1.0))
    assert [name for name, _ in rows] == [
        "looked at",
        "processor busy",
        "mean processor clock",
        "processor energy (RAPL)",
    ]
    assert remarks == ("too few looks to tell: this model, other processes",)


def test_what_could_be_read_is_a_line() -> None:
    found = DeviceWindow(seconds=1.0, looks=10, cpu_busy_share=0.5, process_cores=1.0, others_cores=0.25)
    _heading, rows, remarks = device.device(found)
    assert dict(rows)["other processes"] == "0.250 cores"
    assert remarks == ("not readable on this machine: mean processor clock, processor energy (RAPL)",)
