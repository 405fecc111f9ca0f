"""The configuration of a stack: what the functions use, and so every command."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from woohub.configuration import (
    Configuration,
    ConfigurationVersion,
    Objects,
    StoredObject,
    mapping_key,
    parse,
    read_objects,
)
from woohub.mapping import mapping_file
from woohub.mapping.fields import FieldMapping
from woohub.mapping.overlay import Overlay, Tables
from woohub.stores import FIRST
from woohub_cli.cli_errors import Trouble
from woohub_cli.stacks import Stack

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

OUTPUT = "ConfigurationBucket"
NO_BUCKET = "the stack {name} has no configuration bucket, it is older than that: run `make deploy` first"


def current(stack: Stack | None) -> ConfigurationVersion:
    """What the stack's functions use; the defaults without a stack. Raises ConfigurationUnreadable."""
    bucket = stack.outputs.get(OUTPUT, "") if stack else ""
    return Configuration(lambda: stack.aws.s3, bucket).current()  # type: ignore[union-attr]


def mapping(stack: Stack | None) -> FieldMapping:
    """The mapping of the stack's store. Raises ConfigurationUnreadable; Trouble where the stack has no such store."""
    store = stack.store if stack else FIRST
    mappings = current(stack).mappings
    if store not in mappings:
        raise Trouble(f"the stack's configuration has no store {store}: `woohub store list`")
    return mappings[store]


@dataclass(frozen=True)
class Pushed:
    """A version of a store's overlay in the bucket; `content` is None where it was removed."""

    version_id: str
    at: str
    content: bytes | None


class StackMapping:
    """The overlay of one store in the stack's bucket."""

    def __init__(self, s3: S3Client, bucket: str, store: str = FIRST) -> None:
        self._s3 = s3
        self._bucket = bucket
        self._store = store
        self.key = mapping_key(store)

    @classmethod
    def of(cls, stack: Stack) -> StackMapping:
        """Trouble where the stack is older than the bucket."""
        if OUTPUT not in stack.outputs:
            raise Trouble(NO_BUCKET.format(name=stack.name))
        return cls(stack.aws.s3, stack.outputs[OUTPUT], stack.store)

    def objects(self) -> Objects:
        """Everything that is stored. Raises botocore's errors."""
        return read_objects(self._s3, self._bucket)

    def overlays(self, objects: Objects) -> list[Overlay]:
        """What is stored for this store, each over the one before."""
        keys = dict.fromkeys((mapping_key(FIRST), self.key))
        return [Overlay(key, objects[key].body) for key in keys if key in objects]

    def with_file(self, objects: Objects, file: Overlay | None) -> list[Overlay]:
        """The same with another file (None: none) in place of the store's own."""
        others = [overlay for overlay in self.overlays(objects) if overlay.name != self.key]
        return [*others, file] if file else others

    def check(self, objects: Objects, file: Overlay | None) -> tuple[Tables, ConfigurationVersion]:
        """The store's tables and the whole configuration with this file; InvalidMapping, ConfigurationUnreadable."""
        tables, _ = mapping_file.tables_and_file(self.with_file(objects, file))
        others = {key: stored for key, stored in objects.items() if key != self.key}
        return tables, parse({**others, self.key: StoredObject("", file.content)} if file else others)

    def push(self, content: bytes | None) -> str:
        """Store the overlay, or remove it; returns the version's id."""
        stored: Any
        if content is None:
            stored = self._s3.delete_object(Bucket=self._bucket, Key=self.key)
        else:
            stored = self._s3.put_object(Bucket=self._bucket, Key=self.key, Body=content, ContentType="text/plain")
        return str(stored.get("VersionId", ""))

    def versions(self) -> list[Pushed]:
        """The newest versions, two at most, the newest first. Raises botocore's errors."""
        pages = self._s3.get_paginator("list_object_versions").paginate(Bucket=self._bucket, Prefix=self.key)
        listed: list[tuple[Any, bool]] = []
        for page in pages:
            listed += [(row, False) for row in page.get("Versions", ()) if row["Key"] == self.key]
            listed += [(row, True) for row in page.get("DeleteMarkers", ()) if row["Key"] == self.key]
        listed.sort(key=lambda row: (row[0]["IsLatest"], row[0]["LastModified"]), reverse=True)
        return [self._pushed(row, removed=removed) for row, removed in listed[:2]]

    def _pushed(self, row: Any, *, removed: bool) -> Pushed:
        at = row["LastModified"].strftime("%Y-%m-%dT%H:%M:%SZ")
        if removed:
            return Pushed(row["VersionId"], at, None)
        answer = self._s3.get_object(Bucket=self._bucket, Key=self.key, VersionId=row["VersionId"])
        return Pushed(row["VersionId"], at, answer["Body"].read())
