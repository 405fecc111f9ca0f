"""The shop over HTTP: the part of WooCommerce's REST API v3 that integrations use, and the simulator's controls."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from email.utils import formatdate
from typing import Any
from urllib.parse import urlencode

from flask import Flask, Request, Response, request

from simulators.core.faults import InjectedFault
from simulators.core.web import SimulatedResponse, add_controls, with_fault

from . import queries
from .auth import Caller, Gate
from .bodies import php_json
from .controls import controls
from .errors import RestError, invalid
from .hooks import TOPICS, Webhook
from .hosting import CALLED_PATH, WebServer
from .shop import SimulatedShop
from .zones import gmt

API = "/wp-json/wc/v3"
HTML = "text/html; charset=UTF-8"


Handler = Callable[..., SimulatedResponse]


def create_app(shop: SimulatedShop) -> Flask:
    app, gate = Flask(__name__), Gate(shop.keys)

    def serve(rule: str, method: str, handler: Handler, *, public: bool = False) -> None:
        def view(**path: Any) -> Response:
            return _view(shop, None if public else gate, handler, path)

        app.add_url_rule(rule, endpoint=f"{method} {rule}", view_func=view, methods=[method])

    serve("/wp-json/", "GET", _index, public=True)
    for rule, methods in ROUTES.items():
        for method, handler in methods.items():
            serve(API + rule, method, handler)
    add_controls(app, controls(shop))
    app.wsgi_app = WebServer(app.wsgi_app, lambda: shop.hosting)  # type: ignore[assignment]
    app.register_error_handler(404, lambda _: _response(shop, _no_route()))
    app.register_error_handler(405, lambda _: _response(shop, _no_route()))
    return app


def _view(shop: SimulatedShop, gate: Gate | None, handler: Handler, path: dict[str, Any]) -> Response:
    fault = shop.faults.draw(request.method, request.path)
    answer = _respond(shop, gate, handler, path, fault)
    answer = replace(answer, wait_s=answer.wait_s + shop.latency_ms / 1000)
    shop.requests.append((request.method, request.full_path.removesuffix("?"), answer.status))
    return _response(shop, answer)


def _respond(
    shop: SimulatedShop, gate: Gate | None, handler: Handler, path: dict[str, Any], fault: InjectedFault | None
) -> SimulatedResponse:
    if fault and fault.when == "before" and fault.kind in ("status", "reset", "hold"):
        return with_fault(fault, None, lambda: _fault_error(fault))
    try:
        if gate:
            gate.check(_caller(shop, request), shop.clock())
        answer = handler(shop, request, **path)
    except RestError as error:
        answer = _error(error)
    return with_fault(fault, answer, lambda: _fault_error(fault)) if fault else answer


def _caller(shop: SimulatedShop, req: Request) -> Caller:
    secure = req.scheme == "https"
    home = shop.url.partition("://")[2]
    called = req.environ.get(CALLED_PATH, req.path)  # get_home_url(null, "") ends without a slash
    url = f"{'https' if secure else 'http'}://{home}{called if called != '/' else ''}"
    return Caller(req.method, secure, url, req.args.to_dict(), req.headers.get("Authorization", ""))


def _fault_error(fault: InjectedFault) -> SimulatedResponse:
    if fault.body == "html":
        page = f"<html><head><title>{fault.status}</title></head><body>Please come back later.</body></html>"
        return SimulatedResponse(fault.status, page, content_type=HTML)
    return SimulatedResponse(fault.status, php_json(_FATAL))


def _error(error: RestError) -> SimulatedResponse:
    return SimulatedResponse(error.status, php_json(error.body))


def _no_route() -> SimulatedResponse:
    return _error(RestError(404, "rest_no_route", "No route was found matching the URL and request method."))


def _response(shop: SimulatedShop, answer: SimulatedResponse) -> Response:
    if answer.content_type != HTML:
        text = shop.hosting.dressed(answer.text)
        answer = replace(answer, text=text, content_type="application/json; charset=UTF-8")
    response = answer.as_flask()
    response.headers["Date"] = formatdate(shop.clock(), usegmt=True)
    response.headers["X-Robots-Tag"] = "noindex"
    return response


# WordPress itself


def _index(shop: SimulatedShop, req: Request) -> SimulatedResponse:
    """Return the REST API's index, which is open to all.

    Over https WordPress accepts Basic authentication only for a user's application password, so it refuses a REST key.
    """
    if shop.hosting.index_closed:
        return _error(RestError(shop.hosting.index_status, shop.hosting.index_closed, "Only for registered users."))
    if req.scheme == "https" and req.authorization:
        return _error(RestError(401, "invalid_username", "Unknown username. Check again or try your email address."))
    facts = {
        "name": "Simulated shop",
        "description": "",
        "url": shop.url,
        "home": shop.url,
        "gmt_offset": str(shop.zone.offset(shop.clock()) / 3600),
        "timezone_string": shop.zone.name,
        "namespaces": ["oembed/1.0", "wc/v1", "wc/v2", "wc/v3", "wp/v2"],
    }
    return SimulatedResponse(200, _with_fields(php_json(facts), req))


def _system_status(shop: SimulatedShop, req: Request) -> SimulatedResponse:
    facts = {
        "environment": {
            "home_url": shop.url,
            "site_url": shop.url,
            "version": "5.7.2" if shop.old else "11.0.1",
            "wp_version": "7.0.4",
            "default_timezone": "UTC",
        },
        "settings": {"api_enabled": False, "currency": "USD", "number_of_decimals": 2, "HPOS_enabled": shop.hpos},
    }
    return SimulatedResponse(200, _with_fields(php_json(facts), req))


# Orders and customers


def _orders(shop: SimulatedShop, req: Request) -> SimulatedResponse:
    with shop.lock:
        return _list(shop, req, "order", queries.orders(shop, req.args), shop.order_text)


def _customers(shop: SimulatedShop, req: Request) -> SimulatedResponse:
    with shop.lock:
        return _list(shop, req, "customer", queries.customers(shop, req.args), shop.customer_text)


def _record_of(kind: str) -> Handler:
    def handle(shop: SimulatedShop, req: Request, number: int) -> SimulatedResponse:
        with shop.lock:
            record, text = shop.record(kind, number)
            return _damaged_answer(shop, req, kind, [record]) or SimulatedResponse(200, _with_fields(text, req))

    return handle


def _list(
    shop: SimulatedShop, req: Request, kind: str, listed: queries.Listed, text_of: Callable[[Any], str]
) -> SimulatedResponse:
    if answer := _damaged_answer(shop, req, kind, listed.records):
        return answer
    headers = {"X-WP-Total": str(listed.total), "X-WP-TotalPages": str(listed.pages)}
    if listed.page < listed.pages:  # with the whole query, keys included
        following = urlencode({**req.args.to_dict(), "page": listed.page + 1})
        headers["Link"] = f'<{shop.url}{req.path}?{following}>; rel="next"'
    rows = ",".join(_with_fields(text_of(record), req) for record in listed.records)
    return SimulatedResponse(200, f"[{rows}]", headers)


def _damaged_answer(shop: SimulatedShop, req: Request, kind: str, records: list[Any]) -> SimulatedResponse | None:
    """Return the answer of the first damaged record among these, or None if none of them is damaged."""
    ids_only = req.args.get("_fields") == "id"
    damaged = [shop.damaged[name] for record in records if (name := f"{kind}:{record.id}") in shop.damaged]
    first = next((record for record in damaged if record.ids_too or not ids_only), None)
    return DAMAGED_ANSWERS[first.how] if first else None


def _with_fields(text: str, req: Request) -> str:
    """Return a JSON object with only the names in the query's `_fields`, if it has any."""
    wanted = [name for name in req.args.get("_fields", "").split(",") if name]
    return php_json({k: v for k, v in json.loads(text).items() if k in wanted}) if wanted else text


