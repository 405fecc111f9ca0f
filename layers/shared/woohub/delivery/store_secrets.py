"""The webhook secrets of the stores besides the first: found by the store's name, kept in memory.

The name comes from the URL that anybody may call, so unknown names must stay cheap: each is asked for once in some
seconds, and so few of them that a flood of invented names becomes no flood of calls to Secrets Manager.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable

from woohub.errors import SecretUnavailable
from woohub.settings import Secret
from woohub.stores import is_name

# A store that was just added has its secret before its first delivery, so a name does not stay unknown for long.
ASK_AGAIN_S = 5.0
# Of calls for names that may be invented, this many at most in so many seconds: more than stores are added, or asked
# for first by a new process.
CALLS, PERIOD_S = 10, 10.0


class StoreSecrets:
    """Secrets by store. `make(store)` is the secret of a name, which nobody may have stored."""

    def __init__(self, make: Callable[[str], Secret], clock: Callable[[], float] = time.monotonic) -> None:
        self._make = make
        self._clock = clock
        self._known: dict[str, Secret] = {}
        self._calls: deque[tuple[str, float]] = deque([("", -math.inf)] * CALLS, maxlen=CALLS)  # name and time

    def of(self, store: str) -> Secret | None:
        """The store's secret; None if there is none, or too many unknown names are asked for.

        Raises SecretUnavailable.
        """
        secret = self._known.pop(store, None)  # a removed store's is left out
        if not (secret and secret.text()):
            secret = self._asked_for(store)
        if secret:
            self._known[store] = secret
        return secret

    def _asked_for(self, store: str) -> Secret | None:
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
        self._calls[-1] = (store, now)  # only where Secrets Manager has responded
        return secret if is_stored else None
