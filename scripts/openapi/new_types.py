"""Writes the classes of types that are new: with the bases that declare most of what they have."""

import sys
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from types import ModuleType

from bellhop.events import TYPES, SeamEvent, base
from bellhop.events.description import Property, described
from openapi.comparing import union
from openapi.lines import camel, class_code, line_of, new_models
from openapi.models import parts_in
from openapi.reading import Published


def new_classes(
    new: Mapping[str, Published], additions: Mapping[type, Mapping[str, Property]]
) -> Iterator[str]:
    """Yield the classes of new types, each after the base of its resource if that is new, too.

    They inherit what the classes of today are about to get.
    """

    def known(parts: Iterable[type[SeamEvent]]) -> dict[str, Property]:
        all_known: dict[str, Property] = {}
        every: list[type[SeamEvent]] = [SeamEvent, *parts]
        for part in every:
            all_known |= described(part)
            for cls in part.__mro__:
                all_known |= additions.get(cls, {})
        return all_known

    for group in sorted({resource(name) for name in new}):
        types = {name: one.properties or {} for name, one in new.items() if resource(name) == group}
        module, path = module_of(group), file_of_resource(group)
        own_base, own_id = f"{camel(group)}Event", f"{group}_id"
        has_base = hasattr(module, own_base)
        needed = {own_id} | {
            name
            for event_type, cls in TYPES.items()
            for name, one in cls.model_fields.items()
            if resource(event_type) == group and one.is_required()
        }
        shared: list[type[SeamEvent]] = []
        given: dict[str, Property] = {}
        if not has_base:
            names = set[str].intersection(*(set(properties) for properties in types.values()))
            common = {name: next(iter(types.values()))[name] for name in names}
            shared = inherited([best_base(module, own_base, common)] if module else [], common)
            if own_id in common and common[own_id].required:
                given[own_id] = common[own_id]
            code = class_code(
                own_base,
                [part.__name__ for part in shared] or ["SeamEvent"],
                "",
                [line_of(n, p, "", needed=True) for n, p in given.items()],
            )
            yield f"{path}: a base for the events of {group}\n\n\n{code}"
        for event_type, properties in sorted(types.items()):
            parts = shared
            if module and has_base:
                parts = [best_base(module, own_base, properties)]
            parts = inherited(parts, properties)
            inside = known(parts) | given
            own = {n: p for n, p in properties.items() if union(inside.get(n), p) != inside.get(n)}
            start = camel(event_type)
            bases = [part.__name__ for part in parts if part not in shared]
            lines = [line_of(n, p, start, needed=n in needed) for n, p in own.items()]
            code = class_code(
                f"{start}Event",
                bases if has_base else [own_base, *bases],
                new[event_type].description,
                [f'event_type: Literal["{event_type}"]', *lines],
            )
            title = f"{path}: new type {event_type}"
            if extra := sorted(inside.keys() - properties.keys() - {"event_description"}):
                title += f", which has no {', '.join(extra)}"
            nested = (new_models(start, n, p) for n, p in own.items())
            yield "\n\n\n".join([title, *chain.from_iterable(nested), code])


def resource(event_type: str) -> str:
    """Return the resource that a type of event is about."""
    return event_type.split(".")[0]


def module_of(group: str) -> ModuleType | None:
    """Return the module with the events of a resource, or of the system it belongs to."""
    for start in (f"{group}.", f"{group.split('_')[0]}_"):
        for event_type, cls in TYPES.items():
            name = cls.__module__.rpartition(".")[2]
            if event_type.startswith(start) and (start.endswith(".") or name == start[:-1]):
                return sys.modules[cls.__module__]
    return None


def file_of_resource(group: str) -> str:
    """Return the path of the file in which the events of a resource stand, or should."""
    module = module_of(group)
    name = module.__name__.rpartition(".")[2] if module else group
    return f"bellhop/events/{name}.py"


def best_base(
    module: ModuleType, own_base: str, properties: Mapping[str, Property]
) -> type[SeamEvent]:
    """Return the base in a module that declares most of what a type has, and little else."""
    parts = parts_in(module)
    root = getattr(module, own_base, parts[0])

    def gain(part: type[SeamEvent]) -> int:
        wrong = misfits(part, properties)
        # What differs can be written again; what a type lacks cannot be taken off it.
        return len(described(part)) - 2 * len(wrong) - 3 * len(wrong - properties.keys())

    return max((part for part in parts if issubclass(part, root)), key=gain)


def inherited(
    parts: list[type[SeamEvent]], properties: Mapping[str, Property]
) -> list[type[SeamEvent]]:
    """Return the parts, and those of base.py that declare the rest of the properties."""
    known = set(described(SeamEvent)).union(*(described(part) for part in parts))
    while True:
        fitting = [part for part in parts_in(base) if not misfits(part, properties)]
        best = max(fitting, key=lambda part: len(set(described(part)) - known), default=None)
        if best is None or set(described(best)) <= known:
            return parts
        parts = [*parts, best]
        known |= set(described(best))


def misfits(part: type[SeamEvent], properties: Mapping[str, Property]) -> set[str]:
    """Return the fields of a part that a type lacks, or has in another way."""
    return {
        name
        for name, known in described(part).items()
        if name not in SeamEvent.model_fields
        and (name not in properties or union(known, properties[name]) != known)
    }
