"""What a session shows right now, None where it has no model: the panel's lines and charts ask here."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from workbench.config import Config
from workbench.errors import WorkbenchError
from workbench.results import Forecast, Resolved, Workload

if TYPE_CHECKING:
    from workbench.session import Session


class View:
    def __init__(self, session: "Session") -> None:
        self._session = session

    @property
    def resolved(self) -> Resolved | None:
        try:
            return self._session.resolved
        except WorkbenchError:  # nothing is loaded: the lines say so
            return None

    def forecast(self, changes: Mapping[str, Any], workload: Workload) -> Forecast | None:
        """Of the config in force with `changes`."""
        return self.forecast_of(self._session.config.replace(**changes), workload)

    def forecast_of(self, config: Config, workload: Workload) -> Forecast | None:
        try:
            return self._session.forecast(config, workload=workload)
        except WorkbenchError:  # no forecast without a model; the panel shows none
            return None
