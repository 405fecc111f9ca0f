"""The list of erasures in the stack's bucket. The key of its hashes is stored with HubSpot's token."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from woohub.erasures import FILE, NOBODY, ErasedPeople, ErasureList, hashed
from woohub_cli.cli_errors import Trouble
from woohub_cli.stack.secret_store import StackSecrets
from woohub_cli.stack.stack_configuration import OUTPUT
from woohub_cli.stack.stacks import Stack
from woohub_cli.stack.stored_objects import ChangedMeanwhile, replace

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ATTEMPTS = 5
EMPTY = ErasureList(erasures=())


@dataclass(frozen=True)
class ErasureFile:
    """The file erasures.json. If two people add to it at once, both entries are kept."""

    _s3: S3Client
    _bucket: str

    def read(self) -> ErasureList | None:
        """Return the list; None if there is none. Raises InvalidParameter if it cannot be read."""
        return self._read()[0]

    def make(self) -> None:
        """Create an empty list, unless there is one. It must exist before its key (see woohub.erasures)."""
        entries, etag, _ = self._read()
        with suppress(ChangedMeanwhile):
            if entries is None:
                self._write(EMPTY, etag)

    def add(self, addresses: Collection[str], key: str) -> int:
        """Enter addresses as erased now; returns that moment in epoch milliseconds by AWS's clock.

        Raises Trouble if the list was made with another key.
        """
        hashes = {hashed(address, key) for address in addresses}
        return self._change(lambda entries, now_ms: entries.with_entries(hashes, now_ms, key), key)

    def remove(self, address: str, key: str) -> None:
        """Remove an address from the list. Raises Trouble if the list was made with another key."""
        self._change(lambda entries, _now_ms: entries.without({hashed(address, key)}), key)

    def _change(self, changed: Callable[[ErasureList, int], ErasureList], key: str) -> int:
        for _ in range(ATTEMPTS):
            entries, etag, now_ms = self._read()
            ErasedPeople.of(entries, key)  # raises for another key: writing with this key's fingerprint voids the list
            with suppress(ChangedMeanwhile):
                self._write(changed(entries or EMPTY, now_ms), etag)
                return now_ms
        raise Trouble(f"{FILE} in the stack's bucket is being changed by others: run the command again")

    def _write(self, entries: ErasureList, etag: str | None) -> None:
        replace(self._s3, self._bucket, FILE, entries.text().encode(), etag, ContentType="application/json")

    def _read(self) -> tuple[ErasureList | None, str | None, int]:
        """Return the list, its ETag (both None if there is no list), and the present in epoch milliseconds."""
        try:
            answer = self._s3.get_object(Bucket=self._bucket, Key=FILE)
        except self._s3.exceptions.NoSuchKey as error:
            return None, None, _now_ms(error.response)
        return ErasureList.parse(answer["Body"].read()), answer["ETag"], _now_ms(answer)


def _now_ms(answer: Mapping[str, Any]) -> int:
    """Return the end of the second in which AWS answered: deliveries are dated by the same clock."""
    date = answer["ResponseMetadata"].get("HTTPHeaders", {}).get("date")
    return int(parsedate_to_datetime(date).timestamp() if date else time.time()) * 1000 + 999


def file_of(stack: Stack) -> ErasureFile:
    """Return the list of the stack. Raises Trouble if the stack has no bucket."""
    return ErasureFile(stack.aws.s3, stack.output(OUTPUT))


def people(stack: Stack) -> ErasedPeople:
    """Return who has been erased in this stack. Raises KeyOfErasuresUnknown and ListOfErasuresMissing."""
    if OUTPUT not in stack.outputs:
        return NOBODY
    return ErasedPeople.of(file_of(stack).read(), StackSecrets(stack).erasure_key())
