"""The list of erasures: who has been erased, and when, without any address.

`erasures.json` is `{"key": "…", "erasures": [{"hash": "…", "erased_at_ms": 1764288000000}]}`. A hash is made from the
lower-cased address with a secret key, `erasure_key` beside HubSpot's token: without it nobody can find out by trying
whether an address is on the list. `key` is the key's fingerprint, so that a lost key is noticed: with another key the
list would match nobody, and everybody would come back. The list is made before its key, so a key without a list shows
that the list is lost.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from woohub.errors import Suspended
from woohub.pydantic_json import read_edited
from woohub.settings import Secret, erasure_key

FILE = "erasures.json"
_FINGERPRINT_OF = "woohub: the key of the list of erasures"
_Hex = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class Erasure(BaseModel):
    """One address: its keyed hash, and when the person was erased (epoch milliseconds)."""

    model_config = ConfigDict(frozen=True)

    hash: _Hex
    erased_at_ms: Annotated[int, Field(ge=0, le=253_402_300_799_999)]


class ErasureList(BaseModel):
    """What erasures.json holds. Fields that are not known are kept: a newer version may have written them."""

    model_config = ConfigDict(frozen=True, extra="allow")

    key: str = ""
    erasures: tuple[Erasure, ...]  # required: a list that is lost must not read as one of nobody

    @classmethod
    def parse(cls, body: bytes) -> ErasureList:
        """Read the file; InvalidParameter says what is wrong with it."""
        return read_edited(TypeAdapter(cls), body, FILE)

    def with_entries(self, hashes: Iterable[str], at_ms: int, key: str) -> ErasureList:
        """The list with these addresses erased at that moment; an entry that is there already gets the later time."""
        times = {entry.hash: entry.erased_at_ms for entry in self.erasures}
        times |= {text: max(at_ms, times.get(text, 0)) for text in hashes}
        entries = tuple(Erasure(hash=text, erased_at_ms=at) for text, at in times.items())
        return self.model_copy(update={"key": fingerprint(key), "erasures": entries})

    def without(self, hashes: Collection[str]) -> ErasureList:
        """The list without these addresses."""
        return self.model_copy(update={"erasures": tuple(entry for entry in self.erasures if entry.hash not in hashes)})

    def text(self) -> str:
        """As it is stored."""
        return json.dumps(self.model_dump(), indent=1)


class KeyOfErasuresUnknown(Suspended):
    """Somebody has been erased, but the key of the list is not the one in HubSpot's secret: nothing may be written."""

    policy = "config"


def hashed(address: str, key: str) -> str:
    """The hash of an address in lower case."""
    return hmac.new(key.encode(), address.strip().lower().encode(errors="replace"), hashlib.sha256).hexdigest()


def fingerprint(key: str) -> str:
    """A hash of the key: it shows whether two keys are the same, and nothing else."""
    return hashed(_FINGERPRINT_OF, key)[:16]


class ListOfErasuresMissing(Suspended):
    """The list of erasures was deleted: whoever was on it would come back, so nothing may be written."""

    policy = "config"


@dataclass(frozen=True)
class ErasedPeople:
    """The list, with its key: asked by address."""

    key: str = field(default="", repr=False)
    erased_at_ms: Mapping[str, int] = field(default_factory=dict)  # by hash

    @classmethod
    def of(cls, entries: ErasureList | None, key: str) -> ErasedPeople:
        """KeyOfErasuresUnknown where the key is another one than that of the list; ListOfErasuresMissing."""
        if entries is None and key:
            raise ListOfErasuresMissing(
                f"{FILE} was deleted from the stack's bucket, although there is a key for it (erasure_key): bring its "
                "last version back, or remove the key from HubSpot's secret if nobody was ever erased"
            )
        if entries is None or not entries.erasures:
            return NOBODY
        if entries.key != fingerprint(key):
            raise KeyOfErasuresUnknown(
                f"the key of {FILE} is not in HubSpot's secret (erasure_key): put the secret's earlier version back"
            )
        return cls(key, {entry.hash: entry.erased_at_ms for entry in entries.erasures})

    def __bool__(self) -> bool:
        return bool(self.erased_at_ms)

    def erased_at(self, address: str) -> int | None:
        """When the person with this address was erased; None: never."""
        return self.erased_at_ms.get(hashed(address, self.key)) if self.erased_at_ms else None


NOBODY = ErasedPeople()


class CurrentErasures:
    """Who has been erased as of now, from the list in force and the key in HubSpot's secret."""

    def __init__(self, entries: Callable[[], ErasureList | None], secret: Secret) -> None:
        self._entries, self._secret = entries, secret
        self._of: ErasureList | None = None
        self._people: ErasedPeople | None = None  # nothing was read so far

    def current(self) -> ErasedPeople:
        """Raises KeyOfErasuresUnknown, ListOfErasuresMissing, SecretUnavailable, and what reading the list raises."""
        entries = self._entries()
        if self._people is None or entries is not self._of:
            self._people, self._of = self._read(entries), entries
        return self._people

    def _read(self, entries: ErasureList | None) -> ErasedPeople:
        try:
            return ErasedPeople.of(entries, erasure_key(self._secret.text()))
        except (KeyOfErasuresUnknown, ListOfErasuresMissing):  # the key may have changed since it was read
            return ErasedPeople.of(entries, erasure_key(self._secret.refresh()))
