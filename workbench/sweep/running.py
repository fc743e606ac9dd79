"""`workbench.sweep(...)`: lays the space out, runs the race, keeps what it found."""

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import cache, partial
from pathlib import Path
from typing import Any

from workbench import machine as machines
from workbench.catalog.sources import find
from workbench.checks import at_least_one
from workbench.config import Config
from workbench.constraints import ENERGY, better, limits
from workbench.errors import CapabilityError, ConfigError
from workbench.pairing import block_of
from workbench.results import Sweep, Workload, recorded
from workbench.runs import Runs
from workbench.sweep.cluster import ClusterRunner
from workbench.sweep.diary import Diary, key_of
from workbench.sweep.hosts import Host, LocalHost
from workbench.sweep.laying import lay_out, plan_of, together
from workbench.sweep.metering import metered, with_energy
from workbench.sweep.outcome import sweep_of
from workbench.sweep.progress import Progress, progress_of
from workbench.sweep.proposing import STUDIES, Proposer
from workbench.sweep.ray_host import Ray, RayHost
from workbench.sweep.rules import HOSTS, Rules
from workbench.sweep.runner import Runner
from workbench.sweep.searching import Reach, Search
from workbench.sweep.space import checked, labels
from workbench.sweep.state import Task
from workbench.sweep.stopping import Stop
from workbench.sweep.widening import Searcher
from workbench.words import Message


