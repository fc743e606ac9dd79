"""The rules on their own: whatever ids the sources name, a repair ends rows with control tokens alone."""

from typing import Any

import torch
from hypothesis import given
from hypothesis import strategies as st

from workbench.decoding.alignment import end_ids, findings, repair_of, sentence_of
from workbench.probes.token_behaviour import Together
from workbench.probes.tokens import _rows
from workbench.results import TOKEN_ROLES, ChatTemplate, Divergence, Token, TokenFacts, TokenRow

TOKENS = st.sampled_from(
    [
        Token(id=1, text="<|im_start|>", means="special"),
        Token(id=2, text="<|im_end|>", means="special"),
        Token(id=32000, text="ertools", means="text"),
        Token(id=49160, text=None, means="unnamed"),
        Token(id=999_999, text=None, means="beyond"),
    ]
)
SOURCES = ("tokenizer", "config", "generation_config", "in_force")


@st.composite
def rows(draw: st.DrawFn) -> tuple[TokenRow, ...]:
    found = []
    for role in TOKEN_ROLES:
        most = 3 if role == "eos" else 1
        stated = {source: tuple(draw(st.lists(TOKENS, max_size=most, unique=True))) for source in SOURCES}
        found.append(TokenRow(role=role, stated=stated))
    return tuple(found)


FACTS = st.builds(
    TokenFacts,
    rows=rows(),
    vocabulary=st.just(49200),
    padding_side=st.fixed_dictionaries({"tokenizer": st.just("right"), "in_force": st.sampled_from(["left", "right"])}),
    attention_mask=st.sampled_from(["tokenizer", "none", "ones"]),
    template=st.one_of(
        st.none(), st.builds(ChatTemplate, generation_prompt=st.just("x"), end=st.one_of(st.none(), TOKENS))
    ),
    checks=st.just(()),
    effects=st.just(()),
    flags=st.just(()),
)
OF_ENDS = {"eos_none", "eos_text", "eos_unnamed", "end_missing", "eos_lacks"}


@given(FACTS)
def test_a_repair_leaves_no_wrong_end_where_a_right_one_is_known(facts: TokenFacts) -> None:
    if facts.template and facts.template.end and facts.template.end.means != "special":
        return  # the probe takes control tokens only
    found = findings(facts)
    assert str(sentence_of(found))
    assert all(str(each.said) and str(each.remedy or "-") for each in found)
    wanted, repair = end_ids(facts), repair_of(found)
    wrong = {each.code for each in found if each.severity == "error"} & OF_ENDS
    if wrong and wanted:
        assert "eos_token_ids" in repair
    if not wanted:
        assert "eos_token_ids" not in repair
        return
    row = facts.row("eos")
    ends = tuple(Token(id=each, text="<e>", means="special") for each in wanted)
    after = facts.model_copy(
        update={
            "rows": tuple(
                TokenRow(role="eos", stated={**row.stated, "in_force": ends}) if each.role == "eos" else each
                for each in facts.rows
            )
        }
    )
    left = {each.code for each in findings(after) if each.severity == "error"} & OF_ENDS
    assert left == set()
    assert "eos_token_ids" not in repair_of(findings(after))


def together(prefill: float, decode: float, parting: Divergence | None = None) -> dict[str, Any]:
    return {each.name: each for each in _rows(Together(prefill, decode, parting, torch.zeros(3, 8)))}


def test_a_tie_is_no_failure_and_says_its_margin() -> None:
    parting = Divergence(row=1, index=4, token_a=5, token_b=6, text_a="a", text_b="b", margin=0.0312)
    batch = together(0.9, 1.8, parting)["batch"]
    assert batch.outcome == "tie"
    assert "margin is 0.031 logits" in str(batch.sentence)
    assert together(0.9, 4.0, parting)["batch"].outcome == "failed"
    assert together(0.9, 4.0)["batch"].outcome == "failed"
    assert together(0.9, 4.0)["left_pad"].outcome == "passed"
    assert together(float("nan"), 0.0)["left_pad"].outcome == "failed"
