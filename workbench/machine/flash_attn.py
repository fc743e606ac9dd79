"""FlashAttention's packages: how to get one that fits here, why one does not import, and what only looks like one.

transformers sees FlashAttention 2, 3 and 4 by the name of the distribution that brought the module
(`transformers.utils.import_utils.is_flash_attn_2_available` and its siblings): a module under another name is not seen.
"""

import re

from workbench.catalog.flash_attn_wheels import AS_OF, Combination, Wheel, match
from workbench.machine.facts import PYTHON_H, Facts
from workbench.machine.package_rules import Refusal, Road, Rule
from workbench.words import Message, say

_BUILDS = {
    "flash-attn": "pip install flash-attn --no-build-isolation",
    "flash-attn-3": "git clone --recursive https://github.com/Dao-AILab/flash-attention && "
    "pip install --no-build-isolation ./flash-attention/hopper",
}
_CONDA = {"flash-attn": "conda install -c conda-forge flash-attn"}
_IMPLEMENTATIONS = {
    "flash-attn": "flash_attention_2",
    "flash-attn-3": "flash_attention_3",
    "flash-attn-4": "flash_attention_4",
}
# module -> the implementations it can be taken for
_TAKEN_FOR = {
    "flash_attn": ("flash-attn",),
    "flash_attn_interface": ("flash-attn-3",),
    "fa3_fwd_interface": ("flash-attn-3",),
    "vllm_flash_attn": ("flash-attn",),
}
# distributions known to bring those modules under a name of their own
LOOK_ALIKES = ("fa3-fwd", "flashattn-hopper", "vllm-flash-attn")
# the error's own words -> what they mean
_LOADER_ERRORS = (
    (re.compile(r"undefined symbol"), "machine.package.undefined_symbol"),
    (re.compile(r"DLL load failed"), "machine.package.dll_load_failed"),
    (re.compile(r"cannot open shared object file"), "machine.package.library_missing"),
)


def combination(facts: Facts) -> Combination | None:
    """What a wheel has to fit here; None where torch is missing or has no CUDA."""
    if facts.torch is None or facts.torch.cuda_runtime is None:
        return None
    return Combination(
        python=facts.python,
        torch=facts.torch.version,
        cuda=facts.torch.cuda_runtime,
        cxx11abi=facts.torch.cxx11_abi,
        system=facts.system,
        architecture=facts.architecture,
    )


def road(package: str) -> Road:
    """How to get `package`: a published wheel that fits, else the road that works without one."""

    def way(facts: Facts) -> Message:
        wanted = combination(facts)
        wheel = match(package, wanted) if wanted is not None else None
        if wheel is not None:
            return _wheel(wheel, f'pip install "{wheel.url}"')
        return _without_wheel(package, facts, str(wanted or f"{facts.system} {facts.architecture}"))

    return way


def imports(package: str) -> Rule:
    """It was built for another torch, Python or CUDA when it does not import: each error is a verdict of its own."""

    def rule(facts: Facts) -> Refusal | None:
        problem = facts.torch.import_problems.get(package) if facts.torch is not None else None
        if problem is None:
            return None
        code = next((code for words, code in _LOADER_ERRORS if words.search(problem)), "machine.package.does_not_load")
        wanted = combination(facts)
        wheel = match(package, wanted) if wanted is not None else None
        if wheel is not None:
            remedy = _wheel(wheel, f'pip install --force-reinstall --no-deps "{wheel.url}"')
        else:
            command = f"pip install --force-reinstall --no-deps --no-cache-dir --no-build-isolation {package}"
            remedy = say("machine.package.rebuild", command=command)
        return Message(code=code, params={"problem": problem}), remedy

    return rule


def look_alike(package: str) -> Rule:
    """The module is there, and transformers does not see it because another distribution brought it."""

    def rule(facts: Facts) -> Refusal | None:
        for module, owners in look_alikes(package, facts):
            reason = say(
                "machine.package.look_alike", module=module, owners=", ".join(owners) or "-", distribution=package
            )
            return reason, say("machine.package.register", install=str(road(package)(facts)))
        return None

    return rule


def look_alikes(package: str, facts: Facts) -> list[tuple[str, tuple[str, ...]]]:
    """(module, the distributions that brought it) of what could be taken for `package`."""
    if facts.torch is None or package in facts.versions:
        return []
    others = set(_IMPLEMENTATIONS) - {package}
    return [
        (module, owners)
        for module, owners in facts.torch.attention_modules.items()
        # FlashAttention 4 lies in the package flash_attn too: that is no look-alike of FlashAttention 2
        if package in _TAKEN_FOR.get(module, ()) and not others & set(owners)
    ]


def findings(facts: Facts) -> list[Message]:
    """A line for each module that looks like FlashAttention and that transformers will not see."""
    return [
        say(
            "machine.transformers.look_alike",
            module=module,
            owners=", ".join(owners) or "-",
            implementation=_IMPLEMENTATIONS[package],
            distribution=package,
        )
        for package in _IMPLEMENTATIONS
        for module, owners in look_alikes(package, facts)
    ]


def _wheel(wheel: Wheel, command: str) -> Message:
    code = "machine.package.wheel_official" if wheel.official else "machine.package.wheel_community"
    return Message(code=code, params={"command": command, "by": wheel.by, "cuda": wheel.cuda, "date": wheel.date})


def _without_wheel(package: str, facts: Facts, wanted: str) -> Message:
    if facts.system == "Windows":
        return say("machine.package.no_wheel_windows", combination=wanted, date=AS_OF)
    needed = {"nvcc": {"nvcc"}, "ninja": {"ninja"}, "g++": {"g++", "clang++"}, PYTHON_H: {PYTHON_H}}
    found = ", ".join(tool for tool, any_of in needed.items() if any_of & facts.tools)
    missing = ", ".join(tool for tool, any_of in needed.items() if not any_of & facts.tools)
    if not missing:
        return say(
            "machine.package.no_wheel_build", combination=wanted, date=AS_OF, found=found, command=_BUILDS[package]
        )
    if package in _CONDA:
        return say(
            "machine.package.no_wheel_conda", combination=wanted, date=AS_OF, command=_CONDA[package], missing=missing
        )
    return say("machine.package.no_wheel", combination=wanted, date=AS_OF, missing=missing, command=_BUILDS[package])
