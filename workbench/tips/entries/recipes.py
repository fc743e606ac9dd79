"""Tips that are code to load or quantise with: what raises, what is deprecated, what works."""

from workbench.results import Verdict
from workbench.tips.experiments import Fresh, Limit, Script
from workbench.tips.tip import Expected, Needs, Takes, Tip, Topic

_LOAD = "import os\nfrom transformers import AutoModelForCausalLM\nfolder = os.environ['TIP_MODEL']\n"
_ON_FLOAT8 = (
    "import json, os, pathlib\n"
    "from transformers import AutoModelForCausalLM, BitsAndBytesConfig\n"
    "path = pathlib.Path(os.environ['TIP_MODEL'], 'config.json')\n"
    "marked = {'quant_method': 'fp8', 'weight_block_size': [128, 128]}\n"
    "path.write_text(json.dumps({**json.loads(path.read_text()), 'quantization_config': marked}))\n"
    "eight = BitsAndBytesConfig(load_in_8bit=True)\n"
    "AutoModelForCausalLM.from_pretrained(os.environ['TIP_MODEL'], quantization_config=eight)\n"
    "result = {}"
)
_BACKEND = (
    "import torch\n"
    "from torch.ao import quantization\n"
    "model = torch.nn.Sequential(torch.nn.Linear(8, 8)).eval()\n"
    "model.qconfig = quantization.get_default_qconfig('x86')\n"
    "made = quantization.convert(quantization.prepare(model))\n"
    "made(torch.ones(1, 8))\n"
    "result = {}"
)
_DYNAMIC = (
    "import os, torch\n"
    "from transformers import AutoModelForCausalLM\n"
    "model = AutoModelForCausalLM.from_pretrained(os.environ['TIP_MODEL'], dtype=torch.bfloat16).eval()\n"
    "made = torch.ao.quantization.quantize_dynamic(model, {torch.nn.Linear}, dtype=torch.qint8)\n"
    "made(torch.ones(1, 4, dtype=torch.long))\n"
    "result = {}"
)
_UNASKED = (
    "import os, torch\n"
    "from transformers import AutoModelForCausalLM\n"
    "folder = os.environ['TIP_MODEL']\n"
    "AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16).save_pretrained(folder)\n"
    "model = AutoModelForCausalLM.from_pretrained(folder)\n"
    "result = {'loaded_as': str(model.dtype).removeprefix('torch.')}"
)

