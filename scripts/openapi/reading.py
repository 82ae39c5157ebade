"""Reads Seam's OpenAPI file, and says of its types of events what our models would say."""

import json
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any, Final

from bellhop.events.description import Property

IN_PACKAGE: Final = ("src/lib/seam/connect/openapi.ts", "lib/seam/connect/openapi.js")
LITERAL: Final = re.compile(
    r"^(?:const openapi\b[^=]*=|export default) (\{\n.*?^\})", re.DOTALL | re.MULTILINE
)
TO_JSON: Final = """
const literal = require("fs").readFileSync(0, "utf8")
const value = require("vm").runInNewContext(`(${literal})`, Object.create(null))
process.stdout.write(JSON.stringify(value))
"""
REFERENCE: Final = "#/components/schemas/"


class CannotCompare(Exception):
    """There is no list of event types to compare with."""


def read(path: Path) -> Any:
    """Return the OpenAPI document in a file, or in a folder of the package."""
    if path.is_dir():
        inside = [path / name for name in IN_PACKAGE if (path / name).is_file()]
        if not inside:
            raise CannotCompare(f"{path} has no {IN_PACKAGE[0]}")
        path = inside[0]
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise CannotCompare(f"cannot read {path}: {error}") from error
    if path.suffix not in (".js", ".ts"):
        try:
            return json.loads(text)
        except ValueError as error:
            raise CannotCompare(f"{path} is not JSON: {error}") from error
    literal = LITERAL.search(text)
    if not literal:
        raise CannotCompare(f"{path} has no `const openapi = {{…}}` or `export default {{…}}`")
    node = shutil.which("node")
    if not node:
        raise CannotCompare(f"{path} is JavaScript: install Node, or give the document as JSON")
    said = subprocess.run(
        [node, "--eval", TO_JSON], input=literal[1], capture_output=True, text=True, check=False
    )
    if said.returncode:
        raise CannotCompare(f"Node cannot read {path}: {said.stderr.strip()}")
    return json.loads(said.stdout)


@dataclass(frozen=True)
class Published(Property):
    """A type of event in the file, as an object, and what the file says of it in words."""

    description: str = ""


def events_in(document: Any) -> dict[str, Published]:
    """Return the types of events in a document."""
    try:
        schemas = document["components"]["schemas"]
        listed = resolved(schemas["event"], schemas)["oneOf"]
    except (KeyError, TypeError):
        raise CannotCompare(
            "the file does not list the types of events; Seam's files do since the end of 2024"
        ) from None
    found = {}
    for schema in listed:
        properties = described_in(schema, required=True).properties or {}
        for event_type in schema["properties"]["event_type"]["enum"]:
            found[event_type] = Published(
                "object",
                required=True,
                # The one value of each is the type's name, and no enum to us.
                properties={
                    name: replace(known, enum=frozenset()) if name == "event_type" else known
                    for name, known in properties.items()
                },
                description=schema.get("description", ""),
            )
    return found


def resolved(schema: Any, schemas: Mapping[str, Any], within: tuple[str, ...] = ()) -> Any:
    """Return a schema with what it refers to in place, and the parts of each `allOf` joined.

    `within`: the schemas that it stands in; inside of itself, one can be anything.
    """
    if isinstance(schema, list):
        return [resolved(one, schemas, within) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if reference := schema.get("$ref"):
        name = reference.removeprefix(REFERENCE)
        if name not in schemas:
            raise CannotCompare(f"the file refers to {reference}, which it does not hold")
        return {} if name in within else resolved(schemas[name], schemas, (*within, name))
    found = {key: resolved(value, schemas, within) for key, value in schema.items()}
    parts = found.pop("allOf", ())
    return joined([*parts, found]) if parts else found


def joined(parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the schema of what fits all of the parts."""
    whole: dict[str, Any] = {}
    for part in parts:
        properties = {**whole.get("properties", {}), **part.get("properties", {})}
        required = [*whole.get("required", ()), *part.get("required", ())]
        whole = {**whole, **part}
        if properties:
            whole |= {"properties": properties, "required": required}
    return whole


def described_in(schema: Mapping[str, Any], *, required: bool) -> Property:
    """Say of a schema what our models would say."""
    variants = schema.get("oneOf") or schema.get("anyOf")
    if variants:
        shared = {key: schema[key] for key in schema.keys() - {"oneOf", "anyOf"}}
        each = [described_in(joined([shared, one]), required=required) for one in variants]
        return in_common(each, schema)
    kind = schema.get("type", "any")
    if schema.get("format") == "date-time":
        kind = "time"
    items = described_in(schema["items"], required=True) if "items" in schema else None
    inside, needed = schema.get("properties"), schema.get("required", ())
    properties = inside and {
        name: described_in(one, required=name in needed) for name, one in inside.items()
    }
    return Property(
        kind,
        required=required,
        nullable=schema.get("nullable", False),
        enum=frozenset(one for one in schema.get("enum", ()) if isinstance(one, str)),
        item=items.kind if items else None,
        properties=properties or (items and items.properties) or None,
    )


def in_common(variants: list[Property], schema: Mapping[str, Any]) -> Property:
    """Return the property that can be any of the variants."""
    first = variants[0]
    nullable = schema.get("nullable", False) or any(one.nullable for one in variants)
    if any((one.kind, one.item) != (first.kind, first.item) for one in variants):
        return Property("any", required=first.required, nullable=nullable)
    # Any string is allowed if one variant is without an enum.
    open_string = not all(one.enum for one in variants)
    sets = [one.properties or {} for one in variants]
    names = dict.fromkeys(chain.from_iterable(sets))
    return replace(
        first,
        nullable=nullable,
        enum=frozenset() if open_string else frozenset().union(*(one.enum for one in variants)),
        properties={
            name: replace(
                in_common([one[name] for one in sets if name in one], {}),
                required=all(name in one and one[name].required for one in sets),
            )
            for name in names
        }
        or None,
    )
