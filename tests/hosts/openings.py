"""What the host tests share: a tiny model, and one deep enough for Stop and kill to land in its middle."""

from typing import Any

from workbench.catalog.sources import find
from workbench.config import Config

TINY = "random:deepseek-llm-7b-base?scale=tiny&layers=2"
SLOW = "random:deepseek-llm-7b-base?scale=tiny&layers=30"


def ignore(_name: str, _data: Any) -> None:
    """These tests look at results, not at progress."""


def opening(model: str = SLOW, **knobs: Any) -> dict[str, Any]:
    """Parameters of the operation `open`."""
    source = find(model).model_dump(mode="json")
    return {"source": source, "config": Config(dtype="float32", threads=1, **knobs).to_dict()}
