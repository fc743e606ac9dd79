"""Examples in pages of the documentation: commands as the parser takes them, and Python read without running it."""

import ast
import inspect
import re
import shlex
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).parents[1]


def blocks(page: str, language: str) -> list[str]:
    """The fenced blocks of `language`."""
    return re.findall(rf"^```{language}\n(.*?)^```", page, re.M | re.S)


def commands(page: str) -> list[list[str]]:
    """The words of every line of its console blocks."""
    told = "".join(blocks(page, "console")).replace("\\\n", " ")
    return [words for line in told.splitlines() if (words := shlex.split(line, comments=True))]


def broken_links(page: Path) -> list[str]:
    """Relative links of a page whose file or heading does not exist."""
    found = []
    for target in re.findall(r"(?<!!)\]\((?!https?:)([^)]+)\)", page.read_text(encoding="utf-8")):
        name, _, anchor = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        if not file.exists() or (anchor and anchor not in _anchors(file)):
            found.append(target)
    return found


def _anchors(file: Path) -> list[str]:
    """As GitHub and mkdocs make them of headings."""
    headings = re.findall(r"^#+ (.+)$", file.read_text(encoding="utf-8"), re.M)
    return [re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings]


@dataclass(frozen=True)
class Instance:
    """Something whose class is known, and nothing else."""

    kind: type


class Reader(ast.NodeVisitor):
    """Names every attribute that does not exist and every call that its signature refuses, in `.problems`.

    What follows from the annotations of functions and classes is followed; what does not is let be (`None`).
    """

    def __init__(self) -> None:
        self.known: dict[str, Any] = {}
        self.problems: list[str] = []

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            module = __import__(alias.name)
            self.known[alias.asname or alias.name.split(".")[0]] = module

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        module = __import__(node.module or "", fromlist=["_"])
        for alias in node.names:
            self.known[alias.asname or alias.name] = self._member(module, alias.name)

    def visit_Assign(self, node: ast.Assign) -> None:
        found = self.read(node.value)
        for target in node.targets:
            if isinstance(target, ast.Name):
                self.known[target.id] = found

    def visit_With(self, node: ast.With) -> None:
        for item in node.items:
            found = self.read(item.context_expr)
            if isinstance(item.optional_vars, ast.Name):
                self.known[item.optional_vars.id] = found
        for line in node.body:
            self.visit(line)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        self.read(node)

    def visit_Call(self, node: ast.Call) -> None:
        self.read(node)

    def read(self, node: ast.AST) -> Any:
        """What an expression is, as far as it is known without running it."""
        if isinstance(node, ast.Name):
            return self.known.get(node.id)
        if isinstance(node, ast.Attribute):
            return self._member(self.read(node.value), node.attr)
        if isinstance(node, ast.Call):
            for value in (*node.args, *(each.value for each in node.keywords)):
                self.read(value)
            return self._called(self.read(node.func), node)
        for inner in ast.iter_child_nodes(node):
            self.read(inner)
        return None

    def _member(self, owner: Any, name: str) -> Any:
        if owner is None:
            return None
        if not isinstance(owner, Instance):
            if not hasattr(owner, name):
                self.problems.append(f"{getattr(owner, '__name__', owner)} has no {name}")
            found = getattr(owner, name, None)
            return found if isinstance(found, ModuleType) or callable(found) else None
        fields = _hints(owner.kind)
        static = inspect.getattr_static(owner.kind, name, None)
        if static is None and name not in fields:
            self.problems.append(f"{owner.kind.__name__} has no {name}")
            return None
        if isinstance(static, property) and static.fget is not None:
            return _instance(_hints(static.fget).get("return"), owner.kind)
        if inspect.isroutine(static):
            return _Bound(static, owner.kind)
        return _instance(fields.get(name), owner.kind)

    def _called(self, function: Any, node: ast.Call) -> Any:
        if function is None or any(isinstance(each, ast.Starred) for each in node.args):
            return None
        own = function.kind if isinstance(function, _Bound) else getattr(function, "__self__", None)
        plain = function.function if isinstance(function, _Bound) else function
        names = {each.arg: None for each in node.keywords if each.arg}
        try:
            inspect.signature(plain).bind(*([None] if isinstance(function, _Bound) else ()), *node.args, **names)
        except (TypeError, ValueError) as error:
            self.problems.append(f"line {node.lineno}: {ast.unparse(node.func)}: {error}")
        if inspect.isclass(plain):
            return Instance(plain)
        return _instance(_hints(plain).get("return"), own if inspect.isclass(own) else None)


@dataclass(frozen=True)
class _Bound:
    function: Any
    kind: type


def _hints(value: Any) -> dict[str, Any]:
    try:
        return typing.get_type_hints(value)
    except (NameError, TypeError):  # names that only a type checker imports
        return {}


def _instance(annotation: Any, own: type | None) -> Instance | None:
    if annotation is typing.Self:
        return Instance(own) if own else None
    inner = [each for each in typing.get_args(annotation) if each is not type(None)]
    if len(inner) == 1 and type(None) in typing.get_args(annotation):
        annotation = inner[0]
    ours = inspect.isclass(annotation) and annotation.__module__.startswith("workbench")
    return Instance(annotation) if ours else None


def problems(code: str) -> list[str]:
    """What is wrong with an example: no Python, a name that does not exist, an argument that nothing takes."""
    reader = Reader()
    reader.visit(ast.parse(code))
    return [*dict.fromkeys(reader.problems), *_knobs(code)]


def _knobs(code: str) -> Iterator[str]:
    """Knobs go through **: the registry refuses what a signature lets pass."""
    from workbench.config import Config
    from workbench.errors import ConfigError

    for node in ast.walk(ast.parse(code)):
        if not isinstance(node, ast.Call) or ast.unparse(node.func).rpartition(".")[2] not in ("apply", "Config"):
            continue
        try:
            given = {each.arg: ast.literal_eval(each.value) for each in node.keywords if each.arg}
        except ValueError:  # a name stands for the value: only running would tell
            given = {}
        try:
            Config(**given)
        except ConfigError as error:
            yield f"line {node.lineno}: {error}"
