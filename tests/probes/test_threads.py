import json
import subprocess
import sys

import torch

from workbench.probes.threads import Pass, measure


def test_rounds_are_interleaved_and_every_count_gets_as_many() -> None:
    class Counted(Pass):
        def __init__(self) -> None:
            self.counts: list[int] = []

        def __call__(self) -> float:
            self.counts.append(torch.get_num_threads())
            return 0.001

    before = torch.get_num_threads()
    passes = Counted()
    samples = measure([1, 2], 0.0, passes)
    torch.set_num_threads(before)
    assert [passes.counts[at] for at in range(0, len(passes.counts), 4)][:4] == [1, 2, 2, 1]
    assert min(len(taken) for taken in samples.values()) >= 5


def test_a_pass_takes_time_and_gives_finite_numbers() -> None:
    with torch.inference_mode():
        assert Pass()() > 0


def test_the_program_tells_both_rounds() -> None:
    command = [sys.executable, "-P", "-m", "workbench.probes.threads", "--counts", "1", "--budget", "0.05"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    documents = [json.loads(line) for line in done.stdout.splitlines()]
    assert [document["beside_busy"] for document in documents] == [False, True]
    assert all(document["threads"] == 1 and min(document["seconds"]) > 0 for document in documents)
