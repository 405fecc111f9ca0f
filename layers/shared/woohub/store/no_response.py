"""Say why a call to the store got no response: host name, certificate, network or speed."""

from __future__ import annotations

import errno
import re
import ssl
from collections.abc import Callable
from http.client import IncompleteRead

from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    LocationValueError,
    NameResolutionError,
    NewConnectionError,
    ProtocolError,
    ReadTimeoutError,
    SSLError,
)

from woohub.errors import DeadlineExceeded
from woohub.store.causes import CHECK_URL, TRY_LATER, Cause
from woohub.store.connection import StoreCredentials
from woohub.store.requests import (
    ANSWER_TIMEOUT_S,
    CONNECT_TIMEOUT_S,
    StoreOverloaded,
    StoreRequest,
    StoreUnavailable,
)


def no_response_error(
    error: HTTPError, request: StoreRequest, credentials: StoreCredentials, timeout_s: float
) -> StoreUnavailable | DeadlineExceeded:
    """Return the error for a call without a response. urllib3's text is not repeated: it may hold the query."""
    call = f"{request.method} {credentials.address(request.path)}"
    if isinstance(error, ReadTimeoutError):
        if timeout_s < ANSWER_TIMEOUT_S:
            return DeadlineExceeded(f"the time left was too short for the store's answer to {call}")
        return StoreOverloaded(f"no answer from the store to {call} within {ANSWER_TIMEOUT_S:.0f} s", fix=TRY_LATER)
    cause = next(describe(error) for kind, describe in CAUSES if isinstance(error, kind))
    return StoreUnavailable(f"no answer from the store to {call}, {cause.words}", fix=cause.fix)


def _certificate_cause(error: Exception) -> Cause:
    reason = next(iter(error.args), error)
    if isinstance(reason, ssl.SSLCertVerificationError) or "certificate" in str(reason).lower():
        detail = getattr(reason, "verify_message", "") or re.sub(r"^.*verify failed: |\s*\(_ssl.*$", "", str(reason))
        words = f"certificate not trusted: {detail.rstrip('.')}"
        return Cause(words, next(fix for part, fix in CERTIFICATES if part in words.lower()))
    code = getattr(reason, "reason", "") or ""
    if code in ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST"):
        return Cause(
            "it does not speak TLS at this address", "is it http://, or another port? Correct WOO_COMMERCE_URL"
        )
    detail = code.lower().replace("_", " ") or "no common protocol or cipher"
    return Cause(f"no TLS connection could be agreed on ({detail})", "ask the store's host about its TLS settings")


CERTIFICATES = (
    ("expired", "renew the store's certificate"),
    ("not yet valid", "is the clock right, here and at the store?"),
    ("hostname mismatch", "set WOO_COMMERCE_URL to a name that the certificate has, or get one for this name"),
    ("ip address mismatch", "set WOO_COMMERCE_URL to the name that the certificate has"),
    ("self-signed", "give the store a certificate of a public authority"),
    ("self signed", "give the store a certificate of a public authority"),
    ("", "make its web server send the whole chain, with the intermediate certificates of a public authority"),
)


def _no_connection_cause(error: Exception) -> Cause:
    number = getattr(error.__cause__ or error.__context__, "errno", None)
    if number == errno.ECONNREFUSED or "refused" in str(error):
        return Cause("the connection was refused: nothing listens there", CHECK_URL)
    return Cause("its host cannot be reached", CHECK_URL)


def _broken_connection_cause(error: Exception) -> Cause:
    if any(isinstance(reason, IncompleteRead) for reason in error.args):
        return Cause("its answer broke off half-way", TRY_LATER)
    return Cause("it closed the connection without an answer", TRY_LATER)


NO_CONNECTION = Cause(f"no connection within {CONNECT_TIMEOUT_S:.0f} s", f"{CHECK_URL} Does a firewall drop the call?")
CAUSES: tuple[tuple[type[HTTPError], Callable[[Exception], Cause]], ...] = (
    (NameResolutionError, lambda _error: Cause("there is no host of that name", "is WOO_COMMERCE_URL spelled right?")),
    (SSLError, _certificate_cause),
    (NewConnectionError, _no_connection_cause),
    (ConnectTimeoutError, lambda _error: NO_CONNECTION),
    (ProtocolError, _broken_connection_cause),
    (LocationValueError, lambda _error: Cause("its address is not valid", "correct WOO_COMMERCE_URL")),
    (HTTPError, lambda _error: Cause("the connection broke", TRY_LATER)),
)
