"""The description of the API is right: schemathesis makes up requests from it, right and wrong."""

import json
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from jsonschema_rs import validator_for

from bellhop_receiver.api.openapi import describe
from tests.receiver.api.conftest import KEY, Api, ago
from tests.receiver.api.test_refusals import PATHS
from tests.receiver.api.test_seam_sdk import attempted

CONFIG = Path(__file__).with_name("schemathesis.toml")


@pytest.mark.timeout(240)
def test_what_is_served_is_what_is_described(api: Api) -> None:
    api.deliver_some(3)
    attempted(api, "a1", "lock_door.succeeded")
    attempted(api, "a2", "lock_door.failed")
    command = [
        *(str(Path(sys.executable).with_name("schemathesis")), "--config-file", str(CONFIG)),
        *("run", f"{api.url}/openapi.json", "--header", f"Authorization: Bearer {KEY}"),
        *("--max-examples", "8", "--seed", "1", "--workers", "1", "--no-color"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stdout[-10_000:]
    assert "Tested: 8" in done.stdout


def test_the_description_needs_no_key(api: Api) -> None:
    response = httpx.get(f"{api.url}/openapi.json")
    assert response.headers["content-type"] == "application/json"
    assert response.json() == describe()
    assert response.json()["openapi"] == "3.1.0"
    assert set(response.json()["paths"]) == set(PATHS)
    assert KEY not in response.text


def test_the_description_is_strict_about_what_is_asked() -> None:
    schemas = describe()["components"]["schemas"]
    asked = validator_for({"$ref": "#/$defs/EventsList", "$defs": schemas_of(schemas)})
    assert asked.is_valid({"since": ago(hours=1), "device_id": "a", "page_cursor": None})
    for wrong in (
        {},
        {"since": ago(hours=2), "between": [ago(hours=2), ago(hours=1)]},
        {"since": ago(hours=1), "limit": 1001},
        {"since": ago(hours=1), "sinse": "x"},
        {"since": ago(hours=1), "device_id": None},
        {"since": ago(hours=1), "event_type": "lock.*"},
        {"since": ago(hours=1), "unstable_offset": 1, "page_cursor": "x"},
    ):
        assert not asked.is_valid(wrong), wrong


def schemas_of(schemas: dict[str, object]) -> object:
    """Return the schemas as they refer to each other outside of OpenAPI."""
    return json.loads(json.dumps(schemas).replace("#/components/schemas/", "#/$defs/"))
