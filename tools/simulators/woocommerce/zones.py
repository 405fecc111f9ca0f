"""Time zones of shops, written out so that they do not depend on a time zone database."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

HOUR = 3600


@dataclass(frozen=True)
class Zone:
    """A time zone: its offsets in seconds, each from a moment (epoch seconds) on."""

    name: str
    offsets: tuple[tuple[float, int], ...]

    def offset(self, epoch: float) -> int:
        """Return the seconds ahead of UTC."""
        return [seconds for since, seconds in self.offsets if since <= epoch][-1]

    def local(self, epoch: float) -> str:
        """Return the shop's local time as WooCommerce writes it."""
        return gmt(epoch + self.offset(epoch))

    def epoch(self, local: str) -> float:
        """Return the epoch seconds of a local time; the earlier moment if it occurred twice."""
        there = epoch(local)
        return min(there - seconds for _, seconds in self.offsets if self.local(there - seconds) == local)


def gmt(epoch: float) -> str:
    """Return UTC as WooCommerce writes it, without a zone."""
    return datetime.fromtimestamp(epoch, UTC).replace(tzinfo=None).isoformat(timespec="seconds")


def epoch(text: str) -> float:
    """Return the epoch seconds of a date, which is UTC unless it has a zone."""
    parsed = datetime.fromisoformat(text)
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()


FOREVER = float("-inf")
ZONES = {
    zone.name: zone
    for zone in (
        Zone("UTC", ((FOREVER, 0),)),
        Zone("Asia/Kolkata", ((FOREVER, 5 * HOUR + HOUR // 2),)),
        Zone(
            "America/New_York",
            (
                (FOREVER, -5 * HOUR),
                (epoch("2026-03-08T07:00:00"), -4 * HOUR),
                (epoch("2026-11-01T06:00:00"), -5 * HOUR),
                (epoch("2027-03-14T07:00:00"), -4 * HOUR),
            ),
        ),
    )
}
