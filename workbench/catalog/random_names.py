"""Names of models with random weights: `random:<slug>[?layers=2&scale=tiny&seed=0]`, read and written."""

import urllib.parse
from dataclasses import dataclass
from typing import Any, Literal

from workbench.catalog.models import MODELS, TINY_VOCABULARY, hf_config, model
from workbench.errors import ModelError
from workbench.words import Message, say

PREFIX = "random:"


@dataclass(frozen=True)
class RandomSpec:
    """A parsed name. `config`: arguments of the transformers config; `whole_layers`: of the published model."""

    slug: str
    layers: int | None = None
    scale: Literal["tiny"] | None = None
    seed: int = 0

    @property
    def config(self) -> dict[str, Any]:
        return hf_config(self.slug, self.layers, self.scale)

    @property
    def name(self) -> str:
        """The shortest name that parses to this spec."""
        given = {"layers": self.layers, "scale": self.scale, "seed": self.seed or None}
        query = urllib.parse.urlencode({key: value for key, value in given.items() if value is not None})
        return f"{PREFIX}{self.slug}" + (f"?{query}" if query else "")

    @property
    def notes(self) -> tuple[Message, ...]:
        """What must be said beside every number taken on this model."""
        config, whole = self.config, MODELS[self.slug].config
        notes = [say("model.random_weights")]
        if "n_routed_experts" in whole:
            notes.append(say("model.random_speed_moe"))
        else:
            notes.append(say("model.random_speed_dense"))
        notes.append(say("model.random_speed_values"))
        if self.scale == "tiny":
            notes.append(say("model.random_tiny", name=self.slug))
        else:
            if config["num_hidden_layers"] != whole["num_hidden_layers"].value:
                notes.append(
                    say(
                        "model.random_layers",
                        layers=config["num_hidden_layers"],
                        whole=whole["num_hidden_layers"].value,
                    )
                )
            notes.append(say("model.random_vocabulary", largest=min(config["vocab_size"], TINY_VOCABULARY) - 1))
        return tuple(notes)


def parse(name: str) -> RandomSpec:
    """The spec that `random:…` names. ModelError for an unknown slug (with the nearest), key or value."""
    slug, _, query = name.removeprefix(PREFIX).partition("?")
    slug = model(slug).slug
    try:
        given = urllib.parse.parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query))
    except ValueError:
        raise ModelError("model.bad_random", name=name, problem=f"{query!r} is not key=value&key=value") from None
    values = dict(given)
    if len(values) != len(given):
        raise ModelError("model.bad_random", name=name, problem="a key is given twice")
    if unknown := set(values) - {"layers", "scale", "seed"}:
        raise ModelError("model.bad_random", name=name, problem=f"unknown key {sorted(unknown)[0]!r}")
    if values.get("scale", "tiny") != "tiny":
        raise ModelError("model.bad_random", name=name, problem=f"scale={values['scale']!r} is not tiny")
    spec = RandomSpec(
        slug=slug,
        layers=_whole(name, "layers", values["layers"]) if "layers" in values else None,
        scale="tiny" if "scale" in values else None,
        seed=_whole(name, "seed", values.get("seed", "0")),
    )
    hf_config(spec.slug, spec.layers, spec.scale)  # refuses a layer count that cannot be
    return spec


def _whole(name: str, key: str, given: str) -> int:
    if not given.isdecimal():
        raise ModelError("model.bad_random", name=name, problem=f"{key}={given!r} is not a whole number")
    return int(given)
