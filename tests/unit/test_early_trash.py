"""Which `order.deleted` are remembered until their orders come."""

from tests.support.orders import delivery, order
from woohub.consumer.early_trash import EarlyTrash
from woohub.consumer.retries import MEMORY_S
from woohub.sync.outcome import Message, Outcome, Verdict

TRASH = Message("trash", delivery("order.deleted", {"id": 7}))
CREATED = Message("created", delivery("order.created", order(7)))
OTHER = Message("other", delivery("order.created", order(8)))


def remembering() -> EarlyTrash:
    early_trash = EarlyTrash()
    early_trash.record_batch(0, [Outcome(TRASH, Verdict.DONE, record_ids={"deal_id": ""})])
    return early_trash


def test_a_trash_is_passed_on_with_its_order_only_and_once() -> None:
    early_trash = remembering()

    assert early_trash.of([OTHER, CREATED]) == [TRASH]
    assert early_trash.of([OTHER]) == []
    assert early_trash.of([CREATED, TRASH]) == []


def test_a_trash_is_forgotten_once_the_order_is_written() -> None:
    early_trash = remembering()

    early_trash.record_batch(1, [Outcome(CREATED, Verdict.RETRY)])
    assert early_trash.of([CREATED]) == [TRASH]

    early_trash.record_batch(2, [Outcome(CREATED, Verdict.DONE, record_ids={"deal_id": "1"})])
    assert early_trash.of([CREATED]) == []


def test_a_trash_is_forgotten_if_the_order_does_not_come() -> None:
    early_trash = remembering()

    early_trash.record_batch(MEMORY_S - 1, [Outcome(TRASH, Verdict.DONE, record_ids={"deal_id": ""})])
    assert early_trash.of([CREATED]) == [TRASH]

    early_trash.record_batch(MEMORY_S + 1, [])
    assert early_trash.of([CREATED]) == []
