"""Schemas as Seam publishes them, made of the facts, and the script that compares with them."""

import copy
import io
import json
import runpy
import sys
from contextlib import redirect_stderr, redirect_stdout
from functools import cache
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "scripts" / "compare-openapi"
FACTS: dict[str, dict[str, Any]] = json.loads(
    (ROOT / "tests" / "facts" / "event-types.json").read_text()
)["event_types"]
STRING = {"type": "string"}
Schemas = dict[str, dict[str, Any]]


def schema(fact: dict[str, Any]) -> dict[str, Any]:
    """Return one property of the facts as OpenAPI has it."""
    kept = ("format", "nullable", "enum")
    found: dict[str, Any] = {key: fact[key] for key in kept if key in fact}
    kind = fact.get("base_type", fact["type"])
    if kind != "any":
        found["type"] = kind
    if "properties" in fact:
        found |= of_object({p["name"]: p for p in fact["properties"]})
    if "items" in fact:
        items = fact["items"]
        inside = items.get("properties")
        found["items"] = of_object({p["name"]: p for p in inside}) if inside else items
    return found


def of_object(properties: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {name: schema(fact) for name, fact in properties.items()},
        "required": [n for n, f in properties.items() if f["required"] not in (False, "no")],
    }


@pytest.fixture
def schemas() -> Schemas:
    """Return the types of events as Bellhop knows them, to be changed by a test."""
    found: Schemas = {}
    for event_type, fact in FACTS.items():
        # Of one type Seam has published no properties; its siblings have these.
        properties = fact["properties"] or FACTS["access_code.created"]["properties"]
        found[event_type] = of_object(properties)
        found[event_type]["properties"]["event_type"] = {"type": "string", "enum": [event_type]}
    # The facts stay as they are, whatever the test does.
    return copy.deepcopy(found)


def add(schemas: Schemas, event_type: str, like: str, **properties: Any) -> dict[str, Any]:
    """Add a new type with the properties of a known one, and more."""
    new: dict[str, Any] = copy.deepcopy(schemas[like])
    new["properties"] |= properties
    new["properties"]["event_type"]["enum"] = [event_type]
    schemas[event_type] = new
    return new


def document(schemas: Schemas) -> str:
    event = {"oneOf": list(schemas.values())}
    return json.dumps({"components": {"schemas": {"event": event}}}, indent=2)


def run(*arguments: object) -> CompletedProcess[str]:
    """Do what the script does, in this process: to start one takes longer than most comparisons."""
    words = [*map(str, arguments)]
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = _script()["main"](words)
    return CompletedProcess(words, code, out.getvalue(), err.getvalue())


@cache
def _script() -> dict[str, Any]:
    sys.path.append(str(SCRIPT.parent))  # as Python does for a script that it runs
    return runpy.run_path(str(SCRIPT))


def compare(schemas: Schemas, folder: Path) -> str:
    """Return what is printed, without the lines after the edits."""
    file = folder / "openapi.json"
    file.write_text(document(schemas))
    done = run(file)
    assert (done.returncode, done.stderr) == (1, "")
    edits, rest = done.stdout.rsplit("\n\n\n", 1)
    assert "Edits: " in rest
    return edits
