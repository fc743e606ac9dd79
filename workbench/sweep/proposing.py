"""Which points of a large space are tried next, by Optuna: ask and tell, in a storage of its own.

The sampler is TPE (Bergstra et al. 2011, NeurIPS 24) with `multivariate` and `group`: knobs that interact are drawn
together, and a knob that has no effect beside the others' values is not drawn at all, which is the case that Optuna's
TPESampler names `group` for. Values are told to it by their `repr`, as categories. It draws from each knob by itself,
so that what it draws may be impossible here or known already; then the nearest point that is neither is taken.

Alone it stays with the first good values of knobs that interact. So, once it learns, the first load of a batch is
enqueued instead: points one knob away from the best so far, and from the next best. `benchmarks.search` has both.
"""

import random
import sqlite3
import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.config import Config
from workbench.errors import CapabilityError, StoreError
from workbench.knobs import KNOBS, Cost
from workbench.machine.package_rules import LOCKED
from workbench.sweep.space import load_of

if TYPE_CHECKING:
    from optuna import Study
    from optuna.distributions import BaseDistribution
    from optuna.samplers import BaseSampler
    from optuna.storages import RDBStorage
    from optuna.trial import Trial

INSTALL = f"{LOCKED} optuna"
STUDIES = "searches.sqlite3"  # beside the run store
_BUSY_S = 30  # that another call's write to the same file is waited for
_FAILED = "runs"  # the constraint that a configuration that cannot run breaks

Key = tuple[tuple[str, str], ...]  # knobs that have an effect, with the repr of their values


def require() -> None:
    """CapabilityError: Optuna is not installed; with the command that installs it."""
    try:
        import optuna  # noqa: F401
    except ImportError as error:
        raise CapabilityError("sweep.no_optuna", problem=str(error), command=INSTALL) from error


class Proposer:
    """points: all that can be here, each once · knobs: those of the space · name: of the study in `file`.

    file      of Optuna's own SQLite storage; None: in memory. It may be deleted: what was told is told again
    startup   points drawn at random before the sampler learns
    seed      with the number of a batch it decides what is drawn, so that one that was cut short is drawn again
    """

    def __init__(
        self,
        points: Sequence[Config],
        knobs: Sequence[str],
        name: str,
        *,
        seed: int = 0,
        startup: int = 10,
        file: Path | None = None,
    ) -> None:
        require()
        self.points = tuple(points)
        self._keys = {point: _key(point, knobs) for point in self.points}
        self._drawn = {point: dict(key) for point, key in self._keys.items()}
        self._seed, self._startup = seed, startup
        drawn = list(self._drawn.values())
        # what always has an effect first: what has one depends on it
        self._knobs = sorted(knobs, key=lambda knob: -sum(knob in each for each in drawn))
        self._choices = {knob: sorted({each[knob] for each in drawn if knob in each}) for knob in knobs}
        self._asked: dict[Key, Trial] = {}
        self._told: set[Key] = set()
        self._gains: dict[Config, float] = {}  # of those that keep the limits
        self._study, self._storage = _opened(name, file)
        self._resume()

    def ask(self, tried: Collection[Config], turn: int, *, loads: int, each: int) -> list[Config]:
        """Up to `loads` × `each` points that were not tried, of at most `loads` loads; fewer where few are left."""
        generator = random.Random(f"{self._seed}/{turn}")
        self._study.sampler = _sampler(generator.randrange(2**32), self._startup)
        known = set(tried)
        left = [point for point in self.points if point not in known]
        generator.shuffle(left)  # among equally near ones the first is taken
        found: list[Config] = []
        with _quiet():
            beside = self._beside(left, each) if len(self._gains) >= self._startup else []
            for point in beside:
                self._enter(point)
                left.remove(point)
            found += beside
            for _ in range(loads - bool(beside)):
                here, fixed = left, dict[str, str]()
                for _ in range(each):
                    if not here:
                        break
                    point = self._propose(here, fixed)
                    if not fixed:
                        load = load_of(point)
                        here = [other for other in left if load_of(other) == load]
                        knobs = self._drawn[point]
                        fixed = {name: knobs[name] for name in knobs if KNOBS[name].cost is not Cost.LIVE}
                    here = [other for other in here if other != point]
                    left.remove(point)
                    found.append(point)
        return found

    def tell(self, point: Config, gain: float | None, broken: Mapping[str, float]) -> None:
        """gain: log-ratio to the base line, more is better; None: it cannot run. broken: constraint -> excess, > 0."""
        from optuna.trial import TrialState, create_trial

        key = self._keys.get(point)
        if key is None:
            return
        if gain is not None and not broken:
            self._gains[point] = gain
        if key in self._told:
            return
        self._told.add(key)
        limits = dict(broken) if gain is not None else {**broken, _FAILED: 1.0}
        state = TrialState.COMPLETE if gain is not None else TrialState.PRUNED
        trial = self._asked.pop(key, None)
        with _quiet():
            if trial is not None:
                for name, excess in limits.items():
                    trial.set_constraint(name, excess)
                self._study.tell(trial, gain, state)
            else:  # of an earlier call, or the base line
                self._study.add_trial(
                    create_trial(
                        state=state,
                        value=gain,
                        params=dict(key),
                        distributions={knob: self._distribution(knob) for knob, _ in key},
                        constraints=limits,
                    )
                )

    def close(self) -> None:
        """Ends the connection to the file."""
        if self._storage is not None:
            self._storage.remove_session()
            self._storage.engine.dispose()

    def _propose(self, left: Sequence[Config], fixed: Mapping[str, str]) -> Config:
        """One of `left`, which is asked of the study."""
        from optuna.trial import TrialState

        trial, drawn = self._draw(fixed)
        point = min(left, key=lambda one: _apart(self._drawn[one], drawn))
        key = self._keys[point]
        if self._drawn[point] != drawn:  # not possible here, or known already: nothing is measured for it
            self._study.tell(trial, state=TrialState.FAIL)
            self._enter(point)
        else:
            self._asked[key] = trial
        return point

    def _enter(self, point: Config) -> None:
        """Asks for this very point."""
        key = self._keys[point]
        self._study.enqueue_trial(dict(key))
        self._asked[key] = self._study.ask({knob: self._distribution(knob) for knob, _ in key})

    def _beside(self, left: Sequence[Config], most: int) -> list[Config]:
        """Of one load: those that are one knob away from the best, from the next best where there are no more."""
        found: dict[Config, None] = {}
        load = None
        for best in sorted(self._gains, key=lambda one: -self._gains[one]):
            for point in left:
                if _apart(self._drawn[point], self._drawn[best]) == 1 and load in (None, load_of(point)):
                    load = load_of(point)
                    found[point] = None
            if len(found) >= most:
                break
        return list(found)[:most]

    def _draw(self, fixed: Mapping[str, str]) -> tuple["Trial", dict[str, str]]:
        if fixed:
            self._study.enqueue_trial(dict(fixed))
        trial = self._study.ask()
        rest = list(self._drawn.values())
        drawn: dict[str, str] = {}
        for knob in self._knobs:
            if not any(knob in each for each in rest):
                continue
            drawn[knob] = trial.suggest_categorical(knob, self._choices[knob])
            rest = [each for each in rest if each.get(knob) == drawn[knob]] or rest
        return trial, drawn

    def _distribution(self, knob: str) -> "BaseDistribution":
        from optuna.distributions import CategoricalDistribution

        return CategoricalDistribution(self._choices[knob])

    def _resume(self) -> None:
        """What an earlier call asked and did not tell is asked no more; what it told is known."""
        from optuna.trial import TrialState

        with _quiet():
            while any(trial.state is TrialState.WAITING for trial in self._study.trials):
                self._study.tell(self._study.ask(), state=TrialState.FAIL)
            for trial in self._study.trials:
                if trial.state is TrialState.RUNNING:
                    self._study.tell(trial.number, state=TrialState.FAIL)
        done = (TrialState.COMPLETE, TrialState.PRUNED)
        knobs = {tuple(sorted(key)): key for key in self._keys.values()}
        for trial in self._study.trials:
            if trial.state in done and (key := knobs.get(tuple(sorted(trial.params.items())))):
                self._told.add(key)


