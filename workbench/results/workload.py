"""The work that is measured: how many tokens go in, how many come out, how many rows at once."""

import json
from pathlib import Path
from typing import Any, Self

from pydantic import ValidationError, field_validator

from workbench.errors import ConfigError
from workbench.results.base import Result

PRESETS = {
    "quick": {"prompt_tokens": 64, "new_tokens": 16},
    "chat": {"prompt_tokens": 256, "new_tokens": 64},
    "reasoning": {"prompt_tokens": 256, "new_tokens": 1024},
    "report": {"prompt_tokens": 2048, "new_tokens": 512},
    "recommendation": {"prompt_tokens": 1024, "new_tokens": 16, "batch_size": 8},
}


class Workload(Result):
    """Fixed work: greedy, exactly `new_tokens` per row, end-of-sequence switched off.

    prompt_tokens   tokens of each prompt; ignored when `prompts` are given
    new_tokens      tokens produced per row (at least 2: a rate needs a gap)
    batch_size      rows at once; prompts are repeated or cut to fill them
    prompts         None: text of the built-in suite cut to length; or a list of texts; or a `.jsonl` file of
                    strings or {"prompt": …} objects (padded by the config's padding_side)
    seed            picks where the built-in text starts
    padded          share of the batch's prompt positions that are padding, from 0 to 0.5: the first row is whole and
                    each further one shorter; a single row is padded itself. They count as prompt tokens, because the
                    device computes them
    """

    prompt_tokens: int = 256
    new_tokens: int = 64
    batch_size: int = 1
    prompts: tuple[str, ...] | None = None
    seed: int = 0
    padded: float = 0.0

    def __init__(self, **values: Any) -> None:
        if isinstance(values.get("prompts"), str | Path):
            values["prompts"] = _read_jsonl(Path(values["prompts"]))
        try:
            super().__init__(**values)
        except ValidationError as error:
            problem = error.errors()[0]
            raise ConfigError(
                "config.bad_workload",
                field=".".join(str(part) for part in problem["loc"]) or "workload",
                problem=problem["msg"].removeprefix("Value error, "),
                given=repr(problem["input"]),
            ) from None

    @field_validator("prompt_tokens", "batch_size")
    @classmethod
    def _at_least_one(cls, value: int) -> int:
        if value < 1:
            raise ValueError("must be at least 1")
        return value

    @field_validator("new_tokens")
    @classmethod
    def _at_least_two(cls, value: int) -> int:
        if value < 2:
            raise ValueError("must be at least 2: a decode rate needs a gap between two tokens")
        return value

    @field_validator("padded")
    @classmethod
    def _at_most_half(cls, value: float) -> float:
        if not 0 <= value <= 0.5:
            raise ValueError("must be from 0 to 0.5")
        return value

    @field_validator("prompts")
    @classmethod
    def _no_empty_prompt(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if value is not None and (not value or any(not prompt.strip() for prompt in value)):
            raise ValueError("an empty prompt has no tokens to start from")
        return value

    @classmethod
    def preset(cls, name: str, **changes: Any) -> Self:
        """One of quick, chat, reasoning, report, recommendation; `changes` override its numbers."""
        if name not in PRESETS:
            raise ConfigError(
                "config.bad_workload", field="preset", problem=f"is one of {', '.join(PRESETS)}", given=repr(name)
            )
        return cls(**{**PRESETS[name], **changes})

    def replace(self, **changes: Any) -> Self:
        return type(self)(**{**self.model_dump(), **changes})


def padding_of(rows: int, tokens: int, share: float) -> list[int]:
    """Positions of padding in each row; together `share` of all, at least one token of each row stays."""
    if rows == 1:
        return [min(round(share * tokens), tokens - 1)]
    return [min(round(2 * share * tokens * row / (rows - 1)), tokens - 1) for row in range(rows)]


def _read_jsonl(path: Path) -> tuple[str, ...]:
    try:
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        return tuple(row["prompt"] if isinstance(row, dict) else str(row) for row in rows)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            "config.bad_workload",
            field="prompts",
            problem=f"could not be read as JSON lines ({type(error).__name__}: {error})",
            given=repr(path.name),
        ) from error
