from __future__ import annotations

import json

import pytest

from fleet_agent import jsontext, plainjson

VALUES = [
    None,
    True,
    0,
    -5,
    2**63,
    1.5,
    1e-9,
    "",
    'a"b\\c\n\t\r\x00\x1f\x7f',
    "größe €",
    [],
    {},
    [1, [2, (3,)]],
    {"a": {"b": [None, False]}, "1": "x"},
]


@pytest.mark.parametrize("value", VALUES)
def test_both_encoders_say_what_json_reads(value: object) -> None:
    expected = json.loads(json.dumps(value))
    assert json.loads(jsontext.dumps(value)) == expected
    assert json.loads(plainjson.encode(value)) == expected


@pytest.mark.parametrize("value", [float("nan"), float("inf"), [float("-inf")]])
def test_what_is_no_number_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="JSON"):
        plainjson.encode(value)
    with pytest.raises(ValueError, match="JSON"):
        jsontext.dumps(value)


@pytest.mark.parametrize("value", [object(), b"bytes", {1, 2}])
def test_what_json_has_no_form_for_is_refused(value: object) -> None:
    with pytest.raises(TypeError):
        plainjson.encode(value)
    with pytest.raises(TypeError):
        jsontext.dumps(value)


def test_file_names_that_are_no_utf8_become_readable() -> None:
    assert json.loads(jsontext.dumps(b"a\xffb\xc3\xa4".decode("utf-8", "surrogateescape"))) == "a\ufffdbä"
    assert json.loads(jsontext.dumps("a\ud800b")) == "a?b"
