"""Which metrics a PromQL expression asks for, and with which labels."""

import re

import yaml

from workbench.metrics.exported import SERIES

PROMETHEUS_OWN = {"up"}
_LABELS = {"job", "instance", "le"}
_WORDS = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_SYNTAX = {
    *("sum", "count", "min", "max", "avg", "by", "without", "and", "or", "unless", "on", "ignoring", "group_left"),
    *("rate", "increase", "delta", "avg_over_time", "histogram_quantile", "label_values"),
}
KNOWN = {name: series for series in SERIES.values() for name in series.sample_names}


def recorded(rules: str) -> set[str]:
    """Names of the recording rules."""
    groups = yaml.safe_load(rules)["groups"]
    return {rule["record"] for group in groups for rule in group["rules"] if "record" in rule}


def metrics(expression: str) -> set[str]:
    """Names of metrics in it."""
    bare = re.sub(r"#.*", "", expression)
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]|\"[^\"]*\"", " ", bare)
    bare = re.sub(r"\b(by|without|on|ignoring)\s*\([^)]*\)", " ", bare)
    bare = re.sub(r"\b\d[\d.e+-]*", " ", bare)
    return {word for word in _WORDS.findall(bare) if word not in _SYNTAX}


def unknown_names(expression: str, known: set[str]) -> set[str]:
    """Metrics, and labels of ours, that nothing exports."""
    wrong = {name for name in metrics(expression) if name not in known | PROMETHEUS_OWN | set(KNOWN)}
    for name, matchers in re.findall(r"([a-zA-Z_:][\w:]*)\{([^}]*)\}", expression):
        labels = set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", matchers))
        has = set(KNOWN[name].label_names) if name in KNOWN else set()
        wrong |= {f"{name}{{{label}}}" for label in labels - has - _LABELS}
    return wrong
