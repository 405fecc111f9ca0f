"""Read what a store says about itself: address, time zone, clock, status report."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from woohub.store.answers import Answer, epoch_s
from woohub.store.caller import Caller, is_closed
from woohub.store.requests import StoreRefused, StoreRequest, StoreUnavailable


@dataclass(frozen=True)
class About:
    """What the store says about itself. `clock` is its own time in epoch seconds, 0 if it does not tell.

    `closed` is the store's refusal if it tells these things only to the holder of a key. Then only home and clock are
    known, and that WooCommerce is there. Otherwise `closed` is "".
    """

    name: str
    home: str
    time_zone: str  # "America/New_York", or "" if only an offset is set
    utc_offset_hours: float | None  # None: not known
    namespaces: tuple[str, ...]
    clock: float
    closed: str = ""

    @classmethod
    def from_answer(cls, answer: Answer) -> About:
        """Read WordPress's index of its REST API."""
        facts = answer.object()
        offset = facts.get("gmt_offset")
        return cls(
            name=str(facts.get("name") or ""),
            home=str(facts.get("home") or ""),
            time_zone=str(facts.get("timezone_string") or ""),
            utc_offset_hours=float(offset) if isinstance(offset, int | float | str) and _is_hours(offset) else 0.0,
            namespaces=tuple(map(str, facts.get("namespaces") or ())),
            clock=epoch_s(answer.headers.get("date", "")),
        )


def _is_hours(value: object) -> bool:
    return re.fullmatch(r"-?\d{1,2}(\.\d+)?", str(value)) is not None


class AboutReader(Caller):
    """Reads what a store says about itself."""

    def about(self) -> About:
        """Return the store's address, time zone, clock and REST namespaces.

        The call is made without a key, so it distinguishes a wrong address from a wrong key. If the store refuses it,
        what WooCommerce returns to the holder of the key is read instead.
        """
        fields = {"_fields": "name,home,gmt_offset,timezone_string,namespaces"}
        try:
            return About.from_answer(self.read(StoreRequest("GET", "", fields, anonymous=True)))
        except (StoreRefused, StoreUnavailable) as error:
            if not is_closed(error):
                raise
            return self._about_with_key(error.cause)

    def _about_with_key(self, closed: str) -> About:
        try:
            answer = self.read(StoreRequest("GET", "wc/v3/system_status", {"_fields": "environment"}))
            home = str((answer.object().get("environment") or {}).get("home_url") or "")
        except (StoreRefused, StoreUnavailable):  # the status report is slow, and not open to every key
            answer = self.read(StoreRequest("GET", "wc/v3/orders", {"per_page": "1", "_fields": "id"}))
            home = ""
        return About("", home, "", None, ("wc/v3",), epoch_s(answer.headers.get("date", "")), closed)

    def system_status(self, *sections: str) -> dict[str, Any]:
        """Read sections of WooCommerce's status report, such as "environment" or "settings". This is slow."""
        return self.read(StoreRequest("GET", "wc/v3/system_status", {"_fields": ",".join(sections)})).object()
