"""Config: checked, frozen, comparable, and the same after JSON, pickle and the wire."""

import inspect
import json
import pickle

import pytest

from workbench.config import Config
from workbench.errors import ConfigError
from workbench.knobs import KNOBS, Cost


def test_defaults_are_the_registrys() -> None:
    assert dict(Config()) == {name: knob.default for name, knob in KNOBS.items()}
    assert repr(Config()) == "Config()"
    assert repr(Config(attention="eager")) == "Config(attention='eager')"


def test_an_unknown_knob_names_the_nearest() -> None:
    with pytest.raises(ConfigError) as caught:
        Config(atention="eager")
    assert "'atention'" in caught.value.what
    assert "attention" in caught.value.why
    assert "Nearest match: attention." in caught.value.next_step


def test_an_unknown_value_names_what_is_allowed_and_the_nearest() -> None:
    with pytest.raises(ConfigError) as caught:
        Config(dtype="bfloat")
    assert "dtype='bfloat'" in caught.value.what
    assert "auto, float32, bfloat16, float16" in caught.value.why
    assert "bfloat16" in caught.value.next_step


@pytest.mark.parametrize(
    ("knob", "value"),
    [
        ("attention", None),
        ("attention", "EAGER"),
        ("do_sample", 1),
        ("do_sample", "yes"),
        ("temperature", -0.1),
        ("temperature", float("nan")),
        ("temperature", float("inf")),
        ("temperature", True),
        ("top_k", 1.5),
        ("threads", 0),
        ("threads", "many"),
        ("pad_token", -1),
        ("pad_token", True),
        ("pad_token", [1, 2]),
        ("eos_token_ids", []),
        ("eos_token_ids", [1, "2"]),
        ("device", "cuda:x"),
        ("device", "cuda:1; rm"),
        ("device", "tpu"),
    ],
)
def test_what_no_knob_can_hold_is_refused(knob: str, value: object) -> None:
    with pytest.raises(ConfigError, match=knob):
        Config(**{knob: value})


@pytest.mark.parametrize(
    ("knob", "value", "kept"),
    [
        ("device", "cuda:1", "cuda:1"),
        ("threads", 2.0, 2),
        ("temperature", 1, 1.0),
        ("eos_token_ids", 5, (5,)),
        ("eos_token_ids", [5, 6], (5, 6)),
        ("pad_token", 0, 0),
        ("pad_token", "unk", "unk"),
    ],
)
def test_values_are_kept_in_one_form(knob: str, value: object, kept: object) -> None:
    held = Config(**{knob: value})[knob]
    assert held == kept
    assert type(held) is type(kept)


def test_two_values_that_cannot_stand_together() -> None:
    with pytest.raises(ConfigError, match="cannot stand together"):
        Config(do_sample=True, temperature=0.0)
    assert Config(do_sample=False, temperature=0.0).temperature == 0.0
    with pytest.raises(ConfigError, match="cannot stand together"):
        Config(temperature=0.0).replace(do_sample=True)


def test_frozen() -> None:
    config = Config()
    with pytest.raises(AttributeError, match=r"config\.replace\(attention='eager'\)"):
        config.attention = "eager"
    with pytest.raises(AttributeError, match="no knob 'nothing'"):
        _ = config.nothing
    with pytest.raises(TypeError):
        config["attention"] = "eager"  # type: ignore[index]


def test_replace_and_diff() -> None:
    config = Config(attention="eager")
    other = config.replace(dtype="bfloat16", attention="sdpa")
    assert config.attention == "eager"
    assert config.diff(other) == {"attention": ("eager", "sdpa"), "dtype": ("auto", "bfloat16")}
    assert config.diff(config) == {}


def test_the_cost_of_a_change_is_that_of_its_dearest_knob() -> None:
    config = Config()
    assert config.cost_to(config) is Cost.LIVE
    assert config.cost_to(config.replace(attention="eager")) is Cost.LIVE
    assert config.cost_to(config.replace(attention="eager", dtype="float16")) is Cost.RELOAD


def test_equal_configs_are_one_key() -> None:
    assert Config(eos_token_ids=[1, 2]) == Config(eos_token_ids=(1, 2))
    assert len({Config(), Config(dtype="auto"), Config(dtype="float16")}) == 2
    assert Config() != dict(Config())


@pytest.mark.parametrize("config", [Config(), Config(eos_token_ids=[1, 2], do_sample=True, temperature=0.6, threads=3)])
def test_json_and_pickle_give_it_back(config: Config) -> None:
    assert Config.from_json(config.to_json()) == config
    assert pickle.loads(pickle.dumps(config)) == config
    assert Config(**json.loads(config.to_json())["config"]) == config


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "not a Config"),
        ("[]", "not a Config"),
        ("{}", "not a Config"),
        ('{"schema": "workbench.config/2", "config": {}}', "workbench.config/2"),
        ('{"schema": "workbench.config/1", "config": {"dtype": "int3"}}', "dtype='int3'"),
        ('{"schema": "workbench.config/1", "config": {"speed": 9}}', "'speed'"),
    ],
)
def test_text_that_is_no_config_of_this_version(text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        Config.from_json(text)


def test_completion_lists_the_knobs() -> None:
    assert list(inspect.signature(Config).parameters) == list(KNOBS)


def test_bits_are_held_to_their_backend_only_where_the_cache_is_quantised() -> None:
    assert Config(cache_bits=2).cache_bits == 2
    assert Config(cache="quantized", cache_backend="hqq", cache_bits=2).cache_bits == 2
    with pytest.raises(ConfigError, match="The quanto cache cannot keep 8 bits"):
        Config(cache="quantized", cache_backend="quanto", cache_bits=8)
