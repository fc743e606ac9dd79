"""Products a second, by number format: what each asks of torch is right, and a format that cannot be says why."""

import pytest
import torch

from workbench.errors import Stopped
from workbench.probes import matmuls
from workbench.probes.ceilings import _timed
from workbench.probes.matmuls import FORMATS, Format, matmul_rates

CPU = torch.device("cpu")


def nothing() -> None:
    """Nobody asks to stop."""


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matmuls, "_BUDGET_S", 0.02)
    monkeypatch.setattr(matmuls, "_LONG_S", 0.001)


def test_rates_of_this_cpu(quick: None) -> None:
    rates = {rate.format: rate for rate in matmul_rates(CPU, _timed, nothing)}
    assert list(rates) == ["float32", "bfloat16", "float16", "int8"]
    one = rates["float32"]
    assert one.size is not None
    assert one.size >= 128
    assert len(one.samples) >= 4
    assert one.flops_per_s == pytest.approx(sum(one.samples) / len(one.samples))
    assert one.ci95 is not None
    assert one.ci95[0] <= one.flops_per_s <= one.ci95[1]
    assert 1e7 < one.flops_per_s < 1e16
    assert all((rate.flops_per_s is None) == (rate.missing is not None) for rate in rates.values())


@pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.name)
def test_every_format_multiplies_matrices(form: Format) -> None:
    """Those for a GPU too: torch's own checks of shapes, strides and scales are the same on a CPU."""
    with form.around():
        product = form.of(CPU, 64)()
    assert isinstance(product, torch.Tensor)
    assert product.shape == (64, 64)
    assert float(product.float().abs().sum()) > 0


def test_a_rate_is_two_cubes_over_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matmuls, "FORMATS", FORMATS[:1])
    (rate,) = matmul_rates(CPU, lambda operation: 0.01, nothing)  # long enough at once
    assert rate.size == 128
    assert rate.flops_per_s == pytest.approx(2 * 128**3 / 0.01)


def test_a_format_that_the_device_lacks_says_why(quick: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_device: torch.device, _rows: int) -> None:
        raise RuntimeError("no such kernel\nand more")

    monkeypatch.setattr(matmuls, "FORMATS", (Format("odd", refused), FORMATS[0]))  # type: ignore[arg-type]
    odd, float32 = matmul_rates(CPU, _timed, nothing)
    assert (odd.flops_per_s, odd.missing) == (None, "RuntimeError: no such kernel")
    assert float32.flops_per_s


def test_precision_is_put_back_and_stop_is_heard() -> None:
    def stop() -> None:
        raise Stopped("session.stopped", phase="measuring")

    before = torch.get_float32_matmul_precision()
    with matmuls._precision("high"):
        assert torch.get_float32_matmul_precision() == "high"
    with pytest.raises(Stopped):
        matmul_rates(CPU, _timed, stop)
    assert torch.get_float32_matmul_precision() == before
