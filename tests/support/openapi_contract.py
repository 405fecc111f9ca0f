"""Check requests and responses against HubSpot's own OpenAPI specs.

The specs are not part of this repository (github.com/HubSpot/HubSpot-public-api-spec-collection has them).
`HUBSPOT_OPENAPI_DIR` names a folder with them, one file per API, version and roll-out:
`deals__2026-09__r424.json`. Without it, `specs_folder` looks beside the repository.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property, partial
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from openapi_schema_validator import OAS30Validator, oas30_format_checker
from referencing import Registry
from referencing.jsonschema import DRAFT4

from woohub.http import Http, Response

_FILE = re.compile(r"(?P<api>.+)__(?P<version>.+)__r(?P<rollout>\d+)\.json")
_METHODS = ("get", "post", "put", "patch", "delete")
# Sent by the network in front of the API, in forms that its specs do not describe.
_UNDESCRIBED = {405, 415, 423, 429, 477}


class ContractViolation(AssertionError):
    """A request or a response does not match HubSpot's specs."""


def specs_folder() -> Path | None:
    """The folder with the specs; None if there is none."""
    beside = Path(__file__).parents[3] / "shared" / "hubspot" / "openapi"
    folder = Path(os.environ.get("HUBSPOT_OPENAPI_DIR") or beside)
    return folder if folder.is_dir() else None


class Validated:
    """A transport that checks every request and response against HubSpot's specs. `seen` are the operations used."""

    def __init__(self, transport: Http, contract: Contract) -> None:
        self._transport = transport
        self._contract = contract
        self.seen: set[str] = set()

    def request(self, method: str, url: str, **kwargs: Any) -> Response:
        """The transport's response, checked; raises ContractViolation."""
        query = urlencode(kwargs.get("fields") or {})
        sent = f"{url}{'&' if '?' in url else '?'}{query}" if query else url
        operations = self._contract.operations(method, sent)
        body = kwargs["json"] if kwargs.get("json") is not None else _parsed(kwargs.get("body"))
        checked: set[str] = set()
        for operation in operations:
            operation.check_request(sent, body, checked)
        response = self._transport.request(method, url, **kwargs)
        answered = (*(operation.name for operation in operations), response.status, sha256(response.data).digest())
        if answered not in self._contract.checked:
            for operation in operations:
                operation.check_answer(response, checked)
            self._contract.checked.add(answered)
        self.seen.update(operation.name for operation in operations)
        return response


@dataclass(frozen=True)
class Operation:
    """One method of one path in one spec.

    Seven specs describe the same batch calls with equal schemas: `checked` has the schemas that a call was already
    checked against.
    """

    method: str
    path: str
    spec: Mapping[str, Any]
    uri: str
    registry: Registry[Any]
    validators: dict[int, tuple[OAS30Validator, str]] = field(default_factory=dict)  # by the schema's identity

    @cached_property
    def name(self) -> str:
        """Method and path, for messages and coverage."""
        return f"{self.method} {self.path}"

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """The path as a regular expression."""
        return re.compile("/".join("[^/]+" if part.startswith("{") else re.escape(part) for part in self._parts))

    @property
    def literal_parts(self) -> int:
        """The number of parts that are not placeholders; the more, the closer the match."""
        return sum(not part.startswith("{") for part in self._parts)

    def check_request(self, url: str, body: Any, checked: set[str]) -> None:
        """Raise ContractViolation for unknown or ill-typed query parameters, or a body of another shape."""
        known = {p["name"]: p for p in self.spec.get("parameters", ()) if p["in"] == "query"}
        for name, value in parse_qsl(urlsplit(url).query):
            if name not in known:
                raise ContractViolation(f"{self.name}: no query parameter {name}")
            schema = known[name]["schema"]
            self._check(partial(_typed, value, schema), schema, f"query parameter {name}", checked)
        if "requestBody" in self.spec:
            schema = self.spec["requestBody"]["content"]["application/json"]["schema"]
            self._check(lambda: body, schema, "request", checked)
        elif body is not None:
            raise ContractViolation(f"{self.name}: takes no body")

    def check_answer(self, response: Response, checked: set[str]) -> None:
        """Raise ContractViolation for a status or body the spec does not have."""
        status = response.status
        if (
            status >= 500 or status in _UNDESCRIBED or response.data.startswith(b"<")
        ):  # pages come from the network in front
            return
        described = self._answer(status)
        content = described.get("content") or {}
        if not content:
            if response.data:
                raise ContractViolation(f"{self.name}: {status} has no body in the spec")
            return
        schema = next(iter(content.values()))["schema"]
        self._check(partial(json.loads, response.data), schema, f"answer {status}", checked)

    def _answer(self, status: int) -> Mapping[str, Any]:
        answers = self.spec["responses"]
        if str(status) in answers:
            return dict(answers[str(status)])
        if (
            status == 207
        ):  # 2026-09 describes partial results in the body of its 200 or 201, without a status of their own
            return dict(answers.get("200") or answers["201"])
        if status < 400:
            raise ContractViolation(f"{self.name}: no answer {status}, only {', '.join(answers)}")
        return dict(self.registry.resolver(self.uri).lookup(answers["default"]["$ref"]).contents)

    def _check(self, read: Callable[[], Any], schema: Mapping[str, Any], what: str, checked: set[str]) -> None:
        validator, shape = self._validator(schema)
        if f"{what}: {shape}" in checked:
            return
        checked.add(f"{what}: {shape}")
        problems = [f"{error.json_path}: {error.message}" for error in validator.iter_errors(read())]
        if problems:
            raise ContractViolation(f"{self.name}, {what}: " + "; ".join(problems[:3]))

    def _validator(self, schema: Mapping[str, Any]) -> tuple[OAS30Validator, str]:
        """The validator of a schema, and the schema as text, without references and descriptions."""
        if id(schema) not in self.validators:
            inlined = self._inlined(schema)
            self.validators[id(schema)] = (
                OAS30Validator(inlined, registry=self.registry, format_checker=oas30_format_checker),
                json.dumps(inlined, sort_keys=True),
            )
        return self.validators[id(schema)]

    def _inlined(self, schema: Any, within: tuple[str, ...] = ()) -> Any:
        """The schema with its references replaced by their targets, except recursive ones."""
        if isinstance(schema, list):
            return [self._inlined(part, within) for part in schema]
        if not isinstance(schema, Mapping):
            return schema
        reference = schema.get("$ref")
        if isinstance(reference, str) and reference not in within:
            target = self.registry.resolver(self.uri).lookup(reference).contents
            return self._inlined(target, (*within, reference))
        return {name: self._inlined(part, within) for name, part in schema.items() if not _is_prose(name, part)}

    @property
    def _parts(self) -> list[str]:
        return self.path.split("/")


