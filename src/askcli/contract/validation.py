"""Checks that JSON from outside has a shape of the contract, without a model library."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import MAXYEAR, MINYEAR, datetime
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NotRequired, Union, get_args, get_origin

from typing_extensions import get_type_hints, is_typeddict

# What a double holds exactly, and no clock or counter reaches.
LARGEST_NUMBER = 2**53

_DATE = r"\d{4}-\d{2}-\d{2}"
_FORMATS = {
    "uuid": re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"),
    "date": re.compile(_DATE, re.ASCII),
    "date-time": re.compile(_DATE + r"T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})", re.ASCII),
}

Check = Callable[[Any], bool]


def fits(kind: Any, value: Any) -> bool:
    """Return whether the value is of the kind: a shape, or a type that shapes are made of.

    An object may have more fields than its shape: a later version's.
    """
    return _check(kind)(value)


def fitting_fields(shape: type, value: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of the value that are as the shape has them, without the others."""
    checks = _fields(shape)
    return {name: value[name] for name in checks if name in value and checks[name](value[name])}


def required_fields(shape: type) -> set[str]:
    """Return the fields that each object of the shape has.

    `__required_keys__` has those with NotRequired too, where annotations are strings.
    """
    required: frozenset[str] = shape.__required_keys__  # type: ignore[attr-defined]
    kinds = _kinds(shape)
    return {name for name in required if get_origin(kinds[name]) is not NotRequired}


@cache
def _fields(shape: type) -> dict[str, Check]:
    return {name: _check(kind) for name, kind in _kinds(shape).items()}


@cache
def _kinds(shape: type) -> dict[str, Any]:
    return get_type_hints(shape, include_extras=True)


@cache
def _check(kind: Any) -> Check:
    origin, arguments = get_origin(kind), get_args(kind)
    if is_typeddict(kind):
        return _object(kind)
    if origin is NotRequired:
        return _check(arguments[0])
    if origin is list:
        item = _check(arguments[0])
        return lambda value: isinstance(value, list) and all(map(item, value))
    if origin in (Union, UnionType):
        choices = [_check(one) for one in arguments]
        return lambda value: any(choice(value) for choice in choices)
    if origin is Literal:
        return lambda value: isinstance(value, str) and value in arguments
    if origin is Annotated:
        base, name = _check(arguments[0]), arguments[1].name
        return lambda value: base(value) and _has_format(name, value)
    return _PLAIN[kind]


def _object(shape: type) -> Check:
    fields, required = _fields(shape), required_fields(shape)

    def check(value: Any) -> bool:
        return (
            isinstance(value, dict)
            and required <= value.keys()
            and all(field(value[name]) for name, field in fields.items() if name in value)
        )

    return check


def _is_text(value: Any) -> bool:
    """Whether it is a string without unpaired surrogates, which nothing can store or send."""
    if not isinstance(value, str):
        return False
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_number(value: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and abs(value) <= LARGEST_NUMBER  # so it is no NaN


def _has_format(name: str, value: str) -> bool:
    """Whether it has the format; of a time, too, that each time zone can show it."""
    if not _FORMATS[name].fullmatch(value):
        return False
    try:
        return name == "uuid" or MINYEAR < datetime.fromisoformat(value).year < MAXYEAR
    except ValueError:  # month 13, 31 April
        return False


_PLAIN: dict[Any, Check] = {
    str: _is_text,
    int: lambda value: isinstance(value, int) and _is_number(value),
    float: _is_number,
    bool: lambda value: isinstance(value, bool),
    NoneType: lambda value: value is None,
    dict: lambda value: isinstance(value, dict),
}
