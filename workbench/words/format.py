"""How numbers and foreign text are written wherever a person reads them.

Three significant figures, the unit after a thin space, intervals in brackets, ratios as 1.31×. What was not measured is
said so and is never 0. Text that is not ours (model output, model names, file names) becomes printable before it is shown.
"""

import html
import json
import math
import unicodedata
from typing import Any

from workbench.words import templates, text

THIN = "\u2009"
_SIZES = ((1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"), (1, "B"))


def number(value: float | None, digits: int = 3) -> str:
    """`value` to `digits` significant figures, never in exponent notation between 1e-4 and 1e15."""
    if value is None or math.isnan(value):
        return text("format.not_measured")
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if value == 0:
        return "0"
    if abs(value) < 1e-4 or abs(value) >= 1e15:
        return f"{value:.{digits - 1}e}"
    return _fixed(value, _decimals(value, digits))


def quantity(value: float | None, unit: str) -> str:
    """16.7 tok/s; "not measured" stands alone."""
    if value is None or math.isnan(value):
        return text("format.not_measured")
    return f"{number(value)}{THIN}{unit}" if unit else number(value)


def not_available(code: str | None) -> str:
    """Why a device's value is missing: of a code of GpuSample.missing, or NVML's own words."""
    if code is None:
        return text("device.not_available")
    words = f"device.missing.{code}"
    return text("device.not_available_because", why=text(words) if words in templates() else printable(code))


def interval(bounds: tuple[float, float] | None, digits: int = 3) -> str:
    """[1.27, 1.36]: both ends with the decimals that the wider one needs."""
    if bounds is None or not all(math.isfinite(bound) for bound in bounds):
        return text("format.no_interval")
    widest = max(abs(bounds[0]), abs(bounds[1]))
    decimals = _decimals(widest, digits) if widest else 0
    return f"[{_fixed(bounds[0], decimals)}, {_fixed(bounds[1], decimals)}]"


def measured(value: float | None, bounds: tuple[float, float] | None, unit: str) -> str:
    """A measured value with its interval: 16.7 tok/s [16.2, 17.1]."""
    if value is None or math.isnan(value):
        return text("format.not_measured")
    return f"{quantity(value, unit)} {interval(bounds)}"


def ratio(value: float | None) -> str:
    return text("format.not_measured") if value is None or math.isnan(value) else f"{number(value)}×"


def share(value: float | None) -> str:
    """A fraction as a percentage: 0.413 is 41.3 %."""
    return text("format.not_measured") if value is None or math.isnan(value) else quantity(100 * value, "%")


def size(value: float | None) -> str:
    """Bytes in binary units: 257 MiB."""
    if value is None or math.isnan(value):
        return text("format.not_measured")
    scale, unit = next(((scale, unit) for scale, unit in _SIZES if abs(value) >= scale), _SIZES[-1])
    return quantity(value / scale, unit)


def amount(value: float, unit: str | None) -> str:
    """How far something is, in what is counted: bytes in binary units, else the plain number."""
    return size(value) if unit == "B" else str(value)


def seconds(value: float | None) -> str:
    """A duration in the unit that suits it: µs, ms, s, min, h."""
    if value is None or math.isnan(value):
        return text("format.not_measured")
    if value == 0 or 1 <= abs(value) < 120:
        return quantity(value, "s")
    if abs(value) < 1e-3:
        return quantity(value * 1e6, "µs")
    if abs(value) < 1:
        return quantity(value * 1e3, "ms")
    return quantity(value / 60, "min") if abs(value) < 7200 else quantity(value / 3600, "h")


def count(value: int | None) -> str:
    """A whole number in groups of three: 134 515 008."""
    return text("format.not_measured") if value is None else f"{value:,}".replace(",", THIN)


def knob_value(value: Any) -> str:
    """A knob's value as a person reads it."""
    if isinstance(value, bool):
        return text("format.on") if value else text("format.off")
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list | tuple):
        return ", ".join(_part(part) for part in value) or text("format.none")
    return text("format.none") if value is None else str(value)


def _part(value: Any) -> str:
    """One of several; a text whose blanks or line ends would not be seen stands as JSON has it."""
    hidden = isinstance(value, str) and not (value.isprintable() and value == value.strip())
    return json.dumps(value, ensure_ascii=False) if hidden else str(value)


def printable(value: object, limit: int = 200) -> str:
    """Foreign text made harmless to read: control and direction-changing characters become visible, the rest is cut.

    New lines and tabs stay. This is not escaping: `escape` does that too.
    """
    whole = str(value)
    shown = "".join(_visible(character) for character in whole[:limit])
    return shown if len(whole) <= limit else f"{shown}…"


def escape(value: object, limit: int = 200) -> str:
    """Foreign text for HTML, attributes and plotly labels included."""
    return html.escape(printable(value, limit))


def _visible(character: str) -> str:
    if character in "\n\t":
        return character
    code = ord(character)
    if code < 0x20:
        return chr(0x2400 + code)  # ␀ … ␟
    if unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"} and character != "\u200d":
        return f"\\u{code:04x}"
    return character


def _decimals(value: float, digits: int) -> int:
    """Decimals that give `value` so many significant figures; negative rounds before the point."""
    exponent = math.floor(math.log10(abs(value)))
    rounded = round(value, digits - 1 - exponent)
    return digits - 1 - math.floor(math.log10(abs(rounded)))  # 9.996 becomes 10.0, not 10.00


def _fixed(value: float, decimals: int) -> str:
    if decimals < 0:
        return f"{round(value, decimals):.0f}"
    written = f"{value:.{decimals}f}"
    return written[1:] if written.startswith("-") and float(written) == 0 else written
