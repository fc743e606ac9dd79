"""Whether begin, end and pad tokens are aligned, asked of the resident model; and the alignment that is recommended."""

from workbench.bench import Bench
from workbench.checks import at_least_one
from workbench.decoding.alignment import findings, repair_of, sentence_of
from workbench.results import TokenFacts, TokenReport

ANSWER_TOKENS = 48


def tokens(bench: Bench, job: int, max_new_tokens: int = ANSWER_TOKENS) -> TokenReport:
    """Reads the ids of every source, and tries padding and end tokens on the live model. Kept in the store.

    max_new_tokens  an answer may take until its end token is missed
    """
    return _kept(bench, job, _look(bench, job, max_new_tokens))


def repair(bench: Bench, job: int, max_new_tokens: int = ANSWER_TOKENS) -> TokenReport:
    """Puts the recommended alignment in force on tokenizer and generation config, and tries it: the report of after.

    `.repaired` is what was changed. Where there is nothing to repair, the report of now.
    """
    before = bench.config
    report: TokenReport | None = bench.last.get("tokens")
    if report is None or bench.last.get("tokens_config") != before:
        report = tokens(bench, job, max_new_tokens)
    if not report.repair:
        return report
    bench.apply(job, **report.repair)
    after = _look(bench, job, max_new_tokens)
    return _kept(bench, job, after.model_copy(update={"repaired": before.diff(bench.config)}))


def stated(bench: Bench, job: int) -> TokenReport:
    """By the ids of every source alone: in a moment, nothing tried and nothing kept."""
    return _look(bench, job, ANSWER_TOKENS, tried=False)


def _look(bench: Bench, job: int, max_new_tokens: int, tried: bool = True) -> TokenReport:
    parameters = {
        "probe": "tokens",
        "max_new_tokens": at_least_one("max_new_tokens", max_new_tokens),
        "threads": bench.machine.cpu.cores,
        "tried": tried,
    }
    facts = TokenFacts.from_dict(bench.call(job, "probe", parameters)["result"])
    found = findings(facts)
    return TokenReport(
        facts=facts, findings=found, repair=repair_of(found), sentence=sentence_of(found), flags=facts.flags
    )


def _kept(bench: Bench, job: int, report: TokenReport) -> TokenReport:
    bench.last["tokens_config"] = bench.config
    return bench.deliver(job, "tokens", report, config=bench.config, resolved=bench.resolved)
