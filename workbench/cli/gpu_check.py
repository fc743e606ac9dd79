"""workbench gpu-check: everything that only a GPU can prove, in one report."""

import argparse
import sys
from pathlib import Path

from workbench.cli.shared import add_json, emit
from workbench.gpu_check.names import SECTIONS
from workbench.words import text

HELP = "Check on the GPU what only a GPU can show, in sections of at most four minutes; one report."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    help_text = text("gpu.section_help", sections=", ".join(SECTIONS))
    parser.add_argument(
        "--section", action="append", default=[], choices=tuple(SECTIONS), dest="sections", help=help_text
    )
    parser.add_argument("--out", type=Path, metavar="FOLDER", help=text("gpu.out_help"))
    parser.add_argument("--resume", action="store_true", help=text("gpu.resume_help"))
    parser.add_argument("--allow-cpu", action="store_true", help=text("gpu.allow_cpu_help"))
    parser.add_argument("--model", help=text("gpu.model_help"))
    parser.add_argument("--budget", type=float, default=60.0, metavar="SECONDS", help=text("gpu.budget_help"))
    parser.add_argument("--limit", type=float, default=240.0, metavar="SECONDS", help=text("gpu.limit_help"))
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    from workbench.gpu_check import check

    report = check(
        args.sections,
        allow_cpu=args.allow_cpu,
        model=args.model,
        budget_s=args.budget,
        limit_s=args.limit,
        out=args.out,
        resume=args.resume,
        progress=lambda section: print(text("gpu.running", section=section), file=sys.stderr, flush=True),
    )
    emit(args, report.document(), [report.markdown().rstrip("\n")])
    return 0 if report.ok else 1
