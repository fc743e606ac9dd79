"""Marks on what a script sets for its whole process: variables, switches of torch's."""

import ast
from collections.abc import Iterator

from workbench.pasted.edits import Edit, before_line, without_line
from workbench.pasted.facts import Facts
from workbench.pasted.rule import Rule, Seen, calls
from workbench.pasted.values import Setting

# read once, when the library is loaded: name -> the modules whose import ends it. (The allocator reads its own at the
# first call that needs the GPU, which no text tells.)
READ_AT_IMPORT = {
    **dict.fromkeys(("OMP_NUM_THREADS", "OMP_WAIT_POLICY", "OMP_PROC_BIND", "OMP_PLACES"), ("torch", "transformers")),
    **dict.fromkeys(("HF_HOME", "HF_HUB_CACHE", "HF_HUB_OFFLINE", "HF_ENDPOINT"), ("transformers", "huggingface_hub")),
}
NOBODY_READS = ("NUM_INTER_THREADS", "NUM_INTRA_THREADS", "TORCH_NUM_THREADS")
_SDP = ("enable_flash_sdp", "enable_mem_efficient_sdp", "enable_math_sdp", "enable_cudnn_sdp")
_BY_PACKAGE = ("flash_attention_2", "flash_attention_3", "flash_attention_4", "eager", "flex_attention")


def late(facts: Facts, setting: Setting) -> ast.stmt | None:
    """The import that came before this variable and has read it already."""
    name = setting.name.removeprefix("os.environ:")
    modules = READ_AT_IMPORT.get(name, ()) if name != setting.name else ()
    found = [node for module, node, order in facts.walk.imports if module in modules and order < setting.order]
    return found[0] if found else None


def _late(facts: Facts) -> Iterator[Seen]:
    for setting in facts.walk.settings:
        place = late(facts, setting)
        if place is None:
            continue
        name = setting.name.removeprefix("os.environ:")
        yield Seen(setting.given.owner or setting.given.node, name, {"name": name}, _moved_up(facts, setting, place))


def _moved_up(facts: Facts, setting: Setting, place: ast.stmt) -> tuple[Edit, ...]:
    """The line before the import, where it is one of the module's own and its value is written out."""
    script, body = facts.script, facts.script.tree.body
    fixed = isinstance(setting.statement, ast.Assign) and isinstance(setting.statement.value, ast.Constant)
    if setting.statement not in body or place not in body or not fixed or setting.statement is None:
        return ()
    gone = without_line(script, setting.statement, setting.alone)
    if gone is None:
        return ()
    lines = [script.words(setting.statement)]
    os_order = next((order for module, _node, order in facts.walk.imports if module == "os"), None)
    place_order = next(order for _module, node, order in facts.walk.imports if node is place)
    if os_order is None or os_order >= place_order:
        lines.insert(0, "import os")
    return (gone, before_line(script, place, "\n".join(lines)))


def _unread(facts: Facts) -> Iterator[Seen]:
    for setting in facts.walk.settings:
        name = setting.name.removeprefix("os.environ:")
        if name != setting.name and name in NOBODY_READS:
            yield Seen(setting.given.owner or setting.given.node, name, {"name": name})


def _sdp(facts: Facts) -> Iterator[Seen]:
    """Switches that scaled_dot_product_attention reads, where it is not called or is on the CPU."""
    chosen = facts.loaded_with("attn_implementation")
    by_package = chosen is not None and chosen.value in _BY_PACKAGE
    if not by_package:
        return
    for call in calls(facts, "plain"):
        name = call.name.rpartition(".")[2]
        if name in (*_SDP, "sdpa_kernel", "sdp_kernel"):
            yield Seen(call.node, name, {"name": name, "attention": str(chosen.value if chosen else "")})


def _sdp_kernel(facts: Facts) -> Iterator[Seen]:
    for call in calls(facts, "plain"):
        if call.name.endswith("backends.cuda.sdp_kernel"):
            yield Seen(call.node, "sdp_kernel", {})


def _cudnn(facts: Facts) -> Iterator[Seen]:
    for setting in facts.walk.settings:
        if setting.name == "torch.backends.cudnn.benchmark" and setting.given.value is True:
            yield Seen(setting.given.owner or setting.given.node, "benchmark", {})


def _old_autocast(facts: Facts) -> Iterator[Seen]:
    for call in calls(facts, "plain"):
        if call.name.endswith("cuda.amp.autocast"):
            yield Seen(call.node, "autocast", {})


RULES = (
    Rule(
        "set_after_import",
        "ignored",
        "torch 2.13.0: torch.get_num_threads() stays 2 with OMP_NUM_THREADS=1 set after the import; huggingface_hub: "
        "constants.py reads its variables when it is imported",
        _late,
    ),
    Rule(
        "unread_variable",
        "ignored",
        "torch 2.13.0: the name is in none of its libraries; torch.get_num_interop_threads() stays as it was",
        _unread,
    ),
    Rule(
        "sdp_not_called",
        "ignored",
        "torch 2.13.0: torch/backends/cuda/__init__.py: the switches are of scaled_dot_product_attention",
        _sdp,
    ),
    Rule(
        "sdp_kernel",
        "deprecated",
        "torch 2.13.0 warns: `torch.backends.cuda.sdp_kernel()` is deprecated; see torch.nn.attention.sdpa_kernel",
        _sdp_kernel,
    ),
    Rule("cudnn_benchmark", "ignored", "workbench/knobs/precision.py; torch 2.13.0: of convolutions only", _cudnn),
    Rule(
        "old_autocast",
        "deprecated",
        "torch 2.13.0 warns: `torch.cuda.amp.autocast(args...)` is deprecated. Please use `torch.amp.autocast('cuda')`",
        _old_autocast,
    ),
)
