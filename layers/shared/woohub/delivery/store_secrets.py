"""The webhook secrets of the stores besides the first: found by the store's name, kept in memory.

The name comes from the URL that anybody may call, so unknown names must stay cheap: each is asked for once a minute at
most, and so few new ones are that a flood of invented names becomes no flood of calls to Secrets Manager.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable

from woohub.settings import Secret
from woohub.stores import is_name

NEW_NAMES_PER_MINUTE = 10  # more than stores are added, or asked for first by a new process
MAX_UNKNOWN_NAMES = 50  # that are remembered
MINUTE_S = 60.0


class StoreSecrets:
    """Secrets by store. `make(store)` is the secret of a name, which nobody may have stored."""

    def __init__(self, make: Callable[[str], Secret], clock: Callable[[], float] = time.monotonic) -> None:
        self._make = make
        self._clock = clock
        self._known: dict[str, Secret] = {}
        self._unknown: dict[str, Secret] = {}
        self._asked: deque[float] = deque([-math.inf] * NEW_NAMES_PER_MINUTE, maxlen=NEW_NAMES_PER_MINUTE)

    def of(self, store: str) -> Secret | None:
        """The store's secret; None if there is none, or too many unknown names are asked for.

        Raises SecretUnavailable.
        """
        secret = self._known.get(store) or self._unknown.get(store) or self._asked_for(store)
        if secret is None or not secret.text():
            return None
        self._unknown.pop(store, None)
        self._known[store] = secret
        return secret

    def _asked_for(self, store: str) -> Secret | None:
        if not is_name(store) or self._clock() - self._asked[0] < MINUTE_S:
            return None
        self._asked.append(self._clock())
        if len(self._unknown) >= MAX_UNKNOWN_NAMES:
            del self._unknown[next(iter(self._unknown))]  # the one asked for first
        secret = self._unknown[store] = self._make(store)
        return secret
