"""What a session says of generated text: tokens aligned, batches full, prefixes reused, choices of decoding."""

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any

from workbench.bench import Bench
from workbench.jobs import Jobs

# operation -> what does it, given the bench, the job's number and the arguments of the method of that name
GENERATIONS: Mapping[str, Callable[..., Any]] = {}


class Generations:
    """Methods of a session, in a file of their own."""

    _bench: Bench
    _jobs: Jobs
    submit: Callable[..., Future[Any]]
