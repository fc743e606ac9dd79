"""How far work is, in one sentence."""

from collections.abc import Mapping
from typing import Any

from workbench.words import text
from workbench.words.format import amount, printable, seconds, size


def progress(data: Mapping[str, Any]) -> str:
    """A progress event's data as a sentence."""
    what, total = printable(data["what"], 120), data["total"]
    done, elapsed = amount(data["done"], data.get("unit")), seconds(data["elapsed_s"])
    if data.get("per_s"):
        what = text("panel.progress_speed", what=what, speed=f"{size(data['per_s'])}/s")
    if total is None:
        return text("panel.progress_open", what=what, done=done, elapsed=elapsed)
    total = amount(total, data.get("unit"))
    if data["left_s"] is None:
        return text("panel.progress_no_left", what=what, done=done, total=total, elapsed=elapsed)
    return text("panel.progress", what=what, done=done, total=total, elapsed=elapsed, left=seconds(data["left_s"]))
