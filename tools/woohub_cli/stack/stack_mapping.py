"""The mapping of a stack: what is pushed for a store, and the file that may take its place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

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


@dataclass(frozen=True)
class Pushed:
    """A version of a store's overlay in the bucket; `content` is None where it was removed."""

    at: str
    content: bytes | None


@dataclass(frozen=True)
class StackMapping:
    """The mapping of a stack's store, and the file that may replace it; `objects` is all that the bucket holds."""

    stack: Stack
    objects: Objects

    @classmethod
    def of(cls, stack: Stack) -> StackMapping:
        """Read the bucket; Trouble where the stack is older than that. Raises botocore's errors."""
        if OUTPUT not in stack.outputs:
            raise Trouble(NO_BUCKET.format(name=stack.name))
        return cls(stack, read_objects(stack.aws.s3, stack.outputs[OUTPUT]))

    @property
    def key(self) -> str:
        """The store's own object in the bucket."""
        return mapping_key(self.stack.store)

    @property
    def stored(self) -> StoredObject | None:
        """What is there; None where woohub's own mapping holds, or the first store's."""
        return self.objects.get(self.key)

    def overlays(self) -> list[Overlay]:
        """What is stored for this store, each over the one before."""
        keys = dict.fromkeys((mapping_key(FIRST), self.key))
        return [Overlay(key, self.objects[key].body) for key in keys if key in self.objects]

    def check(self, file: Overlay | None) -> tuple[Tables, ConfigurationVersion]:
        """The store's tables, and the whole configuration, with this file (None: none) in place of the store's own.

        Raises InvalidMapping or ConfigurationUnreadable.
        """
        others = [overlay for overlay in self.overlays() if overlay.name != self.key]
        tables, _ = mapping_file.tables_and_file([*others, file] if file else others)
        objects = {key: stored for key, stored in self.objects.items() if key != self.key}
        return tables, parse({**objects, self.key: StoredObject("", file.content)} if file else objects)

    def then(self, file: Overlay | None) -> tuple[Tables, FieldMapping]:
        """The same, of the configuration only the store's mapping."""
        tables, version = self.check(file)
        return tables, version.mappings[self.stack.store]

    def now(self) -> Tables:
        """What holds; InvalidMapping where it cannot be read."""
        return mapping_file.tables_and_file(self.overlays())[0]

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

    def push(self, content: bytes | None) -> str:
        """Store the overlay, or remove it, in place of the one among `objects`; returns the version's id.

        ChangedMeanwhile where somebody else has pushed since they were read.
        """
        more = {"ContentType": "text/plain"} if content is not None else {}
        etag = self.stored.etag if self.stored else None
        return replace(self.stack.aws.s3, self.stack.outputs[OUTPUT], self.key, content, etag, **more)

    def versions(self) -> list[Pushed]:
        """The newest versions, two at most, the newest first. Raises botocore's errors."""
        listed = self.stack.aws.s3.get_paginator("list_object_versions")
        rows: list[tuple[Any, bool]] = []
        for page in listed.paginate(Bucket=self.stack.outputs[OUTPUT], Prefix=self.key):
            rows += [(row, False) for row in page.get("Versions", ()) if row["Key"] == self.key]
            rows += [(row, True) for row in page.get("DeleteMarkers", ()) if row["Key"] == self.key]
        rows.sort(key=lambda row: (row[0]["IsLatest"], row[0]["LastModified"]), reverse=True)
        return [self._pushed(row, removed=removed) for row, removed in rows[:2]]

    def _pushed(self, row: Any, *, removed: bool) -> Pushed:
        at = row["LastModified"].strftime("%Y-%m-%dT%H:%M:%SZ")
        if removed:
            return Pushed(at, None)
        bucket, version = self.stack.outputs[OUTPUT], row["VersionId"]
        answer = self.stack.aws.s3.get_object(Bucket=bucket, Key=self.key, VersionId=version)
        return Pushed(at, answer["Body"].read())