# Webhooks


def _webhooks(shop: SimulatedShop, req: Request) -> SimulatedResponse:
    with shop.lock:
        listed = queries.webhooks(shop, req.args)
        return _list(shop, req, "webhook", listed, lambda webhook: php_json(_webhook_body(shop, webhook)))


def _create_webhook(shop: SimulatedShop, req: Request) -> SimulatedResponse:
    """Create a webhook. WooCommerce ignores the given `status`, and the response to the ping."""
    given = _given(req)
    if str(given.get("topic", "")).lower() not in TOPICS:
        raise RestError(400, "woocommerce_rest_invalid_topic", "Webhook topic must be valid.")
    with shop.lock:
        webhook = shop.hooks.create(
            name=str(given.get("name", "")),
            topic=str(given["topic"]),
            delivery_url=_delivery_url(given),
            secret=str(given.get("secret", "")),
        )
    shop.hooks.ping(webhook)
    return SimulatedResponse(201, php_json(_webhook_body(shop, webhook)))


def _update_webhook(shop: SimulatedShop, req: Request, number: int) -> SimulatedResponse:
    given = _given(req)
    changes: dict[str, str] = {
        name: str(given[name]) for name in ("name", "status", "topic", "delivery_url", "secret") if name in given
    }
    if changes.get("status", "active") not in ("active", "paused", "disabled"):
        raise invalid("status", "status is not one of active, paused, and disabled.")
    if "topic" in changes and changes["topic"].lower() not in TOPICS:
        raise RestError(400, "woocommerce_rest_invalid_topic", "Webhook topic must be valid.")
    if "delivery_url" in changes:
        _delivery_url(changes)
    with shop.lock:
        webhook = _known(shop, number)
        moved = shop.hooks.change(webhook, changes)
    if moved:
        shop.hooks.ping(webhook)
    return SimulatedResponse(200, php_json(_webhook_body(shop, webhook)))


