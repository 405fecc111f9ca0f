"""The webhook secrets of further stores, found by the store's name and kept in memory.

The name comes from a URL that anybody can call. So an unknown name is looked up only once in some seconds, and only few
unknown names are: a flood of invented names must not become a flood of calls to Secrets Manager.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable

from woohub.errors import SecretUnavailable
from woohub.settings import Secret
from woohub.stores import is_name

# How long an unknown name is not looked up again. A new store has its secret before its first delivery.
ASK_AGAIN_S = 5.0
# At most CALLS look-ups of names that are not in memory within PERIOD_S. A new process needs no more for its stores.
CALLS, PERIOD_S = 10, 10.0


class StoreSecrets:
    """Webhook secrets by store. `make(store)` returns the Secret of that name, whether or not it exists."""

    def __init__(self, make: Callable[[str], Secret], clock: Callable[[], float] = time.monotonic) -> None:
        self._make = make
        self._clock = clock
        self._known: dict[str, Secret] = {}
        # The last look-ups: name and time. The name is "" until Secrets Manager has responded.
        self._calls: deque[tuple[str, float]] = deque([("", -math.inf)] * CALLS, maxlen=CALLS)

    def of(self, store: str) -> Secret | None:
        """Return the store's secret; None if it has none, or too many unknown names have just been looked up.

        Raises SecretUnavailable if Secrets Manager does not respond.
        """
        secret = self._known.pop(store, None)  # so that a removed store's secret does not stay in memory
        if not (secret and secret.text()):
            secret = self._look_up(store)
        if secret:
            self._known[store] = secret
        return secret

    def _look_up(self, store: str) -> Secret | None:
        now = self._clock()
        recent = {name for name, at in self._calls if now - at < ASK_AGAIN_S}
        if not is_name(store) or store in recent:
            return None
        if now - self._calls[0][1] < PERIOD_S:
            if not self._calls[-1][0]:
                raise SecretUnavailable("Secrets Manager did not respond a moment ago")
            return None
        self._calls.append(("", now))
        secret = self._make(store)
        is_stored = bool(secret.text())
        self._calls[-1] = (store, now)
        return secret if is_stored else None
