"""What the session says about its own work."""

TEMPLATES = {
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
    "session.closed": ("This session is closed.", "", "Open a new one: Session({model!r})."),
    "session.unknown_event": ("There is no event {event!r}.", "Events: {events}.", ""),
    "session.no_config": (
        "No model is loaded.",
        "The last load failed or was stopped.",
        "Call session.apply() to try again.",
    ),
}
