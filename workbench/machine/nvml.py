"""NVIDIA's management library, asked without ever raising: what a GPU does not say is None."""

from typing import Any, Self

from workbench.words import Message, say


class Nvml:
    """NVML while it is open. `problem` says why there is none; then `handles` is empty.

    Use as a context manager. `ask("nvmlDeviceGetName", handle)` calls the function of that name in pynvml.
    """

    def __init__(self) -> None:
        self.problem: Message | None = None
        self.handles: list[Any] = []
        self._pynvml: Any = None

    def __enter__(self) -> Self:
        try:
            import pynvml
        except ImportError as error:
            self.problem = say("machine.gpu.no_pynvml", problem=str(error))
            return self
        try:
            pynvml.nvmlInit()
        except pynvml.NVMLError as error:
            self.problem = _why_not(pynvml, error)
            return self
        self._pynvml = pynvml
        handles = (
            self.ask("nvmlDeviceGetHandleByIndex", index) for index in range(self.ask("nvmlDeviceGetCount") or 0)
        )
        self.handles = [handle for handle in handles if handle is not None]
        return self

    def __exit__(self, *_: object) -> None:
        if self._pynvml is not None:
            self.ask("nvmlShutdown")
            self._pynvml = None
            self.handles = []

    def ask(self, name: str, *arguments: Any) -> Any:
        """The function's answer, or None where this driver, GPU or pynvml release does not know it."""
        function = getattr(self._pynvml, name, None)
        if function is None:
            return None
        try:
            return function(*arguments)
        except (self._pynvml.NVMLError, UnicodeDecodeError):
            return None

    def constant(self, name: str) -> int | None:
        return getattr(self._pynvml, name, None)


def _why_not(pynvml: Any, error: Any) -> Message:
    """Which of NVML's refusals this is, as a message with its way out."""
    if error.value in (pynvml.NVML_ERROR_LIBRARY_NOT_FOUND, pynvml.NVML_ERROR_DRIVER_NOT_LOADED):
        return say("machine.gpu.no_driver")
    if error.value == pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH:
        return say("machine.gpu.driver_half_updated")
    return say("machine.gpu.nvml_error", problem=str(error))
