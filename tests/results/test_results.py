"""Results: frozen, the same after JSON, refusing what they do not know; the envelope holds nothing private."""

import getpass
import json
import platform
from pathlib import Path

import pytest
from pydantic import ValidationError

from workbench.config import Config
from workbench.errors import ConfigError
from workbench.metrics import METRICS
from workbench.results import Energy, Forecast, Measurement, Resolved, Workload, document, versions


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"batch_size": 0}, "batch_size"),
        ({"batch_size": -1}, "batch_size"),
        ({"batch_size": "many"}, "batch_size"),
        ({"batch_size": 1.5}, "batch_size"),
        ({"prompt_tokens": 0}, "prompt_tokens"),
        ({"new_tokens": 1}, "new_tokens"),
        ({"prompts": []}, "prompts"),
        ({"prompts": ["a", "  "]}, "prompts"),
        ({"prompts": [1]}, "prompts"),
        ({"words": 3}, "words"),
    ],
)
def test_impossible_work_names_the_field(values: dict[str, object], field: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Workload(**values)
    assert caught.value.what.startswith(f"Workload: {field}")
    assert caught.value.why.startswith("Given: ")
    assert "Workload(" in caught.value.next_step


def test_prompts_come_from_a_file_of_json_lines(tmp_path: Path) -> None:
    file = tmp_path / "prompts.jsonl"
    file.write_text('"one"\n\n{"prompt": "two"}\n', encoding="utf-8")
    assert Workload(prompts=file).prompts == ("one", "two")
    assert Workload(prompts=str(file)).prompts == ("one", "two")


@pytest.mark.parametrize("content", ["not json", '{"text": "a"}', "", '""'])
def test_a_file_that_holds_no_prompts(tmp_path: Path, content: str) -> None:
    file = tmp_path / "prompts.jsonl"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(ConfigError, match="prompts"):
        Workload(prompts=file)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nothing\.jsonl"):
        Workload(prompts=tmp_path / "nothing.jsonl")


def test_presets() -> None:
    assert Workload.preset("recommendation").batch_size == 8
    assert Workload.preset("chat", batch_size=2).batch_size == 2
    with pytest.raises(ConfigError, match="chat"):
        Workload.preset("chatt")


def test_a_workload_survives_json_and_is_frozen() -> None:
    work = Workload(prompts=["a", "b"], batch_size=2)
    assert Workload.from_json(work.to_json()) == work
    assert work.replace(seed=3).seed == 3
    with pytest.raises(ValidationError):
        work.seed = 4  # type: ignore[misc]


def test_a_record_of_another_format_is_noticed() -> None:
    forecast = Forecast(weights=1, kv_cache=2, workspace=3, available=None, fits=None, decode_limit_tps=None)
    assert Forecast.from_dict(forecast.to_dict()) == forecast
    assert forecast.total == 6
    with pytest.raises(ValidationError):
        Forecast.from_dict({**forecast.to_dict(), "surprise": 1})


def resolved(**changes: object) -> Resolved:
    values: dict[str, object] = {
        "attention": "sdpa",
        "dtype": "float32",
        "bytes_by_dtype": {"float32": 100, "int64": 8},
        "device_map": {"cuda:0": 9, "cpu": 1},
        "cache": "dynamic",
        "threads": 1,
        "pad_token_id": 2,
        "eos_token_ids": (2,),
        "padding_side": "left",
    }
    return Resolved(**{**values, **changes})  # type: ignore[arg-type]


def test_auto_accepts_what_was_chosen() -> None:
    assert resolved().differences(Config()) == ()
    assert resolved().device == "cuda:0"
    assert resolved().weight_bytes == 108


@pytest.mark.parametrize(
    ("asked", "ran", "knob"),
    [
        ({"attention": "eager"}, {}, "attention"),
        ({"dtype": "bfloat16"}, {}, "dtype"),
        ({"device": "cpu"}, {}, "device"),
        ({"threads": 4}, {}, "threads"),
        ({"cache": "static"}, {}, "cache"),
        ({"pad_token": 7}, {}, "pad_token"),
        ({"eos_token_ids": [2, 3]}, {}, "eos_token_ids"),
        ({"padding_side": "right"}, {}, "padding_side"),
        ({"do_sample": True}, {"sampling": {"do_sample": False}}, "do_sample"),
    ],
)
def test_a_difference_is_told_in_words(asked: dict[str, object], ran: dict[str, object], knob: str) -> None:
    (difference,) = resolved(**ran).differences(Config(**asked))
    assert difference.knob == knob
    assert str(difference).startswith(f"asked {knob}")
    assert " but " in str(difference)


def test_asking_for_any_gpu_is_content_with_the_first() -> None:
    assert resolved().differences(Config(device="cuda")) == ()


def test_the_envelope_names_its_schema_and_versions_and_nothing_private() -> None:
    record = document("test", result=resolved(), config=Config(), workload=Workload(), model="demo")
    assert record["schema"] == "workbench.test/1"
    assert record["versions"]["torch"] == versions()["torch"]
    assert record["config"] == Config().to_dict()
    text = json.dumps(record)
    home = str(Path.home())
    private = [word for word in (platform.node(), getpass.getuser(), home) if len(word) > 4]
    assert not [word for word in private if word in text]


def test_every_metric_is_a_field_of_a_result_with_a_definition() -> None:
    for key, metric in METRICS.items():
        assert key in {*Measurement.model_fields, *Energy.model_fields}
        assert metric.key == key
        assert metric.definition
        assert metric.source
        assert metric.label
