"""python -m benchmarks.peers llama optimum: makes the environments of the tools that are measured beside."""

import argparse

from benchmarks.peers import NAMES, make

parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__)
parser.add_argument("names", nargs="+", choices=NAMES)
for each in parser.parse_args().names:
    make(each)
