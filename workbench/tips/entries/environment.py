"""Tips about packages, drivers and systems."""

from workbench.results import Verdict
from workbench.tips.experiments import Fresh, Limit, Probe, Script, Untestable
from workbench.tips.tip import Expected, Needs, Takes, Tip, Topic

# an installed file as text, without importing its package
_SOURCE = (
    "from importlib.metadata import distribution\n"
    "source = lambda name: distribution('transformers').locate_file(name).read_text(encoding='utf-8')"
)

TIPS = (
    Tip(
        id="S0-6",
        topic=Topic.ENVIRONMENT,
        statement="FlashAttention 2 is installed as the pip package flash-attn; flash-attn2 is no package of it.",
        heard=("S0",),
        expected=Expected(
            Verdict.HOLDS,
            "That is its name; the next ones are flash-attn-3 and flash-attn-4. transformers looks for the name of the distribution, so that a wheel of another name is not seen even where it would work.",
            ("read-flash-attn", "read-loading"),
        ),
        experiment=Script(
            Fresh(
                f"{_SOURCE}\n"
                "text = source('transformers/utils/import_utils.py')\n"
                "result = {'looks_for_flash_attn': '\"flash-attn\" in' in text, 'looks_for_flash_attn2': 'flash-attn2' in text}"
            )
        ),
        holds_if=(Limit("looks_for_flash_attn", equals=True), Limit("looks_for_flash_attn2", equals=False)),
        takes=Takes.INSTANT,
        instead="Let the doctor name the wheel that fits this torch and this Python.",
    ),
    Tip(
        id="S0-26",
        topic=Topic.ENVIRONMENT,
        statement="flash-attn has no wheels for Windows; to build it takes MSVC 14.3, CUDA 12.1 and Ninja, a conda channel has it ready, and WSL2 is nearly as fast as Linux.",
        heard=("S0",),
        expected=Expected(
            Verdict.DEPENDS,
            "The release workflow builds for Linux only. CUDA 12.0 is enough by its README, and without Ninja the build is slow, not impossible. No trace of the channel was found; MSVC and WSL2 are unverified.",
            ("read-flash-attn",),
        ),
        experiment=Probe("packages", {"names": ("flash-attn",)}),
        holds_if=(Limit("usable", high=0.0),),
        needs=Needs(systems=("Windows",)),
        takes=Takes.INSTANT,
        instead="Use sdpa on Windows, whose own kernels need no package.",
        apply={"attention": "sdpa"},
    ),
    Tip(
        id="S0-28",
        topic=Topic.ENVIRONMENT,
        statement="torch.version.cuda must be the CUDA version that nvidia-smi shows.",
        heard=("S0",),
        expected=Expected(
            Verdict.NOT,
            "nvidia-smi shows the newest version that the driver supports; torch's wheels bring a runtime of their own. It is enough that the driver's is not older.",
            ("docs-cuda",),
        ),
        experiment=Probe("driver"),
        holds_if=(Limit("works_with_other_version", equals=False),),
        needs=Needs(gpus=1),
        takes=Takes.SECONDS,
        instead="Look only whether the driver is older than the runtime: workbench doctor tells it.",
    ),
    Tip(
        id="S2-5",
        topic=Topic.ENVIRONMENT,
        statement="transformers needs CUDA 11.6, or 11.7.",
        heard=("S2", "S4"),
        expected=Expected(
            Verdict.NOT,
            "transformers asks for no CUDA at all, but for torch; CUDA comes with torch's wheel. flash-attn asks for CUDA 12.0.",
            ("read-requirements", "read-flash-attn"),
        ),
        experiment=Script(
            Fresh(
                "from importlib.metadata import requires\n"
                "result = {'asks_cuda': any('cuda' in line.lower() for line in requires('transformers') or ())}"
            )
        ),
        holds_if=(Limit("asks_cuda", equals=True),),
        takes=Takes.INSTANT,
        instead="Choose torch's build by the driver: make lab does, before it downloads.",
    ),
    Tip(
        id="S4-6",
        topic=Topic.ENVIRONMENT,
        statement="GPTQ checkpoints need the package auto-gptq.",
        heard=("S4",),
        expected=Expected(
            Verdict.NOT,
            "In transformers 5 both GPTQ and AWQ are read by gptqmodel; auto-gptq is no longer asked for.",
            ("read-quantizers",),
        ),
        experiment=Script(
            Fresh(
                f"{_SOURCE}\n"
                "text = source('transformers/quantizers/quantizer_gptq.py')\n"
                "result = {'asks_auto_gptq': 'auto_gptq' in text or 'auto-gptq' in text}"
            )
        ),
        holds_if=(Limit("asks_auto_gptq", equals=True),),
        takes=Takes.INSTANT,
        instead="pip install gptqmodel==7.6.0 optimum, in an environment of its own.",
    ),
    Tip(
        id="S4-11",
        topic=Topic.ENVIRONMENT,
        statement="On an A100 and later TF32 is on by itself.",
        heard=("S4",),
        expected=Expected(
            Verdict.NOT,
            "For matrix products it has been off since torch 1.12; for convolutions it is on, and these models have none. A model in bfloat16 does not use it anyway.",
            ("seen-torch",),
        ),
        experiment=Script(
            Fresh("import torch\nresult = {'matmul_tf32': torch.get_float32_matmul_precision() != 'highest'}")
        ),
        holds_if=(Limit("matmul_tf32", equals=True),),
        takes=Takes.SECONDS,
        instead="Load in bfloat16; where it must be float32, switch TF32 on and look at the loss.",
        apply={"dtype": "bfloat16"},
    ),
    Tip(
        id="S0-4",
        topic=Topic.ENVIRONMENT,
        statement="DeepSeek officially recommends to switch flash-attn on.",
        heard=("S0",),
        expected=Expected(
            Verdict.NOT,
            "Not in the READMEs that were read: that of the LLM does not mention attention, that of V2 loads with eager, those of V3 and R1 say that transformers is not directly supported yet. The cards on the hub were not seen.",
            ("readme-llm", "readme-v2", "readme-v3", "readme-r1"),
        ),
        experiment=Untestable("It is about what somebody wrote, which is read and not measured."),
        takes=Takes.NOTHING,
        instead="Compare the implementations on the bench: S0-5, S0-7, S0-27.",
    ),
)
