"""How the exported code spreads a model: device_map and max_memory, or ranks that torchrun starts."""

from workbench.export.offloading import piece as kept_away
from workbench.export.piece import Loading, Piece
from workbench.export.python import literal
from workbench.knobs.budgets import budgets_of

_RANKS = """\
if int(os.environ.get("WORLD_SIZE", "1")) != TP_SIZE:
    raise RuntimeError(
        f"{TP_SIZE} ranks are needed; start this file with:"
        f" torchrun --nproc-per-node {TP_SIZE} {os.path.basename(sys.argv[0])}"
    )"""
_QUIET = """\
if os.environ.get("RANK", "0") != "0":  # every rank comes to the same text; one shows it
    sys.stdout = open(os.devnull, "w")"""


def piece(loading: Loading) -> Piece:
    """All on the device, the last layers away from it, as the libraries place them, or cut over ranks."""
    config = loading.config
    if config.tp_plan != "none":
        return _cut(config.tp_size)
    if config.device_map != "none":
        return _placed(config.device_map, budgets_of(config.max_memory))
    return kept_away(loading)


def _placed(word: str, budgets: dict[int | str, int] | None) -> Piece:
    lines = [f"device_map={literal(word)},"]
    if budgets is not None:
        lines += ["max_memory={", *(f"    {place!r}: {literal(size)}," for place, size in budgets.items()), "},"]
    return Piece(
        {
            "std_imports": ["import tempfile"],
            "constants": ["OFFLOADED = tempfile.TemporaryDirectory()  # for what finds no room in memory"],
            "device_map": [*lines, "offload_folder=OFFLOADED.name,"],
        }
    )


def _cut(ranks: int) -> Piece:
    return Piece(
        {
            "more_imports": ["from transformers.distributed import DistributedConfig"],
            "constants": [
                f"# One process a rank: torchrun --nproc-per-node {ranks} load_model.py",
                f"TP_SIZE = {literal(ranks)}",
            ],
            "switches": _RANKS.split("\n"),
            "device_map": [
                "distributed_config=DistributedConfig(",
                '    tp_plan="auto",',
                "    tp_size=TP_SIZE,",
                "),",
            ],
            "ran": ['"tp_size": model._tp_size,'],
            "promised": ['"tp_size": TP_SIZE,'],
            "seed": _QUIET.split("\n"),
        }
    )
