"""Words of the room machine."""

TEMPLATES: dict[str, str | tuple[str, str, str]] = {}
