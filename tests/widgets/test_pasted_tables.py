"""The table of a pasted script; whatever stands in the script is text."""

from workbench.pasted import read
from workbench.widgets.tables import show

LOAD = "m = AutoModelForCausalLM.from_pretrained"


def test_a_row_for_each_mark_and_the_base_line_under_them() -> None:
    table = show(read(f"{LOAD}('deepseek-ai/deepseek-llm-7b-chat', load_in_8bit=True, trust_remote_code=True)"))
    assert table.heading == ("kind", "what", "instead")
    assert [row[0] for row in table.rows] == ["line 1: load_in_8bit", "line 1: trust_remote_code"]
    assert table.rows[0][1] == "refused"
    assert table.rows[0][3] == "quantization_config=BitsAndBytesConfig(load_in_8bit=True)"
    assert "deepseek-ai/deepseek-llm-7b-chat" in table.remarks[0]
    assert "quantization=bnb-int8" in table.remarks[0]


def test_a_clean_script_says_so() -> None:
    table = show(read(f"{LOAD}('a/b')"))
    assert table.remarks[0] == "No argument is marked."
    assert "device=cpu" in table.remarks[1]


def test_hostile_words_are_text() -> None:
    word = "<img src=x onerror=alert(1)>"
    found = read(
        f"{LOAD}('{word}', attn_implementation='{word}', **{{'{word}': 1}})\nm.generate(x, temperature='{word}')"
    )
    html = show(found)._repr_html_()
    assert "<img" not in html
    assert "&lt;img" in html
    assert {"attention_word", "unknown_at_load"} <= {mark.rule for mark in found.marks}
