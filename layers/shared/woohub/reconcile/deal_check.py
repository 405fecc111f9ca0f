"""Find orders that were deleted for good, and queue their deletion."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from woohub.errors import DeadlineExceeded, HubSpotRejected, PermanentError, TransientError
from woohub.hubspot.client import HubSpot
from woohub.mapping.fields import FieldMapping
from woohub.reconcile import deleted_orders
from woohub.reconcile.context import Run
from woohub.reconcile.watermark import DealCheck
from woohub.store.requests import StoreUnavailable

LOOKUPS_PER_STEP = 10  # orders looked up between two writes of the watermark
TOO_MANY = (
    "more than {limit} orders in HubSpot are unknown to the store, so nothing was changed. Is it the right store? "
    "If they were deleted on purpose: woohub reconcile --deleted all"
)


@dataclass(frozen=True)
class DeletionCheck:
    """The check of all deals that the watermark asks for. A check that is too long for one run continues in the next.

    It compares pages of HubSpot's deals with the store's lists, looks up by id the orders that the store does not list,
    and queues the deletion of those that the store does not have.
    """

    run: Run
    hubspot: HubSpot
    mapping: Callable[[], FieldMapping]  # raises a TransientError if it cannot be read

    def check_deals(self) -> None:
        """Do the check. Raises PermanentError if more orders are gone than may be deleted without confirmation."""
        try:
            self._find_suspects()
            self._delete_suspects()
        except (StoreUnavailable, DeadlineExceeded):
            raise
        except HubSpotRejected:  # the cursor may be another portal's or object's: the next night starts a new check
            self.run.keep(replace(self.run.mark, check=None))
            raise
        except TransientError as error:  # HubSpot is unavailable, for which the breaker has an alarm: continue later
            self.run.log("deal_check_postponed", error=str(error))
            self.run.report.failed["deal_check"] = f"postponed: {error}"
            self.run.report.stopped = self.run.report.stopped or f"deal check postponed: {error}"

    def _find_suspects(self) -> None:
        while (check := self.run.mark.check) is not None and (check.unlisted or check.after is not None):
            if check.unlisted:
                self._look_up(check)
            else:
                self._read_deals(check)

    def _read_deals(self, check: DealCheck) -> None:
        ids, after = deleted_orders.undeleted_deal_page(self.hubspot, self.mapping(), check.after or "")
        unlisted = deleted_orders.missing_in_store(self.run.store, ids)
        self.run.keep(replace(self.run.mark, check=replace(check, after=after, unlisted=tuple(unlisted))))

    def _look_up(self, check: DealCheck) -> None:
        """Look up some of the unlisted orders by id: a store does not list orders in a removed plugin's status."""
        suspects = list(check.suspects)
        batch, rest = check.unlisted[:LOOKUPS_PER_STEP], check.unlisted[LOOKUPS_PER_STEP:]
        for order_id in batch:
            if not self.run.store.has_order(order_id):
                suspects.append(order_id)
            if check.limit is not None and len(suspects) > check.limit:
                self.run.keep(replace(self.run.mark, check=None))
                raise PermanentError(TOO_MANY.format(limit=check.limit))
        if check.limit is None:
            self._delete(suspects)
            suspects = []
        self.run.keep(replace(self.run.mark, check=replace(check, unlisted=rest, suspects=tuple(suspects))))

    def _delete_suspects(self) -> None:
        while (check := self.run.mark.check) is not None and check.suspects:
            self._delete(check.suspects[:1])
            self.run.keep(replace(self.run.mark, check=replace(check, suspects=check.suspects[1:])))
        self.run.keep(replace(self.run.mark, check=None))

    def _delete(self, order_ids: Iterable[int]) -> None:
        """Queue the deletion of those orders that the store does not have in any status; each is looked up again."""
        for order_id in order_ids:
            received_ms = self.run.now_ms()
            if not self.run.store.has_order(order_id):
                body = json.dumps({"id": order_id}, separators=(",", ":")).encode()
                deleted = self.run.delivery("order.deleted", body, f"order:{order_id}", received_ms)
                self.run.enqueue("deleted", [deleted])
