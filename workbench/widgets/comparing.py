"""[Compare]: which two configurations it sets against each other, and the price that is told before loads are spent.

The two are the configuration before the last change and the one in force; or, with changes pending, the one in force
and the pending one.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from workbench.config import Config
from workbench.errors import ConfigError
from workbench.knobs import Cost
from workbench.results import CompareCost
from workbench.scannable import PARAMETERS
from workbench.widgets.work import WorkloadChoice

if TYPE_CHECKING:
    from workbench.session import Session

Sides = tuple[Config, Config]


class Comparing:
    """submit  starts an operation of the session, as the panel does
    offer   shows a price and its buttons, or takes them away (None)
    """

    def __init__(
        self,
        session: "Session",
        work: WorkloadChoice,
        submit: Callable[..., None],
        offer: Callable[[CompareCost | None], None],
    ) -> None:
        self._session = session
        self._work = work
        self._submit = submit
        self._offer = offer
        self._before: Config | None = None
        self._now = session.config
        self._offered: Sides | None = None

    def changed(self, config: Config) -> None:
        """`config` is in force now."""
        self.withdraw()
        if config != self._now:
            self._before, self._now = self._now, config

    def sides(self, pending: Mapping[str, Any]) -> Sides | None:
        """(a, b), or None when there is nothing to compare yet."""
        if pending:
            return self._now, self._now.replace(**pending)
        return (self._before, self._now) if self._before is not None else None

    def clicked(self, pending: Mapping[str, Any]) -> None:
        """Starts where both are on the resident model; tells the price first where weights are loaded for it."""
        sides = self.sides(pending)
        if sides is None:
            raise ConfigError("panel.compare.no_sides")
        self._offered = sides
        if sides[0].cost_to(sides[1]) is Cost.LIVE:
            self.start()
            return
        self._offer(self._session.compare_cost(*sides, self._work.workload(), budget_s=self._work.budget_s))

    def start(self, quick: bool = False) -> None:
        """What was offered."""
        sides = self._offered
        if sides is not None:
            self._submit("compare", *sides, self._work.workload(), budget_s=self._work.budget_s, quick=quick)

    def scan(self, parameter: str) -> None:
        """Both sides over `parameter`, where they share the resident model; else what is in force alone."""
        a, b = self._before, self._now
        configs = [a, b] if a is not None and self._scans_both(parameter, a, b) else [b]
        self._submit("scan", parameter, None, configs, workload=self._work.workload(), budget_s=self._work.budget_s)

    @staticmethod
    def _scans_both(parameter: str, a: Config, b: Config) -> bool:
        """No load lies between, and the scan does not set what they differ in."""
        knobs, _ = PARAMETERS[parameter].change(1)
        return a.cost_to(b) is Cost.LIVE and not set(a.diff(b)) <= set(knobs)

    def withdraw(self) -> None:
        self._offered = None
        self._offer(None)
