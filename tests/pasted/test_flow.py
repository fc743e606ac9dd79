"""Simple data flow: what an argument stands for, wherever it was written."""

import pytest

from workbench.pasted import read

TAIL = "m = AutoModelForCausalLM.from_pretrained(name)\n"


@pytest.mark.parametrize(
    ("text", "model"),
    [
        ("name = 'a/b'\n", "a/b"),
        ("name = 'a/b'\nname = 'c/d'\n", "c/d"),
        ("who = 'a'\nname = f'{who}/b-{7}b'\n", "a/b-7b"),
        ("name = 'a' + '/' + 'b'\n", "a/b"),
        ("name, other = 'a/b', 'c/d'\n", "a/b"),
        ("names = {'small': 'a/b'}\nname = names['small']\n", "a/b"),
        ("names = ['x', 'a/b']\nname = names[-1]\n", "a/b"),
        ("name: str = 'a/b'\n", "a/b"),
        ("if (name := 'a/b'):\n    pass\n", "a/b"),
        ("class C:\n    NAME = 'a/b'\nname = C.NAME\n", "a/b"),
        ("class C:\n    NAME: str = 'a/b'\nc = C()\nname = c.NAME\n", "a/b"),
        ("class C:\n    NAME = 'x'\nc = C()\nc.NAME = 'a/b'\nname = c.NAME\n", "a/b"),
        ("def f(who='a'):\n    return who + '/b'\nname = f()\n", "a/b"),
        ("def f(who):\n    return f'{who}/b'\nname = f('a')\n", "a/b"),
        ("if x:\n    name = 'a/b'\n", "a/b"),
        # what only running would tell
        ("name = 'a/b'\nif x:\n    name = 'c/d'\n", None),
        ("for name in ['a/b']:\n    pass\n", None),
        ("name = 'a/b' if x else 'c/d'\n", None),
        ("def f(who):\n    return f'{who}/b'\nname = f('a')\nf('b')\n", None),
        ("import os\nname = os.environ.get('M', 'a/b')\n", None),
        ("import sys\nname = sys.argv[1]\n", None),
        ("name = input()\n", None),
        ("name = 'a/%s' % 'b'\n", None),
        ("name = f'{who}/b'\n", None),
        ("name = 'a/b'\nname += '-chat'\n", None),
        ("def g(x):\n    AutoModelForCausalLM.from_pretrained(x)\ndef f(y):\n    g(y)\nname = h()\n", None),
    ],
)
def test_the_name_of_a_model(text: str, model: str | None) -> None:
    found = read(text + TAIL)
    assert found.model == model
    assert bool([each for each in found.unknowns if each.code == "pasted.unknown.model"]) == (model is None)


@pytest.mark.parametrize(
    "text",
    [
        "m.generate(x, temperature=0.5, do_sample=True)",
        "a = dict(temperature=0.5)\nm.generate(x, do_sample=True, **a)",
        "a = {'temperature': 0.5}\na['do_sample'] = True\nm.generate(x, **a)",
        "a = {}\na.update(temperature=0.5)\na.update({'do_sample': True})\nm.generate(x, **{**a})",
        "c = GenerationConfig(temperature=0.5, do_sample=True)\nm.generate(x, generation_config=c)",
        "c = GenerationConfig()\nc.temperature = 0.5\nc.do_sample = True\nm.generate(x, c)",
        "m.generation_config.temperature = 0.5\nm.generation_config.do_sample = True\nm.generate(x)",
        "c = GenerationConfig(temperature=0.5, do_sample=True)\nm.generation_config = c\nm.generate(x)",
        "def ask(model, **more):\n    return model.generate(x, temperature=0.5, do_sample=True, **more)\nask(m)",
        "class Chat:\n    def __init__(self, model):\n        self.model = model\n    def ask(self):\n"
        "        self.model.generate(x, temperature=0.5, do_sample=True)\nChat(m)",
        "class Chat:\n    def __init__(self, model, heat):\n        self._keep(model)\n        self.heat = heat\n"
        "    def _keep(self, kept):\n        self.model = kept\n    def ask(self, draw):\n"
        "        self.model.generate(x, temperature=self.heat, do_sample=draw)\nc = Chat(m, 0.5)\nc.ask(True)",
        "t = 0.25 * 2\nm.generate(x, temperature=t, do_sample=not_known)\nm.generate(x, do_sample=True)",
        "p = pipeline('text-generation', model=m, temperature=0.5)\np('x')",
        "p = pipeline('text-generation', model=m)\np('x', temperature=0.5)",
        "with torch.no_grad():\n    for x in y:\n        m.generate(x, temperature=0.5, do_sample=True)",
        "m = torch.compile(m.eval().cuda())\nm.generate(x, temperature=0.5, do_sample=True)",
    ],
)
def test_settings_are_followed_to_the_call(text: str) -> None:
    found = read(f"m = AutoModelForCausalLM.from_pretrained('a/b')\n{text}\n")
    assert found.model == "a/b"
    assert found.config.temperature == 0.5
    if "not_known" not in text:
        assert found.config.do_sample is True


