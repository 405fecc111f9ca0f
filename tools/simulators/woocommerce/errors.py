"""WordPress's error responses."""

from __future__ import annotations

from typing import Any


class RestError(Exception):
    """A WP_Error of the REST API."""

    def __init__(self, status: int, code: str, message: str, **data: Any) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"code": code, "message": message, "data": {"status": status, **data}}


def invalid(parameter: str, why: str) -> RestError:
    """Return the 400 about one parameter."""
    return RestError(
        400, "rest_invalid_param", f"Invalid parameter(s): {parameter}", params={parameter: why}, details={}
    )
