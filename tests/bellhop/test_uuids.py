from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from bellhop.uuids import is_uuid, short_id


@given(st.uuids())
def test_a_uuid_is_known_by_its_look_and_shortened(value: UUID) -> None:
    for text in (str(value), str(value).upper()):
        assert is_uuid(text)
        assert short_id(text) == text[:8]


@given(st.uuids().map(str))
def test_what_only_looks_like_one_stays_whole(text: str) -> None:
    others = (text[:-1], f"{text}0", f"{text}\n", text.replace("-", ""), f"x{text[1:]}", "front-1")
    for other in others:
        assert not is_uuid(other)
        assert short_id(other) == other
