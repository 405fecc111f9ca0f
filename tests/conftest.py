"""The environment of the functions under test, set before they are imported; and caches that make the tests fast."""

from __future__ import annotations

import gc
import os
from functools import cache
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import botocore.session
import hypothesis
import moto.backend_index
import moto.backends
import moto.core  # hooks into botocore: only clients made after this import can be mocked
import moto.core.models
import moto.core.responses
import moto.core.utils
import typer.main
import typer.testing
from botocore.auth import SigV4Auth
from botocore.hooks import BaseEventHooks, EventAliaser
from botocore.loaders import JSONFileLoader
from botocore.useragent import UserAgentString
from werkzeug.routing import Rule

# A developer's settings for the commands must not affect the tests.
for name in [
    name for name in os.environ if name.startswith(("HUBSPOT_API", "HUBSPOT_SETUP", "WOOHUB_", "WOO_COMMERCE_"))
]:
    del os.environ[name]

os.environ.update(
    AWS_ACCESS_KEY_ID="testing",
    AWS_SECRET_ACCESS_KEY="testing",
    AWS_SESSION_TOKEN="testing",
    AWS_DEFAULT_REGION="eu-west-1",
    AWS_EC2_METADATA_DISABLED="true",
    POWERTOOLS_SERVICE_NAME="woohub",
    POWERTOOLS_METRICS_NAMESPACE="WooHub",
    LOG_LEVEL="INFO",
    QUEUE_URL="https://sqs.eu-west-1.amazonaws.com/123456789012/deliveries",
    QUEUE_ARN="arn:aws:sqs:eu-west-1:123456789012:deliveries",
    DEAD_LETTER_QUEUE_URL="https://sqs.eu-west-1.amazonaws.com/123456789012/dead-letters",
    WEBHOOK_SECRET_ARN="woohub/webhook-secret",
    HUBSPOT_SECRET_ARN="woohub/hubspot-token",
    BREAKER_PARAMETER="/woohub/breaker",
    STORE_SECRET_ARN="woohub/store",
    WATERMARK_PARAMETER="/woohub/watermark",
    WEBHOOK_URL="https://hooks.test/webhooks/woocommerce",
    EVENT_SOURCE_MAPPING_ID="00000000-0000-0000-0000-000000000000",
)

_load_file = JSONFileLoader.load_file


@cache
def _parsed(path: str) -> Any:
    return _load_file(JSONFileLoader(), path)


# Every mocked AWS starts a new session, which would parse the same megabytes of service definitions.
patch.object(JSONFileLoader, "load_file", lambda _loader, path: _parsed(path)).start()


_create_client: Any = botocore.session.Session.create_client
_clients: dict[Any, Any] = {}


def _cached_client(session: Any, *args: Any, config: Any = None, **kwargs: Any) -> Any:
    """A cached client of the same service, region, settings and environment; clients hold no state of a test."""
    credentials = session.get_credentials()
    key = (
        *(args, repr(sorted(kwargs.items())), config and repr(sorted(vars(config).items()))),
        *(session.get_config_variable("region"), session.get_config_variable("profile")),
        credentials and credentials.get_frozen_credentials(),
        tuple((name, os.environ[name]) for name in sorted(os.environ) if name.startswith("AWS_")),
    )
    if key not in _clients:
        _clients[key] = _create_client(session, *args, **kwargs, config=config)
    return _clients[key]


# Creating a client takes longer than most calls with it, and every stack under test has a dozen.
patch.object(botocore.session.Session, "create_client", _cached_client).start()


# Computed once instead of for every client: the aliases of events. Instead of for every call: the options of commands.
_shared_aliaser: Any = EventAliaser(None)  # type: ignore[arg-type]
_alias = _shared_aliaser._alias_event_name
patch.object(EventAliaser, "_alias_event_name", lambda _, name: _alias(name)).start()
patch.object(typer.testing, "_get_command", cache(typer.main.get_command)).start()

# Instead of for every session: the folders of service definitions. Instead of for every request: its module and method.
for module, name in (
    (botocore.session, "create_loader"),
    (moto.backends, "_import_backend"),
    (moto.core.responses, "method_names_from_class"),
    (moto.core.responses, "camelcase_to_underscores"),
    (moto.core.utils, "camelcase_to_underscores"),
):
    patch.object(module, name, cache(getattr(module, name))).start()
patch.object(UserAgentString, "to_string", lambda _: "tests").start()


# Instead of for every request: the services a URL may belong to. The patterns for `requests` are not needed.
patterns: list[tuple[str, Any]] = moto.backend_index.backend_url_patterns
patterns[:] = [(service, SimpleNamespace(match=cache(pattern.match))) for service, pattern in patterns]
patch.object(moto.core.models, "RESPONSES_METHODS", []).start()

# botocore's own handlers accept the arguments they are called with: not checked in every session.
patch.object(BaseEventHooks, "_verify_accept_kwargs", lambda *_: None).start()

# An emulated AWS reads the access key from a signature, and never checks the signature.
for name in ("canonical_request", "string_to_sign", "signature"):
    patch.object(SigV4Auth, name, lambda *_: "").start()


def _builds_no_url(*_: Any) -> None:
    raise AssertionError("the simulators match URLs and build none")


# Most of the start of a simulator is preparing to build URLs, which no simulator does.
patch.object(Rule, "_compile_builder", lambda *_: _builds_no_url).start()


def pytest_collection_finish() -> None:
    """Collect garbage less often: what is imported by now stays, and the tests create few reference cycles."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


# No property test fails for being slow: that depends on the machine.
for profile, examples in {"quick": 10, "woohub": 50, "long": 1000}.items():
    hypothesis.settings.register_profile(
        profile, deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow], max_examples=examples
    )
hypothesis.settings.load_profile("woohub")
