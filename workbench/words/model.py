"""Words of the room model."""

TEMPLATES: dict[str, str | tuple[str, str, str]] = {}
