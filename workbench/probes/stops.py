"""What ends an answer beside end tokens and its length: the criteria in force, and which row met which of them."""

from typing import Any, Self

import torch
from transformers import StoppingCriteria, StopStringCriteria

from workbench.config import Config
from workbench.errors import ConfigError
from workbench.probes.sentence_end import SentenceEnd
from workbench.results import FinishReason


class Watched(StoppingCriteria):  # type: ignore[misc]  # transformers ships no types
    """A criterion that remembers when each row met it first; asked twice of one step it computes once.

    met  row -> tokens in the row then, prompt included
    """

    def __init__(self, reason: FinishReason, criterion: Any) -> None:
        self.reason = reason
        self.met: dict[int, int] = {}
        self._criterion = criterion
        self._length = 0
        self._answer = torch.zeros(0, dtype=torch.bool)

    def __call__(self, input_ids: torch.Tensor, scores: Any, **kwargs: Any) -> torch.Tensor:
        """Of input_ids [batch, time]: which rows end, [batch]."""
        if input_ids.shape[1] != self._length:
            self._length = input_ids.shape[1]
            self._answer = self._criterion(input_ids, scores, **kwargs)
            for row in self._answer.nonzero()[:, 0].tolist():
                self.met.setdefault(row, self._length)
        return self._answer


class Stops:
    """Stop strings and the sentence end, as the config in force has them. ConfigError for a string that cannot come."""

    def __init__(self, tokenizer: Any, strings: tuple[str, ...] = (), after: int | str = "off") -> None:
        self._tokenizer = tokenizer
        self._after = after
        self._by_string = StopStringCriteria(tokenizer, list(strings)) if strings else None
        for text in strings:
            if not self._can_come(text):
                raise ConfigError("sampling.stop_never_comes", text=repr(text))

    @classmethod
    def of(cls, tokenizer: Any, config: Config) -> Self:
        return cls(tokenizer, config.stop_strings, config.stop_at_sentence)

    @property
    def strings(self) -> tuple[str, ...]:
        """Read from the criterion that runs."""
        return self._by_string.stop_strings if self._by_string is not None else ()

    @property
    def in_force(self) -> dict[str, Any]:
        """Knob -> what is in force."""
        return {"stop_strings": self.strings, "stop_at_sentence": self._after}

    def criteria(self, prompt_tokens: int) -> list[Watched]:
        """For one call of `generate` on prompts of that length, padding included; the stronger reason first."""
        found = [Watched("stop_string", self._by_string)] if self._by_string is not None else []
        if isinstance(self._after, int):
            found.append(Watched("sentence", SentenceEnd(self._tokenizer, prompt_tokens, self._after)))
        return found

    def _can_come(self, text: str) -> bool:
        """Whether the vocabulary can write it: the tokenizer's own writing of it, asked of the criterion."""
        ids = self._tokenizer(text, add_special_tokens=False)["input_ids"]
        alone = StopStringCriteria(self._tokenizer, [text])
        return bool(ids) and bool(alone(torch.tensor([ids]), None).any())
