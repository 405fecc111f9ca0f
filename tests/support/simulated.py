"""Plain calls to a HubSpot portal for tests of the simulator: paths by version, JSON in and out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from simulators.hubspot import DEFAULT_TOKEN, RUN_TIME_SCOPES, SimulatedPortal
from woohub.http import Http

VERSIONS = ("2026-09", "2026-03", "v3")
Json = dict[str, Any]


@dataclass(frozen=True)
class Answer:
    """A status and its JSON body (None if there is none)."""

    status: int
    body: Any
    headers: Mapping[str, str]

    @property
    def message(self) -> str:
        """The error message."""
        return str(self.body["message"])

    def by(self, name: str) -> dict[str, Json]:
        """A batch's results by a property, because they have no order."""
        return {result["properties"][name]: result for result in self.body["results"]}


@dataclass(frozen=True)
class Calls:
    """One caller of a portal, in one version of its API."""

    transport: Http
    version: str = "2026-09"
    token: str = DEFAULT_TOKEN
    base: str = "http://hubspot.test"
    timeout: float = 10.0
    headers: Mapping[str, str] = field(default_factory=dict)

    def using(self, **changes: Any) -> Calls:
        """A copy of the caller with another version, token or transport."""
        return replace(self, **changes)

    def objects(self, method: str, path: str, body: Any = None, **query: str) -> Answer:
        """/crm/objects/{version}/{path}, or its v3 form."""
        return self._family("crm", "objects", "v3", method, path, body, **query)

    def links(self, method: str, path: str, body: Any = None) -> Answer:
        """Associations of one record: /crm/objects/{version}/{path}, or its v4 form."""
        return self._family("crm", "objects", "v4", method, path, body)

    def associations(self, method: str, path: str, body: Any = None) -> Answer:
        """/crm/associations/{version}/{path}, or its v4 form."""
        return self._family("crm", "associations", "v4", method, path, body)

    def properties(self, method: str, path: str, body: Any = None) -> Answer:
        """/crm/properties/{version}/{path}."""
        return self._family("crm", "properties", "v3", method, path, body)

    def pipelines(self, method: str, path: str, body: Any = None) -> Answer:
        """/crm/pipelines/{version}/{path}."""
        return self._family("crm", "pipelines", "v3", method, path, body)

    def library(self, path: str) -> Answer:
        """GET /crm/object-library/{version}/{path}."""
        return self._family("crm", "object-library", "v3", "GET", path, None)

    def account(self, path: str) -> Answer:
        """GET /account-info/{version}/{path}."""
        return self.call("GET", f"/account-info/{self.version}/{path}")

    def control(self, method: str, path: str, body: Any = None) -> Answer:
        """The simulator's own /_simulator/{path}."""
        return self.call(method, f"/_simulator/{path}", body)

    def contact(self, **properties: Any) -> str:
        """A new contact's id."""
        return self._made("contacts", properties)

    def deal(self, *, contact: str = "", **properties: Any) -> str:
        """A new deal's id, associated with a contact if one is given."""
        return self._made("deals", properties, [to_contact(contact)] if contact else [])

    def call(self, method: str, path: str, body: Any = None, **query: str) -> Answer:
        """A call to any path."""
        headers = {"Authorization": f"Bearer {self.token}", **self.headers}
        sent = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            sent = json.dumps(body)
        response = self.transport.request(
            method, self.base + path, body=sent, fields=query or None, headers=headers, timeout=self.timeout
        )
        return Answer(response.status, _json(response.data), response.headers)

    def _family(self, area: str, family: str, old: str, method: str, path: str, body: Any, **query: str) -> Answer:
        prefix = f"/{area}/{old}/{family}" if self.version == "v3" else f"/{area}/{family}/{self.version}"
        return self.call(method, f"{prefix}/{path}", body, **query)

    def _made(self, kind: str, properties: Json, associations: list[Json] | None = None) -> str:
        answer = self.objects("POST", kind, {"properties": properties, "associations": associations or []})
        assert answer.status == 201, answer.body
        return str(answer.body["id"])


def to_contact(contact_id: str) -> Json:
    """An inline association of a new deal."""
    return {"to": {"id": contact_id}, "types": [spec(3)]}


def spec(type_id: int) -> Json:
    """An association type: 3 from deal to contact, 4 from contact to deal."""
    return {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": type_id}


def creates(*properties: Json, traced: bool = False) -> Json:
    """The body of a batch/create."""
    return {"inputs": [{"properties": p, "associations": []} | _trace(n, traced) for n, p in enumerate(properties)]}


def updates(inputs: Mapping[str, Json], id_property: str = "", *, traced: bool = False) -> Json:
    """The body of a batch/update, by id."""
    by = {"idProperty": id_property} if id_property else {}
    return {"inputs": [{"id": i, "properties": p} | by | _trace(n, traced) for n, (i, p) in enumerate(inputs.items())]}


def reads(*ids: str, id_property: str = "", properties: tuple[str, ...] = ()) -> Json:
    """The body of a batch/read."""
    by = {"idProperty": id_property} if id_property else {}
    return {
        "inputs": [{"id": i} for i in ids],
        "properties": list(properties),
        "propertiesWithHistory": [],
        **by,
    }


def searching(*filters: Json, **more: Any) -> Json:
    """The body of a search with one group of filters."""
    body = {"filterGroups": [{"filters": list(filters)}], "sorts": [], "properties": [], "limit": 100, "after": "0"}
    return body | more


def run_time_token(portal: SimulatedPortal) -> str:
    """A token with the scopes of the deployed functions only."""
    portal.tokens["run-time"] = RUN_TIME_SCOPES
    return "run-time"


def _trace(number: int, traced: bool) -> Json:
    return {"objectWriteTraceId": f"trace-{number}"} if traced else {}


def _json(data: bytes) -> Any:
    return json.loads(data) if data else None


ORDER = {"dealname": "WooCommerce Order #1", "pipeline": "ecommerce_sales", "dealstage": "newly_created_order"}


def deal_properties(number: int, **properties: str) -> Json:
    """The properties of the deal of an order."""
    return ORDER | {"woocommerce_order_id": str(number)} | properties
