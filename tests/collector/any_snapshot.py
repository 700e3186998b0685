"""Any JSON that the snapshot's types admit, for hypothesis."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st
from msgspec import inspect

MOST = 3  # entries of a list
WORDS = ("active", "failed", "tcp", "/", "eth0", "10.0.0.1/24", "a-1", "\x1b[31m", "")


def json_of(kind: Any) -> st.SearchStrategy[Any]:
    """A strategy for values of one type, from what msgspec knows of it."""
    return STRATEGIES[type(kind)](kind)


def _object(fields: tuple[inspect.Field, ...]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {field.encode_name: json_of(field.type) for field in fields if field.required},
        optional={field.encode_name: json_of(field.type) for field in fields if not field.required},
    )


STRATEGIES: dict[type, Callable[[Any], st.SearchStrategy[Any]]] = {
    inspect.StructType: lambda kind: _object(kind.fields),
    inspect.UnionType: lambda kind: st.one_of([json_of(one) for one in kind.types]),
    inspect.ListType: lambda kind: st.lists(json_of(kind.item_type), max_size=MOST),
    inspect.DictType: lambda kind: st.dictionaries(
        json_of(kind.key_type), json_of(kind.value_type), max_size=MOST
    ),
    inspect.LiteralType: lambda kind: st.sampled_from(kind.values),
    inspect.IntType: lambda kind: st.integers(kind.ge, kind.le),
    inspect.FloatType: lambda kind: st.floats(kind.ge, kind.le),
    inspect.StrType: lambda _: st.sampled_from(WORDS) | st.text(max_size=9),
    inspect.BoolType: lambda _: st.booleans(),
    inspect.NoneType: lambda _: st.none(),
}
