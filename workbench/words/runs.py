"""Words of the room runs."""

TEMPLATES: dict[str, str | tuple[str, str, str]] = {}
