"""What torch.compile made of the decode step, and what it cost."""

from workbench.results.base import Result
from workbench.words import Message, say


class CompileReport(Result):
    """One compiled decode loop.

    mode           of torch.compile
    freezing       whether the weights were folded into the compiled code
    batch_size     rows the code is made for
    cache_tokens   length of the static cache that the loop owns, prompt and new tokens together
    graphs         graphs compiled for the first step: 1 where the model is one piece
    graph_breaks   places where the step fell back to Python
    graph_skips    graphs that the mode would have recorded as CUDA graphs and torch did not (a trace's `graph_launches`
                   say whether the others ran so); None: the mode records none, or an older record
    recompiles     graphs compiled by later steps, which fixed shapes should not need
    compile_s      seconds that the steps took in which something was compiled
    last_run_s     those of them in the last call of `generate`
    runs           calls of `generate` that this loop has served
    held_bytes     growth of the process's memory while compiling: compiler, compiled code, frozen weights
    """

    mode: str
    freezing: bool
    batch_size: int
    cache_tokens: int
    graphs: int
    graph_breaks: int
    graph_skips: int | None = None
    recompiles: int
    compile_s: float
    last_run_s: float
    runs: int
    held_bytes: int

    def flags(self, break_even: int | None) -> list[Message]:
        """What belongs beside numbers that this loop earned. `break_even`: tokens, None where compiling never pays."""
        found = [say("flag.compiled", seconds=f"{self.compile_s:.1f}", tokens=self.cache_tokens)]
        if break_even is None:
            found.append(say("flag.compile_no_gain"))
        else:
            found.append(say("flag.compile_pays", tokens=break_even))
        if self.recompiles:
            found.append(say("flag.recompiled", times=self.recompiles))
        if self.graph_skips:
            found.append(say("flag.graph_skips", skips=self.graph_skips))
        if self.graph_breaks:
            found.append(say("flag.graph_breaks", breaks=self.graph_breaks))
        return found


def break_even_tokens(compile_s: float, uncompiled_tpot_s: float, compiled_tpot_s: float) -> int | None:
    """Tokens after which compiling has paid for itself; None where a compiled step is no faster."""
    saved_s = uncompiled_tpot_s - compiled_tpot_s
    return round(compile_s / saved_s) if saved_s > 0 else None
