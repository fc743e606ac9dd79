"""The configuration alone, as `Config.from_json` reads it back."""

from workbench.export.request import Request


def files(request: Request) -> dict[str, str]:
    return {"config.json": request.config.to_json() + "\n"}
