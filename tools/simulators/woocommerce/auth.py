"""Check callers as WooCommerce's class-wc-rest-authentication.php does: keys over https, OAuth 1.0a over http."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

from .errors import RestError

VALID_S = 900  # how long a signature is valid


@dataclass(frozen=True)
class Caller:
    """The parts of a request that identify its caller."""

    method: str
    secure: bool
    url: str  # without the query
    query: Mapping[str, str]
    authorization: str


@dataclass
class Gate:
    """Checks callers. It remembers the nonces of the last quarter of an hour."""

    keys: Mapping[str, tuple[str, str]]  # key: (secret, "read", "write" or "read_write")
    nonces: dict[str, float] = field(default_factory=dict)

    def check(self, caller: Caller, now: float) -> None:
        """Raise RestError 401 unless the caller has a key that allows this method."""
        key = self._over_https(caller) if caller.secure else self._over_http(caller, now)
        if key is None:
            raise RestError(401, "woocommerce_rest_cannot_view", "Sorry, you cannot list resources.")
        _check_right(self.keys[key][1], caller.method)

    def _over_https(self, caller: Caller) -> str | None:
        key, secret = caller.query.get("consumer_key", ""), caller.query.get("consumer_secret", "")
        if not key:
            key, secret = _basic(caller.authorization)
        if not key:
            return None
        if key not in self.keys:
            raise _refused("Consumer key is invalid.")
        if not hmac.compare_digest(self.keys[key][0], secret):
            raise _refused("Consumer secret is invalid.")
        return key

    def _over_http(self, caller: Caller, now: float) -> str | None:
        """Return the key that signed the request by OAuth; None without OAuth. Over http a plain key is ignored."""
        given = {name: value for name, value in caller.query.items() if name.startswith("oauth_")}
        if not given:
            return None
        wanted = ("consumer_key", "timestamp", "nonce", "signature", "signature_method")
        missing = [f"oauth_{name}" for name in wanted if not given.get(f"oauth_{name}")]
        if missing:
            raise _refused(f"Missing OAuth parameters {', '.join(missing)}.")
        key = given["oauth_consumer_key"]
        if key not in self.keys:
            raise _refused("Consumer key is invalid.")
        self._check_signature(caller, self.keys[key][0])
        self._check_nonce(given["oauth_nonce"], int(given["oauth_timestamp"]), now)
        return key

    def _check_signature(self, caller: Caller, secret: str) -> None:
        method = caller.query["oauth_signature_method"]
        if method not in ("HMAC-SHA1", "HMAC-SHA256"):
            raise _refused("Invalid signature - signature method is invalid.")
        parameters = sorted((k, v) for k, v in caller.query.items() if k != "oauth_signature")
        joined = "%26".join(_raw(f"{_raw(name)}={_raw(value)}") for name, value in parameters)
        text = f"{caller.method}&{_raw(caller.url)}&{joined}"
        digest = hmac.new(f"{secret}&".encode(), text.encode(), getattr(hashlib, method[5:].lower())).digest()
        if caller.query["oauth_signature"] != base64.b64encode(digest).decode():
            raise _refused("Invalid signature - provided signature does not match.")

    def _check_nonce(self, nonce: str, timestamp: int, now: float) -> None:
        if abs(now - timestamp) > VALID_S:
            raise _refused("Invalid timestamp.")
        self.nonces = {used: at for used, at in self.nonces.items() if now - at <= VALID_S}
        if nonce in self.nonces:
            raise _refused("Invalid nonce - nonce has already been used.")
        self.nonces[nonce] = timestamp


def _check_right(right: str, method: str) -> None:
    if method == "GET" and right == "write":
        raise _refused("The API key provided does not have read permissions.")
    if method != "GET" and right == "read":
        raise _refused("The API key provided does not have write permissions.")


def _basic(header: str) -> tuple[str, str]:
    scheme, _, encoded = header.partition(" ")
    if scheme != "Basic":
        return "", ""
    try:
        user, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return user, password


def _refused(message: str) -> RestError:
    return RestError(401, "woocommerce_rest_authentication_error", message)


def _raw(text: str) -> str:
    return quote(text, safe="-_.~")  # PHP's rawurlencode
