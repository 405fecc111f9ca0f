"""Customers and their baskets, made up by a random generator: the same seed gives the same shop."""

from __future__ import annotations

import random
from decimal import Decimal

from .bodies import Item

_FIRST = ("Ana", "Ben", "Chlo\u00e9", "Dan", "Eve", "Finn", "Gr\u00e1inne", "Hugo", "Iris", "Jos\u00e9", "Kim", "Lena")
_LAST = ("Garc\u00eda", "O'Brien", "Smith", "M\u00fcller", "Lee", "Rossi", "Novak", "Jensen", "Kowalska", "Van Dijk")
_PLACES = (
    ("12 High St", "New York", "NY", "10001", "US"),
    ("3 Mill Lane", "Anytown", "CA", "90210", "US"),
    ("7 Quay Rd", "Bristol", "", "BS1 4ST", "GB"),
    ("Hauptstr. 5", "K\u00f6ln", "", "50667", "DE"),
)
_PRODUCTS = (
    Item("Plain tee", Decimal("19.99")),
    Item("Mug &amp; saucer", Decimal("12.50")),
    Item("Tea towel", Decimal("7.51")),
    Item("Caf\u00e9 apron", Decimal("34.00")),
    Item("Free sample", Decimal(0)),
    Item("Gift card", Decimal("50.00")),
)


MAIL_DOMAIN = "shop.example"


class People:
    """Makes up customers without end."""

    def __init__(self, rng: random.Random, mail_domain: str = MAIL_DOMAIN) -> None:
        self._random = rng
        self._mail_domain = mail_domain
        self._met = 0

    def somebody(self) -> dict[str, str]:
        """Return a billing address; each has its own e-mail address."""
        self._met += 1
        street, city, state, postcode, country = self._random.choice(_PLACES)
        return {
            "first_name": self._random.choice(_FIRST),
            "last_name": self._random.choice(_LAST),
            "company": "",
            "address_1": street,
            "address_2": "",
            "city": city,
            "state": state,
            "postcode": postcode,
            "country": country,
            "email": f"shopper{self._met}@{self._mail_domain}",
            "phone": f"+1 (212) 555-{self._met % 10000:04d}",
        }

    def move(self) -> dict[str, str]:
        """Return another street address."""
        street, city, state, postcode, country = self._random.choice(_PLACES)
        number = self._random.randrange(1, 200)
        return {
            "address_1": f"{number} {street.lstrip('0123456789 ')}",
            "city": city,
            "state": state,
            "postcode": postcode,
            "country": country,
        }

    def basket(self) -> tuple[Item, ...]:
        """Return the products of an order."""
        chosen = self._random.sample(_PRODUCTS, self._random.randint(1, 3))
        return tuple(Item(item.name, item.price, self._random.randint(1, 3)) for item in chosen)
