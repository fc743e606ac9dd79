"""What every result has in common: frozen, versioned, JSON both ways."""

import json
from importlib import metadata
from typing import Annotated, Any, ClassVar, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict

from workbench.results.folders import without_folders

VERSIONS_OF = (
    *("torch", "transformers", "accelerate", "tokenizers", "safetensors", "numpy"),
    *("bitsandbytes", "torchao", "optimum-quanto", "hqq", "gptqmodel"),
)


class Result(BaseModel):
    """A frozen record; unknown fields are refused, so that a changed format is noticed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    KIND: ClassVar[str] = ""  # where it is not the class's name

    @classmethod
    def kind(cls) -> str:
        """The word that stands in `schema`: `workbench.<kind>/1`."""
        return cls.KIND or cls.__name__.lower()

    def to_dict(self) -> dict[str, Any]:
        return self.model_dump(mode="json")

    def to_json(self, indent: int | None = 2) -> str:
        return json.dumps(self.to_dict(), indent=indent, ensure_ascii=False)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        return cls.model_validate(data)

    @classmethod
    def from_json(cls, text: str) -> Self:
        return cls.model_validate_json(text)


def _pair(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


# (low, high), 95 % unless the field says otherwise, in the unit of the metric it belongs to
Interval = Annotated[tuple[float, float], BeforeValidator(_pair)]


def versions() -> dict[str, str]:
    """Installed versions of the packages that decide a number, read without importing them."""
    found = {}
    for package in VERSIONS_OF:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def document(
    kind: str,
    *,
    result: Any,
    machine: Any = None,
    config: Any = None,
    resolved: Any = None,
    workload: Any = None,
    model: str | None = None,
    flags: Any = (),
) -> dict[str, Any]:
    """The one envelope of stored records and `--json` output. No host name, user name or absolute path goes in."""
    from workbench import __version__

    whole = {
        "schema": f"workbench.{kind}/1",
        "model": model,
        "machine": _plain(machine),
        "versions": {"workbench": __version__, **versions()},
        "config": _plain(config),
        "resolved": _plain(resolved),
        "workload": _plain(workload),
        "result": _plain(result),
        "flags": [_plain(flag) for flag in flags],
    }
    made: dict[str, Any] = without_folders(whole)
    return made


def recorded(model: str | None, machine: Any, found: Result, **given: Any) -> dict[str, Any]:
    """A result as it is stored, and as `--json` prints it.

    given  `config`, `resolved` or `workload`, where the result does not have its own
    """
    own = {name: getattr(found, name, None) for name in ("config", "resolved", "workload")}
    about = {**own, "flags": getattr(found, "flags", ()), **given}
    return document(found.kind(), model=model, machine=machine, result=found, **about)


def _plain(value: Any) -> Any:
    if value is None:
        return None
    if isinstance(value, Result):
        return value.to_dict()
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    to_dict = getattr(value, "to_dict", None)
    return to_dict() if to_dict else value