def _delete_webhook(shop: SimulatedShop, req: Request, number: int) -> SimulatedResponse:
    if req.args.get("force", "").lower() not in ("true", "1"):
        raise RestError(501, "woocommerce_rest_trash_not_supported", "Webhooks do not support trashing.")
    with shop.lock:
        webhook = _known(shop, number)
        del shop.hooks.webhooks[number]
    return SimulatedResponse(200, php_json(_webhook_body(shop, webhook)))


def _known(shop: SimulatedShop, number: int) -> Webhook:
    webhook = shop.hooks.webhooks.get(number)
    if webhook is None:
        raise RestError(404, "woocommerce_rest_shop_webhook_invalid_id", "Invalid ID.")
    return webhook


def _given(req: Request) -> dict[str, Any]:
    given = req.get_json(silent=True)
    return given if isinstance(given, dict) else {}


def _delivery_url(given: Mapping[str, Any]) -> str:
    url = str(given.get("delivery_url", ""))
    if not url.startswith(("http://", "https://")):
        message = "Webhook delivery URL must be a valid URL starting with http:// or https://."
        raise RestError(400, "woocommerce_rest_invalid_webhook_delivery_url", message)
    return url


def _webhook_body(shop: SimulatedShop, webhook: Webhook) -> dict[str, Any]:
    resource, _, event = webhook.topic.partition(".")
    return {
        "id": webhook.id,
        "name": webhook.name,
        "status": webhook.status,
        "topic": webhook.topic,
        "resource": resource,
        "event": event,
        "hooks": [],
        "delivery_url": webhook.delivery_url,
        "date_created": shop.zone.local(webhook.created),
        "date_created_gmt": gmt(webhook.created),
        "date_modified": shop.zone.local(webhook.modified),
        "date_modified_gmt": gmt(webhook.modified),
    }


_FATAL = {"code": "internal_server_error", "message": "There has been a critical error on this website."}
_NOTICE = "<br />\n<b>Notice</b>: Undefined index: total in <b>/plugins/gifts/rest.php</b> on line <b>7</b><br />\n[]"
DAMAGED_ANSWERS = {  # by DamagedRecord.how
    "500": SimulatedResponse(500, php_json(_FATAL)),
    "502": SimulatedResponse(502, "<html><body>502 Bad Gateway</body></html>", content_type=HTML),
    "notice": SimulatedResponse(200, _NOTICE),
    "timeout": SimulatedResponse(200, "[]", wait_s=3600.0, cut="reset"),
}
ROUTES: Mapping[str, Mapping[str, Handler]] = {
    "/orders": {"GET": _orders},
    "/orders/<int:number>": {"GET": _record_of("order")},
    "/customers": {"GET": _customers},
    "/customers/<int:number>": {"GET": _record_of("customer")},
    "/webhooks": {"GET": _webhooks, "POST": _create_webhook},
    "/webhooks/<int:number>": {"PUT": _update_webhook, "DELETE": _delete_webhook},
    "/system_status": {"GET": _system_status},
}
