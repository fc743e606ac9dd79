# make lab     the workbench in JupyterLab        make check   lint, types, layers, fast tests: the inner loop
# make test    everything that CI runs            make help    the rest
# Needs Python 3.11–3.13; everything else goes into .venv at the versions of constraints.txt. Without make, as on Windows:
# python -m workbench.bootstrap lab. Variables given to make (WORKBENCH_MODEL, WORKBENCH_TORCH, PYTHON, …) reach it.

RUN := @sh tools/python.sh -m workbench.bootstrap

.DEFAULT_GOAL := help
.PHONY: help lab install test check test-slow bench docs fmt clean

help:
	$(RUN) --help

lab:
	$(RUN) lab $(LAB_ARGS)

install:
	$(RUN) install

test:
	$(RUN) test

check:
	$(RUN) check

test-slow:
	$(RUN) test-slow

bench:
	$(RUN) bench $(BENCH_ARGS)

docs:
	$(RUN) docs

fmt:
	$(RUN) fmt

clean:
	$(RUN) clean
