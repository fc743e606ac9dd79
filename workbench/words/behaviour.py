"""What is said while a model's behaviour is looked at: choices, reasoning, sensitivity, tasks."""

TEMPLATES: dict[str, str | tuple[str, str, str]] = {
    "behaviour.choices": "scoring multiple-choice items",
}
