"""The engine of the first rank of a model that is cut over processes: what it does, the other ranks do with it."""

from typing import Any

import torch

from workbench.catalog.sources import Source
from workbench.config import Config
from workbench.engine.engine import Engine
from workbench.engine.ranks import Leader, held
from workbench.probes.context import Context
from workbench.results import Applied, ThreadChoice


class LeadingEngine(Engine):
    """An Engine whose loads, changes and runs are those of all ranks. RanksLost, beside what an Engine raises."""

    def __init__(self, leader: Leader, threads: ThreadChoice | None = None) -> None:
        super().__init__(threads)
        self.leader = leader

    def open(self, source: Source, config: Config, context: Context) -> Applied:
        with self.leader.together("open", source=source.model_dump(mode="json"), config=config.to_dict()):
            applied = super().open(source, config, context)
        return self._with_all(applied)

    def apply(self, config: Config, context: Context, *, fresh: bool = False) -> Applied:
        with self.leader.together("apply", config=config.to_dict(), fresh=fresh):
            applied = super().apply(config, context, fresh=fresh)
        return self._with_all(applied)

    def switch(self, config: Config, context: Context, *, proven: bool = False) -> None:
        with self.leader.together("switch", config=config.to_dict(), proven=proven):
            super().switch(config, context, proven=proven)

    def produce(
        self, batch: dict[str, torch.Tensor], streamer: Any, new_tokens: int, *, fixed: bool = True, **options: Any
    ) -> Any:
        return self.leader.produce(self, batch, streamer, new_tokens, fixed, options)

    def held_by_rank(self) -> dict[str, int]:
        return {**held(self.model, 0), **self.leader.holds}

    def _came(self) -> None:
        self.leader.lead(self.model)

    def _with_all(self, applied: Applied) -> Applied:
        """With what the other ranks hold, which they say when they have ended."""
        return applied.model_copy(update={"resolved": self.resolved()})
