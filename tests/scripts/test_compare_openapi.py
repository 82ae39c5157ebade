"""What `compare-openapi` prints of a newer file: the lines to edit."""

import copy
from pathlib import Path
from typing import Any

import pytest

from bellhop.events import TYPES
from tests.scripts.conftest import STRING, Schemas, add, compare, document, run


def test_a_file_that_says_what_the_facts_say_changes_nothing(
    schemas: Schemas, tmp_path: Path
) -> None:
    (tmp_path / "openapi.json").write_text(document(schemas))
    done = run(tmp_path / "openapi.json")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"Nothing changed: {len(TYPES)} types.\n"


def test_a_new_type_is_printed_as_a_class(schemas: Schemas, tmp_path: Path) -> None:
    new = add(schemas, "lock.jammed", "lock.locked", jam_depth={"type": "number"}, **{"from": {}})
    new["description"] = "A [bolt](https://example.com/bolts) is stuck.\nSomebody has to help."
    new["properties"]["jammed_at"] = {"type": "string", "format": "date-time", "nullable": True}
    new["properties"]["cause"] = {"type": "string", "enum": ["dirt", "age"]}
    new["required"] += ["jam_depth", "cause"]
    assert (
        compare(schemas, tmp_path)
        == '''\
bellhop/events/lock.py: new type lock.jammed


class LockJammedEvent(BoltEvent):
    """TODO A bolt is stuck."""

    event_type: Literal["lock.jammed"]
    device_id: str
    jam_depth: Promised[float] = None
    from_: Any | None = Field(default=None, alias="from")
    jammed_at: Nullable[Time] = None
    cause: Promised[OneOf[Literal["age", "dirt"]]] = None'''
    )


def test_a_new_type_brings_classes_for_new_objects_inside(schemas: Schemas, tmp_path: Path) -> None:
    bolt = {"type": "object", "properties": {"name": STRING}, "required": ["name"]}
    bolts = {"type": "array", "items": bolt}
    add(schemas, "lock.jammed", "lock.locked", bolt=bolt, other_bolts=bolts, ids={"items": STRING})
    schemas["lock.jammed"]["properties"]["ids"]["type"] = "array"
    printed = compare(schemas, tmp_path)
    assert "class LockJammedBolt(SeamModel):" in printed
    assert "    name: Promised[str] = None\n" in printed
    assert "    bolt: LockJammedBolt | None = None\n" in printed
    assert "    other_bolts: list[LockJammedOtherBolts] | None = None\n" in printed
    assert printed.endswith("    ids: list[str] | None = None")


def test_the_first_type_of_a_resource_brings_a_base_and_a_file(
    schemas: Schemas, tmp_path: Path
) -> None:
    new = add(schemas, "doorbell.rang", "device.added", doorbell_id=STRING)
    new["required"].append("doorbell_id")
    assert (
        compare(schemas, tmp_path)
        == '''\
bellhop/events/doorbell.py: a base for the events of doorbell


class DoorbellEvent(OnDevice, ForCustomer):
    """TODO Say what it is."""

    doorbell_id: str


bellhop/events/doorbell.py: new type doorbell.rang


class DoorbellRangEvent(DoorbellEvent):
    """TODO Say what it is."""

    event_type: Literal["doorbell.rang"]'''
    )


def test_a_new_value_is_a_line_of_the_shared_base(schemas: Schemas, tmp_path: Path) -> None:
    for event_type in ("lock.locked", "lock.unlocked"):
        schemas[event_type]["properties"]["method"]["enum"] += ["palm_vein"]
    printed = compare(schemas, tmp_path).splitlines()
    assert printed[0] == "bellhop/events/lock.py, BoltEvent: method can be palm_vein"
    assert printed[1] == "      method: Promised["
    assert [line for line in printed[1:] if line[0] in "+-"] == ['+                 "palm_vein",']


def test_what_changed_in_one_type_overrides_the_base(schemas: Schemas, tmp_path: Path) -> None:
    schemas["lock.locked"]["properties"]["is_via_nfc"]["nullable"] = True
    assert compare(schemas, tmp_path) == (
        "bellhop/events/lock.py, LockLockedEvent: is_via_nfc can be null (overrides BoltEvent)\n"
        "+     is_via_nfc: Nullable[bool] = None"
    )


