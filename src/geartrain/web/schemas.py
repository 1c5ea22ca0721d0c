"""What values may be: JSON schemas, by which requests are checked and which the description of the API shows.

Only those words of JSON schema are known here that the API uses.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, cast

from geartrain.protocol.durations import seconds_of, whole_or_part
from geartrain.protocol.numbers import whole
from geartrain.web.problems import wrong

Schema = Mapping[str, object]

TYPES: Final[dict[str, tuple[type, ...]]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
    "null": (type(None),),
}
PLAIN: Final = {
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "an object",
    "null": "null",
}
NAME: Final = "name"  # the format of a text that may have bytes which are no UTF-8, each as U+DC80 to U+DCFF
SPAN: Final = "span"  # the format of what is a number of seconds, or a text such as 15m
UNIT_ENDS: Final = tuple("wdhms")  # the last letters of such a text
TRUTHS: Final = {"true": True, "1": True, "false": False, "0": False}


def check(name: str, value: object, schema: Schema) -> None:
    """Raise a Problem naming the place, the value and what was expected, where it is not as the schema says."""
    for _ in checks(name, value, schema):
        pass


def checks(name: str, value: object, schema: Schema) -> Iterator[None]:
    """The same in steps, for a value that may have a thousand items."""
    kind = kind_of(value, schema)
    if kind is None or not fits(kind, value, schema):
        raise wrong(name or "body", value, expected(schema))
    if isinstance(value, dict):
        yield from check_members(name, value, schema)
    elif isinstance(value, list):
        items = cast(Schema, schema.get("items", {}))
        for position, item in enumerate(value):
            yield from checks(f"{name}[{position}]", item, items)
            yield None


def kind_of(value: object, schema: Schema) -> str | None:
    """Which of the schema's types a value has; None where it has none of them. JSON's true is no number."""
    for kind in kinds(schema):
        if isinstance(value, TYPES[kind]) and (isinstance(value, bool) == (kind == "boolean")):
            return kind
        if kind == "integer" and isinstance(value, float) and value.is_integer():
            return kind
    return None


def kinds(schema: Schema) -> Sequence[str]:
    given = schema.get("type", tuple(TYPES))
    return [given] if isinstance(given, str) else cast(Sequence[str], given)


def fits(kind: str, value: object, schema: Schema) -> bool:
    """Whether a value of the right type is within what the schema allows."""
    if "enum" in schema and value not in cast(Sequence[object], schema["enum"]):
        return False
    measure = MEASURES.get(kind)
    return measure is None or measure(value, schema)


def fits_text(value: object, schema: Schema) -> bool:
    text = cast(str, value)
    halves = [letter for letter in text if "\ud800" <= letter <= "\udfff"] if not text.isascii() else []
    if halves and not (schema.get("format") == NAME and all("\udc80" <= half <= "\udcff" for half in halves)):
        return False  # half a character: there are no bytes for it
    if schema.get("format") == SPAN:
        return fits_span(text, schema)
    pattern = schema.get("pattern")
    if pattern is not None and re.search(cast(str, pattern), text) is None:
        return False
    return within(len(text), schema, "minLength", "maxLength")


def fits_span(text: str, schema: Schema) -> bool:
    """Whether a text is a time, with its units, that is within what the schema allows."""
    try:
        return text[-1:].isalpha() and within(seconds_of(text), schema, "minimum", "maximum")
    except ValueError:
        return False


def fits_number(value: object, schema: Schema) -> bool:
    number = cast(float, value)
    return math.isfinite(number) and within(number, schema, "minimum", "maximum")


def fits_list(value: object, schema: Schema) -> bool:
    return within(len(cast(list[object], value)), schema, "minItems", "maxItems")


def fits_object(value: object, schema: Schema) -> bool:
    return within(len(cast(dict[str, object], value)), schema, "minProperties", "maxProperties")


MEASURES: Final[dict[str, Callable[[object, Schema], bool]]] = {
    "string": fits_text,
    "integer": fits_number,
    "number": fits_number,
    "array": fits_list,
    "object": fits_object,
}


def within(number: float, schema: Schema, least: str, most: str) -> bool:
    low, high = schema.get(least), schema.get(most)
    return (low is None or number >= cast(float, low)) and (high is None or number <= cast(float, high))


def check_members(name: str, value: dict[str, object], schema: Schema) -> Iterator[None]:
    """The same for what an object has."""
    known = cast(Mapping[str, Schema], schema.get("properties", {}))
    others = schema.get("additionalProperties", {})
    for member in cast(Sequence[str], schema.get("required", ())):
        if member not in value:
            raise wrong(below(name, member), None, expected(known.get(member, {})))
    for member, content in value.items():
        if member in known:
            yield from checks(below(name, member), content, known[member])
        elif isinstance(others, Mapping):
            yield from checks(below(name, member), content, others)
        elif not others:
            raise wrong(below(name, member), content, f"no other members than {', '.join(known)}")
    check_alternatives(name, value, schema)


def check_alternatives(name: str, value: Mapping[str, object], schema: Schema) -> None:
    """Raise a Problem where members are there of which one only may be, or none is of which one has to be."""
    for group in cast(Sequence[Mapping[str, Schema]], schema.get("allOf", ())):
        both = cast(Sequence[str], group["not"]["required"])
        if all(member in value for member in both):
            raise wrong(below(name, both[1]), value[both[1]], f"to be left out beside {both[0]}")
    options = cast(Sequence[Mapping[str, Sequence[str]]], schema.get("oneOf", ()))
    names = [option["required"][0] for option in options]
    given = [member for member in names if member in value]
    if names and not given:
        raise wrong(" or ".join(names), None, "to be given")
    if len(given) > 1:
        raise wrong(below(name, given[1]), value[given[1]], f"to be left out beside {given[0]}")


def below(name: str, member: str) -> str:
    """The place of a member: that of the body itself has no name."""
    return f"{name}.{member}" if name else member


def expected(schema: Schema) -> str:
    """What a schema allows, in words."""
    if "enum" in schema:
        return "one of " + ", ".join(map(str, cast(Sequence[object], schema["enum"])))
    words = (
        PLAIN["number"]
        if schema.get("format") == SPAN
        else " or ".join(map(PLAIN.__getitem__, kinds(schema)))
    )
    for unit, least, most in BOUNDS:
        low, high = schema.get(least), schema.get(most)
        if low is not None or high is not None:
            words += between(low, high) + unit
    if schema.get("format") == SPAN:
        return f"{words}; or a time such as 15m or 1h30m"
    if "pattern" in schema:
        words += f" that matches {schema['pattern']}"
    return words


BOUNDS: Final = (
    (" characters", "minLength", "maxLength"),
    ("", "minimum", "maximum"),
    (" items", "minItems", "maxItems"),
    (" members", "minProperties", "maxProperties"),
)


def between(low: object, high: object) -> str:
    if high is None:
        return f" of at least {low}"
    return f" of at most {high}" if low is None else f" from {low} to {high}"


def from_text(name: str, text: str, schema: Schema) -> object:
    """The value of a parameter, which comes as text."""
    value: object = text
    kind = kinds(schema)[0]
    try:
        if kind == "integer":
            value = whole(text.removeprefix("-")) * (-1 if text.startswith("-") else 1)
        elif kind == "number":
            value = text if schema.get("format") == SPAN and text.endswith(UNIT_ENDS) else float(text)
        elif kind == "boolean":
            value = TRUTHS[text.lower()]
    except (ValueError, KeyError):
        raise wrong(name, text, expected(schema)) from None
    check(name, value, schema)
    return plain(value, schema)


def plain(value: object, schema: Schema) -> object:
    """A value that was checked, with each time in it as a number of seconds."""
    if isinstance(value, str):
        return whole_or_part(seconds_of(value)) if schema.get("format") == SPAN else value
    if isinstance(value, dict):
        known = cast(Mapping[str, Schema], schema.get("properties", {}))
        return {name: plain(item, known.get(name, {})) for name, item in value.items()}
    if isinstance(value, list):
        items = cast(Schema, schema.get("items", {}))
        return [plain(item, items) for item in value] if items else value
    return value


# Schemas are made of these.


def text(description: str, **limits: object) -> Schema:
    return {"type": "string", "description": description, **limits}


def named(description: str, **limits: object) -> Schema:
    """A text that names a function or a job."""
    return text(description, format=NAME, **limits)


def number(description: str, least: float = 0, most: float = 1e12) -> Schema:
    return {"type": "number", "description": description, "minimum": least, "maximum": most}


def span(description: str, most: float = 1e12) -> Schema:
    """A time: a number of seconds, or a text with units."""
    return {
        "type": ["number", "string"],
        "description": f"{description}: seconds, or a text such as 15m or 1h30m",
        "format": SPAN,
        "pattern": "^(\\d{1,12}(\\.\\d{1,9})?(w|d|h|ms?|s))+$",
        "minimum": 0,
        "maximum": most,
    }


def integer(description: str, least: int, most: int) -> Schema:
    return {"type": "integer", "description": description, "minimum": least, "maximum": most}


def choice(description: str, *words: str) -> Schema:
    return {"type": "string", "description": description, "enum": list(words)}


def listing(description: str, items: Schema, least: int, most: int) -> Schema:
    return {"type": "array", "description": description, "items": items, "minItems": least, "maxItems": most}


def flag(description: str) -> Schema:
    """What is true, or left out."""
    return {"type": "boolean", "description": description, "enum": [True]}


def mapping(description: str, values: Schema) -> Schema:
    return {"type": "object", "description": description, "additionalProperties": values}


def apart(schema: Schema, *pairs: tuple[str, str]) -> Schema:
    """An object that may not have both members of a pair."""
    return {**schema, "allOf": [{"not": {"required": list(pair)}} for pair in pairs]}


def one_of(schema: Schema, *names: str) -> Schema:
    """An object that has exactly one of the members."""
    return {**schema, "oneOf": [{"required": [name]} for name in names]}


def without(schema: Schema, name: str) -> Schema:
    """A schema without one of its words."""
    return {word: value for word, value in schema.items() if word != name}


def members(properties: Mapping[str, Schema], *required: str, others: object = False) -> Schema:
    """An object; whether it may have ``others`` too."""
    schema = {"type": "object", "properties": dict(properties), "additionalProperties": others}
    return schema | ({"required": list(required)} if required else {})
