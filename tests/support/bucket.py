"""A fake of the stack's configuration bucket, with the methods of boto3's client that `Configuration` calls."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any, cast

import boto3
from botocore.exceptions import EndpointConnectionError

from woohub.configuration import Configuration

CUSTOM_STATUS = '[stages]\non_hold = { statuses = ["on-hold", "awaiting-pickup"] }\n'
BROKEN = '[deal]\namount = { order = "total", as = "euros" }\n'


@dataclass
class Bucket:
    """Objects by key; `is_down`: S3 does not respond; `calls`: the listings, and the keys that were read."""

    objects: dict[str, bytes] = field(default_factory=dict)
    is_down: bool = False
    calls: list[str] = field(default_factory=list)

    def put(self, key: str, text: str) -> None:
        self.objects[key] = text.encode()

    def configuration(self, clock: Callable[[], float]) -> Configuration:
        """The configuration as a new process reads it from this bucket."""
        return Configuration(lambda: cast("Any", self), "bucket", clock=clock)

    def get_paginator(self, operation: str) -> Bucket:
        assert operation == "list_objects_v2"
        return self

    def paginate(self, *, Bucket: str) -> Iterator[dict[str, Any]]:
        assert Bucket == "bucket"
        self._called("list")
        rows = [{"Key": key, "ETag": _etag(body), "Size": len(body)} for key, body in self.objects.items()]
        yield {"Contents": rows} if rows else {}

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:
        assert Bucket == "bucket"
        self._called(Key)
        return {"ETag": _etag(self.objects[Key]), "Body": BytesIO(self.objects[Key])}

    def _called(self, call: str) -> None:
        self.calls.append(call)
        if self.is_down:
            raise EndpointConnectionError(endpoint_url="https://s3")


def make_bucket(name: str) -> None:
    """Create a bucket in moto's AWS, with versioning as in the template."""
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})


def _etag(body: bytes) -> str:
    return f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'
