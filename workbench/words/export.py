"""Words of the room export."""

TEMPLATES: dict[str, str | tuple[str, str, str]] = {}
