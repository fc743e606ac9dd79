"""Where a tip that is a script gets the other verdict: another environment, library, class or checkpoint, for real.

`{stubs}` is a folder with the distributions and modules of STUBS.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class OtherScript:
    """Both sides of the script in another world.

    before       code that runs first and builds it
    environment  variables that stand before Python starts
    swapped      (what, with what): another class, checkpoint or caller in the script itself
    """

    holds: bool
    before: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    swapped: tuple[str, str] = ("", "")


# files under `{stubs}`, by their path
STUBS: Mapping[str, str] = {
    "transformers-3.0.dist-info/METADATA": (
        "Metadata-Version: 2.1\nName: transformers\nVersion: 3.0\nRequires-Dist: nvidia-cuda-runtime-cu11>=11.6\n"
    ),
    "transformers/utils/import_utils.py": 'found = "flash-attn2" in installed\n',
    "transformers/quantizers/quantizer_gptq.py": "from auto_gptq import AutoGPTQForCausalLM\n",
    "cuda/memory_utils.py": "",
}

_STUBS = {"PYTHONPATH": "{stubs}"}
_LLAMA = "from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM\n"
_REGISTERED = "AutoModelForCausalLM.register(LlamaConfig, Other, exist_ok=True)\n"
_FULL = "LlamaForCausalLM._keep_in_fp32_modules_strict = {'model', 'lm_head'}\n"

SCRIPTS: Mapping[str, OtherScript] = {
    # ---- what a library says or asks for
    "S0-6": OtherScript(holds=False, environment=_STUBS),
    "S2-5": OtherScript(holds=True, environment=_STUBS),
    "S4-6": OtherScript(holds=True, environment=_STUBS),
    "S4-11": OtherScript(holds=True, environment={"TORCH_ALLOW_TF32_CUBLAS_OVERRIDE": "1"}),
    "S3-8": OtherScript(holds=True, before="import torch\ntorch.cuda.__path__.append('{stubs}/cuda')\n"),
    # ---- when a variable is read
    "S2-16": OtherScript(
        holds=True,
        before=(
            "import os, torch\n"
            "if (asked := os.environ.get('NUM_INTER_THREADS')) is not None:\n"
            "    torch.set_num_interop_threads(int(asked))\n"
        ),
    ),
    "S3-2": OtherScript(
        holds=True,
        before=(  # torch is loaded at its first use
            "import importlib, os, sys, types\n"
            "os.environ.setdefault('OMP_NUM_THREADS', '2')\n"
            "class Later(types.ModuleType):\n"
            "    def __getattr__(self, name):\n"
            "        if sys.modules['torch'] is self:\n"
            "            del sys.modules['torch']\n"
            "        return getattr(importlib.import_module('torch'), name)\n"
            "sys.modules['torch'] = Later('torch')\n"
        ),
    ),
    # ---- who holds a tensor, and what a wrapper hands on
    "S3-10": OtherScript(holds=True, swapped=("copy = swap_to_cpu(held)", "held = swap_to_cpu(held)")),
    "S2-3": OtherScript(
        holds=True,
        before=(
            "import torch\n"
            "class Passing(torch.nn.DataParallel):\n"
            "    def __getattr__(self, name):\n"
            "        inner = super().__getattr__\n"
            "        return inner('module').generate if name == 'generate' else inner(name)\n"
            "torch.nn.DataParallel = Passing\n"
        ),
    ),
    # ---- classes of a model
    "S0-5": OtherScript(holds=False, before=f"{_LLAMA}LlamaForCausalLM._supports_sdpa = False\n"),
    "S0-7": OtherScript(
        holds=True,
        before=(
            f"{_LLAMA}"
            "class Other(LlamaForCausalLM):\n"
            "    def _check_and_adjust_attn_implementation(self, asked, *others, **named):\n"
            "        asked = None if asked == 'flash_attention_2' else asked\n"
            "        return super()._check_and_adjust_attn_implementation(asked, *others, **named)\n"
            f"{_REGISTERED}"
        ),
    ),
    "S0-8": OtherScript(
        holds=True,
        before=(
            "import transformers\n"
            "class Older(transformers.AutoModelForCausalLM):\n"
            "    @classmethod\n"
            "    def from_pretrained(cls, folder, dtype=None, torch_dtype=None):\n"
            "        return transformers.LlamaForCausalLM.from_pretrained(folder, dtype=torch_dtype or dtype)\n"
            "transformers.AutoModelForCausalLM = Older\n"
        ),
    ),
    "S0-9": OtherScript(holds=True, before=f"{_LLAMA}{_FULL}"),
    "S1-2": OtherScript(holds=True, before=f"{_LLAMA}{_FULL}"),
    "S0-13": OtherScript(
        holds=True,
        before=(
            f"{_LLAMA}"
            "class Other(LlamaForCausalLM):\n"
            "    def __init__(self, config, load_in_8bit=False):\n"
            "        super().__init__(config)\n"
            f"{_REGISTERED}"
        ),
    ),
    "S2-11": OtherScript(
        holds=True,
        before=f"{_LLAMA}LlamaForCausalLM.linear_layers = property(lambda model: list(model.modules()))\n",
    ),
    "S3-11": OtherScript(
        holds=True,
        before=(  # a class that is never out of training
            f"{_LLAMA}import torch\n"
            "LlamaForCausalLM.train = lambda model, mode=True: torch.nn.Module.train(model, True)\n"
        ),
    ),
    "S3-5": OtherScript(
        holds=True,
        swapped=(
            "torch.nn.Sequential(torch.nn.Linear(8, 8))",
            "torch.ao.quantization.QuantWrapper(torch.nn.Linear(8, 8))",
        ),
    ),
    "S4-3": OtherScript(holds=True, swapped=("{'quant_method': 'fp8', 'weight_block_size': [128, 128]}", "None")),
    "S4-7": OtherScript(
        holds=True,
        before=(
            "import transformers\n"
            "class Newer(transformers.BitsAndBytesConfig):\n"
            "    offload = True\n"
            "transformers.BitsAndBytesConfig = Newer\n"
        ),
    ),
}
