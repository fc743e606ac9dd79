"""What the session says about its own work."""

TEMPLATES: dict[str, str | tuple[str, str, str]] = {
    "line.working": "working · {elapsed}",
    "line.worked": "took {elapsed}",
    "session.inline_restart": (
        "{variables} cannot be set in this process.",
        "torch reads them once, when it is first imported, and it is here already.",
        "Use host='process', where the change is a new worker.",
    ),
    "session.difference": "asked {knob} {asked}, but {ran} is in force",
    "session.stopped": (
        "Stopped.",
        "Stop was asked for while the workbench was {phase}.",
        "The session is ready for the next call.",
    ),
    "session.inline_only": (
        "session.{name} is not in this process.",
        "By default the model lives in a worker of its own.",
        "Open the session with host='inline' to hold the model itself.",
    ),
    "session.closed": ("This session is closed.", "", "Open a new one: Session('demo')."),
    "session.unknown_event": ("There is no event {event!r}.", "Events: {events}.", ""),
    "session.no_config": (
        "No model is loaded.",
        "The last load failed or was stopped.",
        "Call session.apply() to try again.",
    ),
    "session.unknown_host": ("There is no host {host}.", "Hosts: process, inline.", ""),
    "session.unknown_operation": ("There is no operation {operation!r} to submit.", "Operations: {operations}.", ""),
    "session.attached": (
        "{knobs} cannot change on an attached model.",
        "The change needs a reload, and where these weights came from is not known.",
        "Open the model by its name or directory: Session('path').",
    ),
    "session.attached_lend": (
        "An attached model cannot make room for other work.",
        "Where these weights came from is not known, so nothing could load them again.",
        "Open the model by its name or directory: Session('path').",
    ),
    "session.nameless": (
        "This attached model has no name that a {target} file could load it by.",
        "It was made in this process, not loaded from a directory or a hub.",
        "Save it first: model.save_pretrained('folder'); or export('json') for the settings alone.",
    ),
    "session.no_prompts": (
        "There is no prompt in {given}.",
        "generate takes a text, a list of texts, or lists of messages.",
        "session.generate(['Write one sentence about the sea.'])",
    ),
    "session.bad_number": ("{name}={value} is not possible.", "Allowed: a whole number from 1.", ""),
    "session.not_stored": "this measurement could not be stored: {problem}",
    "session.auto_gpu": "a CUDA GPU is usable",
    "session.auto_cpu": "no CUDA GPU is usable",
}
