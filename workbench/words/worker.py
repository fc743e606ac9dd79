"""Words of the room worker."""

TEMPLATES: dict[str, str | tuple[str, str, str]] = {}
