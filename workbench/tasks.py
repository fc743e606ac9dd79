"""Tasks of lm-evaluation-harness on the resident model."""

from collections.abc import Sequence
from pathlib import Path

from workbench.bench import Bench
from workbench.checks import at_least_one
from workbench.errors import ConfigError
from workbench.results import TaskScores


def tasks(
    bench: Bench,
    job: int,
    names: str | Sequence[str],
    *,
    limit: int | None = None,
    few_shot: int | None = None,
    include: str | Path | None = None,
    batch_size: int = 8,
    chat: bool = False,
) -> TaskScores:
    """The harness's scores of the model as it is resident. Kept in the store.

    include  a folder with task files (.yaml) of your own; then only those are known. They may name Python functions,
             which the harness runs
    ConfigError for arguments that cannot be; CapabilityError without the package lm-eval, or for a task that fails.
    """
    wanted = [names] if isinstance(names, str) else list(names)
    if not wanted or not all(isinstance(name, str) and name.strip() for name in wanted):
        raise ConfigError("tasks.no_names", given=repr(names))
    if include is not None and not Path(include).is_dir():
        raise ConfigError("tasks.no_folder", folder=str(include))
    parameters = {
        "probe": "quality.tasks",
        "tasks": wanted,
        "include": None if include is None else str(Path(include).resolve()),
        "limit": None if limit is None else at_least_one("limit", limit),
        "few_shot": few_shot,
        "batch_size": at_least_one("batch_size", batch_size),
        "chat": chat,
    }
    data = bench.call(job, "probe", parameters)
    found = TaskScores.from_dict(data["result"])
    return bench.deliver(job, "tasks", found, config=bench.config, resolved=data["resolved"])
