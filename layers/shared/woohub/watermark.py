"""How far reconcile has come: one SSM parameter, JSON that people may read and edit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import TypeAdapter, ValidationError

from woohub.dates import whole_seconds
from woohub.errors import PermanentError
from woohub.parameter import kept
from woohub.walk import Position

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient

START = "{}"  # in template.yaml


class InvalidWatermark(PermanentError):
    """The parameter holds something else. Going on from now instead would skip a gap that nobody would notice."""


@dataclass(frozen=True)
class Reached:
    """Orders dated before `moment` are on the queue.

    A store's writes become visible some time after the date they carry, so the last minutes are read again, but not
    what is dated before `settled`: that was read late enough. A walk that ran out of time goes on at `resume`.
    """

    moment: str
    settled: str = ""  # by our clock or the store's, whichever is behind; it never leads past `moment`
    resume: Position | None = None
    began: str = ""  # when the walk under way did, by our clock

    def __post_init__(self) -> None:
        object.__setattr__(self, "moment", whole_seconds(self.moment))  # people may write one with a zone


@dataclass(frozen=True)
class Scan:
    """A running scan of all customers: those changed since then are queued. `began` is by our clock."""

    position: Position
    changed_since: str
    began: str = ""


@dataclass(frozen=True)
class DealCheck:
    """A running check of all deals for orders the store has no more; `after` is HubSpot's cursor, None at the end.

    `suspects` are order ids to be confirmed at the end, at most `limit`; without a limit they are settled page by page.
    """

    after: str | None = ""
    suspects: tuple[int, ...] = ()
    limit: int | None = None


@dataclass(frozen=True)
class Watermark:
    """All before is on the queue. Moments are UTC, `YYYY-MM-DDTHH:MM:SS`, and dates of the store's, not of a clock."""

    orders: Reached
    trash: Reached
    accounts: int | None  # the highest customer id seen; None: not known yet, go by `since`
    since: str  # where it all began
    scanned: str  # customers changed before this have been queued
    scan: Scan | None = None
    check: DealCheck | None = None
    night: str = ""  # the date for which the nightly work was begun
    completed: str = ""  # when the last run that got through all changes began, by our clock


_ADAPTER = TypeAdapter(Watermark)


def beginning(since: str, night: str) -> Watermark:
    """Where to start without a past."""
    return Watermark(Reached(since), Reached(since), None, since, since, night=night)


class WatermarkParameter:
    """The watermark in SSM. Its methods raise botocore's errors."""

    def __init__(self, ssm: SSMClient, name: str) -> None:
        self._ssm = ssm
        self._name = name

    def read(self) -> Watermark | str:
        """The watermark; while there is none yet, the moment the parameter was made: that of the deployment."""
        found = kept(self._ssm, self._name, START)
        return whole_seconds(found.at.isoformat()) if found.value.strip() == START else read(found.value)

    def write(self, watermark: Watermark) -> None:
        """Store it."""
        self._ssm.put_parameter(Name=self._name, Value=text(watermark), Type="String", Overwrite=True)


def read(value: str) -> Watermark:
    """From JSON; InvalidWatermark says what is wrong with it."""
    try:
        return _ADAPTER.validate_json(value)
    except ValidationError as error:
        places = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        raise InvalidWatermark(f"the watermark parameter cannot be read: {places}") from None


def text(watermark: Watermark) -> str:
    """As JSON, without what is not set."""
    return _ADAPTER.dump_json(watermark, exclude_defaults=True).decode()
