"""The settings of an account that tests and people can change while it runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any


@dataclass(frozen=True)
class RequiredProperties:
    """An admin's rule: if `when` is true, `properties` must have a value. 2026-09 enforces it on API writes."""

    object_type: str
    properties: Sequence[str]
    when: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Settings:
    """An account's plan, limits and behaviour. Times are in seconds unless the name says otherwise."""

    portal_id: int = 62515
    search_lag_s: float = 10.0  # how long a write stays invisible to search ("a few moments")
    latency_ms: float = 0.0
    requests_per_10_s: int = 100  # Free and Starter; Professional and Enterprise have 190
    requests_per_day: int = 250_000
    searches_per_s: int = 5  # per account, shared by all its apps
    max_deal_pipelines: int = 2  # Free 1, Starter 2, Professional 15
    max_unique_properties: int = 10
    currencies: tuple[str, ...] = ("USD", "EUR")  # the first is the company currency
    lists_currencies: bool = True  # whether the definition of deal_currency_code has them as its options
    time_zone: str = "US/Eastern"  # the daily limit is renewed at its midnight
    utc_offset_s: int = -5 * 3600
    unknown_tlds: tuple[str, ...] = ("invalid", "local", "localhost", "internal", "con")
    # Whether batches in which every input has an objectWriteTraceId are written input by input. HubSpot's guide
    # promises it for creates only.
    partial_writes: bool = True
    errors_in_words: bool = False  # whether errors have no codes, no context and no policy, only a message
    associations_per_page: int = 500  # of one record in a batch read; an assumption
    switched_off: tuple[str, ...] = ()  # type ids; only the object library shows it, other calls work as usual
    # Whether writing line items sets their deal's amount to their sum. HubSpot says so about its own pages, but nothing
    # about its API.
    calculates_amounts: bool = False
    frees_archived_values: bool = True  # whether a unique value can be used again once its record is archived
    rules: tuple[RequiredProperties, ...] = ()

    def changed(self, changes: Mapping[str, Any]) -> Settings:
        """Return a copy with these JSON values. Raises TypeError for a name that is no setting."""
        tuples: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in changes.items()}
        if "rules" in tuples:
            tuples["rules"] = tuple(
                RequiredProperties(**rule) if isinstance(rule, dict) else rule for rule in tuples["rules"]
            )
        return replace(self, **tuples)
