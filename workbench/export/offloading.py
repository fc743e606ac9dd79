"""How the exported code keeps layers away from the device: accelerate's device map, made from the model's outline."""

from workbench.export.piece import Loading, Piece
from workbench.export.python import arguments, literal

WHOLE = ['device_map={"": DEVICE},']  # the argument where nothing is kept away

_MAP = '''\
def device_map():
    """Return module path -> place: the last layers wait in memory beside a GPU, on disk beside a CPU."""
    config = AutoConfig.from_pretrained(
        MODEL,
WHERE    )
    with torch.device("meta"):  # no weights, only the modules' names
        outline = AutoModelForCausalLM.from_config(config)
    base = outline.base_model_prefix
    count = len(outline.base_model.layers)
    away = "cpu" if DEVICE.startswith("cuda") else "disk"
    places = {name: DEVICE for name, _ in outline.named_children() if name != base}
    for name, _ in outline.base_model.named_children():
        if name != "layers":
            places[f"{base}.{name}"] = DEVICE
    for at in range(count):
        stays = at < count - OFFLOADED_LAYERS
        places[f"{base}.layers.{at}"] = DEVICE if stays else away
    return places'''
_AWAY = """\
"offloaded_layers": sum(
    any(parameter.is_meta for parameter in layer.parameters())
    for layer in model.base_model.layers
),"""


def piece(loading: Loading) -> Piece:
    """Nothing where every layer stays on the device."""
    away = loading.config.offloaded_layers
    if not away:
        return Piece({"device_map": WHOLE})
    where = "".join(f"        {line}\n" for line in arguments(loading.where))
    return Piece(
        {
            "std_imports": ["import tempfile"],
            "constants": [
                f"OFFLOADED_LAYERS = {literal(away)}  # the last ones; each pass brings their weights",
                "OFFLOADED = tempfile.TemporaryDirectory()  # emptied when the program ends",
            ],
            "functions": ["", *_MAP.replace("WHERE", where).split("\n"), ""],
            "device_map": ["device_map=device_map(),", "offload_folder=OFFLOADED.name,"],
            "ran": _AWAY.split("\n"),
            "promised": ['"offloaded_layers": OFFLOADED_LAYERS,'],
        },
        ("AutoConfig",),
    )
