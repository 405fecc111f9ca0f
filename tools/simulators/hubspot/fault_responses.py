"""HubSpot's response bodies for injected faults and rejected calls."""

from __future__ import annotations

from dataclasses import replace

from simulators.core.faults import InjectedFault

from .errors import ApiError
from .limits import too_many

_HTML = (
    "<html>\r\n<head><title>{status} {reason}</title></head>\r\n<body>\r\n"
    "<center><h1>{status} {reason}</h1></center>\r\n<hr><center>cloudflare</center>\r\n</body>\r\n</html>\r\n"
)
_REASONS = {
    423: "Locked",
    477: "Migration in Progress",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Temporarily Unavailable",
    504: "Gateway Time-out",
}
_REFUSALS = {
    401: ApiError(
        401,
        "Authentication credentials not found. This API supports OAuth 2.0 authentication "
        "and you can find more details at https://developers.hubspot.com/docs/methods/auth/oauth-overview",
        category="INVALID_AUTHENTICATION",
    ),
    403: ApiError(
        403,
        "This app hasn't been granted all required scopes to make this call. "
        "Read more about required scopes here: https://developers.hubspot.com/scopes.",
        category="MISSING_SCOPES",
        extra={"links": {"scopes": "https://developers.hubspot.com/scopes"}},
    ),
    423: ApiError(423, "This resource is locked by another process. Try again later.", category="LOCKED"),
    477: ApiError(477, "This account is being moved to another data centre.", category="MIGRATION_IN_PROGRESS"),
    500: ApiError(500, "internal error", category="INTERNAL_ERROR"),
    502: ApiError(502, "Bad Gateway", category="BAD_GATEWAY"),
    503: ApiError(503, "The service is temporarily unavailable.", category="SERVICE_UNAVAILABLE"),
    504: ApiError(504, "Timed out while processing the request.", category="TIMEOUT"),
}


def refusal(status: int) -> ApiError:
    """Return HubSpot's usual error for a status."""
    return replace(_REFUSALS.get(status) or ApiError(status, "error", category="ERROR"))


def fault_response(fault: InjectedFault) -> ApiError | str:
    """Return the response of a `status` fault: HubSpot's error, or an HTML page of the network in front of it."""
    if fault.body == "html":
        return _HTML.format(status=fault.status, reason=_REASONS.get(fault.status, "Error"))
    return too_many(fault.policy) if fault.status == 429 else refusal(fault.status)