@pytest.mark.parametrize(
    ("text", "device"),
    [
        ("", "cpu"),
        (".cuda()", "cuda"),
        (".to('cuda:1')", "cuda:1"),
        (".to(torch.device('cuda'))", "cuda"),
        (".to('cuda' if torch.cuda.is_available() else 'cpu')", "auto"),
        (".to(torch.bfloat16)", "cpu"),
        (".to(device='cuda', dtype=torch.float16)", "cuda"),
        (".cuda(2)", "cuda:2"),
        (".cuda().cpu()", "cpu"),
    ],
)
def test_the_device(text: str, device: str) -> None:
    assert read(f"m = AutoModelForCausalLM.from_pretrained('a/b'){text}\n").config.device == device


@pytest.mark.parametrize(
    ("argument", "device"),
    [("'auto'", "auto"), ("'cuda'", "cuda"), ("{'': 0}", "cuda:0"), ("0", "cuda:0"), ("None", "cpu"), ("'cpu'", "cpu")],
)
def test_the_device_map(argument: str, device: str) -> None:
    found = read(f"m = AutoModelForCausalLM.from_pretrained('a/b', device_map={argument})\n")
    assert found.config.device == device


def test_budgets_make_a_spread_the_base_line() -> None:
    script = "m = AutoModelForCausalLM.from_pretrained('a/b', device_map='balanced', max_memory={})\n"
    found = read(script.format("{0: '10GiB', 'cpu': '32GiB'}"))
    assert (found.config.device_map, found.config.max_memory) == ("balanced", ("0=10GiB", "cpu=32GiB"))
    assert {"device_map", "max_memory"} <= set(found.said)
    assert read(script.format("None")).config.device_map == "none"
    hidden = read("budget = load()\n" + script.format("budget"))
    assert (hidden.config.device_map, hidden.config.max_memory) == ("balanced", "auto")
    assert any("max_memory" in str(each) for each in hidden.unknowns)


