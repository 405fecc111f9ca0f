"""The mapping of a stack: what is pushed for a store, and the file that may take its place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from woohub.configuration import (
    ConfigurationUnreadable,
    ConfigurationVersion,
    Objects,
    StoredObject,
    mapping_key,
    parse,
    read_objects,
)
from woohub.mapping import mapping_file
from woohub.mapping.fields import FieldMapping
from woohub.mapping.mapping_file import InvalidMapping
from woohub.mapping.overlay import Overlay, Tables
from woohub.stores import FIRST
from woohub_cli.cli_errors import Trouble
from woohub_cli.mapping import mapping_rows
from woohub_cli.rendering import output
from woohub_cli.stack.stack_configuration import NO_BUCKET, OUTPUT
from woohub_cli.stack.stacks import Stack
from woohub_cli.stack.stored_objects import replace

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@dataclass(frozen=True)
class Pushed:
    """A version of a store's overlay in the bucket; `content` is None where it was removed."""

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

    def push(self, content: bytes | None, objects: Objects) -> str:
        """Store the overlay, or remove it, in place of the one among `objects`; returns the version's id.

        ChangedMeanwhile where somebody else has pushed since they were read.
        """
        stored = objects.get(self.key)
        more = {"ContentType": "text/plain"} if content is not None else {}
        return replace(self._s3, self._bucket, self.key, content, stored.etag if stored else None, **more)

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
            return Pushed(at, None)
        answer = self._s3.get_object(Bucket=self._bucket, Key=self.key, VersionId=row["VersionId"])
        return Pushed(at, answer["Body"].read())


@dataclass(frozen=True)
class Mappings:
    """The mapping of a stack, and the file that may replace it."""

    stack: Stack
    pushed: StackMapping
    objects: Objects

    @classmethod
    def of(cls, stack: Stack) -> Mappings:
        """Of the stack's store."""
        pushed = StackMapping.of(stack)
        return cls(stack, pushed, pushed.objects())

    def now(self) -> Tables:
        """What holds; InvalidMapping where it cannot be read."""
        return mapping_file.tables_and_file(self.pushed.overlays(self.objects))[0]

    def now_or_own(self) -> Tables:
        """The same; woohub's own where what is stored cannot be read, so that it can be replaced."""
        try:
            return self.now()
        except InvalidMapping as error:
            output.note(
                f"what is stored cannot be read, so this compares with woohub's own mapping: {error}", style="yellow"
            )
            return mapping_rows.own()

    def now_in_force(self) -> FieldMapping | None:
        """The same, ready to use; None where it cannot be read."""
        try:
            return parse(self.objects).mappings.get(self.stack.store)
        except ConfigurationUnreadable:
            return None

    def then(self, file: Overlay | None) -> tuple[Tables, FieldMapping]:
        """What would hold with this file (None: without any); InvalidMapping or ConfigurationUnreadable."""
        tables, version = self.pushed.check(self.objects, file)
        return tables, version.mappings[self.stack.store]
