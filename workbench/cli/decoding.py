"""workbench decoding: what decoding settings do to answers, and what ending at a sentence saves."""

import argparse
from pathlib import Path

from workbench.cli.shared import add_bench, config_of, emit, knobs_of, opened, table
from workbench.decoding.effects import NEW_TOKENS, SEEDS
from workbench.export import chosen
from workbench.results import recorded
from workbench.suites import suite
from workbench.words import text

HELP = "Measure what decoding settings do to answers, or what ending each at a sentence saves."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_bench(parser)
    parser.add_argument("--change", action="append", metavar="KNOB=VALUE,…", help=text("decoding.change_help"))
    parser.add_argument("--prompts", type=Path, metavar="FILE.jsonl", help=text("decoding.prompts_help"))
    parser.add_argument("--seeds", type=int, default=SEEDS, metavar="N", help=text("decoding.seeds_help", seeds=SEEDS))
    tokens_help = text("decoding.tokens_help", tokens=NEW_TOKENS)
    parser.add_argument("--new-tokens", type=int, default=NEW_TOKENS, metavar="N", help=tokens_help)
    parser.add_argument("--stop-after", type=int, metavar="N", help=text("decoding.stop_help"))


def run(args: argparse.Namespace) -> int:
    config = config_of(args)
    changes = [knobs_of([word for word in each.split(",") if word]) for each in args.change] if args.change else None
    for each in changes or ():
        config.replace(**each)  # refused before a model is loaded
    own = suite(args.prompts).prompts if args.prompts else None
    with opened(args, config) as session:
        if args.stop_after:
            texts = [prompt.shown for prompt in own] if own else None
            found = session.stopping(args.stop_after, prompts=texts, max_new_tokens=args.new_tokens)
            told, first = chosen.stopping(found), text("stopping.head.prompt")
            record = recorded(
                session.facts.name, session.machine, found, config=session.config, resolved=session.resolved
            )
        else:
            prompts = [prompt.content for prompt in own] if own else None
            effects = session.decoding(changes, prompts=prompts, seeds=args.seeds, max_new_tokens=args.new_tokens)
            told, first = chosen.effects(effects), text("decoding.head.setting")
            record = recorded(
                session.facts.name, session.machine, effects, config=session.config, resolved=session.resolved
            )
        emit(args, record, [*table(told.rows, (first, *told.heading)), "", *told.remarks])
    return 0