@pytest.mark.parametrize(
    ("event_type", "name", "change", "printed"),
    [
        (
            "device.name_changed",
            "device_name",
            {"nullable": True},
            "bellhop/events/device.py, DeviceNameChangedEvent: device_name can be null\n"
            "-     device_name: Promised[str] = None\n"
            "+     device_name: Promised[Nullable[str]] = None",
        ),
        (
            "device.low_battery",
            "battery_level",
            {"required": False},
            "bellhop/events/device.py, DeviceLowBatteryEvent: battery_level is no longer promised\n"
            "-     battery_level: Promised[float] = None\n"
            "+     battery_level: float | None = None",
        ),
        (
            "connected_account.deleted",
            "connected_account_type",
            {"required": True},
            "bellhop/events/connected_account.py, ConnectedAccountDeletedEvent: "
            "connected_account_type is promised\n"
            "-     connected_account_type: str | None = None\n"
            "+     connected_account_type: Promised[str] = None",
        ),
        (
            "access_grant.access_times_changed",
            "starts_at",
            {"format": "date-time"},
            "bellhop/events/access_grant.py, AccessGrantAccessTimesChangedEvent: "
            "starts_at is time, was string\n"
            "-     starts_at: str | None = None\n"
            "+     starts_at: Time | None = None",
        ),
        (
            "phone.deactivated",
            "phone_name",
            {"type": "string"},
            "bellhop/events/phone.py, PhoneDeactivatedEvent: phone_name is new\n"
            "+     phone_name: str | None = None",
        ),
        (
            "access_code.created",
            "customer_key",
            {"type": "string"},
            "bellhop/events/access_code.py, AccessCodeCreatedEvent: customer_key is new "
            "(or inherit ForCustomer)\n"
            "+     customer_key: str | None = None",
        ),
    ],
)
def test_a_changed_property_is_printed_as_its_new_line(
    schemas: Schemas,
    tmp_path: Path,
    event_type: str,
    name: str,
    change: dict[str, Any],
    printed: str,
) -> None:
    changed = schemas[event_type]
    required = change.get("required", name in changed["required"])
    fields = {key: value for key, value in change.items() if key != "required"}
    changed["properties"][name] = changed["properties"].get(name, {}) | fields
    changed["required"] = [n for n in changed["required"] if n != name] + [name] * required
    assert compare(schemas, tmp_path) == printed


def test_what_all_types_get_is_one_line_of_the_root(schemas: Schemas, tmp_path: Path) -> None:
    add(schemas, "lock.jammed", "lock.locked")
    for one in schemas.values():
        one["properties"]["region"] = STRING
    printed = compare(schemas, tmp_path)
    assert printed.count("region: ") == 1
    assert printed.endswith(
        "bellhop/events/base.py, SeamEvent: region is new\n+     region: str | None = None"
    )


def test_objects_inside_are_compared_too(schemas: Schemas, tmp_path: Path) -> None:
    reason = schemas["lock.access_denied"]["properties"]["reason"]
    reason["properties"]["attempts"] = {"type": "integer"}
    assert compare(schemas, tmp_path) == (
        "bellhop/events/lock.py, AccessDeniedReason: attempts is new\n"
        "+     attempts: int | None = None"
    )


def test_a_change_of_a_shared_object_in_one_place_says_so(schemas: Schemas, tmp_path: Path) -> None:
    errors = schemas["device.disconnected"]["properties"]["device_errors"]
    errors["items"]["properties"]["is_device_error"] = {"type": "boolean"}
    assert compare(schemas, tmp_path) == (
        "bellhop/events/base.py, SeamError: is_device_error is new\n"
        "only in device.disconnected device_errors\n"
        "+     is_device_error: bool | None = None"
    )


def test_variants_are_compared_as_their_union(schemas: Schemas, tmp_path: Path) -> None:
    mutations = schemas["access_code.mutations_requested"]["properties"]["requested_mutations"]
    codes = mutations["items"]["properties"]["mutation_code"]["enum"]
    variants = []
    for code in [*codes, "renaming"]:
        variant = copy.deepcopy(mutations["items"])
        variant["properties"]["mutation_code"]["enum"] = [code]
        variants.append(variant)
    mutations["items"] = {"oneOf": variants}
    printed = compare(schemas, tmp_path).splitlines()
    assert printed[0] == (
        "bellhop/events/access_code.py, RequestedMutation: mutation_code can be renaming"
    )
    assert [line for line in printed[1:] if line[0] in "+-"] == ['+                 "renaming",']


def test_what_is_gone_is_mentioned_and_nothing_to_edit(schemas: Schemas, tmp_path: Path) -> None:
    del schemas["lock.access_denied"]
    schemas["lock.locked"]["properties"]["method"]["enum"].remove("seamapi")
    del schemas["lock.locked"]["properties"]["code"]
    schemas["device.deleted"]["properties"]["device_name"].pop("nullable")
    (tmp_path / "openapi.json").write_text(document(schemas))
    done = run(tmp_path / "openapi.json")
    assert done.returncode == 0
    assert done.stdout.splitlines() == [
        "Not in this file, and to be kept, for older events have it (or the file is old):",
        "  type lock.access_denied",
        "  code of lock.locked",
        "",
        f"Nothing to edit: {len(TYPES) - 1} types.",
    ]
