"""Why a model is slow: rules over what a session knows of itself. No rule measures; none knows a session."""

from workbench.advice import formats, kernels, placement, surroundings
from workbench.advice.evidence import Evidence
from workbench.advice.rules import Rule
from workbench.results.advice import SEVERITIES, Finding
from workbench.words import Message, say

__all__ = ["RULES", "Evidence", "Rule", "ranked"]

RULES: tuple[Rule, ...] = (*placement.RULES, *kernels.RULES, *formats.RULES, *surroundings.RULES)


def ranked(evidence: Evidence) -> tuple[tuple[Finding, ...], tuple[str, ...], dict[str, Message]]:
    """(findings, the rules that were asked, rule -> what it lacked); the findings that matter most come first."""
    found: list[Finding] = []
    asked: list[str] = []
    lacking: dict[str, Message] = {}
    for rule in RULES:
        missing = [name for name in rule.needs if getattr(evidence, name) is None]
        if missing:
            lacking[rule.name] = say("advice.lacking", what=", ".join(missing))
            continue
        asked.append(rule.name)
        finding = rule.look(evidence)
        if finding is not None:
            found.append(finding)
    return tuple(sorted(found, key=_rank)), tuple(asked), lacking


def _rank(finding: Finding) -> tuple[int, float]:
    """What is wrong before what is slow; the largest gain first, an unknown one after those that are known."""
    gain = finding.expected_gain
    return SEVERITIES.index(finding.severity), -(gain.high if gain else 0.0)
