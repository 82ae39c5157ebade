"""Our models as they are: where a field is written, and in which words."""

import inspect
import keyword
import textwrap
from ast import AnnAssign, ClassDef, parse
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Final, cast

from bellhop.events import TYPES, SeamEvent
from bellhop.events.base import SeamModel

ROOT: Final = Path(__file__).resolve().parents[2]


def models_of(model: type[SeamModel]) -> Iterator[type[SeamModel]]:
    """Yield a class and its bases that can hold fields."""
    for cls in model.__mro__:
        if issubclass(cls, SeamModel) and cls is not SeamModel:
            yield cls


def attribute(name: str) -> str:
    """Return how a property is called in Python."""
    return f"{name}_" if keyword.iskeyword(name) else name


def owner_of(model: type[SeamModel], name: str) -> type[SeamModel]:
    """Return the class in which a field of a model is written."""
    return next(cls for cls in models_of(model) if attribute(name) in inspect.get_annotations(cls))


def is_needed(model: type[SeamModel], name: str) -> bool:
    """Tell whether there is no such object without this field."""
    known = model.model_fields.get(attribute(name))
    return known is not None and known.is_required()


def file_of(cls: type) -> str:
    """Return the path of a class's file."""
    return str(Path(inspect.getfile(cls)).resolve().relative_to(ROOT))


def first_line(cls: type) -> int:
    """Return where in its file a class begins."""
    return inspect.getsourcelines(cls)[1]


def source_of(cls: type, name: str) -> list[str]:
    """Return the lines in which a field is written, as they stand in the class."""
    source = textwrap.dedent(inspect.getsource(cls))
    body = cast("ClassDef", parse(source).body[0]).body
    for node in body:
        if isinstance(node, AnnAssign) and getattr(node.target, "id", "") == attribute(name):
            return source.splitlines()[node.lineno - 1 : node.end_lineno]
    return []


def parts_in(module: ModuleType) -> list[type[SeamEvent]]:
    """Return the classes of a module that are bases of events."""
    return [
        cls
        for cls in vars(module).values()
        if isinstance(cls, type)
        and issubclass(cls, SeamEvent)
        and cls.__module__ == module.__name__
        and cls not in {SeamEvent, *TYPES.values()}
    ]
