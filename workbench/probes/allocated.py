"""What torch's allocator holds of a GPU, by counters that torch keeps anyway."""

import torch

from workbench.results import AllocatorReading


def allocated(device: torch.device) -> AllocatorReading | None:
    """`torch.cuda.memory_stats` of `device`; None on a CPU."""
    if device.type != "cuda":
        return None
    stats: dict[str, int] = torch.cuda.memory_stats(device)
    native = torch.cuda.get_allocator_backend() == "native"  # cudaMallocAsync counts neither splits nor retries
    return AllocatorReading(
        reserved=stats.get("reserved_bytes.all.current"),
        allocated=stats.get("allocated_bytes.all.current"),
        inactive_split=stats.get("inactive_split_bytes.all.current") if native else None,
        retries=stats.get("num_alloc_retries") if native else None,
        refusals=stats.get("num_ooms") if native else None,
    )