TIPS = (
    Tip(
        id="S0-8",
        topic=Topic.QUANTIZATION,
        statement="torch_dtype=torch.bfloat16 is the keyword for the number format.",
        heard=("S0",),
        expected=Expected(
            Verdict.NOT,
            "It still works and says that it is deprecated: the keyword is dtype.",
            ("seen-loading",),
        ),
        experiment=Script(
            Fresh(
                _LOAD + "import torch\nAutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16)\nresult = {}"
            ),
            Fresh(
                _LOAD
                + "import torch\nAutoModelForCausalLM.from_pretrained(folder, torch_dtype=torch.bfloat16)\nresult = {}"
            ),
        ),
        holds_if=(Limit("warned", equals=False),),
        takes=Takes.SECONDS,
        instead="Write dtype=torch.bfloat16.",
        apply={"dtype": "bfloat16"},
    ),
    Tip(
        id="S0-9",
        topic=Topic.QUANTIZATION,
        statement="bfloat16 must be asked for, or the model is in float32.",
        heard=("S0",),
        expected=Expected(
            Verdict.NOT,
            "Since version 5 a model is loaded in its checkpoint's own format, which is bfloat16 for DeepSeek; in version 4 it was float32.",
            ("seen-loading",),
        ),
        experiment=Script(Fresh(_UNASKED)),
        holds_if=(Limit("loaded_as", equals="float32"),),
        takes=Takes.SECONDS,
        instead="Read the format that is in force.",
        apply={"dtype": "auto"},
    ),
    Tip(
        id="S0-13",
        topic=Topic.QUANTIZATION,
        statement="Quantise with from_pretrained(..., load_in_4bit=True) or load_in_8bit=True.",
        heard=("S0",),
        expected=Expected(
            Verdict.NOT,
            "transformers 5 no longer knows the keywords: TypeError. Version 4 took them and called them deprecated.",
            ("seen-loading", "read-transformers4"),
        ),
        experiment=Script(
            Fresh(_LOAD + "AutoModelForCausalLM.from_pretrained(folder, load_in_8bit=True)\nresult = {}")
        ),
        holds_if=(Limit("exception", equals="none"),),
        needs=Needs(packages=("bitsandbytes",)),
        takes=Takes.SECONDS,
        instead="Pass quantization_config=BitsAndBytesConfig(load_in_8bit=True).",
        apply={"quantization": "bnb-int8"},
    ),
    Tip(
        id="S1-2",
        topic=Topic.QUANTIZATION,
        statement="quantize_dynamic(model, {nn.Linear}, qint8) quantises these models, and brings back the accuracy that INT4 lost.",
        heard=("S1", "S3"),
        expected=Expected(
            Verdict.NOT,
            "On a model in bfloat16 the first call raises a RuntimeError; it works in float32 on a CPU, and is announced to be removed. Nothing that was lost comes back.",
            ("seen-torch", "seen-heads"),
        ),
        experiment=Script(Fresh(_DYNAMIC)),
        holds_if=(Limit("exception", equals="none"),),
        takes=Takes.SECONDS,
        instead="Use torchao's formats.",
        apply={"quantization": "torchao-int8-weight"},
    ),
    Tip(
        id="S2-11",
        topic=Topic.QUANTIZATION,
        statement="4 bits by model.linear_layers = [Linear4bit(...) for layer in model.linear_layers].",
        heard=("S2",),
        expected=Expected(
            Verdict.NOT,
            "No model has linear_layers: AttributeError. And new layers would have new weights.",
            ("seen-bnb",),
        ),
        experiment=Script(
            Fresh(
                _LOAD
                + "model = AutoModelForCausalLM.from_pretrained(folder)\nresult = {'layers': len(model.linear_layers)}"
            )
        ),
        holds_if=(Limit("exception", equals="none"),),
        takes=Takes.SECONDS,
        instead="Let transformers quantise while it loads.",
        apply={"quantization": "bnb-nf4"},
    ),
    Tip(
        id="S3-5",
        topic=Topic.QUANTIZATION,
        statement="qconfig, prepare and convert quantise the model.",
        heard=("S3",),
        expected=Expected(
            Verdict.NOT,
            "Without stubs and calibration the converted model raises NotImplementedError at its first call, and its scale is 1.",
            ("seen-torch",),
        ),
        experiment=Script(Fresh(_BACKEND)),
        holds_if=(Limit("exception", equals="none"),),
        takes=Takes.SECONDS,
        instead="Use torchao's formats.",
        apply={"quantization": "torchao-int8-weight"},
    ),
    Tip(
        id="S4-3",
        topic=Topic.QUANTIZATION,
        statement="Beginners load from_pretrained('deepseek-ai/DeepSeek-R1', load_in_8bit=True, device_map='auto').",
        heard=("S4",),
        expected=Expected(
            Verdict.NOT,
            "The keyword is unknown; the checkpoint is in FP8 already, and with BitsAndBytesConfig a ValueError says so; and it takes 671 GB.",
            ("seen-loading", "seen-moe"),
        ),
        experiment=Script(Fresh(_ON_FLOAT8)),
        model="random:deepseek-v3?scale=tiny",
        holds_if=(Limit("exception", equals="none"),),
        needs=Needs(packages=("bitsandbytes",)),
        takes=Takes.SECONDS,
        instead="Begin with a distilled model, and ask what fits: workbench models --fits.",
    ),
    Tip(
        id="S4-7",
        topic=Topic.MEMORY,
        statement="bitsandbytes' offload splits a model that is too large for one card.",
        heard=("S4",),
        expected=Expected(
            Verdict.NOT,
            "Placing is accelerate's, by device_map; of bitsandbytes there is one switch, which lets int8 models keep float32 parts on the CPU.",
            ("read-loading", "read-quantizers"),
        ),
        experiment=Script(
            Fresh(
                "from transformers import BitsAndBytesConfig\n"
                "result = {'offloads': hasattr(BitsAndBytesConfig(load_in_8bit=True), 'offload')}"
            )
        ),
        holds_if=(Limit("offloads", equals=True),),
        needs=Needs(packages=("bitsandbytes",)),
        takes=Takes.SECONDS,
        instead="device_map, with a budget for each place.",
        apply={"device_map": "auto"},
    ),
)
