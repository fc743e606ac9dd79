"""Words of the room panel."""

TEMPLATES: dict[str, str | tuple[str, str, str]] = {}
