"""Words of runs that another machine recorded."""

TEMPLATES: dict[str, str | tuple[str, str, str]] = {
    "replay.mark": "recorded on {machine}, {date}",
    "replay.notebook": "# Recorded runs\n\n{count} results from {file}. Nothing is measured here: each chart says on which machine, and when, it was recorded.\nWrite down what you expect before you look.",
    "replay.title": "Recorded: nothing here was measured on this machine",
    "replay.record": "what was recorded",
    "replay.guess": "what do you expect?",
    "replay.show": "Show",
    "replay.hint": "Choose a record, write down your guess, then press Show.",
    "replay.guess_first": "First write down what you expect; a word will do.",
    "replay.guessed": "your guess: {guess}",
    "replay.unread": "{count} records were written by another version and are not shown",
    "replay.nothing": (
        "{path} holds nothing that can be shown.",
        "None of its records has a chart in this version.",
        "Export measurements, comparisons or traces: workbench runs export FILE",
    ),
}
