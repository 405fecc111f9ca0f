"""Read how the other stores of a stack show a person."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from woohub.errors import InvalidPayload
from woohub.mapping.fields import FieldMapping
from woohub.store.client import Store
from woohub.store.payloads import CustomerEvent, OrderEvent
from woohub.store.rows import StoreRow
from woohub.sync.contacts import ContactSnapshot, snapshot_of
from woohub_cli import environment
from woohub_cli.orders.store_deliveries import customer_event, order_event
from woohub_cli.stack import connections, stack_configuration, stacks
from woohub_cli.stack.stacks import Stack

Read = Callable[[StoreRow, int, int], OrderEvent | CustomerEvent | None]


@dataclass(frozen=True)
class OtherStore:
    """Another store of the stack, with its mapping."""

    store: Store
    table: FieldMapping

    def snapshots(self, email: str, asked_ms: int) -> Iterator[ContactSnapshot]:
        """Yield what its orders and accounts with this address say about the person. Raises the store's errors."""
        orders = ((order_event, row) for row in self.store.search_orders(email))
        accounts = ((customer_event, row) for row in self.store.listing("customers", {"email": email}).rows)
        for read, row in chain[tuple[Read, StoreRow]](orders, accounts):
            with suppress(InvalidPayload):
                event = read(row, asked_ms, self.store.ahead_s)
                snapshot = snapshot_of(event, self.table) if event else None
                if snapshot and snapshot.properties.get("email") == email:
                    yield snapshot


def of_stack(stack: Stack) -> Iterator[OtherStore]:
    """Yield every store of the stack but the one that `stack` is for. Raises Trouble if one has no key."""
    for name, table in stack_configuration.current(stack).mappings.items():
        if name != stack.store:
            env = environment.read(os.environ, Path.cwd(), name)
            yield OtherStore(connections.store(stacks.find(stack.name, env, Path.cwd(), name), env), table)


def shown(stack: Stack | None, email: str, asked_ms: int) -> Iterable[ContactSnapshot]:
    """Return what all other stores say about a person; empty without a stack."""
    return chain.from_iterable(other.snapshots(email, asked_ms) for other in of_stack(stack)) if stack else ()
