"""A verification as plain cells of text, for a notebook's table and the command line."""

from workbench.export.judged import Told
from workbench.results import Answers, Verification
from workbench.words import text
from workbench.words.format import interval, printable, ratio, seconds


def verification(found: Verification) -> Told:
    """A line for each thing that was checked, as far as it came; the verdict and what differs under it."""
    lines = []
    if found.load_seconds is not None:
        isolated = "fails_there" if found.without_workbench else "worked_there"
        lines.append((text("verify.head.isolated"), text(f"verify.{isolated}")))
        differing = ", ".join(str(each.params["what"]) for each in found.differences)
        lines.append((text("verify.head.read_back"), differing or text("verify.agrees")))
    for each in found.answers:
        kind = text("verify.chat") if each.chat else text("verify.text")
        lines.append((text("verify.head.tokens", kind=kind, prompts=len(each.prompts)), _tokens(each)))
    if found.speed_ratio is not None:
        bounds = found.ci95.get("decode_tps")
        pairs = text("verify.pairs", pairs=found.pairs, seconds=seconds(found.seconds), stopped_by=found.stopped_by)
        speed = f"{ratio(found.speed_ratio)} {interval(bounds, 4) if bounds else ''}".rstrip()
        lines.append((text("verify.head.speed"), f"{speed}, {pairs}"))
    remarks = [str(found.verdict), *map(str, found.differences), *(printable(each) for each in found.warnings)]
    return Told(("",), tuple(lines), (*remarks, *map(str, found.flags)))


def _tokens(each: Answers) -> str:
    if each.parts_at is None:
        return text("verify.same", tokens=each.tokens)
    row, token = each.parts_at
    return text("verify.not_same", token=token + 1, prompt=printable(each.prompts[row], 60))
