"""What the picker says of a model. Pure; what is returned is printable and not escaped."""

from workbench.results.inventory import Inventory, ModelEntry
from workbench.words import text
from workbench.words.format import count, printable, size


def option(entry: ModelEntry) -> str:
    """One line of the list: name, size on disk, and whether it fits."""
    phrases = [printable(entry.name, 80)]
    if entry.bytes is not None:
        phrases.append(size(entry.bytes))
    if entry.problem is None and entry.fits is not None:
        code = "fits" if entry.fits else "fits_not"
        phrases.append(text(f"inventory.pick.option.{code}", needs=size(entry.needs_bytes)))
    elif entry.problem is not None:
        phrases.append(text("inventory.damaged"))
    return " · ".join(phrases)


def facts(entry: ModelEntry, found: Inventory) -> list[str]:
    """The phrases under the list: where, size, format, dtype, class, quantisation, whether it fits and why."""
    phrases = [text(f"inventory.place.{entry.place}")]
    if entry.bytes is not None:
        phrases.append(text("inventory.pick.size", size=size(entry.bytes)))
    if entry.parameters is not None:
        phrases.append(text("inventory.pick.parameters", count=count(entry.parameters)))
    named = (entry.format, entry.dtype, entry.model_class or entry.model_type, entry.quantization)
    phrases += [printable(word, 60) for word in dict.fromkeys(named) if word]
    if entry.place == "catalogue":
        phrases.append(text("inventory.pick.random"))
    if entry.problem is not None:
        return [*phrases, printable(entry.problem, 600)]
    return [*phrases, _fit(entry, found)]


def _fit(entry: ModelEntry, found: Inventory) -> str:
    if entry.needs_bytes is None or entry.fits is None:
        return text("inventory.pick.fits_unknown")
    return text(
        "inventory.pick.fits" if entry.fits else "inventory.pick.fits_not",
        needs=size(entry.needs_bytes),
        available=size(found.available_bytes),
        device=found.device,
    )
