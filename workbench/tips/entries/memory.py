"""Tips about memory: what fits, the allocator, offloading, the cache."""

from workbench.results import Verdict
from workbench.tips.experiments import Fresh, Limit, Pair, Probe, Script
from workbench.tips.tip import Expected, Needs, Takes, Tip, Topic

_WORK = {"prompt_tokens": 128, "new_tokens": 16}
_CHECKPOINTS = (
    "import os, torch\n"
    "import torch.utils.checkpoint as room\n"
    "from transformers import AutoModelForCausalLM\n"
    "model = AutoModelForCausalLM.from_pretrained(os.environ['TIP_MODEL']).eval()\n"
    "calls, inner = [], room.checkpoint\n"
    "room.checkpoint = lambda *a, **k: (calls.append(1), inner(*a, **k))[1]\n"
    "model.gradient_checkpointing_enable()\n"
    "for layer in model.modules():\n"
    "    if hasattr(layer, '_gradient_checkpointing_func'):\n"
    "        layer._gradient_checkpointing_func = room.checkpoint\n"
    "model(torch.ones(1, 4, dtype=torch.long))\n"
    "result = {'calls_in_eval': len(calls)}"
)
_SWAP = (
    "import torch, weakref\n"
    "def swap_to_cpu(tensor):\n"
    "    copy = tensor.cpu().clone()\n"
    "    del tensor\n"
    "    return copy\n"
    "held = torch.ones(1024, 1024)\n"
    "storage = weakref.ref(held)\n"
    "copy = swap_to_cpu(held)\n"
    "result = {'freed': storage() is None}"
)

