"""The stack's configuration: the mapping, the further stores and the erasures, as objects of the stack's S3 bucket.

The bucket keeps all versions. The defaults hold for each object that the bucket does not have, or if there is no
bucket.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from woohub import erasures, stores_file
from woohub.aws_errors import AWS_ERRORS
from woohub.erasures import ErasureList
from woohub.errors import Suspended, WooHubError
from woohub.mapping import mapping_file
from woohub.mapping.fields import FieldMapping, field_mapping, load_mapping
from woohub.mapping.overlay import Overlay
from woohub.mapping.several_stores import mapping_of_store
from woohub.stores import FIRST, StoreSettings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

MAPPING_KEY, STORES_KEY = "mapping.toml", stores_file.FILE
STORES_PREFIX = "stores/"
MAX_AGE_S = 60.0  # after this time the bucket is listed again, to see what has changed
MAX_AGE_LACKING_S = 5.0  # the same if a message names a store that the version lacks: it may just have been added
MAX_OBJECT_BYTES = 4 * 1024 * 1024  # a larger object is a mistake

_logger = logging.getLogger(__name__)


class ConfigurationUnreadable(Suspended):
    """The configuration cannot be read: HubSpot is not called until somebody has repaired it."""

    policy = "config"


@dataclass(frozen=True, eq=False)  # compared by identity: an unchanged configuration stays the same object
class ConfigurationVersion:
    """One version of the configuration, read and checked."""

    mappings: Mapping[str, FieldMapping]  # by store
    stores: Mapping[str, StoreSettings]  # the further stores, by name
    erasures: ErasureList | None  # None: the bucket has no list of erasures

    @property
    def mapping(self) -> FieldMapping:
        """The mapping of the first store."""
        return self.mappings[FIRST]


@dataclass(frozen=True)
class StoredObject:
    """One object of the bucket."""

    etag: str
    body: bytes


Objects = Mapping[str, StoredObject]


def parse(objects: Objects) -> ConfigurationVersion:
    """Read the bucket's objects. Raises ConfigurationUnreadable, which names the object and its mistakes."""
    try:
        first = load_mapping(*_overlays(objects, MAPPING_KEY))
        stores = _stores(objects, first)
        return ConfigurationVersion(
            {FIRST: first} | {name: _store_mapping(objects, name, stores) for name in stores},
            stores,
            _erasures(objects),
        )
    except WooHubError as error:
        raise ConfigurationUnreadable(f"the stack's configuration cannot be read: {_in_one_line(error)}") from error


def _erasures(objects: Objects) -> ErasureList | None:
    return ErasureList.parse(objects[erasures.FILE].body) if erasures.FILE in objects else None


def _in_one_line(error: WooHubError) -> str:
    return "; ".join(line.strip() for line in str(error).splitlines()).replace(":;", ":")


def _stores(objects: Objects, first: FieldMapping) -> dict[str, StoreSettings]:
    stored = objects.get(STORES_KEY)
    return stores_file.read(stored.body, first.order_key_prefix) if stored else {}


def _store_mapping(objects: Objects, name: str, stores: Mapping[str, StoreSettings]) -> FieldMapping:
    overlays = _overlays(objects, MAPPING_KEY, mapping_key(name))
    return field_mapping(mapping_of_store(mapping_file.read(overlays), name, stores[name]))


def mapping_key(store: str) -> str:
    """Return the key of the object with a store's mapping overlay.

    The first store's overlay applies to all stores; a further store's own overlay is merged over it.
    """
    return f"{STORES_PREFIX}{store}/{MAPPING_KEY}" if store else MAPPING_KEY


def _overlays(objects: Objects, *keys: str) -> list[Overlay]:
    return [Overlay(key, objects[key].body) for key in keys if key in objects]


def is_read(key: str) -> bool:
    """Whether the bucket's object with this key is part of the configuration."""
    return key in (MAPPING_KEY, STORES_KEY, erasures.FILE) or (
        key.startswith(STORES_PREFIX) and key.endswith(f"/{MAPPING_KEY}")
    )


def read_objects(client: S3Client, bucket: str, known: Objects = MappingProxyType({})) -> dict[str, StoredObject]:
    """Return the configuration's objects by key. An object whose ETag is the one in `known` is not read again.

    Raises botocore's errors, and ConfigurationUnreadable if an object is too large.
    """
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    listed = [row for page in pages for row in page.get("Contents", ()) if is_read(row["Key"])]
    for row in listed:
        if row["Size"] > MAX_OBJECT_BYTES:
            raise ConfigurationUnreadable(f"{row['Key']} has {row['Size']} bytes; at most {MAX_OBJECT_BYTES}")
    return {row["Key"]: _object(client, bucket, row["Key"], known.get(row["Key"]), row["ETag"]) for row in listed}


def _object(client: S3Client, bucket: str, key: str, known: StoredObject | None, etag: str) -> StoredObject:
    if known and known.etag == etag:
        return known
    answer = client.get_object(Bucket=bucket, Key=key)
    return StoredObject(answer["ETag"], answer["Body"].read())


class Configuration:
    """Reads the configuration, and checks once a minute whether it has changed; sooner if it lacks a store.

    `make_client` is called at the first read only: making the client takes a tenth of a cold start.
    """

    def __init__(
        self,
        make_client: Callable[[], S3Client],
        bucket: str,
        *,
        clock: Callable[[], float] = time.monotonic,
        max_age_s: float = MAX_AGE_S,
    ) -> None:
        self._make_client, self._bucket = make_client, bucket
        self._clock, self._max_age_s = clock, max_age_s
        self._client: S3Client | None = None
        self._objects: Objects = {}
        self._version: ConfigurationVersion | None = None if bucket else parse({})
        self._asked_at = float("inf") if not bucket else float("-inf")

    def current(self, stores: Collection[str] = ()) -> ConfigurationVersion:
        """Return the version in force; the same object as long as nothing changes.

        If the version lacks one of `stores`, the bucket is read again after 5 s already. While S3 does not respond,
        the last good version stays in force. Raises ConfigurationUnreadable as long as the stored configuration cannot
        be read, or if S3 has not responded since the process started.
        """
        now = self._clock()
        age = now - self._asked_at
        if self._version is None or age >= self._max_age_s or (age >= MAX_AGE_LACKING_S and self._lacks(stores)):
            self._version = self._read()
            self._asked_at = now  # before the bucket was read: `woohub erase` counts on the age
        return self._version

    def _lacks(self, stores: Collection[str]) -> bool:
        return self._version is not None and any(store not in self._version.mappings for store in stores)

    def _read(self) -> ConfigurationVersion:
        try:
            self._client = self._client or self._make_client()
            objects = read_objects(self._client, self._bucket, self._objects)
        except AWS_ERRORS as error:
            if self._version is None:
                raise ConfigurationUnreadable(f"S3 did not return the stack's configuration: {error}") from error
            _logger.warning("S3 did not return the stack's configuration, using the last one: %s", error)
            return self._version
        if self._version is not None and objects == self._objects:
            return self._version
        self._version, self._objects = None, objects  # if `parse` fails, no older version stays in force
        return parse(objects)