def sweep(
    model: str,
    space: Mapping[str, Any],
    workload: Workload | str | None = None,
    objective: str = "decode_tps",
    constraints: Mapping[str, str] | None = None,
    budget_s: float | None = None,
    host: str | Callable[..., Host] = "process",
    seed: int = 0,
    progress: Callable[[Progress], None] | None = None,
    *,
    base: Config | None = None,
    precision: float = 0.05,
    exhaustive: int = Reach.exhaustive,
    proposals: int = Reach.proposals,
    suite: str | Path = "short",
    revision: str | None = None,
    runs: Runs | None = None,
    stop: Callable[[], bool] | None = None,
    fresh: bool = False,
    allow_pickle: bool = False,
    when_busy: str | None = None,
) -> Sweep:
    """The best configuration of `space` for `model` on this machine, by a race.

    space        knob -> values to try: {"attention": ["eager", "sdpa"], "dtype": ["float32", "bfloat16"]}; the others
                 are those of `base` (default: Config()), which is the base line and links the loads
    workload     a Workload or a preset's name; a run does its prompt and few new tokens, as those of `compare`
    objective    decode_tps, prefill_tps, ttft_s, tpot_s, e2e_s, peak_bytes, joules_per_token or tokens_per_joule.
                 Joules, in a constraint too, are those of a window of whole requests, idle power in them: `.energy`
    constraints  {"kld_mean": "<0.05", "peak_bytes": "<8GiB"}; quality is measured for what would win only, over `suite`
    budget_s     seconds of this call, looked at between two rounds; None: until leaders are known to ±`precision`
    exhaustive   points (after what cannot be here is out) up to which a space is raced whole. Of a larger one Optuna
                 proposes points in batches, at most `proposals` of them, as long as they bring something: `.search`
    host         "process": each engine in a worker; "inline"; "ray", or wb.sweep.Ray(...): on the machines of a Ray
                 cluster, all at once; or what makes a `workbench.sweep.hosts.Host`
    seed         of the order of the space's points, 0: as given; and of what is proposed of a large one
    progress     called with a Progress after every round
    stop         asked between two runs; the Interrupt of a notebook does the same. What is known is returned. A
                 `workbench.sweep.stopping.Stop` ends the run in progress too
    fresh        measures anew what an earlier call of the same sweep measured

    Everything measured is in `runs` (default: the store in the home directory) as it happens: a killed call loses the
    round in flight, and the same call goes on where it ended (`.reused`). ConfigError: an unknown knob, value, metric
    or limit. CapabilityError: nothing of the space can run here; Optuna is needed and missing, or an energy counter.
    ModelError, DeviceBusy, OutOfMemory: of the base line.
    """
    began = time.monotonic()
    whole = Workload.preset(workload) if isinstance(workload, str) else workload or Workload()
    better(objective)
    asked, base = checked(space), base or Config()
    if not callable(host) and host not in HOSTS:
        raise ConfigError("sweep.unknown_host", host=repr(host), hosts=", ".join(HOSTS))
    rules, kept = Rules(precision=precision), limits(constraints)
    energy = objective in ENERGY or any(limit.metric in ENERGY for limit in kept)
    work = whole if energy else block_of(whole)  # joules of a request are those of all its tokens
    reach = Reach(exhaustive=at_least_one("exhaustive", exhaustive), proposals=at_least_one("proposals", proposals))
    made = host if callable(host) else Ray() if host == "ray" else partial(LocalHost, host=host)
    here = machines.doctor()
    counter = metered(getattr(made, "func", made), base, here) if energy else None
    name = find(model, revision).label
    how: dict[str, Any] = {
        "objective": objective,
        "limits": list(map(str, kept)),
        "precision": precision,
        "seed": seed,
        "suite": str(suite),
        "exhaustive": exhaustive,
    }
    with ExitStack() as closing:
        store = closing.enter_context(Runs()) if runs is None else runs
        engines = made(model, revision, store, here, allow_pickle=allow_pickle, when_busy=when_busy)
        closing.callback(engines.close)
        if isinstance(stop, Stop):
            stop.bind(engines.stop)
        cluster = {"host": "ray"} if isinstance(engines, RayHost) else {}
        key = key_of(name, revision, asked, base, work, engines.machine, **how, **cluster)
        diary = Diary(store, key, name, engines.machine, work, fresh=fresh)
        laid = cache(partial(lay_out, asked, base, work, model, revision, seed, engines, energy=energy))
        if cluster and (points := len(laid().space)) > exhaustive:
            raise CapabilityError("sweep.search_on_cluster", points=points, exhaustive=exhaustive)
        plan = plan_of(diary, laid, exhaustive)
        task = Task(
            points=tuple(Config(**values) for values in plan.points),
            groups=plan.groups,
            together=frozenset(plan.together),
            base_enters=bool(plan.arm),
            workload=work,
            objective=objective,
            limits=kept,
            rules=rules,
            suite=suite,
            budget_s=budget_s,
            energy=energy,
        )
        listed = {knob: list(values) for knob, values in asked.items()}
        described = {"model": name, "space": listed, "key": key, "removed": plan.removed, "merged": plan.merged}

        def known(runner: Runner) -> Sweep:
            found = sweep_of(runner, labels(runner.task.points, base), **described)
            return found if counter is None else with_energy(found, counter, runner)

        def tell(runner: Runner, what: Message) -> None:
            if progress is not None:
                progress(progress_of(runner, what, labels(runner.task.points, base), lambda: known(runner)))

        how_run = (diary, stop or (lambda: False), tell, began)
        runner: Runner
        if isinstance(engines, RayHost):
            runner = ClusterRunner(task, engines, *how_run)
        elif plan.of:
            search = Search(
                task.points[0],
                plan.of,
                lambda: Proposer(
                    laid().space,
                    tuple(asked),
                    f"{key}-{plan.at}",
                    seed=seed,
                    startup=reach.blind,
                    file=store.path.with_name(STUDIES),
                ),
                reach,
                precision,
                base_enters=bool(plan.arm),
                beside=lambda tried, groups: together(tried, groups, laid().known),
            )
            closing.callback(search.close)
            runner = Searcher(task, search, engines, *how_run)
        else:
            runner = Runner(task, engines, *how_run)
        runner.go()
        found = known(runner)
        store.add(recorded(found.model, engines.machine, found))
        return found
