"""What a store's answer means: its JSON, however it is wrapped, or the error that says why there is none."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

from woohub.delivery.webhooks import identifier
from woohub.http import Response
from woohub.store import causes
from woohub.store.requests import Access, Question, StoreRefused, StoreUnavailable, TooMuch, Way

BETWEEN = re.compile(r"[\s,:]*")
# What cache plugins, byte order marks and careless hooks leave around the JSON.
WRAPPING = r"(?:[\s\ufeff\x00]|<!--.*?-->|\bnull\b)*"
WRAPPED = re.compile(rf"{WRAPPING}(?P<json>[\[{{].*[\]}}]){WRAPPING}", re.DOTALL)


@dataclass(frozen=True)
class Answer:
    """A good answer: its text, its JSON, how many there are of what was asked for, and how many could have come."""

    text: str
    content: Any
    total: int | None  # None: the store does not say
    limit: int
    headers: Mapping[str, str]

    def object(self) -> dict[str, Any]:
        """The one thing asked for."""
        if not isinstance(self.content, dict):
            raise StoreUnavailable("the store's answer is a list where one thing was asked for")
        return self.content

    def objects(self) -> Iterator[tuple[bytes, dict[str, Any]]]:
        """Each thing of a list with its own bytes: PHP writes one in a list exactly as it writes it alone."""
        if not isinstance(self.content, list) and not _is_numbered(self.content):
            raise StoreUnavailable(f"the store's answer is no list where one was asked for{_names(self.content)}")
        decoder, text = json.JSONDecoder(), self.text
        start = _next(text, 1)
        while text[start] not in "]}":
            row, end = decoder.raw_decode(text, start)  # a list's numbers, where it has them, are texts
            if isinstance(row, dict) and identifier(row):
                yield text[start:end].encode(), row
            start = _next(text, end)


def _next(text: str, start: int) -> int:
    match = BETWEEN.match(text, start)
    return match.end() if match else start


def _is_numbered(content: Any) -> bool:
    """Whether this is a list from which a plugin took rows: PHP then writes {"0": …, "2": …}."""
    if not isinstance(content, dict) or not content:
        return False
    return all(name.isdecimal() and isinstance(row, dict) for name, row in content.items())


def _names(content: Any) -> str:
    names = [name for name in content if re.fullmatch(r"[a-z_]{1,30}", name)] if isinstance(content, dict) else []
    return f" (it has {', '.join(names[:5])}): does a plugin answer in WooCommerce's place?" if names else ""


def judged(response: Response, question: Question, access: Access, way: Way) -> Answer:
    """A good answer, or the error that says what to do."""
    status, (text, content) = response.status, _json(response)
    if 300 <= status < 400:
        location = response.headers.get("location", "")
        cause = causes.of_redirect(location, access, way, question)
        raise StoreRefused(cause.words, fix=cause.fix, status=status, location=location)
    if content is None:
        raise _no_json(response)
    code = str(content.get("code") or "") if isinstance(content, dict) else ""
    if 200 <= status < 300:
        return Answer(text, content, _total(response), int(question.asked.get("per_page", "0")), response.headers)
    if status == 429 or status >= 500:
        raise _unavailable(response, f"the store's answer is {status} {code}".strip(), causes.of_status(status))
    message = str(content.get("message") or "") if isinstance(content, dict) else ""
    cause = causes.of_refusal(status, code, message, access, way)
    raise StoreRefused(cause.words, fix=cause.fix, status=status, code=code)


def _json(response: Response) -> tuple[str, Any]:
    """Text and content; None for anything but an object or a list."""
    try:
        text = (response.data or b"").decode("utf-8-sig")
        wrapped = WRAPPED.fullmatch(text)
        text = wrapped["json"] if wrapped else ""
        return text, json.loads(text)
    except (ValueError, RecursionError):
        return "", None


def _no_json(response: Response) -> StoreUnavailable | StoreRefused:
    cause = causes.of_page(response)
    if response.status == 404:
        return StoreRefused(
            f"there is no REST API at the store's address (404, {cause.words})", fix=cause.fix, status=404
        )
    size = len(response.data or b"")
    words = f"the store's answer is {response.status} with {size} bytes that are no JSON, {cause.words}"
    return _unavailable(response, words, cause.fix)


def _unavailable(response: Response, words: str, fix: str) -> StoreUnavailable:
    kind, wait = TooMuch if response.status in (500, 504) else StoreUnavailable, asked_to_wait(response)
    asks = f"; it asks to wait {wait:.0f} s" if wait else ""
    return kind(f"{words}{asks}", fix=fix, retry_after=wait, status=response.status)


def _total(response: Response) -> int | None:
    text = response.headers.get("x-wp-total", "")
    return int(text) if text.isascii() and text.isdigit() else None


def asked_to_wait(response: Response) -> float | None:
    """Retry-After in seconds; web servers write it as a number or as a date."""
    text = response.headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d{1,9}", text):
        return float(text) or None
    until, now = epoch(text), epoch(response.headers.get("date", "")) or time.time()
    return until - now if until > now else None


def epoch(date: str) -> float:
    """A header's date in epoch seconds; 0 for anything else."""
    try:
        return parsedate_to_datetime(date).timestamp() if date else 0.0
    except ValueError:
        return 0.0
