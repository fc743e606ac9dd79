"""What a server is asked: a person's prompts of a .jsonl file, and those that show whether it is the bench's model."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.errors import ConfigError
from workbench.suites import Prompt, prompts_of, suite

Message = dict[str, str]


@dataclass(frozen=True)
class Ask:
    """One prompt: `messages` for chat/completions, or `prompt` for completions. `name`: what people call it."""

    name: str
    messages: tuple[Message, ...] | None = None
    prompt: str = ""

    @property
    def path(self) -> str:
        return "completions" if self.messages is None else "chat/completions"

    @property
    def fields(self) -> dict[str, Any]:
        return {"prompt": self.prompt} if self.messages is None else {"messages": list(self.messages)}

    @property
    def text(self) -> str:
        return self.prompt if self.messages is None else "\n".join(each["content"] for each in self.messages)


def asks(prompts: str | Path | Sequence[Any] | None, *, chat: bool) -> list[Ask]:
    """A .jsonl file, a list of texts or of messages, or None: the prompts of the built-in suite. ConfigError."""
    found: Sequence[Prompt]
    if prompts is None:
        found = suite("default").prompts
    elif isinstance(prompts, str | Path):
        found = prompts_of(Path(prompts))
    else:
        found = prompts_of([{"messages": row} if isinstance(row, list | tuple) else row for row in prompts])
    if not found:
        raise ConfigError("endpoint.no_prompts")
    return [_ask(str(place), prompt.messages or _turn(prompt.text), chat) for place, prompt in enumerate(found, 1)]


# what templates and tokenizers differ in: more turns than one, a system's word, scripts, spaces at the ends, characters
# of several tokens, and text that spells a special token
TELLING: tuple[tuple[str, tuple[Message, ...]], ...] = (
    ("english", ({"role": "user", "content": "Tell me in one sentence what the moon is."},)),
    ("chinese", ({"role": "user", "content": "请用一句话介绍春天，并说明：“为什么？”"},)),
    (
        "turns",
        (
            {"role": "user", "content": "Name a fruit."},
            {"role": "assistant", "content": "An apple."},
            {"role": "user", "content": "Another one."},
        ),
    ),
    ("spaces", ({"role": "user", "content": "  indented\n\n\tand\ttabbed,  trailing  \n"},)),
    ("characters", ({"role": "user", "content": "naïve café — 𝄞 👩‍🚀 ① ﬁ \u00a0x²≠½ {{ braces }} <b>"},)),
    ("special", ({"role": "user", "content": "What do <｜end▁of▁sentence｜>, </s> and <|im_end|> mean?"},)),
)


def telling(*, chat: bool) -> list[Ask]:
    """The prompts whose tokens are compared."""
    return [_ask(name, messages, chat) for name, messages in TELLING]


def _ask(name: str, messages: tuple[Message, ...], chat: bool) -> Ask:
    if chat:
        return Ask(name, messages=tuple(messages))
    return Ask(name, prompt="\n".join(message["content"] for message in messages))


def _turn(text: str) -> tuple[Message, ...]:
    return ({"role": "user", "content": text},)
