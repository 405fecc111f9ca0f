"""Read the configuration of a stack: commands use the same as its functions."""

from __future__ import annotations

from woohub.configuration import Configuration, ConfigurationVersion
from woohub.mapping.fields import FieldMapping
from woohub.stores import FIRST
from woohub_cli.cli_errors import WrongUsage
from woohub_cli.stack.stacks import Stack

OUTPUT = "ConfigurationBucket"
NO_BUCKET = "the stack {name} is too old to have a configuration bucket: run `make deploy` first"


def current(stack: Stack | None) -> ConfigurationVersion:
    """Return the configuration that the functions use; the default without a stack.

    Raises ConfigurationUnreadable.
    """
    bucket = stack.outputs.get(OUTPUT, "") if stack else ""
    return Configuration(lambda: stack.aws.s3, bucket).current()  # type: ignore[union-attr]


def mapping(stack: Stack | None) -> FieldMapping:
    """Return the mapping of the stack's store.

    Raises ConfigurationUnreadable, or WrongUsage if the stack has no such store.
    """
    return mapping_in(current(stack), stack)


def mapping_in(version: ConfigurationVersion, stack: Stack | None) -> FieldMapping:
    """Return the store's mapping in a configuration. Raises WrongUsage if the configuration has no such store."""
    store, mappings = stack.store if stack else FIRST, version.mappings
    if store not in mappings:
        raise WrongUsage(f"the stack's configuration has no store {store}: `woohub store list`")
    return mappings[store]
