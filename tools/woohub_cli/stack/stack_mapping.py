"""The mapping of a stack's store: its pushed overlay, and a file that may replace it."""

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
    """A version of a store's overlay in the bucket; `content` is None if it was removed."""

    at: str
    content: bytes | None


@dataclass(frozen=True)
class StackMapping:
    """The mapping of a stack's store. `objects` are all objects in the bucket."""

    stack: Stack
    objects: Objects

    @classmethod
    def of(cls, stack: Stack) -> StackMapping:
        """Read the bucket. Raises Trouble if the stack is too old to have one, and botocore's errors."""
        if OUTPUT not in stack.outputs:
            raise Trouble(NO_BUCKET.format(name=stack.name))
        return cls(stack, read_objects(stack.aws.s3, stack.outputs[OUTPUT]))

    @property
    def key(self) -> str:
        """The key of the store's overlay in the bucket."""
        return mapping_key(self.stack.store)

    @property
    def stored(self) -> StoredObject | None:
        """The store's overlay; None if it has none, so that woohub's mapping or the first store's holds."""
        return self.objects.get(self.key)

    def overlays(self) -> list[Overlay]:
        """Return the overlays that apply to this store. Each overrides the one before."""
        keys = dict.fromkeys((mapping_key(FIRST), self.key))
        return [Overlay(key, self.objects[key].body) for key in keys if key in self.objects]

    def check(self, file: Overlay | None) -> tuple[Tables, ConfigurationVersion]:
        """Return the store's tables and the whole configuration, with `file` in place of its overlay.

        None means no overlay. Raises InvalidMapping or ConfigurationUnreadable.
        """
        others = [overlay for overlay in self.overlays() if overlay.name != self.key]
        tables, _ = mapping_file.tables_and_file([*others, file] if file else others)
        objects = {key: stored for key, stored in self.objects.items() if key != self.key}
        return tables, parse({**objects, self.key: StoredObject("", file.content)} if file else objects)

    def then(self, file: Overlay | None) -> tuple[Tables, FieldMapping]:
        """Return the store's tables and mapping, with `file` in place of its overlay. Raises as `check` does."""
        tables, version = self.check(file)
        return tables, version.mappings[self.stack.store]

    def now(self) -> Tables:
        """Return the tables in force. Raises InvalidMapping if they cannot be read."""
        return mapping_file.tables_and_file(self.overlays())[0]

    def now_or_own(self) -> Tables:
        """Return the tables in force or, if these cannot be read, woohub's own, so that a push can replace them."""
        try:
            return self.now()
        except InvalidMapping as error:
            output.note(
                f"the stored mapping cannot be read, so this compares with woohub's own: {error}", style="yellow"
            )
            return mapping_rows.own()

    def now_in_force(self) -> FieldMapping | None:
        """Return the mapping in force; None if it cannot be read."""
        try:
            return parse(self.objects).mappings.get(self.stack.store)
        except ConfigurationUnreadable:
            return None

    def push(self, content: bytes | None) -> str:
        """Store the overlay, or remove it (None), and return the version's id.

        Raises ChangedMeanwhile if somebody else pushed after `objects` were read.
        """
        more = {"ContentType": "text/plain"} if content is not None else {}
        etag = self.stored.etag if self.stored else None
        return replace(self.stack.aws.s3, self.stack.outputs[OUTPUT], self.key, content, etag, **more)

    def versions(self) -> list[Pushed]:
        """Return the two newest versions of the overlay, the newest first. Raises botocore's errors."""
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
