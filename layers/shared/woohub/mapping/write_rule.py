"""Decide when a property of an existing record may be written."""

from __future__ import annotations

import re
from dataclasses import dataclass

from woohub.mapping.rows import NUMBERED, DealRow
from woohub.mapping.values import SEPARATORS

NUMBER_AS_WRITTEN = {"id": r"[0-9]+", "number": r"\S+"}


@dataclass(frozen=True, slots=True)
class WriteRule:
    """When a property may be written. Whether its value has changed is for the caller to check."""

    mode: str
    beginning: re.Pattern[str] | None = None  # matches the beginning of woohub's own text, with the order's number

    @classmethod
    def of(cls, row: DealRow) -> WriteRule:
        """Return the rule of a row of mapping.toml."""
        start = NUMBERED.match(row.text)
        if row.write != "if-not-renamed" or not start:
            return cls(row.write)
        words = re.sub(r"\s+", " ", start[1]).lstrip(SEPARATORS)
        return cls(row.write, re.compile(re.escape(words) + NUMBER_AS_WRITTEN[start[2]]))

    def writes(self, current: str | None, new: str, *, creating: bool) -> bool:
        """Whether `new` may replace HubSpot's `current` value; `creating` says that the record is new."""
        if not new.strip():
            return False
        if creating or self.mode == "always":
            return True
        if not current or not current.strip():
            return self.mode != "on-create"
        return self.mode == "if-not-renamed" and self._was_made_by_woohub(current, new)

    def _was_made_by_woohub(self, current: str, new: str) -> bool:
        beginning = self.beginning.match(new) if self.beginning else None
        if not beginning or not current.startswith(beginning[0]):
            return False
        return not current[len(beginning[0]) :][:1].isalnum()  # order 12 is not order 123
