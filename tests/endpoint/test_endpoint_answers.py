"""Tokens and greedy answers against a server that tells token ids, as vLLM, SGLang and llama.cpp do, or only text."""

from typing import Any

import pytest

from tests.endpoint.serving import Behaviour, Server, Talk, whole
from workbench.endpoint import check, greedy
from workbench.endpoint.prompts import Ask, telling
from workbench.endpoint.replies import Reply
from workbench.results import EndpointAnswer, EndpointReference
from workbench.results.endpoint import EndpointOwnAnswer

END = 2
PROMPT = (1, 11, 12, 13, 14, 15, 16)  # of every prompt
PIECES = ("The", " sea", " is", " wide", ".", "")
IDS = (21, 22, 23, 24, 25, END)


def own(**changes: Any) -> EndpointOwnAnswer:
    """An answer that is sure of itself but for its third token, where " was" (33) is 0.02 behind."""
    gap = [(5.0, 1.0, 0.5), (5.0, 1.0, 0.5), (5.0, 4.98, 0.5), (5.0, 4.5, 0.5), (5.0, 1.0, 0.5), (5.0, 1.0, 0.5)]
    values: dict[str, Any] = {
        "tokens": IDS,
        "pieces": PIECES,
        "ended": True,
        "full": False,
        "likely": tuple((each, 33, END if each != END else 34) for each in IDS),
        "logits": tuple(gap),
        "likely_text": tuple((piece, " was", "" if piece else "x") for piece in PIECES),
        "rounding": 0.01,
        "rounding_16": 0.2,
    }
    return EndpointOwnAnswer(**{**values, **changes})


def reference(answers: int = 1, **changes: Any) -> EndpointReference:
    prompts = len(telling(chat=True))
    return EndpointReference(
        model="demo",
        dtype="float32",
        chat=True,
        prompts=(PROMPT,) * prompts,
        rendered=("<rendered>",) * prompts,
        plain=(),
        answers=(own(**changes),) * answers,
        end_ids=(END,),
    )


def compared(reply: Reply, **changes: Any) -> EndpointAnswer:
    (found,) = greedy.compare([Ask("x", messages=())], [reply], reference(**changes)).answers
    return found


TEXT = "".join(PIECES)


@pytest.mark.parametrize(
    ("reply", "parts_at", "margin", "tie"),
    [
        (Reply(TEXT, "stop"), None, None, None),
        (Reply(TEXT, "stop", ids=[*IDS]), None, None, None),
        (Reply(TEXT, "stop", ids=[*IDS[:-1]]), None, None, None),  # a server need not tell its end token
        (Reply(TEXT, None), None, None, None),
        (Reply("The sea was wide.", "stop"), 2, 0.02, "bench"),
        (Reply("The sea was wide.", "stop", ids=[21, 22, 33, 24, 25, END]), 2, 0.02, "bench"),
        (Reply("The sea is was", "stop"), 3, 0.5, "16 bits"),
        (Reply("The sea is was", "length", ids=[21, 22, 23, 33]), 3, 0.5, "16 bits"),
        (Reply("The was", "length", ids=[21, 33]), 1, 4.0, "none"),
        (Reply("The xyz", "length", ids=[21, 99]), 1, 4.5, "none"),  # less likely than all that are known
        (Reply("The xyz", "length"), 1, None, "none"),
        (Reply("The sea", "stop"), 2, 4.5, "none"),  # its end token, whose logit is known
        (Reply("The sea", "stop", ids=[21, 22, END]), 2, 4.5, "none"),
        (Reply(TEXT + " And", "length"), 5, None, "none"),
        (Reply(TEXT + " was", "length"), 5, 4.0, "none"),
        (Reply(TEXT, "length"), 5, None, "none"),
        (Reply(TEXT + " And", "length", ids=[*IDS, 40]), 6, None, "none"),
        (Reply("", "stop"), 0, 4.5, "none"),
    ],
    ids=str,
)
def test_where_answers_part_and_how_near_a_tie_it_was(
    reply: Reply, parts_at: int | None, margin: float | None, tie: str | None
) -> None:
    found = compared(reply)
    assert (found.parts_at, found.tie) == (parts_at, tie)
    assert found.margin == (None if margin is None else pytest.approx(margin))
    assert found.compared_by == ("ids" if reply.ids else "text")


def test_what_the_limit_ended_may_be_told_as_either() -> None:
    assert compared(Reply(TEXT, "length"), full=True).same
    cut = {"tokens": IDS[:3], "pieces": PIECES[:3], "ended": False, "full": True}
    assert compared(Reply("The sea is", "length"), **cut).same
    assert not compared(Reply("The sea is", "stop"), **cut).same
    half = {**cut, "pieces": ("The", " sea", " \ufffd")}
    assert compared(Reply("The sea ", "length"), **half).same  # one shows half a character, the other leaves it out


def test_an_end_token_that_is_text_is_run_over() -> None:
    ordinary = {"pieces": (*PIECES[:-1], " END")}
    assert compared(Reply(TEXT + " END", "stop"), **ordinary).same
    found = compared(Reply(TEXT + " END and on", "length"), **ordinary)
    assert (found.parts_at, found.bench_text, found.server_text) == (6, "", " and on")


