"""Send a copy of a message to the dead-letter queue, or to its own queue."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from woohub.aws_errors import AWS_ERRORS, aws_code
from woohub.consumer import dead_letters
from woohub.delivery.messages import flat_attributes

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

SqsRecord = Mapping[str, Any]  # one of the records in a Lambda event


class Sender:
    """Sends messages to queues. A failed call is logged, and raises no error."""

    def __init__(self, sqs: SQSClient, warn: Callable[..., None]) -> None:
        self._sqs = sqs
        self._warn = warn

    def send(self, queue_url: str, record: SqsRecord, reason: Mapping[str, str], *, delay_s: int = 0) -> bool:
        """Send a message with its body and metadata, and with a rejection's reason if there is one.

        Return False if SQS did not accept it.
        """
        attributes = dead_letters.without_reason(flat_attributes(record.get("messageAttributes") or {})) | dict(reason)
        try:
            self._sqs.send_message(
                QueueUrl=queue_url,
                MessageBody=record["body"],
                DelaySeconds=delay_s,
                MessageAttributes={
                    name: {"DataType": "String", "StringValue": text} for name, text in attributes.items()
                },
            )
        except AWS_ERRORS as error:
            self._warn("queue_call_failed", call="SendMessage", queue=queue_url, error=aws_code(error))
            return False
        return True
