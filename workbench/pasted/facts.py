"""What a script does with which model: the calls of its flow, sorted by the objects they are made on."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from workbench.catalog.models import MODELS, CatalogModel
from workbench.pasted.calls import entries_of
from workbench.pasted.source import Script
from workbench.pasted.values import Call, Given, Made, Part, Unknown
from workbench.pasted.walk import Walk
from workbench.results import Machine

LOADS = ("load", "pipeline")
# knob -> value, or Unknown where only running would tell
Found = Iterator[tuple[str, Any]]


@dataclass(frozen=True)
class Ids:
    """Token ids that are known of a model, and where from."""

    eos: tuple[int, ...] = ()
    pad: int | None = None
    source: str = ""
    padding_side: str | None = None
    sampling: Mapping[str, Any] = field(default_factory=dict)  # of its generation_config.json


@dataclass
class Facts:
    """One script, with the model that its base line is about."""

    walk: Walk
    ids: Ids
    machine: Machine | None
    models: list[Made]
    model: Made | None
    tokenizers: list[Made]

    @property
    def script(self) -> Script:
        return self.walk.script

    @property
    def load(self) -> Call | None:
        return self.model.call if self.model else None

    @property
    def is_pipeline(self) -> bool:
        return self.model is not None and self.model.kind == "pipeline"

    @property
    def name(self) -> Any:
        """What the model is loaded by: a text, or Unknown."""
        return model_name(self.model) if self.model else Unknown(1)

    @property
    def entry(self) -> CatalogModel | None:
        """The model's entry in the catalogue."""
        return entry_of(self.name)

    @property
    def tokenizer(self) -> Made | None:
        same = [each for each in self.tokenizers if model_name(each) == self.name]
        return next(iter(same or self.tokenizers), None)

    def of(self, *kinds: str) -> list[Call]:
        """The calls of these kinds on the model, in order."""
        found = dict.fromkeys((self.model, loaded_by(self.model)))
        return [call for made in found if made for call in made.calls if call.kind in kinds]

    @property
    def generates(self) -> list[Call]:
        return self.of("generate", "pipe_call")

    @property
    def tokenizes(self) -> list[Call]:
        return [call for made in self.tokenizers for call in made.calls if call.kind == "tokenize"]

    def loading(self) -> Iterator[Given]:
        """Arguments of the load, with a pipeline's model_kwargs, and those of the model that a pipeline was given."""
        for made in dict.fromkeys((self.model, loaded_by(self.model))):
            if made:
                yield from made.call.given.values()
                yield from entries_of(made.call.value("model_kwargs")).values()

    def loaded_with(self, *names: str) -> Given | None:
        return next((given for given in self.loading() if given.name in names), None)

    def settings(self, call: Call | None) -> dict[str, Given]:
        """What decides a generation: model.generation_config, an object that is passed, and the call; the last wins."""
        found: dict[str, Given] = {}
        if self.model:
            sets = self.model.sets.items()
            found |= {
                name.removeprefix("generation_config."): each for name, each in sets if "generation_config." in name
            }
        if self.is_pipeline and self.load:
            found |= {each.name: each for each in self.load.given.values()}
        objects = [self.model.sets.get("generation_config")] if self.model else []
        objects += [call.given.get("generation_config")] if call else []
        for given in objects:
            if given is not None and isinstance(given.value, Made):
                found |= {name: each for name, each in given.value.call.given.items() if each.form != "position"}
                found |= given.value.sets
        if call:
            found |= {each.name: each for each in call.given.values() if each.form != "position"}
            found |= entries_of(call.value("generate_kwargs"))
        return found

    def inputs_of(self, call: Call) -> Made | None:
        """What the tokenizer made that this call generates from."""
        for each in (*call.values, *(given.value for given in call.given.values())):
            made = each.made if isinstance(each, Part) else each
            if isinstance(made, Made) and made.kind == "inputs":
                return made
        return None


def facts(walk: Walk, ids: Ids, machine: Machine | None) -> Facts:
    """The model whose generate is called; else the first that could."""
    models = [each for each in walk.made if each.kind in ("model", "pipeline")]
    inner = [each for each in models if each.kind == "model"]
    wrapped = {id(_inner(each)) for each in models if each.kind == "pipeline"}
    used = [each for each in models if any(call.kind in ("generate", "pipe_call") for call in each.calls)]
    rest = [each for each in models if id(each) not in wrapped] or inner
    rest = [each for each in rest if "CausalLM" in each.call.name or each.kind == "pipeline"] or rest
    tokenizers = [each for each in walk.made if each.kind == "tokenizer"]
    return Facts(walk, ids, machine, models, next(iter(used or rest), None), tokenizers)


def model_name(made: Made) -> Any:
    """The name that a model, a tokenizer or a pipeline is loaded by."""
    if made.kind == "pipeline":
        given = made.call.given.get("model")
        value = given.value if given else Unknown(made.call.line)
        return model_name(value) if isinstance(value, Made) else value
    given = made.call.given.get("pretrained_model_name_or_path")
    return given.value if given else Unknown(made.call.line)


def loaded_by(made: Made | None) -> Made | None:
    """The model inside a pipeline that was given one; any other object itself."""
    inner = _inner(made) if made is not None and made.kind == "pipeline" else None
    return inner or made


def _inner(made: Made) -> Made | None:
    given = made.call.given.get("model")
    return given.value if given is not None and isinstance(given.value, Made) else None


def float8(made: Made | None) -> bool:
    """Whether the model's own files are quantised to 8-bit floats, as far as the catalogue knows."""
    entry = entry_of(model_name(made)) if made else None
    return entry is not None and entry.checkpoint_dtype is not None and "float8" in str(entry.checkpoint_dtype.value)


def entry_of(name: Any) -> CatalogModel | None:
    """A catalogue entry by hub id, by slug, or by the folder a copy lies in."""
    if not isinstance(name, str):
        return None
    slug = name.replace("\\", "/").rstrip("/").rpartition("/")[2].lower()
    return MODELS.get(slug)
