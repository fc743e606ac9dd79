"""What a library's error means beyond itself: memory that was refused, or a device whose context is lost."""

import torch

_MEMORY = ("can't allocate memory", "out of memory")  # torch's CPU allocator; CUDA's own calls
_LOST = ("CUDA error", "CUDNN_STATUS", "CUBLAS_STATUS", "device-side assert")


def refuses_memory(error: BaseException) -> bool:
    """Whether it is an allocation that was refused, which the process survives."""
    known = isinstance(error, torch.OutOfMemoryError | MemoryError)
    return known or any(mark in str(error) for mark in _MEMORY)


def loses_device(error: BaseException) -> bool:
    """Whether every later call on the GPU will fail too, so that the process is of no more use."""
    return not refuses_memory(error) and any(mark in str(error) for mark in _LOST)
