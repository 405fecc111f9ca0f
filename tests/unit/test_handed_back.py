"""Which records have messages that were returned to the queue."""

from tests.support.orders import delivery
from woohub.consumer.handed_back import HandedBack
from woohub.consumer.retries import MEMORY_S
from woohub.sync.outcome import Message, Outcome, Verdict


def outcome(message_id: str, verdict: Verdict = Verdict.RETRY, number: int = 7) -> Outcome:
    return Outcome(Message(message_id, delivery("order.updated", {"id": number})), verdict)


def test_a_record_is_handed_back_until_all_its_messages_have_ended() -> None:
    handed_back = HandedBack()

    handed_back.record_batch(0, [outcome("a"), outcome("b"), outcome("c", Verdict.DONE, number=8)])
    assert "order:7" in handed_back
    assert "order:8" not in handed_back

    handed_back.record_batch(20, [outcome("a", Verdict.DONE)])
    assert "order:7" in handed_back

    handed_back.record_batch(40, [outcome("b", Verdict.REJECTED)])
    assert "order:7" not in handed_back


def test_a_record_is_forgotten_if_its_messages_do_not_return() -> None:
    handed_back = HandedBack()
    handed_back.record_batch(0, [outcome("a")])

    handed_back.record_batch(MEMORY_S + 1, [])

    assert "order:7" not in handed_back
