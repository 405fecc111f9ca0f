"""Read a store's response: its JSON, however it is wrapped, or the error that says why there is none."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

from woohub.counted import counted
from woohub.http import Response
from woohub.json_values import identifier, is_numbered
from woohub.store import error_pages, redirects, refusals
from woohub.store.connection import Connection
from woohub.store.requests import StoreOverloaded, StoreRefused, StoreRequest, StoreUnavailable
from woohub.store.rows import Listing, StoreRow

SEPARATORS = re.compile(r"[\s,:]*")
# Around the JSON, cache plugins leave comments, editors byte order marks, and other plugins spaces or "null".
WRAPPING = r"(?:[\s\ufeff\x00]|<!--.*?-->|\bnull\b)*"
WRAPPED = re.compile(rf"{WRAPPING}(?P<json>[\[{{].*[\]}}]){WRAPPING}", re.DOTALL)


@dataclass(frozen=True)
class Answer:
    """A good response: its text, and the JSON in it."""

    text: str
    content: Any
    total: int | None  # how many records the whole list has; None: the store does not say
    limit: int  # how many records of a list were asked for
    headers: Mapping[str, str]

    def object(self) -> dict[str, Any]:
        """Return the JSON object. Raises StoreUnavailable if the answer is a list."""
        if not isinstance(self.content, dict):
            raise StoreUnavailable("the store answered with a list instead of one record")
        return self.content

    def row(self) -> StoreRow:
        """Return the answer as one order or customer. Raises StoreUnavailable if it is a list."""
        return StoreRow(self.text.strip().encode(), self.object())

    def listing(self) -> Listing:
        """Return the answer as a list of records. Raises StoreUnavailable if it is no list."""
        return Listing(list(self._rows()), self.total, self.limit)

    def _rows(self) -> Iterator[StoreRow]:
        """Yield each record of a list with its own bytes, which PHP writes exactly as if the record stood alone."""
        if not isinstance(self.content, list) and not _is_numbered(self.content):
            raise StoreUnavailable(f"the store answered with something else than a list{_names(self.content)}")
        decoder, text = json.JSONDecoder(), self.text
        start = _next_value(text, 1)
        while text[start] not in "]}":
            row, end = decoder.raw_decode(text, start)  # in a numbered list, each key is a text, and is skipped
            if isinstance(row, dict) and identifier(row):
                yield StoreRow(text[start:end].encode(), row)
            start = _next_value(text, end)


def _next_value(text: str, start: int) -> int:
    match = SEPARATORS.match(text, start)
    return match.end() if match else start


def _is_numbered(content: Any) -> bool:
    """Whether this is a list from which a plugin removed rows, which PHP writes as an object."""
    return is_numbered(content) and all(isinstance(row, dict) for row in content.values())


def _names(content: Any) -> str:
    names = [name for name in content if re.fullmatch(r"[a-z_]{1,30}", name)] if isinstance(content, dict) else []
    return f" (it has {', '.join(names[:5])}): does a plugin answer in WooCommerce's place?" if names else ""


def parse_response(response: Response, request: StoreRequest, connection: Connection) -> Answer:
    """Read a response. Raises StoreUnavailable or StoreRefused, which say what to do about the failure."""
    status, (text, content) = response.status, _json(response)
    if 300 <= status < 400:
        raise _redirected(response, request, connection)
    if content is None:
        raise _not_json(response)
    if 200 <= status < 300:
        return Answer(text, content, _total(response), int(request.params.get("per_page", "0")), response.headers)
    raise _error(response, content if isinstance(content, dict) else {}, connection)


def _redirected(response: Response, request: StoreRequest, connection: Connection) -> StoreRefused:
    location = response.headers.get("location", "")
    cause = redirects.cause_of_redirect(redirects.Redirect(connection, request.path, location))
    return StoreRefused(cause.words, fix=cause.fix, status=response.status, location=location)


def _error(response: Response, content: Mapping[str, Any], connection: Connection) -> StoreUnavailable | StoreRefused:
    """Return the error for a response in which WordPress or WooCommerce reports one as JSON."""
    status, code = response.status, str(content.get("code") or "")
    if status == 429 or status >= 500:
        return _unavailable(
            response, f"the store's answer is {status} {code}".strip(), error_pages.fix_of_status(status)
        )
    cause = refusals.cause_of_refusal(status, code, str(content.get("message") or ""), connection)
    return StoreRefused(cause.words, fix=cause.fix, status=status, code=code)


def _json(response: Response) -> tuple[str, Any]:
    """Return the JSON text of a response, and its content; "" and None if it is no JSON object or list."""
    try:
        text = (response.data or b"").decode("utf-8-sig")
        wrapped = WRAPPED.fullmatch(text)
        text = wrapped["json"] if wrapped else ""
        return text, json.loads(text)
    except (ValueError, RecursionError):
        return "", None


def _not_json(response: Response) -> StoreUnavailable | StoreRefused:
    cause = error_pages.cause_of_page(response)
    if response.status == 404:
        return StoreRefused(
            f"there is no REST API at the store's address (404, {cause.words})", fix=cause.fix, status=404
        )
    size = counted(len(response.data or b""), "byte")
    words = f"the store's answer is {response.status} with {size} that are not JSON, {cause.words}"
    return _unavailable(response, words, cause.fix)


def _unavailable(response: Response, words: str, fix: str) -> StoreUnavailable:
    kind, wait_s = StoreOverloaded if response.status in (500, 504) else StoreUnavailable, retry_after_s(response)
    asks = f"; it asks to wait {wait_s:.0f} s" if wait_s else ""
    return kind(f"{words}{asks}", fix=fix, retry_after=wait_s, status=response.status)


def _total(response: Response) -> int | None:
    text = response.headers.get("x-wp-total", "")
    return int(text) if text.isascii() and text.isdigit() else None


def retry_after_s(response: Response) -> float | None:
    """Return the seconds that Retry-After asks to wait, written as a number or as a date; None if it asks for none."""
    text = response.headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d{1,9}", text):
        return float(text) or None
    until_s, now_s = epoch_s(text), epoch_s(response.headers.get("date", "")) or time.time()
    return until_s - now_s if until_s > now_s else None


def epoch_s(date: str) -> float:
    """Convert a header's date to epoch seconds; 0 if the text is no date."""
    try:
        return parsedate_to_datetime(date).timestamp() if date else 0.0
    except (ValueError, OverflowError):
        return 0.0
