"""Exported code against the session that it came from: the same tokens, the same state, the same speed.

The code runs in a process without the workbench (`hosts.clean_process`) that stays alive, so that its runs of decode
and the session's can alternate: only one of them computes at a time, and pairs are judged as `compare` judges them.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from workbench import forecast as forecasts
from workbench import machine as machines
from workbench.bench import Bench
from workbench.catalog.sources import needs_hub
from workbench.config import Config
from workbench.decoding.state import differences
from workbench.decoding.verdict import judged
from workbench.errors import CapabilityError
from workbench.export.check import work_of
from workbench.hosts.clean_process import CleanProcess, SnippetFailed
from workbench.hosts.process import ProcessHost
from workbench.hosts.registry import device_key, gpu_uuid
from workbench.knobs.generation import PLAIN, generation_arguments
from workbench.pairing import Gathered, Half, Plan, block_of, gather, told
from workbench.probes.context import Context
from workbench.probes.device.gate import between, gate
from workbench.results import Answers, Block, Completion, Snippet, Verification, Workload, verification_record
from workbench.ways import put, restored
from workbench.words import Message, say
from workbench.words.format import size

# texts that a chat model answers and ends, one that ends at the length, and texts to continue; the first as one batch
PROMPTS: tuple[tuple[tuple[str, ...], bool], ...] = (
    (("Name three colours.", "What is the capital of France? Answer in one word."), True),
    (("用一句话说明什么是缓存。",), True),
    (("The keeper bought a watch, counted the turns in ten minutes, and",), False),
)
NEW_TOKENS = 24
TOLERANCE = 0.03
_WORK = Workload(prompt_tokens=64, new_tokens=16)
# the least seconds that the snippet's process has to load, to answer, and to answer while it compiles
_LOAD_S, _ANSWER_S, _COMPILE_S = 600.0, 300.0, 1800.0
_TIMES = 20.0  # as many times what the session itself needed


@dataclass
class Patience:
    """Seconds that the snippet's process has for each command; `given` for all of them.

    slowest_s  the longest that the session needed so far for what both are asked
    """

    load_s: float
    compiles: bool
    given: float | None
    slowest_s: float = 0.0

    @property
    def answer_s(self) -> float:
        least = _COMPILE_S if self.compiles else _ANSWER_S
        return self.given if self.given is not None else max(least, _TIMES * self.slowest_s)


@dataclass
class Found:
    """What is known so far; a problem may end the work at any point."""

    answers: tuple[Answers, ...] = ()
    differences: tuple[Message, ...] = ()
    without_workbench: bool = False
    load_seconds: float | None = None
    warnings: tuple[str, ...] = ()
    gathered: Gathered | None = None
    problem: SnippetFailed | None = None


def verify(
    bench: Bench,
    job: int,
    snippet: Snippet,
    workload: Workload | None = None,
    *,
    tolerance: float = TOLERANCE,
    precision: float = 0.02,
    budget_s: float = 60.0,
    timeout_s: float | None = None,
) -> Verification:
    """What `snippet` does in a process without the workbench, against the session in the snippet's configuration.

    Kept in the store. The configuration of before is in force again afterwards, also after Stop and errors.
    CapabilityError: its target is no program for this interpreter, or both models do not fit and this engine cannot
    make room.
    """
    if snippet.target != "transformers":
        raise CapabilityError("verify.no_code", target=snippet.target)
    context, began = bench.context(job), time.monotonic()
    config = Config(**snippet.config) if snippet.config else bench.config
    work = block_of(workload or _WORK)
    load_s = timeout_s if timeout_s is not None else max(_LOAD_S, _TIMES * (bench.load_seconds or 0.0))
    patience, found = Patience(load_s, config.compile != "off", timeout_s), Found()
    with restored(bench, job):
        greedy = config.replace(**PLAIN) if config.do_sample else config
        put(bench, job, greedy)
        resolved = bench.resolved
        room = _room(bench, config, work)
        plan = Plan(precision, budget_s, quick=0 if room is None else 1)
        way = _beside if room is None else _by_turns
        try:
            way(Work(bench, job, context, snippet, config, work, patience), plan, found)
        except SnippetFailed as failure:
            found.problem = failure
    result = _verification(found, config, work, tolerance, room, time.monotonic() - began)
    record = verification_record(bench.facts.name, bench.machine, config, resolved, result)
    return bench.deliver(job, "verification", result, record)


@dataclass
class Work:
    """One verification: both sides of it, and what each is asked."""

    bench: Bench
    job: int
    context: Context
    snippet: Snippet
    config: Config
    workload: Workload
    patience: Patience

    @contextmanager
    def process(self, found: Found) -> Iterator[CleanProcess]:
        """The snippet's process with its model loaded; what was read back there is compared at once."""
        self.context.progress(say("verify.starting"), 0)
        environment = {"HF_HUB_OFFLINE": "1"} if not needs_hub(self.bench.name) else {}
        with CleanProcess(self.snippet.files, self.context.check, environment) as process:
            loaded = process.ask("load", self.patience.load_s)
            found.without_workbench = loaded["without_workbench"]
            found.load_seconds = loaded["seconds"]
            found.warnings = tuple(loaded["warnings"])
            found.differences = tuple(differences(self.bench.resolved, self.config, loaded["state"]))
            yield process

    def session_says(self, prompts: Sequence[str], chat: bool) -> list[Completion]:
        parameters = {"prompts": list(prompts), "max_new_tokens": NEW_TOKENS, "seed": None, "chat": chat}
        data = self._ask_session("generate", parameters)
        return [Completion.from_dict(each) for each in data["completions"]]

    def snippet_says(self, process: CleanProcess, prompts: Sequence[str], chat: bool) -> list[list[int]]:
        """By the file's own `generate`; a configuration that samples is asked through `run`, greedily."""
        greedy = generation_arguments(self.config.replace(**PLAIN)) if self.config.do_sample else None
        command = {"prompts": list(prompts), "chat": chat, "new_tokens": NEW_TOKENS, "arguments": greedy}
        ids: list[list[int]] = process.ask("answer", self.patience.answer_s, **command)["ids"]
        return ids

    def session_runs(self, *, warm_up: bool = False) -> Half:
        parameters = {"probe": "block", "workload": self.workload.to_dict(), "warm_up": warm_up}
        data = self._ask_session("probe", parameters)
        block = Block.from_dict(data["result"])
        return Half(block.run, block.seconds, block.conditions)

    def snippet_runs(self, process: CleanProcess) -> Half:
        uuid = gpu_uuid(device_key(self.config.device, self.bench.machine))
        looking = gate(uuid, process.pid)
        before = looking.look()
        block = process.ask("block", self.patience.answer_s, work=work_of(self.workload, self.config))
        return Half(block["run"], block["seconds"], between(before, looking.look()))

    def _ask_session(self, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        began = time.monotonic()
        data = self.bench.host.call(operation, parameters, self._quietly)
        self.patience.slowest_s = max(self.patience.slowest_s, time.monotonic() - began)
        return data

    def _quietly(self, name: str, data: Any) -> None:
        """The session's answers to these prompts are no text for the person."""
        self.context.check()
        if name != "token":
            self.context.emit(name, data)


def _beside(work: Work, plan: Plan, found: Found) -> None:
    """Both models in memory; runs alternate."""
    with work.process(found) as process:
        work.context.progress(say("verify.answering"), 0)
        said = [(work.session_says(*each), work.snippet_says(process, *each)) for each in PROMPTS]
        found.answers = _compared(said)
        work.session_runs(warm_up=True)
        work.snippet_runs(process)
        halves: tuple[Callable[[], Half], ...] = (work.session_runs, lambda: work.snippet_runs(process))
        # the budget is that of the pairs: loading and warming up belong to no measurement
        report, began = work.context.progress, time.monotonic()
        found.gathered = gather(lambda side: halves[side](), plan, lambda *so_far: report(*told(*so_far)), began)


def _by_turns(work: Work, plan: Plan, found: Found) -> None:
    """The session first, then its engine makes room for the snippet; the caller brings it back."""
    ours = [work.session_says(*each) for each in PROMPTS]
    work.session_runs(warm_up=True)
    session = work.session_runs()
    work.context.progress(say("verify.releasing"), 0)
    host = work.bench.host
    assert isinstance(host, ProcessHost), "an engine that cannot make room was refused"
    host.release()
    with work.process(found) as process:
        found.answers = _compared(zip(ours, (work.snippet_says(process, *each) for each in PROMPTS), strict=True))
        work.snippet_runs(process)
        halves = session, work.snippet_runs(process)
        found.gathered = gather(lambda side: halves[side], plan, lambda *_: None, time.monotonic())


def _room(bench: Bench, config: Config, work: Workload) -> Message | None:
    """None: both models fit. Else why they do not; CapabilityError where the session's engine cannot make room."""
    machine = machines.with_free_memory(bench.machine)
    expected = forecasts.forecast(bench.facts, config, work, machine)
    if expected.fits is not False:
        return None
    if not isinstance(bench.host, ProcessHost):
        raise CapabilityError("verify.no_room", needed=size(expected.total), free=size(expected.available or 0))
    return say("verify.estimate")


def _compared(said: Any) -> tuple[Answers, ...]:
    return tuple(
        Answers(
            prompts=prompts,
            chat=chat,
            tokens=sum(len(each.token_ids) for each in ours),
            parts_at=_parts_at(ours, theirs),
        )
        for (prompts, chat), (ours, theirs) in zip(PROMPTS, said, strict=True)
    )


def _parts_at(ours: Sequence[Completion], theirs: Sequence[Sequence[int]]) -> tuple[int, int] | None:
    """The first difference. Rows that ended early are filled up to the longest: with one and the same token."""
    longest = max(len(each.token_ids) for each in ours)
    filled = {token for row, each in zip(theirs, ours, strict=True) for token in row[len(each.token_ids) :]}
    for index, (mine, row) in enumerate(zip(ours, theirs, strict=True)):
        pairs = zip(mine.token_ids, row, strict=False)
        differs = next((at for at, (here, there) in enumerate(pairs) if here != there), None)
        if differs is not None:
            return index, differs
        if len(row) != longest or len(filled) > 1:
            return index, min(len(row), len(mine.token_ids))
    return None


def _verification(
    found: Found, config: Config, work: Workload, tolerance: float, room: Message | None, seconds: float
) -> Verification:
    flags = [] if room is None else [room]
    if config.do_sample:
        flags.append(say("verify.sampled"))
    return judged(
        answers=found.answers,
        differences=found.differences,
        gathered=found.gathered,
        problem=found.problem.message if found.problem else None,
        detail=found.problem.detail if found.problem else "",
        tolerance=tolerance,
        estimate=room is not None,
        workload=work,
        without_workbench=found.without_workbench,
        load_seconds=found.load_seconds,
        warnings=found.warnings,
        seconds=seconds,
        flags=flags,
    )
