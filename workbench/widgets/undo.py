"""The way back: configurations that were in force before, newest last."""

from workbench.config import Config

MOST = 200


class Undo:
    """What was in force; `now` is what is."""

    def __init__(self, now: Config) -> None:
        self._now = now
        self._before: list[Config] = []
        self._going_back = False

    @property
    def target(self) -> Config | None:
        """What the next step back leads to; None: nothing was changed."""
        return self._before[-1] if self._before else None

    def going_back(self) -> None:
        """The next change is the step back, not one to be undone."""
        self._going_back = True

    def changed(self, config: Config) -> None:
        """Another configuration came into force."""
        if self._going_back and self._before and config == self._before[-1]:
            self._before.pop()
        elif config != self._now:
            self._before = [*self._before, self._now][-MOST:]
        self._now, self._going_back = config, False

    def failed(self) -> None:
        """The step back did not happen."""
        self._going_back = False
