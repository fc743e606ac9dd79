"""Sentences beside results: text that is escaped, a line each."""

import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

from workbench.results.values import Values, ValueVerdict
from workbench.widgets.tables import tell


def test_sentences_are_text_a_line_each() -> None:
    InteractiveShell.instance()
    with capture_output() as shown:
        tell("<b>one</b>", 2)
    (output,) = shown.outputs
    assert output.data["text/html"] == "<div>&lt;b&gt;one&lt;/b&gt;</div><div>2</div>"
    assert output.data["text/plain"] == "<b>one</b>\n2"
    InteractiveShell.clear_instance()


VALUES = Values(
    verdicts=(
        ValueVerdict(knob="compile", value="off", usable=True),
        ValueVerdict(knob="compile", value="default", usable=False),
        ValueVerdict(knob="cache", value="dynamic", usable=True),
    )
)


def test_verdicts_of_one_knob_or_of_one_kind() -> None:
    assert [each.value for each in VALUES.only("compile").verdicts] == ["off", "default"]
    assert [each.value for each in VALUES.only(usable=False).verdicts] == ["default"]
    assert [each.value for each in VALUES.only("compile", usable=True).verdicts] == ["off"]
    with pytest.raises(KeyError, match="absent"):
        VALUES.only("absent", "cache")
