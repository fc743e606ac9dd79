"""What a chat template writes around what people say, seen by rendering marked messages."""

import re
from collections.abc import Collection
from typing import Any

from jinja2.exceptions import TemplateError

from workbench.probes.token_ids import splits, token
from workbench.results import ChatTemplate, Token

_ASKED, _ANSWERED, _ASKED_AGAIN = "Zqx question", "Zqx answer", "Zqx again"
# control tokens as their makers write them: <|im_end|>, <｜end▁of▁sentence｜>
_CONTROL = re.compile(r"<\|[^|<>\s]{1,60}\|>|<｜[^｜<>\s]{1,60}｜>")
_REFUSALS = (TemplateError, ValueError, TypeError, KeyError, AttributeError, IndexError)


def chat_template(tokenizer: Any, rows: int) -> ChatTemplate | None:
    """None where the tokenizer has none. `rows`: of the embedding."""
    if not tokenizer.chat_template:
        return None
    adds_bos = tokenizer.bos_token_id is not None and _begins(tokenizer, "x")
    try:
        asked = _rendered(tokenizer, _ASKED)
        prompt = _rendered(tokenizer, _ASKED, prompt=True)
        answered = _rendered(tokenizer, _ASKED, _ANSWERED)
    except _REFUSALS as error:
        return ChatTemplate(problem=f"{type(error).__name__}: {error}", tokenizer_adds_bos=adds_bos)
    generation_prompt = prompt[len(asked) :] if prompt.startswith(asked) else prompt.rpartition(_ASKED)[2]
    end = None
    if _ANSWERED in answered:
        begins = set(_ids(tokenizer, answered.partition(_ASKED)[0] + generation_prompt))
        end = _end(tokenizer, answered.rpartition(_ANSWERED)[2], rows, ())
        end = end or _end(tokenizer, _between_turns(tokenizer), rows, begins)
    controls = dict.fromkeys(_CONTROL.findall(prompt) + _CONTROL.findall(answered))
    return ChatTemplate(
        keeps_text=_ASKED in prompt and _ANSWERED in answered,
        generation_prompt=generation_prompt,
        end=end,
        writes_bos=bool(tokenizer.bos_token) and prompt.startswith(tokenizer.bos_token),
        tokenizer_adds_bos=adds_bos,
        split=tuple(each for each in controls if splits(tokenizer, each)),
    )


def _rendered(tokenizer: Any, *said: str, prompt: bool = False) -> str:
    turns = [{"role": ("user", "assistant")[at % 2], "content": text} for at, text in enumerate(said)]
    text: str = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=prompt)
    return text


def _between_turns(tokenizer: Any) -> str:
    """Between an answer and the next question: some templates close a turn only when another follows."""
    try:
        whole = _rendered(tokenizer, _ASKED, _ANSWERED, _ASKED_AGAIN)
    except _REFUSALS:
        return ""
    return whole.rpartition(_ANSWERED)[2].partition(_ASKED_AGAIN)[0]


def _end(tokenizer: Any, after: str, rows: int, begins: Collection[int]) -> Token | None:
    """The first control token of what follows an answer, and of those none that begins a turn."""
    found = (token(tokenizer, each, rows) for each in _ids(tokenizer, after) if each not in begins)
    return next((each for each in found if each.means == "special"), None)


def _ids(tokenizer: Any, text: str) -> list[int]:
    return list(tokenizer(text, add_special_tokens=False)["input_ids"]) if text else []


def _begins(tokenizer: Any, text: str) -> bool:
    """Whether tokenising any text begins with bos."""
    ids = tokenizer(text)["input_ids"]
    return bool(ids) and ids[0] == tokenizer.bos_token_id
