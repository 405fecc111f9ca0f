"""The list of erasures: who was erased, and when. It holds keyed hashes instead of addresses.

`erasures.json` is `{"key": "…", "erasures": [{"hash": "…", "erased_at_ms": 1764288000000}]}`. A hash is made from the
lower-cased address with a secret key, which is kept as `erasure_key` beside HubSpot's token: without the key nobody can
find out by trying whether an address is on the list. `key` is the key's fingerprint. It shows whether the key was lost:
with another key the list would match nobody, and every erased person would be written again. The list is created before
its key, so a key without a list shows that the list is lost.
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
    """The keyed hash of one address, and when its person was erased (epoch milliseconds)."""

    model_config = ConfigDict(frozen=True)

    hash: _Hex
    erased_at_ms: Annotated[int, Field(ge=0, le=253_402_300_799_999)]


class ErasureList(BaseModel):
    """The content of erasures.json. Unknown fields are kept, because a newer version may have written them."""

    model_config = ConfigDict(frozen=True, extra="allow")

    key: str = ""
    erasures: tuple[Erasure, ...]  # required: a damaged file must not read as an empty list

    @classmethod
    def parse(cls, body: bytes) -> ErasureList:
        """Read the file. Raises InvalidParameter, which names each mistake."""
        return read_edited(TypeAdapter(cls), body, FILE)

    def with_entries(self, hashes: Iterable[str], at_ms: int, key: str) -> ErasureList:
        """Return a list that also has these hashes, erased at `at_ms`. The later time counts for a known hash."""
        times = {entry.hash: entry.erased_at_ms for entry in self.erasures}
        times |= {text: max(at_ms, times.get(text, 0)) for text in hashes}
        entries = tuple(Erasure(hash=text, erased_at_ms=at) for text, at in times.items())
        return self.model_copy(update={"key": fingerprint(key), "erasures": entries})

    def without(self, hashes: Collection[str]) -> ErasureList:
        """Return a list without these hashes."""
        return self.model_copy(update={"erasures": tuple(entry for entry in self.erasures if entry.hash not in hashes)})

    def text(self) -> str:
        """Return the JSON text of erasures.json."""
        return json.dumps(self.model_dump(), indent=1)


class KeyOfErasuresUnknown(Suspended):
    """The list was made with another key than the one in HubSpot's secret, so it matches nobody: write nothing."""

    policy = "config"


def hashed(address: str, key: str) -> str:
    """Return the keyed hash of an address, as hexadecimal digits. Case and surrounding spaces make no difference."""
    return hmac.new(key.encode(), address.strip().lower().encode(errors="replace"), hashlib.sha256).hexdigest()


def fingerprint(key: str) -> str:
    """Return a short hash that shows whether two keys are the same, and nothing else about them."""
    return hashed(_FINGERPRINT_OF, key)[:16]


class ListOfErasuresMissing(Suspended):
    """The list of erasures was deleted. Erased people would be written again, so nothing may be written."""

    policy = "config"


@dataclass(frozen=True)
class ErasedPeople:
    """The people on the list of erasures, looked up by e-mail address."""

    key: str = field(default="", repr=False)
    erased_at_ms: Mapping[str, int] = field(default_factory=dict)  # by hash

    @classmethod
    def of(cls, entries: ErasureList | None, key: str) -> ErasedPeople:
        """Combine the list with its key.

        Raises KeyOfErasuresUnknown if the list was made with another key, ListOfErasuresMissing if there is a key but
        no list (`entries` is None).
        """
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
        """Return when the person with this address was erased, in epoch milliseconds; None if never."""
        return self.erased_at_ms.get(hashed(address, self.key)) if self.erased_at_ms else None


NOBODY = ErasedPeople()


class CurrentErasures:
    """The people erased so far, from the list in force (`entries`) and the key in HubSpot's secret."""

    def __init__(self, entries: Callable[[], ErasureList | None], secret: Secret) -> None:
        self._entries, self._secret = entries, secret
        self._known: ErasureList | None = None  # the list that `_people` was made from
        self._people: ErasedPeople | None = None  # None: not read yet

    def current(self) -> ErasedPeople:
        """Return the erased people.

        Raises KeyOfErasuresUnknown, ListOfErasuresMissing, SecretUnavailable, and the errors of reading the list.
        """
        entries = self._entries()
        if self._people is None or entries is not self._known:
            self._people, self._known = self._read(entries), entries
        return self._people

    def _read(self, entries: ErasureList | None) -> ErasedPeople:
        try:
            return ErasedPeople.of(entries, erasure_key(self._secret.text()))
        except (KeyOfErasuresUnknown, ListOfErasuresMissing):  # the key may have changed since it was read
            return ErasedPeople.of(entries, erasure_key(self._secret.refresh()))
