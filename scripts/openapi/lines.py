"""Our models as they should be: lines and classes in the words of `bellhop.events.fields`."""

import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Final

from bellhop.events import TYPES
from bellhop.events.base import SeamModel
from bellhop.events.description import Property, described
from openapi.models import ROOT, attribute

WORDS: Final = {
    "string": "str",
    "time": "Time",
    "number": "float",
    "integer": "int",
    "boolean": "bool",
    "object": "dict[str, Any]",
    "any": "Any",
}


def camel(name: str) -> str:
    """Return a name as that of a class."""
    return name.replace(".", "_").title().replace("_", "")


def stem(model: type) -> str:
    """Return what the names of classes inside of a model begin with."""
    return model.__name__.removesuffix("Event")


def named(start: str, name: str) -> str:
    """Return a name for the class of the objects in a property."""
    return start + camel(name.removesuffix("s") if name.endswith(("ors", "ngs")) else name)


def model_for(known: Property) -> type[SeamModel] | None:
    """Return the class of ours that describes such an object, if there is one."""
    nested = chain.from_iterable(described(event).values() for event in TYPES.values())
    return known.model or next(
        (one.model for one in nested if one.model and one.properties == known.properties), None
    )


def line_of(name: str, known: Property, start: str, *, needed: bool) -> str:
    """Return the line that declares a field, in our vocabulary."""
    if known.properties:
        model = model_for(known)
        kind = model.__name__ if model else named(start, name)
    elif known.kind == "object" and name.endswith("_custom_metadata"):
        kind = "Metadata"
    else:
        kind = WORDS.get(known.item or known.kind, "Any")
    if known.kind == "array":
        kind = f"list[{kind}]"
    elif known.enum:
        values = ", ".join(f'"{value}"' for value in sorted(known.enum))
        kind = f"OneOf[Literal[{values}]]"
    if known.required and needed:
        return f"{attribute(name)}: {kind}"
    if known.nullable:
        kind = f"Nullable[{kind}]"
    if known.required:
        kind = f"Promised[{kind}]"
    elif not known.nullable:
        kind = f"{kind} | None"
    default = "None" if attribute(name) == name else f'Field(default=None, alias="{name}")'
    return f"{attribute(name)}: {kind} = {default}"


def formatted(line: str) -> list[str]:
    """Return a line of a class as Ruff writes it, which may be several."""
    return ruff(f"class X:\n    {line}\n").splitlines()[1:]


def ruff(code: str) -> str:
    """Return code as Ruff formats it."""
    ruff_here = [sys.executable, "-m", "ruff", "format", "--quiet", "--stdin-filename"]
    said = subprocess.run(
        [*ruff_here, str(ROOT / "bellhop/events/x.py"), "-"],
        input=code,
        capture_output=True,
        text=True,
        check=False,
    )
    return said.stdout if said.returncode == 0 else code


def new_models(start: str, name: str, known: Property) -> Iterator[str]:
    """Yield a class for the objects in a property, if there is none yet, and for those inside."""
    if not known.properties or model_for(known):
        return
    own = named(start, name)
    for inner, inside in known.properties.items():
        yield from new_models(own, inner, inside)
    lines = [line_of(n, p, own, needed=False) for n, p in known.properties.items()]
    yield class_code(own, ["SeamModel"], "", lines)


def class_code(name: str, bases: Iterable[str], description: str, lines: Iterable[str]) -> str:
    """Return the code of a class."""
    without_links = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", " ".join(description.split()))
    first = re.split(r"(?<=\.) ", without_links)[0].replace('"""', "'''").replace("\\", "/")
    doc = f'    """TODO {first or "Say what it is."}"""'
    body = "\n".join(f"    {line}" for line in lines)
    return ruff(f"class {name}({', '.join(bases)}):\n{doc}\n\n{body}\n").rstrip()