@cache
def hubspots_contract() -> Contract | None:
    """HubSpot's contract, parsed once per process; None without its specs."""
    folder = specs_folder()
    return Contract(folder) if folder else None


class Contract:
    """All operations of a folder of specs, from the newest roll-out of every API and version.

    `checked` are the responses that were valid: most tests begin with the same ones, such as all properties.
    """

    def __init__(self, folder: Path) -> None:
        self._by_spec = [list(_operations(path)) for path in _newest(folder)]
        self._by_path: dict[tuple[str, str], list[Operation]] = {}
        self.checked: set[tuple[object, ...]] = set()

    def operations(self, method: str, url: str) -> list[Operation]:
        """Every spec's operation for a request; raises ContractViolation if none has it."""
        path = urlsplit(url).path
        if (method, path) not in self._by_path:
            operations = [operation for spec in self._by_spec if (operation := _closest(spec, method, path))]
            if not operations:
                raise ContractViolation(f"HubSpot's specs have no {method} {path}")
            self._by_path[method, path] = operations
        return self._by_path[method, path]


def _is_prose(name: str, part: Any) -> bool:
    return name in ("description", "example") and not isinstance(part, Mapping)  # a property of that name is a mapping


def _closest(spec: Iterable[Operation], method: str, path: str) -> Operation | None:
    matching = [o for o in spec if o.method == method and o.pattern.fullmatch(path)]
    return max(matching, key=lambda operation: operation.literal_parts, default=None)


def _newest(folder: Path) -> Iterable[Path]:
    newest: dict[tuple[str, str], tuple[int, Path]] = {}
    for path in sorted(folder.glob("*.json")):
        match = _FILE.fullmatch(path.name)
        if match is None or "hubapiqa" in path.read_text():  # one roll-out describes HubSpot's test servers
            continue
        key, rollout = (match["api"], match["version"]), int(match["rollout"])
        newest[key] = max(newest.get(key, (0, path)), (rollout, path))
    return [path for _, path in newest.values()]


def _operations(path: Path) -> Iterator[Operation]:
    uri = f"urn:hubspot:{path.stem}"
    document = json.loads(path.read_text().replace('"#/components/', f'"{uri}#/components/'))
    _amend(document)
    registry: Registry[Any] = Registry().with_resource(uri, DRAFT4.create_resource(document))
    for template, methods in document["paths"].items():
        for method in _METHODS:
            if method in methods:
                yield Operation(method.upper(), template, methods[method], uri, registry)


def _amend(document: Mapping[str, Any]) -> None:
    """Correct the specs where they contradict each other or the live API's responses."""
    schemas = document["components"]["schemas"]
    if "StandardError" in schemas:
        schemas["StandardError"]["properties"]["subCategory"] = {"type": "string"}  # live: a string, not an object
    for name in {"SimplePublicObject", "SimplePublicObjectWithAssociations"} & schemas.keys():
        values = schemas[name]["properties"]["properties"]["additionalProperties"]
        values["nullable"] = True  # a property without a value is null: only the 2026-09 specs say so


def _parsed(body: bytes | str | None) -> Any:
    return json.loads(body) if body else None


def _typed(value: str, schema: Mapping[str, Any]) -> Any:
    """A query parameter's text, converted to the type in its schema."""
    if schema["type"] == "integer":
        return int(value) if value.lstrip("-").isdigit() else value
    if schema["type"] == "boolean":
        return {"true": True, "false": False}.get(value, value)
    return value.split(",") if schema["type"] == "array" else value