def _key(point: Config, knobs: Sequence[str]) -> Key:
    return tuple((knob, repr(point[knob])) for knob in knobs if point.matters(knob))


def _apart(one: Mapping[str, str], other: Mapping[str, str]) -> int:
    """Knobs that one has otherwise than the other, or that has an effect in one of them alone."""
    return len(dict(one.items() ^ other.items()))


def _sampler(seed: int, startup: int) -> "BaseSampler":
    from optuna.exceptions import ExperimentalWarning
    from optuna.samplers import TPESampler

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)  # of `group`, since Optuna 2.8
        return TPESampler(n_startup_trials=startup, multivariate=True, group=True, seed=seed)


def _opened(name: str, file: Path | None) -> tuple["Study", "RDBStorage | None"]:
    """The study of that name, and the file's storage. StoreError: the file cannot be used."""
    import optuna
    from sqlalchemy.exc import SQLAlchemyError

    with _quiet():
        if file is None:
            return optuna.create_study(direction="maximize", study_name=name), None
        try:
            storage = optuna.storages.RDBStorage(
                f"sqlite:///{file}", engine_kwargs={"creator": partial(_connected, file)}
            )
            study = optuna.create_study(storage=storage, study_name=name, direction="maximize", load_if_exists=True)
            return study, storage
        except (SQLAlchemyError, sqlite3.Error, RuntimeError) as error:
            raise StoreError("sweep.search_file", path=str(file), problem=str(error).splitlines()[0]) from error


def _connected(file: Path) -> sqlite3.Connection:
    """Without waiting for the disk at each of the dozens of writes of a proposal: what is lost is told again."""
    connection = sqlite3.connect(file, timeout=_BUSY_S, check_same_thread=False)
    connection.execute("pragma synchronous = off")
    return connection


@contextmanager
def _quiet() -> Iterator[None]:
    """Without Optuna's line for every trial; the person's own level is there again afterwards."""
    import optuna

    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)