TIPS = (
    Tip(
        id="S0-10",
        topic=Topic.MEMORY,
        statement="An RTX 4090 holds a 7B in 16 bits.",
        heard=("S0",),
        expected=Expected(
            Verdict.HOLDS,
            "12.9 GiB of weights and 0.94 GiB of cache for 2000 tokens. DeepSeek's own table has 13.3 to 21.3 GiB for one row of up to 4096; four rows of 2048 no longer fit.",
            ("computed-bytes", "computed-kv", "readme-llm"),
        ),
        experiment=Probe(
            "fit",
            {
                "slug": "deepseek-llm-7b-base",
                "gpu": "rtx-4090",
                "knobs": {"dtype": "bfloat16"},
                "work": {"prompt_tokens": 2048, "new_tokens": 64},
            },
        ),
        holds_if=(Limit("fits", equals=True),),
        takes=Takes.INSTANT,
        instead="Ask for your rows and lengths: session.forecast(on='rtx-4090').",
        apply={"dtype": "bfloat16"},
    ),
    Tip(
        id="S4-2",
        topic=Topic.MEMORY,
        statement="A 4090 holds 13B in INT8, an A100 of 80 GB runs 70B in full, and INT4 takes 8 GB.",
        heard=("S4",),
        expected=Expected(
            Verdict.DEPENDS,
            "13B in INT8 is 13 to 14 GB and fits. 70B in 16 bits is 140 GB and does not. 8 GB do for a 7B in 4 bits: 5.1 GB, and the cache.",
            ("computed-bytes",),
        ),
        experiment=Probe(
            "fit",
            cells=(
                {"parameters": 13e9, "gpu": "rtx-4090", "knobs": {"quantization": "bnb-int8"}},
                {"parameters": 70e9, "gpu": "a100-80gb-sxm", "knobs": {"quantization": "none", "dtype": "bfloat16"}},
                {"parameters": 7e9, "gpu": "rtx-4060", "knobs": {"quantization": "bnb-nf4"}},
            ),
        ),
        holds_if=(Limit("fits", equals=True),),
        takes=Takes.INSTANT,
        instead="Bytes per weight times weights, then the cache: session.forecast.",
    ),
    Tip(
        id="S3-7",
        topic=Topic.MEMORY,
        statement="Activations of 2048 tokens take 5–10 GB.",
        heard=("S3",),
        expected=Expected(
            Verdict.DEPENDS,
            "By DeepSeek's own table, less the weights, a 7B took about 3.5 GiB for one row, cache included, 7.0 for two and 13.8 for four. Today only the last position's logits are computed, so that it should be less.",
            ("readme-llm", "computed-bytes"),
        ),
        experiment=Probe(
            "memory_parts",
            cells=tuple(
                {"work": {"prompt_tokens": tokens, "new_tokens": 2, "batch_size": rows}}
                for rows, tokens in ((1, 512), (1, 2048), (1, 4096), (2, 2048), (4, 2048))
            ),
        ),
        model="random:deepseek-llm-7b-base",
        holds_if=(Limit("beside_weights_bytes", low=5e9, high=10e9),),
        needs=Needs(gpus=1),
        takes=Takes.MINUTES,
        instead="Take weights, cache and workspace apart.",
    ),
    Tip(
        id="S2-1",
        topic=Topic.MEMORY,
        statement="With more than 90 % of the GPU's memory in use latency is 3–5 times as high.",
        heard=("S2",),
        expected=Expected(
            Verdict.DEPENDS,
            "On Linux nothing makes it so until the allocator must free and try again; Windows can spill into the computer's memory. Unverified.",
            ("read-allocator", "general"),
        ),
        experiment=Probe("ballast", cells=tuple({"filled": share} for share in (0.5, 0.8, 0.9, 0.95))),
        holds_if=(Limit("tpot_ratio", low=3.0),),
        needs=Needs(gpus=1),
        takes=Takes.MINUTES,
        instead="Watch the allocator's retries, not the level.",
        apply={"allocator": "expandable_segments"},
    ),
    Tip(
        id="S2-2",
        topic=Topic.MEMORY,
        statement="Batches cut the GPU's memory into fragments.",
        heard=("S2",),
        expected=Expected(
            Verdict.DEPENDS,
            "On how much the lengths differ: pieces that no request fits stay behind. Segments that grow leave fewer.",
            ("docs-torch",),
        ),
        experiment=Probe("fragments", {"batch_size": 8, "allocators": ("default", "expandable_segments")}),
        holds_if=(Limit("inactive_share", low=0.1),),
        needs=Needs(gpus=1),
        takes=Takes.MINUTES,
        instead="Compare both allocators with your lengths: session.memory_health.",
        apply={"allocator": "expandable_segments"},
    ),
    Tip(
        id="S2-14",
        topic=Topic.MEMORY,
        statement="Raise an alarm when memory_fragmentation is above 0.7.",
        heard=("S2",),
        expected=Expected(
            Verdict.NOT,
            "Neither nvidia-smi nor torch has such a number. Two can be computed, and they are not the same: inactive split ÷ reserved, and 1 − allocated ÷ reserved.",
            ("docs-torch",),
        ),
        experiment=Probe("fragments", {"batch_size": 1, "allocators": ("default",)}),
        holds_if=(Limit("agree", equals=True),),
        needs=Needs(gpus=1),
        takes=Takes.MINUTE,
        instead="Name the number, and alarm when it grows: workbench monitor has both.",
    ),
    Tip(
        id="S3-8",
        topic=Topic.MEMORY,
        statement="torch.cuda.memory_utils pages the GPU's memory.",
        heard=("S3",),
        expected=Expected(Verdict.NOT, "There is no such module: ModuleNotFoundError.", ("seen-torch",)),
        experiment=Script(Fresh("import torch.cuda.memory_utils\nresult = {}")),
        holds_if=(Limit("exception", equals="none"),),
        takes=Takes.SECONDS,
        instead="Keep layers away from the GPU, which is slow, or take fewer bits.",
        apply={"offloaded_layers": 4},
    ),
    Tip(
        id="S3-9",
        topic=Topic.MEMORY,
        statement="torch.cuda.memory._set_allocator_settings('advanced_optimization:on') switches an optimiser on.",
        heard=("S3",),
        expected=Expected(
            Verdict.NOT,
            "There is no such key. On CUDA it is refused, by the source; a CPU build takes it without a word and without an effect: no error is no effect.",
            ("read-allocator", "seen-torch"),
        ),
        experiment=Script(
            Fresh(
                "import torch\n"
                "torch.ones(1, device='cuda')\n"
                "torch.cuda.memory._set_allocator_settings('advanced_optimization:on')\n"
                "result = {}"
            )
        ),
        holds_if=(Limit("exception", equals="none"),),
        needs=Needs(gpus=1),
        takes=Takes.SECONDS,
        instead="The one that exists is expandable_segments, set before the first allocation.",
        apply={"allocator": "expandable_segments"},
    ),
    Tip(
        id="S3-10",
        topic=Topic.MEMORY,
        statement="A function swap_to_cpu(t) that deletes t and empties the cache frees the GPU's memory.",
        heard=("S3",),
        expected=Expected(
            Verdict.NOT,
            "del takes away the function's own name; the caller still holds the tensor.",
            ("by-construction",),
        ),
        experiment=Script(Fresh(_SWAP)),
        holds_if=(Limit("freed", equals=True),),
        takes=Takes.SECONDS,
        instead="Let the caller drop its name: t = t.cpu().",
    ),
    Tip(
        id="S3-11",
        topic=Topic.MEMORY,
        statement="Gradient checkpointing saves up to 80 % of memory in training, and helps inference too.",
        heard=("S3", "S4"),
        expected=Expected(
            Verdict.NOT,
            "Not inference: layers take it up in training mode only, 0 calls in eval and 2 in train of a model of two layers. What it saves in training depends.",
            ("read-layers", "seen-padding"),
        ),
        experiment=Script(Fresh(_CHECKPOINTS)),
        holds_if=(Limit("calls_in_eval", low=1),),
        takes=Takes.SECONDS,
        instead="Shorten the cache or quantise it.",
        apply={"cache": "quantized"},
    ),
    Tip(
        id="S4-8",
        topic=Topic.MEMORY,
        statement="device_map='auto' cures out-of-memory.",
        heard=("S4",),
        expected=Expected(
            Verdict.HOLDS,
            "It fits, and is slow: layers that found no room come for each pass, and those on several GPUs run one after the other.",
            ("read-loading",),
        ),
        experiment=Pair({"offloaded_layers": 0}, {"offloaded_layers": 4}, works=(_WORK,)),
        holds_if=(Limit("peak_bytes", high=0.95),),
        needs=Needs(gpus=1, packages=("accelerate",)),
        takes=Takes.MINUTES,
        instead="Try fewer bits first: session.offload shows what each layer kept away costs.",
        apply={"device_map": "auto"},
    ),
    Tip(
        id="S4-9",
        topic=Topic.MEMORY,
        statement="A swap file helps to load a model on Linux.",
        heard=("S4",),
        expected=Expected(
            Verdict.DEPENDS,
            "Only where the checkpoint is larger than the memory; safetensors are mapped, and come page by page.",
            ("read-loading", "general"),
        ),
        experiment=Probe("held_memory"),
        holds_if=(Limit("loads_only_with_swap", equals=True),),
        needs=Needs(systems=("Linux",)),
        takes=Takes.MINUTE,
        instead="Take a model that fits: workbench models --fits.",
    ),
    Tip(
        id="S4-15",
        topic=Topic.MEMORY,
        statement="Since PyTorch 2.0 torch.cuda.empty_cache() defragments memory.",
        heard=("S4",),
        expected=Expected(
            Verdict.NOT,
            "By its docstring it makes no more memory available to PyTorch, though it may reduce fragmentation in certain cases. It is not new in 2.0, and what was given back must be taken again.",
            ("docs-torch",),
        ),
        experiment=Probe("emptied"),
        holds_if=(Limit("block_ratio", low=1.1),),
        needs=Needs(gpus=1),
        takes=Takes.SECONDS,
        instead="Segments that grow.",
        apply={"allocator": "expandable_segments"},
    ),
    Tip(
        id="M-3",
        topic=Topic.MEMORY,
        statement="Latent attention keeps its cache small in transformers.",
        heard=("none",),
        expected=Expected(
            Verdict.DEPENDS,
            "On the version: 5.0 and 5.9 kept keys and values expanded; 5.18 to 5.23 keep the latent vector, 8.9 times less for V2-Lite and 71 times less for R1, and expand it at each step.",
            ("seen-mla", "computed-kv"),
        ),
        experiment=Probe("cache_tensors"),
        model="random:deepseek-v2-lite?scale=tiny",
        holds_if=(Limit("kept_ratio", high=0.5),),
        takes=Takes.SECONDS,
        instead="Compute the cache by version: session.forecast does.",
    ),
)
