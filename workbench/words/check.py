"""What is said when a kept configuration is measured again."""

TEMPLATES: dict[str, str | tuple[str, str, str]] = {
    "check.help.file": "config.json as workbench export json writes it, or a record: workbench runs show N --json",
    "check.help.model": "what to load (default: the model that the record names); needed for one in a local folder",
    "check.help.tolerance": "share by which a number may be worse before it is a regression (default: {default})",
    "check.help.anyway": "compare although the record is of another machine, other versions or another model; it is said",
    "check.head.recorded": "recorded",
    "check.head.now": "now",
    "check.head.verdict": "verdict",
    "check.word.regression": "REGRESSION",
    "check.word.no_regression": "no regression",
    "check.word.unknown": "no verdict",
    "check.said.regression": "regression: {what} got worse by more than {tolerance}, interval and all",
    "check.said.no_regression": "no regression beyond {tolerance} was seen",
    "check.said.unknown": "no verdict: nothing is known to have got worse, nor that it has not",
    "check.metric.regression": "{what}: {now} now, {recorded} recorded; the whole interval lies beyond {tolerance} and "
    "beyond what was recorded",
    "check.metric.no_regression": "{what}: {now} now, {recorded} recorded; no regression beyond {tolerance}",
    "check.metric.unknown": "{what}: {now} now, {recorded} recorded; no verdict",
    "check.disturbed_now": "while it was measured again, {flag}",
    "check.disturbed_then": "when the record was measured, {flag}",
    "check.too_few": "too few repeats within the budget to know {what}",
    "check.against": "{model}, against the record of {time}",
    "check.unreadable": (
        "{path} cannot be read.",
        "{problem}",
        "Give a config.json (workbench export json) or a record (workbench runs show N --json > record.json).",
    ),
    "check.not_checkable": (
        "{path} is neither a configuration nor a measurement.",
        "Its schema is {schema}.",
        "Give a config.json (workbench export json) or a record (workbench runs show N --json > record.json).",
    ),
    "check.no_measurement": (
        "There is nothing to check against: no measurement of this configuration is kept.",
        "Looked for: {what}.",
        "Make one: {command}",
    ),
    "check.other_workload": (
        "The record in {path} is of other work than was asked for.",
        "Numbers of different work cannot be compared.",
        "Leave the workload away: the record's own is measured.",
    ),
    "check.no_model": (
        "The record in {path} does not say where its model is.",
        "It calls it {model}; folders are never recorded.",
        "Name it: workbench check FILE --model FOLDER",
    ),
    "check.not_the_same": (
        "The record is not of this machine as it is now.",
        "{what}.",
        "Measure anew here (workbench measure), or compare all the same: --anyway",
    ),
    "check.bad_tolerance": ("{given} is no tolerance.", "It is a share above 0: 0.1 is 10 %.", ""),
}
