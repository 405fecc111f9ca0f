"""Whether HubSpot accepts the functions' token."""

from __future__ import annotations

from collections.abc import Sequence

from woohub.errors import Forbidden, TransientError, Unauthorized
from woohub_cli.check_result import Result, Step
from woohub_cli.checks import scopes
from woohub_cli.cli_errors import next_after
from woohub_cli.stack.connections import Connect
from woohub_cli.stack.secret_store import TOKEN

KEY_FIX = (
    "make a service key in HubSpot (Settings > Integrations > Service keys) with {scopes}, and put it into .env as "
    "HUBSPOT_API_KEY, then run `woohub setup`"
)


def token_step(token: str, connect: Connect, kinds: Sequence[str]) -> Step:
    """Check that HubSpot accepts the token. `kinds` are the objects that it must be able to write."""
    what, needed = TOKEN, scopes.run_time_scopes(kinds)
    fix = KEY_FIX.format(scopes=needed)
    if not token:
        return Step(what, Result.FAILED, "there is none, neither in .env nor in the stack", fix)
    hubspot = connect(token)
    try:
        hubspot.probe()
    except Forbidden as error:
        return Step(what, Result.FAILED, str(error), f"it needs {needed}")
    except Unauthorized as error:
        return Step(what, Result.FAILED, str(error), fix)
    except TransientError as error:
        return Step(what, Result.FAILED, f"{hubspot.caller.base_url}: {error}", next_after(error))
    return Step(what, Result.OK, f"accepted by {hubspot.caller.base_url}")
