"""The types of an order's and customer's fields: strict about ids, money and the status, tolerant about all else.

Plugins are not strict, so a text that is missing, null, false, a list or an object reads as "", and numbers as text.
"""

from __future__ import annotations

import math
import re
from decimal import Decimal
from typing import Annotated

from pydantic import BeforeValidator, PlainValidator
from pydantic_core import PydanticCustomError

from woohub import dates
from woohub.json_values import objects, whole_number

UNREADABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b-\u200f\u2060\ufeff]")  # pasted by mistake
LOOSE_START, LOOSE_END = re.compile(r"^(?P<sign>-?)\.(?=[0-9])"), re.compile(r"(?<=[0-9])\.$")  # in .50 and 7.
MONEY = re.compile(r"-?[0-9]{1,32}(\.[0-9]{1,32})?")


def number_text(number: float) -> str:
    """Return a number as people write it: 150 or 7.51, never 1e+21 or 150.0; "" for NaN and infinity."""
    if isinstance(number, int):
        return str(number)
    return format(Decimal(repr(number)), "f").removesuffix(".0") if math.isfinite(number) else ""


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    return number_text(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""


def _status(value: object) -> str:
    status = UNREADABLE.sub("", value).strip().lower().removeprefix("wc-") if isinstance(value, str) else ""
    if not status:
        raise PydanticCustomError("status", "must be a text that is not empty")
    return status


def decimal_text(value: object) -> str:
    """Read a decimal number such as 150.00; " 1 500. " reads as 1500. Return "" for anything else."""
    text = _text(value)
    if not text or MONEY.fullmatch(text):
        return text
    text = "".join(UNREADABLE.sub("", text).split())  # some number formats begin with spaces, or have them as groups
    text = LOOSE_END.sub("", LOOSE_START.sub(r"\g<sign>0.", text.removeprefix("+")))
    return text if MONEY.fullmatch(text) else ""


def _money(value: object) -> str:
    text = decimal_text(value)
    if not text:
        raise PydanticCustomError("money", "must be a plain decimal number such as 150.00")
    return text


def _date(value: object) -> str | None:
    """Return a date in UTC; None if the store sent null, "" if it sent something that is no date."""
    return None if value is None else dates.usable(value)


def _number(value: object) -> int:
    number = whole_number(value)
    if number is None:
        raise PydanticCustomError("number", "must be a whole number")
    return number


def _id(value: object) -> int:
    number = _number(value)
    if number == 0:
        raise PydanticCustomError("id", "must be a whole number above 0")
    return number


def _customer_id(value: object) -> int:
    """Return a customer's number; 0, a guest's, for anything else: contacts are found by address, not by number."""
    return whole_number(value) or 0


def _currency(value: object) -> str:
    return _text(value).strip().upper()


def _object(value: object) -> object:
    return value if isinstance(value, dict) else {}  # PHP writes an empty object as []


def _items(value: object) -> list[dict[str, object]] | None:
    if not isinstance(value, list | dict):
        return None
    return [
        row if isinstance(row.get("name"), str) else {**row, "name": _text(row.get("name"))} for row in objects(value)
    ]


Text = Annotated[str, PlainValidator(_text)]
Status = Annotated[str, PlainValidator(_status)]  # without the prefix `wc-`
Money = Annotated[str, PlainValidator(_money)]  # with the decimals that the store writes
Date = Annotated[str | None, PlainValidator(_date)]
Id = Annotated[int, PlainValidator(_id)]
Currency = Annotated[str, PlainValidator(_currency)]  # the currency's code
CustomerId = Annotated[int, PlainValidator(_customer_id)]  # 0: a guest
AnyObject = BeforeValidator(_object)
Items = Annotated[list[dict[str, object]] | None, PlainValidator(_items)]  # each has a name, which may be ""
