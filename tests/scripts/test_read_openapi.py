"""What `compare-openapi` reads: the package of types in all its forms, and what it refuses."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bellhop.events import TYPES
from tests.scripts.conftest import SCRIPT, Schemas, compare, document, run


def referring(schemas: Schemas, name: str) -> dict[str, Any]:
    """Return a document in which all types refer to a shared schema for their first properties."""
    shared: dict[str, Any] = {"type": "object", "properties": {}, "required": []}
    for part in ("event_id", "created_at", "occurred_at", "workspace_id"):
        shared["properties"][part] = schemas["lock.locked"]["properties"][part]
        shared["required"].append(part)
    events = {}
    for event_type, schema in schemas.items():
        own = {n: p for n, p in schema["properties"].items() if n not in shared["properties"]}
        required = [n for n in schema["required"] if n in own]
        events[event_type] = {
            "description": schema.get("description", ""),
            "allOf": [
                {"$ref": f"#/components/schemas/{name}"},
                {"type": "object", "properties": own, "required": required},
            ],
        }
    listed = [{"$ref": f"#/components/schemas/{event_type}"} for event_type in events]
    return {"components": {"schemas": {**events, "shared": shared, "event": {"oneOf": listed}}}}


def test_what_types_refer_to_and_join_is_read(schemas: Schemas, tmp_path: Path) -> None:
    file = tmp_path / "openapi.json"
    file.write_text(json.dumps(referring(schemas, "shared")))
    assert run(file).stdout == f"Nothing changed: {len(TYPES)} types.\n"


def test_a_reference_to_nothing_is_refused(schemas: Schemas, tmp_path: Path) -> None:
    file = tmp_path / "openapi.json"
    file.write_text(json.dumps(referring(schemas, "missing")))
    done = run(file)
    assert done.returncode == 2
    assert "refers to #/components/schemas/missing, which it does not hold" in done.stderr


def test_what_is_inside_of_itself_can_be_anything(schemas: Schemas, tmp_path: Path) -> None:
    node: dict[str, Any] = {"type": "object", "properties": {"name": {"type": "string"}}}
    node["properties"]["next"] = {"$ref": "#/components/schemas/event"}
    schemas["lock.locked"]["properties"]["node"] = node
    assert "    next: Any | None = None" in compare(schemas, tmp_path)


def test_variants_share_what_stands_beside_them(schemas: Schemas, tmp_path: Path) -> None:
    either = {
        "type": "object",
        "properties": {"name": {"type": "string"}},
        "required": ["name"],
        "anyOf": [{"properties": {"size": {"type": "number"}}}, {"properties": {}}],
    }
    schemas["lock.locked"]["properties"]["bolt"] = either
    printed = compare(schemas, tmp_path)
    assert "    name: Promised[str] = None" in printed
    assert "    size: float | None = None" in printed


@pytest.mark.skipif(not shutil.which("node"), reason="no Node")
@pytest.mark.parametrize(
    ("path", "start", "end"),
    [
        ("src/lib/seam/connect/openapi.ts", "const openapi: OpenAPISpec = ", "\n\nexport {}"),
        ("lib/seam/connect/openapi.js", "const openapi = ", ";\nexport default openapi;\n"),
        ("lib/seam/connect/openapi.js", "export default ", ";\n//# sourceMappingURL=x"),
    ],
)
def test_the_package_is_read_in_all_its_forms(
    schemas: Schemas, tmp_path: Path, path: str, start: str, end: str
) -> None:
    file = tmp_path / path
    file.parent.mkdir(parents=True)
    text = document(schemas).replace('"components"', "components").replace('"oneOf"', "'oneOf'")
    file.write_text(f"// {{\n{start}{text}{end}")
    for argument in (file, tmp_path):
        assert run(argument).stdout == f"Nothing changed: {len(TYPES)} types.\n"


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("openapi.json", None, "cannot read"),
        ("openapi.json", "const", "is not JSON"),
        ("openapi.json", "{}", "does not list the types of events"),
        ("openapi.ts", "export {}", "has no `const openapi = {…}`"),
        ("other.txt", ..., "has no src/lib/seam/connect/openapi.ts"),
    ],
)
def test_a_file_without_types_of_events_is_refused(
    tmp_path: Path, name: str, text: Any, words: str
) -> None:
    if isinstance(text, str):
        (tmp_path / name).write_text(text)
    done = run(tmp_path if text is ... else tmp_path / name)
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr


def test_javascript_without_node_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "openapi.ts").write_text("export default {\n}\n")
    monkeypatch.setenv("PATH", str(tmp_path))
    done = run(tmp_path / "openapi.ts")
    assert done.returncode == 2
    assert "install Node, or give the document as JSON" in done.stderr


@pytest.mark.parametrize(("arguments", "code"), [((), 2), (("--help",), 0)])
def test_without_a_file_it_tells_how_to_get_one(arguments: tuple[str, ...], code: int) -> None:
    done = subprocess.run([sys.executable, SCRIPT, *arguments], capture_output=True, text=True)
    assert done.returncode == code
    assert "npm pack @seamapi/types" in done.stdout
