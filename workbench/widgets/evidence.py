"""What the panel has seen found out in this session: measurements, traces, comparisons, quality; newest last."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Self

from workbench.charts.runs import Run, same_config
from workbench.config import Config
from workbench.results import (
    Census,
    Comparison,
    Energy,
    Forecast,
    LatencyRun,
    Measurement,
    QualityDiff,
    Resolved,
    Scan,
    Sensitivity,
    Sweep,
    TokenReport,
    Trace,
    Workload,
)
from workbench.results.advice import Advice, Cure
from workbench.widgets.view import View
from workbench.words import Message

if TYPE_CHECKING:
    from workbench.session import Session

# fields of Resolved that must not have moved since a trace for its kernels to be those of now
_DECIDES = ("attention", "sdpa_backend", "attention_mask", "dtype", "autocast", "compile", "cache", "device_map")


class Evidence:
    """runs: measurements since the panel was opened, and the one before it; newest: the last verdict or measurement.

    judged    quality by configuration; `quality`, `sensitivity`: the last
    counted   the last census, with its configuration
    energies  one a configuration, the last of each, the newest at the end
    sweep     the last
    advice    the last; cures: rule -> the last change of it that was tried
    tokens    the last report on tokens; `tokens_config`: what was in force
    """

    def __init__(
        self,
        name: str,
        notes: tuple[Message, ...] = (),
        forecast: Callable[[Config, Workload], Forecast | None] = lambda _config, _workload: None,
    ) -> None:
        self._name = name
        self._forecast = forecast
        self._notes = notes
        self.runs: list[Run] = []
        self.traces: list[Trace] = []
        self.comparison: Comparison | None = None
        self.scan: Scan | None = None
        self.judged: dict[Config, QualityDiff] = {}
        self.quality: QualityDiff | None = None
        self.sensitivity: Sensitivity | None = None
        self.counted: tuple[Config, Census] | None = None
        self.energies: list[Energy] = []
        self.latency: LatencyRun | None = None
        self.advice: Advice | None = None
        self.cures: dict[str, Cure] = {}
        self.sweep: Sweep | None = None
        self.tokens: TokenReport | None = None
        self.tokens_config: Config | None = None
        self.newest: Measurement | Comparison | QualityDiff | None = None

    @classmethod
    def of(cls, session: "Session") -> Self:
        """With what the session found before the panel was opened: the last of each kind."""
        found = cls(session.facts.name, session.facts.notes, View(session).forecast_of)
        last = session.last
        for kind, config in (
            ("measurement", "measured_config"),
            ("comparison", ""),
            ("trace", "traced_config"),
            ("scan", ""),
            ("quality", ""),
            ("sensitivity", ""),
            ("census", ""),
            ("energy", ""),
            ("latency", ""),
            ("advice", ""),
            ("cure", ""),
            ("sweep", ""),
            ("tokens", "tokens_config"),
        ):
            if last.get(kind) is not None:
                found.take(last[kind], last.get(config) or session.config)
        return found

    def take(self, result: Any, config: Mapping[str, Any]) -> bool:
        """Keeps one more result; `config` was in force. Whether it is of a kind that is kept."""
        if isinstance(result, Measurement):
            foretold = self._forecast(Config(**config), result.workload)
            self.runs.append(Run(config=dict(config), measurement=result, model=self._name, forecast=foretold))
            self.newest = result
        elif isinstance(result, Comparison):
            self.comparison = self.newest = result
        elif isinstance(result, Trace):
            self.traces.append(result)
        elif isinstance(result, Scan):
            self.scan = result
        elif isinstance(result, QualityDiff):
            self.quality = self.newest = self.judged[Config(**result.candidate)] = result
        elif isinstance(result, Sensitivity):
            self.sensitivity = result
        elif isinstance(result, Census):
            self.counted = (Config(**config), result)
        elif isinstance(result, Energy):
            self.energies = [*(each for each in self.energies if each.config != result.config), result]
        elif isinstance(result, LatencyRun):
            self.latency = result
        elif isinstance(result, Advice):
            self.advice = result
        elif isinstance(result, Cure):
            self.cures[result.finding.rule] = result
        elif isinstance(result, Sweep):
            self.sweep = result
        elif isinstance(result, TokenReport):
            self.tokens, self.tokens_config = result, Config(**config)
        else:
            return False
        return True

    def doubts(self, result: Measurement | Comparison | QualityDiff | Energy | Advice) -> list[Message]:
        """What weakens a result, without what is true of this model whatever is measured: the title tells that."""
        return [flag for flag in result.flags if flag not in self._notes]

    def repairable(self, config: Mapping[str, Any]) -> bool:
        """Whether the last report on tokens is of this configuration and has something to repair."""
        return self.tokens is not None and bool(self.tokens.repair) and self.tokens_config == Config(**config)

    @property
    def measurement(self) -> Measurement | None:
        return self.runs[-1].measurement if self.runs else None

    def run_of(self, config: Config) -> Run | None:
        """The last measurement of a configuration."""
        return next((run for run in reversed(self.runs) if same_config(run.config, config)), None)

    def census_of(self, config: Mapping[str, Any]) -> Census | None:
        """The census, where it is of this configuration."""
        return self.counted[1] if self.counted is not None and self.counted[0] == Config(**config) else None

    @property
    def trace(self) -> Trace | None:
        """The last one, of whatever configuration."""
        return self.traces[-1] if self.traces else None

    def comparable(self, trace: Trace) -> Trace | None:
        """The last trace before this one of another configuration at the same work."""
        earlier = self.traces[: self.traces.index(trace)]
        others = (each for each in reversed(earlier) if not same_config(each.config, trace.config))
        return next((each for each in others if each.workload == trace.workload), None)

    def trace_of(self, config: Mapping[str, Any], resolved: Resolved | None) -> Trace | None:
        """The last trace of this configuration as it is in force; None: not traced yet."""
        for trace in reversed(self.traces):
            if resolved is not None and same_config(trace.config, config) and _same_state(trace.resolved, resolved):
                return trace
        return None


def _same_state(traced: Resolved, now: Resolved) -> bool:
    return all(getattr(traced, field) == getattr(now, field) for field in _DECIDES)