@pytest.mark.parametrize(
    ("text", "knobs"),
    [
        ("torch.set_num_threads(3)", {"threads": 3}),
        ("torch.set_float32_matmul_precision('high')", {"tf32": True}),
        ("torch.backends.cuda.matmul.allow_tf32 = True", {"tf32": True}),
        ("torch.backends.cudnn.benchmark = True", {"cudnn_benchmark": True}),
        ("with torch.autocast('cuda'):\n    pass", {"autocast": "float16"}),
        ("with torch.autocast('cpu'):\n    pass", {"autocast": "bfloat16"}),
        ("with torch.nn.attention.sdpa_kernel([SDPBackend.MATH]):\n    pass", {"sdpa_backend": "math"}),
        ("torch.manual_seed(9)", {"seed": 9}),
        ("m = torch.compile(m, mode='max-autotune')", {"compile": "max-autotune"}),
        ("m.generate(x, prompt_lookup_num_tokens=4)", {"speculation": "prompt_lookup", "speculation_tokens": 4}),
        (
            "d = AutoModelForCausalLM.from_pretrained('c/d')\nm.generate(x, assistant_model=d)",
            {"speculation": "assistant", "assistant_model": "c/d"},
        ),
        (
            "m.generate(x, cache_implementation='quantized', cache_config={'backend': 'hqq', 'nbits': 8})",
            {"cache": "quantized", "cache_backend": "hqq", "cache_bits": 8},
        ),
        ("m.generate(x, stop_strings=['END'])", {"stop_strings": ("END",)}),
        ("m.generate(x, repetition_penalty=1.2)", {"repetition_penalty": 1.2}),
        ("m.generate(x, attention_mask=torch.ones_like(x))", {"attention_mask": "ones"}),
        ("m.generate(x, eos_token_id=[1, 2])", {"eos_token_ids": (1, 2)}),
    ],
)
def test_knobs_of_every_group(text: str, knobs: dict[str, object]) -> None:
    found = read(f"import torch\nm = AutoModelForCausalLM.from_pretrained('a/b')\n{text}\n")
    assert {name: found.config[name] for name in knobs} == knobs
    assert set(knobs) <= set(found.said)


def test_what_cannot_stand_together_is_left_out_and_told() -> None:
    found = read(
        "m = AutoModelForCausalLM.from_pretrained('a/b')\n"
        "m.generate(x, prompt_lookup_num_tokens=4, cache_implementation='static', temperature=99.0, do_sample=True)\n"
    )
    left = {note.params["knob"] for note in found.notes if note.code == "pasted.note.left_out"}
    assert left == {"speculation", "temperature"}
    assert found.config.cache == "static"


def test_an_entry_set_later_is_mended_where_it_is_set() -> None:
    found = read(
        "from transformers import AutoModelForCausalLM\nmore = {}\n"
        "more['load_in_4bit'] = True\nmore['torch_dtype'] = d\n"
        "m = AutoModelForCausalLM.from_pretrained('a/b', **more)\n"
    )
    assert 'more["quantization_config"] = BitsAndBytesConfig(load_in_4bit=True)\n' in found.corrected
    assert 'more["dtype"] = d\n' in found.corrected


def test_a_thread_that_streams_generates() -> None:
    found = read(
        "t = AutoTokenizer.from_pretrained('a/b')\nm = AutoModelForCausalLM.from_pretrained('a/b')\n"
        "inputs = t(['x', 'yy'], padding=True)\n"
        "more = dict(inputs, max_new_tokens=9, temperature=0.5, do_sample=False)\n"
        "Thread(target=m.generate, kwargs=more).start()\n"
    )
    assert found.max_new_tokens == 9
    assert found.prompts == ("x", "yy")
    assert [mark.rule for mark in found.marks] == ["sampling_with_greedy"]
    assert "dict(inputs, max_new_tokens=9, do_sample=False)" in found.corrected


def test_where_nothing_generates_the_first_language_model_is_taken() -> None:
    found = read("e = AutoModel.from_pretrained('a/b')\nm = AutoModelForCausalLM.from_pretrained('c/d')\n")
    assert (found.model, found.others) == ("c/d", ("a/b",))


def test_a_bit_keyword_beside_files_of_8_bit_floats_goes() -> None:
    found = read("m = AutoModelForCausalLM.from_pretrained('deepseek-ai/DeepSeek-V3', load_in_8bit=True)\n")
    assert found.corrected == "m = AutoModelForCausalLM.from_pretrained('deepseek-ai/DeepSeek-V3')\n"


def test_a_method_is_marked_without_what_it_is_called_on() -> None:
    found = read("m = AutoModelForCausalLM.from_pretrained('a/b').eval()\n")
    (mark,) = found.marks
    assert found.text[mark.column : mark.end] == ".eval()"
