"""A record as a measurement leaves it, with text that not every store keeps."""

from typing import Any

import workbench as wb
from workbench.results import document


def record(number: int = 0, kind: str = "measurement", model: str = "demo", **knobs: Any) -> dict[str, Any]:
    return document(kind, model=model, config=wb.Config(**knobs), result={"number": number, "text": "速度 🚀 \ud83d"})
