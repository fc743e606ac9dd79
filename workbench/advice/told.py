"""Advice as words: a row for each finding, for tables and the command line."""

from collections.abc import Sequence

from workbench.metrics import METRICS
from workbench.results.advice import Advice, Cure, Finding, QuickCheck
from workbench.words import text
from workbench.words.format import interval, number, ratio, share

Told = tuple[tuple[str, ...], tuple[tuple[str, ...], ...], tuple[str, ...]]


def told(found: Advice | Sequence[Finding]) -> Told:
    """(heading, rows, remarks): the worst finding first, as it came."""
    findings = found.findings if isinstance(found, Advice) else found
    heading = tuple(text(f"advice.head.{name}") for name in ("finding", "evidence", "change", "gain"))
    remarks: tuple[str, ...] = ()
    if isinstance(found, Advice):
        code = "advice.found" if findings else "advice.none"
        remarks = (text(code, findings=len(findings), rules=len(found.looked_at)), *map(str, found.flags))
    rows = tuple(
        (
            text(f"advice.severity.{finding.severity}"),
            str(finding.title),
            "; ".join(map(str, finding.evidence)),
            cure_of(finding),
            gain_of(finding),
        )
        for finding in findings
    )
    return heading, rows, remarks


def cure_of(finding: Finding) -> str:
    """What to type, and what to do beside it."""
    typed = ", ".join(f"{knob}={value!r}" for knob, value in finding.change.items())
    parts = [f"session.apply({typed})"] if typed else []
    return "; ".join([*parts, *([str(finding.action)] if finding.action else [])])


def gain_of(finding: Finding) -> str:
    gain = finding.expected_gain
    if gain is None:
        return str(finding.unknown) if finding.unknown else ""
    low, high = number(gain.low), number(gain.high)
    code = "advice.gain_exact" if low == high else "advice.gain"
    return text(code, metric=METRICS[gain.metric].label, low=low, high=high, how=str(gain.how))


def tried(cure: Cure) -> Told:
    """What a finding's change was expected to gain, and what it gained."""
    rows = (
        (text("advice.head.finding"), str(cure.finding.title)),
        (text("advice.head.change"), ", ".join(f"{knob}={value}" for knob, value in cure.finding.change.items())),
        (text("advice.head.gain"), gain_of(cure.finding)),
        (text("advice.head.got"), _got(cure)),
        (text("advice.head.kept"), text("advice.kept" if cure.kept else "advice.put_back")),
    )
    return ("",), rows, (str(cure.sentence),)


def measured_words(cure: Cure) -> str:
    """Expected, got, and the metric with its interval, in one sentence."""
    return f"{cure.sentence}: {_got(cure)}"


def _got(cure: Cure) -> str:
    return f"{METRICS[cure.metric].label} {ratio(cure.got)} {interval(cure.got_ci95)}"


def quick(found: QuickCheck) -> Told:
    """What ran, how near its limit, and each cause with what was expected and what it gained."""
    rows = [
        (text("quick.kernel", phase=phase), kernel or text("quick.not_recognised"))
        for phase, kernel in found.kernels.items()
    ]
    rows += [(text("quick.share", phase=phase), share(part)) for phase, part in found.limit_shares.items()]
    for place, cure in enumerate(found.cures, 1):
        cells = (str(cure.finding.title), cure_of(cure.finding), measured_words(cure))
        rows.append((text("quick.cause", number=place), "\n".join(cells)))
    if not found.cures:
        rows.append((text("quick.cause", number=1), text("quick.none_tried" if found.untried else "quick.nothing")))
    remarks = [str(each) for each in found.untried]
    if found.corrected is not None:
        remarks.append(text("quick.corrected"))
    return ("",), tuple(rows), tuple(remarks)
