"""What torch's caching allocator held at one moment."""

from workbench.results.base import Result


class AllocatorReading(Result):
    """Of one GPU, bytes. None: this allocator does not tell.

    reserved        taken from the driver, to be handed out; allocated: of that, in use by tensors
    inactive_split  of that, free beside something in use: no whole segment, which could be given back
    retries         times since the process began that the driver refused, and everything unused was given back first
    refusals        times that it refused even then
    """

    reserved: int | None = None
    allocated: int | None = None
    inactive_split: int | None = None
    retries: int | None = None
    refusals: int | None = None

    @property
    def split_share(self) -> float | None:
        """inactive_split ÷ reserved."""
        return self.inactive_split / self.reserved if self.inactive_split is not None and self.reserved else None

    @property
    def unused_share(self) -> float | None:
        """1 − allocated ÷ reserved."""
        return 1 - self.allocated / self.reserved if self.allocated is not None and self.reserved else None
