"""HubSpot's error responses, in the words of bodies recorded from live accounts where there were any."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]


@dataclass(eq=False)
class ApiError(Exception):
    """A response other than 2xx.

    `extra` has top-level fields that only some bodies have (`policyName`, `links`).
    """

    status: int
    message: str
    category: str = "VALIDATION_ERROR"
    sub_category: str = ""
    errors: tuple[Json, ...] = ()
    context: Mapping[str, list[str]] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)

    def body(self, correlation_id: str) -> Json:
        """Return the error as the body of HubSpot's response."""
        body: Json = {"status": "error", "message": self.message, "correlationId": correlation_id, **self.extra}
        if self.category:
            body["category"] = self.category
        if self.sub_category:
            body["subCategory"] = self.sub_category
        if self.errors:
            body["errors"] = list(self.errors)
        if self.context:
            body["context"] = dict(self.context)
        return body

    def entry(self, context: Mapping[str, list[str]]) -> Json:
        """Return the error as one of `errors[]` in a 207 response."""
        entry: Json = {"status": "error", "category": self.category, "message": self.message, "links": {}}
        if self.sub_category:
            entry["subCategory"] = self.sub_category
        return entry | {"errors": list(self.errors), "context": {**self.context, **context}}


def in_words(error: Json) -> Json:
    """Return the error without codes and context, as far as HubSpot's specification makes them optional."""
    kept = {name: error[name] for name in ("status", "message", "correlationId", "category", "links") if name in error}
    empty = {name: type(error[name])() for name in ("errors", "context") if name in error}
    details = "; ".join(detail["message"] for detail in error.get("errors", ()))
    trace = {name: ids for name, ids in error.get("context", {}).items() if name == "objectWriteTraceId"}
    return kept | empty | ({"message": details} if details else {}) | ({"context": trace} if trace else {})


@dataclass(frozen=True)
class PropertyProblem:
    """One property value that HubSpot does not accept."""

    name: str
    code: str
    message: str


class InvalidProperties(ApiError):
    """400: property values are not valid. The response to a batch has the problems of all its inputs."""

    def __init__(self, problems: Iterable[PropertyProblem], portal_id: int) -> None:
        self.problems = tuple(problems)
        results = [
            {"isValid": False, "message": p.message, "error": p.code, "name": p.name}
            | {"localizedErrorMessage": p.message, "portalId": portal_id}
            for p in self.problems
        ]
        details = [{"message": p.message, "code": p.code, "context": {"propertyName": [p.name]}} for p in self.problems]
        text = json.dumps(results, separators=(",", ":"))
        super().__init__(400, f"Property values were not valid: {text}", errors=tuple(details))


def bad_request(message: str, **context: list[str]) -> ApiError:
    """Return a 400 VALIDATION_ERROR."""
    return ApiError(400, message, context=context)


def bad_json(what: str) -> ApiError:
    """Return the 400 for a body that is not the JSON the endpoint accepts."""
    return ApiError(400, f"Invalid input JSON on line 1, column 1: {what}")


def not_found(message: str = "resource not found") -> ApiError:
    """Return the 404 for an id or a path that does not exist."""
    return ApiError(404, message, category="OBJECT_NOT_FOUND")


class ContactExists(ApiError):
    """409: the id is only in the text, and missing if two new contacts of one batch collide."""

    def __init__(self, existing_id: str) -> None:
        known = f". Existing ID: {existing_id}" if existing_id else ""
        super().__init__(409, f"Contact already exists{known}", category="CONFLICT")
        self.existing_id = existing_id

    def entry(self, context: Mapping[str, list[str]]) -> Json:
        known = {"existingId": [self.existing_id]} if self.existing_id else {}
        return super().entry({**known, **context})
