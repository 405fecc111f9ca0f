"""A fake of Secrets Manager for code that reads secrets."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError, EndpointConnectionError

UNREACHABLE = EndpointConnectionError(endpoint_url="https://secretsmanager")


def client_error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "GetSecretValue")


class SecretsManager:
    """The text of each secret by its id, or the error that reading it raises; `calls` counts the calls."""

    def __init__(self, **secrets: str | Exception) -> None:
        self.secrets = secrets
        self.calls = 0

    def get_secret_value(self, *, SecretId: str) -> dict[str, Any]:
        self.calls += 1
        answer = self.secrets.get(SecretId, client_error("ResourceNotFoundException"))
        if isinstance(answer, Exception):
            raise answer
        return {"SecretString": answer}
