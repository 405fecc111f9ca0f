"""How far reconcile has come: one SSM parameter, JSON that people may read and edit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, Field, TypeAdapter

from woohub.dates import whole_seconds
from woohub.ssm import from_json, last_written
from woohub.store.pagination import Position

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient

START = "{}"  # in template.yaml

Moment = Annotated[str, AfterValidator(whole_seconds)]  # people may write one with a zone
MomentOrNone = Annotated[str, AfterValidator(lambda text: whole_seconds(text) if text else "")]
Count = Annotated[int, Field(ge=0)]


@dataclass(frozen=True)
class Reached:
    """Orders dated before `moment` are on the queue.

    A store's writes become visible some time after the date they carry, so the last minutes are read again, but not
    what is dated before `settled`: that was read late enough. A walk that ran out of time goes on at `resume`.
    """

    moment: Moment
    settled: MomentOrNone = ""  # by our clock or the store's, whichever is behind; it never leads past `moment`
    resume: Position | None = None
    began: MomentOrNone = ""  # when the walk under way did, by our clock


@dataclass(frozen=True)
class Scan:
    """A running scan of all customers: those changed since then are queued. `began` is by our clock."""

    position: Position
    changed_since: MomentOrNone
    began: MomentOrNone = ""


@dataclass(frozen=True)
class DealCheck:
    """A running check of all deals for orders the store has no more; `after` is HubSpot's cursor, None at the end.

    `unlisted` are orders of the last page that the store does not list, still to be looked up by id: it lists no order
    whose status was a plugin's that is gone. `suspects` are those it does not know by id either, to be confirmed at the
    end, at most `limit`; without a limit they are deleted at once.
    """

    after: str | None = ""
    suspects: tuple[int, ...] = ()
    limit: int | None = None
    unlisted: tuple[int, ...] = ()


@dataclass(frozen=True)
class Watermark:
    """All before is on the queue. Moments are UTC, `YYYY-MM-DDTHH:MM:SS`, and dates of the store's, not of a clock."""

    orders: Reached
    trash: Reached
    accounts: Count | None  # the highest customer id seen; None: not known yet, go by `since`
    since: Moment  # where it all began
    scanned: Moment  # customers changed before this have been queued
    scan: Scan | None = None
    check: DealCheck | None = None
    night: str = ""  # the date for which the nightly work was begun
    completed: MomentOrNone = ""  # when the last run that got through all changes began, by our clock
    behind: int = 0  # seconds that the store's clock was behind ours in the last run
    unreadable: tuple[str, ...] = ()  # records such as "order:123", left out of lists until the store can show them


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
        version = last_written(self._ssm, self._name, START)
        return whole_seconds(version.written_at.isoformat()) if version.value.strip() == START else read(version.value)

    def write(self, watermark: Watermark) -> None:
        """Store it."""
        self._ssm.put_parameter(Name=self._name, Value=text(watermark), Type="String", Overwrite=True)


def read(value: str) -> Watermark:
    """From JSON. InvalidParameter: beginning at the present instead would skip changes without a word."""
    return from_json(_ADAPTER, value, "the watermark parameter")


def text(watermark: Watermark) -> str:
    """As JSON, without what is not set."""
    return _ADAPTER.dump_json(watermark, exclude_defaults=True).decode()
