"""Orders whose deliveries were lost, for the commands that read a store's history."""

from __future__ import annotations

import time

from tests.support.operated_stack import OperatedStack

DAY = 86_400


def undelivered_orders(shop: OperatedStack, orders: int) -> list[int]:
    """This many orders, one a day, whose deliveries were lost."""
    ages = [DAY * (orders - number) for number in range(orders)]
    made = [shop.shop.place(created=time.time() - age, modified=time.time() - age) for age in ages]
    lose_deliveries(shop)
    return made


def lose_deliveries(shop: OperatedStack) -> None:
    """Lose the store's pending deliveries."""
    shop.shop.hooks.lose = 1.0
    shop.shop.run_webhooks()
    shop.shop.hooks.lose = 0.0
