"""Contacts: found by e-mail address, created or updated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from woohub import plans
from woohub.answers import Record, holder_of
from woohub.errors import Problem
from woohub.hubspot import HubSpot
from woohub.mapping import Mapping as FieldMapping
from woohub.portal import Portal
from woohub.rounds import Answer, Plan, Write, answered, read_apart, traced

CONTACTS = "contacts"
EMAIL = "email"
ADDITIONAL = "hs_additional_emails"  # separated by semicolons


class ContactDesk:
    """Settles contacts by lower-cased e-mail address."""

    def __init__(
        self,
        hubspot: HubSpot,
        portal: Portal,
        mapping: FieldMapping,
        captures: Mapping[str, Sequence[plans.Capture]],
    ) -> None:
        self._hubspot = hubspot
        self._portal = portal
        self._mapping = mapping
        self._captures = captures

    def plan(self, keys: Sequence[str], hints: Mapping[str, str]) -> Plan:
        """Two addresses of one contact become one write: a batch with the same id twice is refused."""
        found, refused = self._find(keys, hints)
        shared: dict[str, list[str]] = {}
        for key in keys:
            if key not in refused:
                shared.setdefault(found[key].id if key in found else key, []).append(key)
        plan = Plan(refused=refused)
        for together in shared.values():
            self._plan_one(together, found.get(together[0]), plan)
        return plan

    def _plan_one(self, keys: list[str], record: Record | None, plan: Plan) -> None:
        captures = [capture for key in keys for capture in self._captures[key]]
        current = record.properties if record else None
        changed = plans.contact(captures, current, self._mapping, partial(self._portal.unchanged, CONTACTS))
        properties = self._portal.writable(CONTACTS, changed)
        if record and not properties:
            plan.done |= dict.fromkeys(keys, record.id)
        else:
            plan.writes.append(Write(tuple(keys), properties, record.id if record else ""))

    def send(self, writes: Sequence[Write]) -> dict[str, Answer]:
        """Create or update; see Desk."""
        if writes[0].record_id:
            answer = self._hubspot.update(CONTACTS, traced(writes, lambda write: {"id": write.record_id}))
        else:
            answer = self._hubspot.create(CONTACTS, traced(writes, lambda _: {"associations": []}))
        return answered(writes, answer, EMAIL)

    def conflict(self, problem: Problem) -> str | None:
        """Somebody created the contact meanwhile, or the address is an additional one of another contact."""
        return holder_of(problem, (EMAIL, ADDITIONAL))

    def adapt(self, problem: Problem, write: Write) -> bool:
        """See Desk."""
        return self._portal.learn(CONTACTS, problem, write.properties)

    def _find(self, keys: Sequence[str], hints: Mapping[str, str]) -> tuple[dict[str, Record], dict[str, Problem]]:
        names = [ADDITIONAL, *self._mapping.contact_properties]
        read = partial(self._hubspot.read, CONTACTS, properties=names, patient=False)
        records, refused = read_apart(partial(read, id_property=EMAIL), keys)
        found = by_address(records, keys)
        hinted = {hints[key]: key for key in keys if key in hints and key not in found}
        if hinted:
            held, _ = read_apart(read, list(hinted))
            found |= {hinted[one.id]: one for one in held if one.id in hinted}
        return found, refused


def by_address(records: Sequence[Record], keys: Sequence[str]) -> dict[str, Record]:
    """HubSpot also finds contacts by additional addresses and does not say which input a result answers."""
    found: dict[str, Record] = {}
    for record in records:
        listed = f"{record.properties.get(EMAIL) or ''};{record.properties.get(ADDITIONAL) or ''}".lower()
        found |= {address: record for address in (one.strip() for one in listed.split(";")) if address in keys}
    return found
