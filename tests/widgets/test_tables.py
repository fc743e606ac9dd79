"""Tables of results: escaped, side by side, and never a 0 for what was not measured."""

import pytest

from workbench.results import Completion, Forecast, Resolved
from workbench.widgets.tables import show

NASTY = "<img src=x onerror=alert(1)>"


def completion(text: str, tps: float | None = 10.0) -> Completion:
    return Completion(text=text, token_ids=(1, 2), finish_reason="length", prompt_tokens=3, ttft_s=0.5, decode_tps=tps)


def resolved(**changes: object) -> Resolved:
    values = {
        "attention": "sdpa",
        "dtype": "float32",
        "bytes_by_dtype": {"float32": 3 << 20},
        "device_map": {"cpu": 1},
        "cache": "dynamic",
        "threads": 1,
        "pad_token_id": None,
        "eos_token_ids": (2,),
        "padding_side": "left",
    }
    return Resolved.model_validate({**values, **changes})


def test_model_output_is_text_and_never_markup() -> None:
    html = show([completion(NASTY)])._repr_html_() + show({NASTY: completion(NASTY)})._repr_html_()
    assert "<img" not in html
    assert html.count("&lt;img") == 3


def test_results_stand_side_by_side_by_label() -> None:
    table = show({"a": resolved(), "b": resolved(bytes_by_dtype={"bfloat16": 1 << 20})})
    assert table.heading == ("a", "b")
    rows = {row[0]: row[1:] for row in table.rows}
    assert [cell.replace("\u2009", " ") for cell in rows["weights"]] == ["3.00 MiB", "1.00 MiB"]
    assert rows["float32 tensors"][1] == ""
    assert rows["bfloat16 tensors"][0] == ""


def test_what_was_not_measured_says_so() -> None:
    forecast = Forecast(weights=1, kv_cache=1, workspace=1, available=None, fits=None, decode_limit_tps=None)
    rows = {row[0]: row[1] for row in show(forecast).rows}
    assert rows["decode limit"] == "not measured"
    assert rows["available"] == "not measured"
    assert rows["fits"] == "not known"
    assert {row[0]: row[1] for row in show(completion("x", None)).rows}["decode"] == "not measured"


def test_plain_text_has_the_same_cells() -> None:
    table = show({"one": completion("the sea\x1b[31m")})
    assert "one" in repr(table)
    assert "the sea␛[31m" in repr(table)


def test_what_has_no_table_is_refused() -> None:
    with pytest.raises(TypeError, match="nothing to show for int"):
        show(3)