@pytest.mark.parametrize(
    ("texts", "code"),
    [
        ((TEXT, TEXT), "same_text"),
        (("The sea was", TEXT), "rounding"),
        (("The sea was", "The sea is was"), "sixteen"),
        (("The sea was", "Other"), "other"),
        ((TEXT + " On and on", TEXT), "runs_on"),
    ],
)
def test_the_sentence_is_the_worst_that_is_known(texts: tuple[str, ...], code: str) -> None:
    asks = [Ask("x", messages=())] * len(texts)
    replies = [Reply(text, "stop" if text == TEXT else "length") for text in texts]
    found = greedy.compare(asks, replies, reference(len(texts)))
    assert found.verdict.code == f"endpoint.greedy.{code}"
    assert found.share == sum(text == TEXT for text in texts) / len(texts)
    assert found.share_ci95[0] <= found.share <= found.share_ci95[1]


def test_early_ends_are_told() -> None:
    cut = {"tokens": IDS[:4], "pieces": PIECES[:4], "ended": False, "full": True}
    found = greedy.compare([Ask("x", messages=())], [Reply("The sea", "stop")], reference(**cut))
    assert found.verdict.code == "endpoint.greedy.stops"


def vllm(ids: tuple[int, ...] = PROMPT, answer: tuple[int, ...] = IDS) -> Behaviour:
    """Tells prompt and answer by token ids when asked."""

    async def talk_to(talk: Talk) -> None:
        if talk.body.get("stream"):
            await talk.stream()
            return
        body = whole(prompt_token_ids=list(ids))
        if talk.body.get("return_token_ids"):
            body["choices"][0]["token_ids"] = list(answer)
        await talk.json(body)

    return talk_to


def quick(server: Server, **options: Any) -> Any:
    return check(server.url, reference=reference(2), concurrency=(1,), requests=1, **options)


def test_token_ids_in_the_answer_are_compared() -> None:
    with Server(vllm()) as server:
        same = quick(server)
        server.behave = vllm(ids=(1, *PROMPT), answer=(21, 22, 33, 24, 25, END))
        other = quick(server)
    assert (same.tokens.way, same.tokens.same) == ("ids", True)
    assert same.greedy.verdict.code == "endpoint.greedy.same_ids"
    assert other.tokens.same is False
    assert other.tokens.verdict.code == "endpoint.tokens.shifted"  # a begin token twice
    assert other.greedy.verdict.code == "endpoint.greedy.rounding"


async def tells_nothing(talk: Talk) -> None:
    await (talk.stream() if talk.body.get("stream") else talk.json({**whole(), "usage": None}))


def tokenizes(tokens: Any, rendered: str | None = None) -> dict[str, Behaviour]:
    async def tokenize(talk: Talk) -> None:
        wanted = "content" if rendered else "messages"
        await (talk.json({"tokens": tokens}) if wanted in talk.body else talk.json({"error": "?"}, 400))

    async def apply(talk: Talk) -> None:
        await talk.json({"prompt": rendered})

    return {"/tokenize": tokenize, **({"/apply-template": apply} if rendered else {})}


@pytest.mark.parametrize(
    ("beside", "way", "same"),
    [
        ({}, "none", None),
        (tokenizes(list(PROMPT)), "ids", True),  # vLLM
        (tokenizes([{"id": each, "piece": "x"} for each in PROMPT], "<rendered>"), "ids", True),  # llama.cpp
        (tokenizes(list(PROMPT), "<another template>"), "ids", False),
        (tokenizes([*PROMPT[:-1], 99]), "ids", False),  # as many, and not the same
        (tokenizes(["a", "b"]), "none", None),
    ],
    ids=["nothing", "vllm", "llama.cpp", "template", "ids", "no ids"],
)
def test_tokenize_is_asked_where_it_is_offered(beside: dict[str, Behaviour], way: str, same: bool | None) -> None:
    with Server(tells_nothing) as server:
        server.beside = beside
        found = quick(server)
    assert (found.tokens.way, found.tokens.same) == (way, same)


def test_counts_are_compared_where_there_are_no_ids() -> None:
    with Server() as server:  # counts 7 prompt tokens, as PROMPT has
        same = quick(server)
        other = check(
            server.url,
            reference=reference().model_copy(update={"prompts": (PROMPT,) * 5 + ((1, 2),)}),
            concurrency=(1,),
            requests=1,
        )
    assert (same.tokens.way, same.tokens.same) == ("counts", True)
    assert other.tokens is not None
    assert "special: 7 for the bench's 2" in str(other.tokens.verdict)


def test_a_prompt_that_the_template_refuses_is_left_out() -> None:
    async def refuses(talk: Talk) -> None:
        turns = talk.body["messages"]
        await (talk.json({"error": "roles"}, 400) if len(turns) > 1 else vllm()(talk))

    with Server(refuses) as server:
        found = check(server.url, reference=reference(1), concurrency=(1,), requests=1)
    assert found.tokens is not None
    assert {each.name: each.same_ids for each in found.tokens.prompts}["turns"] is None
    assert found.tokens.same


def test_the_models_name_may_be_the_benchs_among_several() -> None:
    with Server() as server:
        server.models = ["other", "org/demo"]
        assert quick(server).served == "org/demo"
