"""Compares the models with a file, and says class by class what is to be edited."""

import difflib
import inspect
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from bellhop.events import base
from bellhop.events.base import SeamModel
from bellhop.events.description import Property, described
from openapi.lines import formatted, line_of, new_models, stem
from openapi.models import (
    attribute,
    file_of,
    first_line,
    is_needed,
    models_of,
    owner_of,
    parts_in,
    source_of,
)


def union(ours: Property | None, theirs: Property) -> Property:
    """Return a property that takes old events as well as those that the file describes."""
    if ours is None:
        return theirs
    if ours.kind == "any":
        return replace(ours, required=theirs.required, nullable=ours.nullable or theirs.nullable)
    nullable = ours.nullable or theirs.nullable
    if (ours.kind, ours.item) != (theirs.kind, theirs.item):
        return replace(theirs, nullable=nullable)
    known = ours if ours.properties or not theirs.properties else theirs
    # What is inside of an object that both know is compared by itself.
    return replace(known, required=theirs.required, nullable=nullable, enum=ours.enum | theirs.enum)


@dataclass
class Comparison:
    """What differs between the models and a file, by where it is to be edited."""

    places: dict[str, type[SeamModel]] = field(default_factory=dict)
    """The types of events, and the objects inside of them as `type property`, with their models."""
    wanted: dict[tuple[type | None, str, str], list[str]] = field(
        default_factory=lambda: defaultdict(list)
    )
    """By the class that has the property now, its name and its new line: the places."""
    pairs: dict[tuple[str, str], tuple[Property | None, Property]] = field(default_factory=dict)
    """By place and name, the property as it is and as it should be."""
    missing: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def compare(
        self, model: type[SeamModel], place: str, properties: Mapping[str, Property]
    ) -> None:
        """Note how the properties differ from those of a model."""
        self.places[place] = model
        ours = described(model)
        for name in ours.keys() - properties.keys():
            self.missing[name].append(place)
        for name, theirs in properties.items():
            known = ours.get(name)
            wanted = union(known, theirs)
            if wanted != known:
                owner = owner_of(model, name) if known else None
                line = line_of(name, wanted, stem(model), needed=is_needed(model, name))
                self.wanted[owner, name, line].append(place)
                self.pairs[place, name] = known, wanted
            if known and wanted.model and theirs.properties:
                self.compare(wanted.model, f"{place} {name}", theirs.properties)

    def edits(self) -> Iterator[str]:
        """Yield what is to be edited, class by class."""
        for cls, name, owner, line, there in sorted(
            self.found(), key=lambda one: (file_of(one[0]), first_line(one[0]), one[1])
        ):
            known, wanted = self.pairs[there[0], name]
            title = f"{file_of(cls)}, {cls.__name__}: {difference(name, known, wanted)}"
            concerned = [place for place, model in self.places.items() if issubclass(model, cls)]
            if set(there) != set(concerned):
                # Nothing but a class of its own tells these places from the others.
                title += f"\nonly in {', '.join(there)}"
            new = formatted(line)
            if owner is cls:
                lines = difflib.ndiff(source_of(cls, name), new)
                text = "\n".join(line for line in lines if not line.startswith("?"))
            else:
                text = "\n".join(f"+ {line}" for line in new)
                title += f" (overrides {owner.__name__})" if owner else ""
                title += "".join(f" (or inherit {part})" for part in parts_with(cls, name, line))
            if not known or not known.properties:
                text = "\n\n".join([*new_models(stem(cls), name, wanted), text])
            yield f"{title}\n{text}"

    def additions(self) -> dict[type, dict[str, Property]]:
        """Return the properties that classes get, as far as they are new to them."""
        added: dict[type, dict[str, Property]] = defaultdict(dict)
        for cls, name, _, _, there in self.found():
            added[cls][name] = self.pairs[there[0], name][1]
        return added

    def found(
        self,
    ) -> Iterator[tuple[type[SeamModel], str, type | None, str, list[str]]]:
        """Yield class, name, owner up to now and new line of each edit, and where it applies."""
        for (owner, name, line), places in self.wanted.items():
            for cls, there in self.classes(owner, places):
                yield cls, name, owner, line, there

    def classes(
        self, owner: type | None, places: list[str]
    ) -> Iterator[tuple[type[SeamModel], list[str]]]:
        """Yield the fewest classes that stand for these places, and for no others if possible."""
        bases = {base for place in places for base in models_of(self.places[place])}
        covers = {
            cls: {place for place, model in self.places.items() if issubclass(model, cls)}
            for cls in bases
            if owner is None or issubclass(cls, owner)
        }
        exact = {cls: cover for cls, cover in covers.items() if cover <= set(places)}
        left = set(places)
        while left:
            best = max(
                exact,
                key=lambda cls: (len(exact[cls] & left), cls is owner, len(cls.__mro__)),
                default=None,
            )
            if best is None or not exact[best] & left:
                break
            yield best, sorted(exact[best])
            left -= exact[best]
        shared = {self.places[place] for place in left}
        for cls in shared:
            yield cls, sorted(place for place in left if self.places[place] is cls)

    def gone(self) -> Iterator[str]:
        """Yield the properties that models have and the file has not."""
        for name, places in sorted(self.missing.items()):
            more = f" and {len(places) - 5} more" if len(places) > 5 else ""
            yield f"{name} of {', '.join(sorted(places)[:5])}{more}"


def difference(name: str, ours: Property | None, theirs: Property) -> str:
    """Say in words how a property changed."""
    if ours is None:
        return f"{name} is new"
    changes = []
    if (ours.kind, ours.item) != (theirs.kind, theirs.item):
        kinds = [f"{one.kind} of {one.item}" if one.item else one.kind for one in (ours, theirs)]
        changes.append(f"is {kinds[1]}, was {kinds[0]}")
    elif not ours.properties and theirs.properties:
        changes.append("has known properties")
    if new := theirs.enum - ours.enum:
        changes.append(f"can be {', '.join(sorted(new))}")
    if theirs.nullable and not ours.nullable:
        changes.append("can be null")
    if theirs.required != ours.required:
        changes.append("is promised" if theirs.required else "is no longer promised")
    return f"{name} {' and '.join(changes)}"


def parts_with(cls: type, name: str, line: str) -> Iterator[str]:
    """Yield the parts of events that a class could inherit this very field from."""
    for part in parts_in(base):
        if attribute(name) in inspect.get_annotations(part) and not issubclass(part, cls):
            own = line_of(name, described(part)[name], "", needed=is_needed(part, name))
            if own == line and not issubclass(cls, part):
                yield part.__name__
