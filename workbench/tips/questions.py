"""Each question by its name, and who answers it. Those of APART may leave a model broken: a worker is thrown away."""

from collections.abc import Callable, Mapping
from typing import Any

from workbench.results import Quantities
from workbench.session import Session
from workbench.tips import answering
from workbench.tips.answering import asked
from workbench.tips.apart import beside
from workbench.tips.held import held_memory
from workbench.tips.stand import Stand
from workbench.tips.threads import instruction_set, spread, thread_scan

QUESTIONS: dict[str, Callable[[Stand, Session, Mapping[str, Any]], Quantities]] = {
    **{
        name: asked(name)
        for name in (
            *("modules", "scales", "attention_calls", "forward_calls", "compiled_by_itself", "ends", "padded_rows"),
            *("edited_config", "cache_tensors", "event_loop", "ballast", "emptied"),
        )
    },
    "census": answering.census,
    "token_ids": answering.token_ids,
    "round_trip": answering.round_trip,
    "ties": answering.ties,
    "windows": answering.windows,
    "stopping": answering.stopping,
    "prefix": answering.prefix,
    "sampling": answering.sampling,
    "domains": answering.domains,
    "latency": answering.latency,
    "utilisation": answering.utilisation,
    "fragments": answering.fragments,
    "memory_parts": answering.memory_parts,
    "crossover": answering.crossover,
    "beside": beside,
    "thread_scan": thread_scan,
    "spread": spread,
    "instruction_set": instruction_set,
    "held_memory": held_memory,
}
APART = frozenset({"ends", "padded_rows", "edited_config", "emptied", "ballast"})
