"""Compare accounts, contacts and the contacts of deals, and find people whom the store has erased."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial

from woohub.dates import utc_from_ms
from woohub.errors import InvalidPayload, PermanentError, TransientError
from woohub.hubspot.answers import Record
from woohub.mapping.mapping_file import CONTACT_VERSION
from woohub.mapping.values import usable_email
from woohub.store.rows import StoreRow
from woohub.sync.contacts import ContactSnapshot, oldest_first, snapshot_of
from woohub.sync.erased import forgotten_at
from woohub.sync.versions import ContactVersion, DealVersion
from woohub_cli.cli_errors import EXPECTED
from woohub_cli.orders import order_names
from woohub_cli.orders.order_names import OrderName
from woohub_cli.orders.store_deliveries import customer_event
from woohub_cli.verify import erased
from woohub_cli.verify.commerce import metrics_mismatches
from woohub_cli.verify.comparison import Mismatch, MismatchKind, association_mismatches, contact_mismatches
from woohub_cli.verify.erased import ErasedPerson
from woohub_cli.verify.verification_orders import CORRECT_IT
from woohub_cli.verify.verification_run import Link, Seen, VerificationRun, made_in

BARE = "HubSpot has no contact, or no longer one, with the order's e-mail address"
MAX_DELETED_CONTACTS = 50  # the other orders of so many contacts deleted in HubSpot are searched for
TOO_MANY_DELETED = (
    f"more than {MAX_DELETED_CONTACTS} contacts were deleted in HubSpot: their orders from before the period are not "
    "searched for; include that time with --from"
)
OTHER_STORE_NOT_READ = (
    "another store of the stack could not be read, so a contact that differs may be as that store shows the person"
)
SEARCH_FAILED = "older orders of a contact that was deleted in HubSpot could not be searched for in the store"


def compare_contacts(run: VerificationRun, *, all_customers: bool) -> None:
    """Compare every customer that orders or accounts have shown. Raises the clients' errors."""
    _check_accounts(run, _customers(run, all_customers=all_customers))
    records = _check_contacts(run)
    _check_associations(run, records)
    _check_deals_without_their_contact(run, records)
    run.report.erased = [*_erased_by_order(run), *_erased_by_account(run, records)]


def _customers(run: VerificationRun, *, all_customers: bool) -> Iterator[StoreRow]:
    """Yield accounts that ordered or were created in the period; with `all_customers`, also those changed in it."""
    rows = _all_accounts(run) if all_customers else _new_accounts(run)
    for row in rows:
        run.accounts.discard(row.id)
        yield row
    yield from run.store.customers_by_id(sorted(run.accounts)).values()


def _all_accounts(run: VerificationRun) -> Iterator[StoreRow]:
    total, done = run.store.count("customers"), 0
    for step in run.store.customers():
        done += len(step.rows)
        run.show("accounts", total, done)
        yield from (row for row in step.rows if _concerns(run, row))


def _concerns(run: VerificationRun, row: StoreRow) -> bool:
    return run.period.holds(row.modified_at) or made_in(run.period, row) or row.id in run.accounts


def _new_accounts(run: VerificationRun) -> Iterator[StoreRow]:
    for rows in run.store.newest_customers(0):
        yield from (row for row in rows if made_in(run.period, row))
        dates = [row.created_at for row in rows if row.created_at]
        if dates and max(dates) < run.period.since:
            return


def _check_accounts(run: VerificationRun, rows: Iterable[StoreRow]) -> None:
    known: set[int] = set()
    for row in rows:
        if row.id not in known:
            known.add(row.id)
            _check_account(run, row)


def _check_account(run: VerificationRun, row: StoreRow) -> None:
    entity = f"customer:{row.id}"
    run.named[entity] = OrderName(row.id, "", order_names.account_name(row.fields))
    try:
        event = customer_event(row, run.now_ms(), run.store.ahead_s)
        if event is None:
            return
        snapshot = snapshot_of(event, run.table)
        email = snapshot.properties.get("email", "")
        if forgotten_at(event, email, run.people):
            return
        if email and not usable_email(email):
            raise InvalidPayload("email: not an address HubSpot could accept")
    except InvalidPayload as error:
        mismatch = Mismatch(MismatchKind.UNREADABLE, entity, "contact", detail=str(error), fix=CORRECT_IT)
        run.report.mismatches.append(mismatch)
        return
    run.report.accounts += 1
    run.modified[entity] = row.modified_at
    if email and erased.is_emptied(row.fields):
        run.emptied[entity] = email
    if email:
        run.seen.setdefault(email, []).append(Seen(entity, snapshot))


def _check_contacts(run: VerificationRun) -> dict[str, Record]:
    """Compare each contact once, however many addresses it has. Return the contacts by address."""
    records = _read_contacts(run)
    # Queueing an order without a deal creates the contact, too, so a missing contact is not reported again.
    missing = {mismatch.entity for mismatch in run.report.mismatches if mismatch.kind is MismatchKind.MISSING}
    together: dict[str, list[Seen]] = {}
    for email, seen in run.seen.items():
        if email in records:
            together.setdefault(records[email].id, []).extend(seen)
        elif email in run.refused:
            run.report.refused_addresses += len(seen)
        elif any(sight.entity not in missing for sight in seen):
            _judge_contact(run, seen, None)
    by_id = {record.id: record for record in records.values()}
    for record_id, seen in together.items():
        _judge_contact(run, seen, by_id[record_id])
    entities = {record_id: seen[-1].entity for record_id, seen in together.items()}
    former = {record_id: entity for record_id, entity in _former_contacts(run) if record_id not in by_id}
    summed_up = by_id | run.crm.contacts_by_id(former.keys())
    run.report.mismatches += metrics_mismatches(run.crm, summed_up, former | entities)
    run.report.contacts = len(by_id)
    return records


def _read_contacts(run: VerificationRun) -> dict[str, Record]:
    run.show("contacts", len(run.seen), 0)
    done = 0

    def advance(more: int) -> None:
        nonlocal done
        done += more
        run.show("contacts", len(run.seen), done)

    return run.crm.contacts(run.seen, advance)


def _former_contacts(run: VerificationRun) -> Iterator[tuple[str, str]]:
    """Yield former contacts of deals that now have another contact, with the order.

    Their metrics must no longer count the deal.
    """
    if run.table.metrics:
        for link in run.links:
            version = _version(link.deal)
            yield from ((record_id, link.entity) for record_id in (version.former if version else ()))


def _judge_contact(run: VerificationRun, seen: Sequence[Seen], record: Record | None) -> None:
    snapshots = oldest_first([sight.snapshot for sight in seen])
    newest = next(sight for sight in seen if sight.snapshot is snapshots[-1])
    now = utc_from_ms(run.now_ms())
    compare = partial(
        contact_mismatches, newest.entity, record=record, table=run.table, schema=run.crm.contact_schema, now=now
    )
    mismatches = compare(snapshots)
    others = _snapshots_of_other_stores(run, newest, record) if mismatches and record else ()
    if all(compare([*snapshots, other]) for other in others):
        run.report.mismatches += mismatches


def _snapshots_of_other_stores(run: VerificationRun, newest: Seen, record: Record) -> Iterator[ContactSnapshot]:
    """Yield the person as other stores showed them in the very second of this store's newest state.

    HubSpot may have either: only the deliveries, which are gone, said which came later.
    """
    version, has = newest.snapshot.version, ContactVersion.parse(record.properties.get(CONTACT_VERSION))
    if has is None or not _same_second(version, has):
        return
    try:
        others = list(run.other_stores(newest.snapshot.properties["email"], run.now_ms()))
    except EXPECTED as error:
        run.report.notes[f"{OTHER_STORE_NOT_READ}: {error}"] += 1
        return
    for other in others:
        if _same_second(version, other.version):
            values = {name: value for name, value in other.properties.items() if name in run.table.contact_rules}
            yield ContactSnapshot(version._replace(received_ms=version.received_ms + 1), values)


def _same_second(one: ContactVersion, other: ContactVersion) -> bool:
    return (one.captured_at, one.modified_at) == (other.captured_at, other.modified_at)


def _check_associations(run: VerificationRun, contacts: dict[str, Record]) -> None:
    links = [link for link in run.links if link.email in contacts]
    run.show("associations", len(links), 0)
    has = run.crm.contacts_of([link.deal.id for link in links])
    for link in links:
        wanted = contacts[link.email].id
        linked = has.get(link.deal.id, set())
        run.report.mismatches += association_mismatches(link.order_id, link.deal, wanted, linked, run.crm.target)


def _check_deals_without_their_contact(run: VerificationRun, contacts: dict[str, Record]) -> None:
    """Report deals whose contact is missing in HubSpot.

    The repair of one of them creates the contact; the others need the association. A deleted contact also loses its
    associations with orders outside the period.
    """
    bare = [link for link in run.links if link.email not in contacts | dict.fromkeys(run.refused)]
    comes_with = {mismatch.entity for mismatch in run.report.mismatches if mismatch.queueable}
    run.report.mismatches += [_missing_contact(run, link) for link in bare if link.entity not in comes_with]
    deleted = {link.email: ids for link in bare if (ids := _contact_ids(link.deal))}
    for email in sorted(deleted)[:MAX_DELETED_CONTACTS]:
        run.report.mismatches += map(partial(_missing_contact, run), _other_deals(run, email, deleted[email]))
    if len(deleted) > MAX_DELETED_CONTACTS:
        run.report.notes[TOO_MANY_DELETED] += 1


def _missing_contact(run: VerificationRun, link: Link) -> Mismatch:
    kind, target = MismatchKind.UNASSOCIATED, run.crm.target
    return Mismatch.of_order(kind, link.order_id, target, link.deal.id, detail=BARE)


def _other_deals(run: VerificationRun, email: str, contact_ids: set[str]) -> Iterator[Link]:
    """Yield deals outside the period that were associated with a contact, by the store's orders of its address."""
    try:
        rows = [row for row in run.store.search_orders(email) if f"order:{row.id}" not in run.modified]
    except (PermanentError, TransientError) as error:
        run.report.notes[f"{SEARCH_FAILED}: {error}"] += 1
        return
    deals = run.crm.deals([run.table.deal_key(row.id) for row in rows])
    for row in rows:
        run.named[f"order:{row.id}"] = order_names.of_order(row.fields)
        for deal in deals.get(run.table.deal_key(row.id), [])[:1]:
            if _contact_ids(deal) & contact_ids:
                yield Link(row.id, deal, email)


def _erased_by_order(run: VerificationRun) -> Iterator[ErasedPerson]:
    """Yield contacts of anonymised orders' deals, unless another order shows that the person is still a customer."""
    of_deals = run.crm.contacts_of(list(run.anonymised.values()))
    contacts = run.crm.contacts_by_id({contact_id for ids in of_deals.values() for contact_id in ids})
    anonymised = erased.ANONYMISED.format(record=run.crm.target.record)
    for entity, deal_id in run.anonymised.items():
        for contact_id in sorted(of_deals.get(deal_id, set())):
            contact = contacts.get(contact_id)
            if contact and erased.is_named(contact) and not _has_orders(run, contact.properties.get("email") or ""):
                yield ErasedPerson(entity, contact_id, anonymised, deal_id)


def _erased_by_account(run: VerificationRun, contacts: dict[str, Record]) -> Iterator[ErasedPerson]:
    """Yield contacts that woohub wrote for an account whose billing address is now empty."""
    for entity, email in run.emptied.items():
        contact = contacts.get(email)
        written = contact and contact.properties.get(CONTACT_VERSION)
        if contact and written and erased.has_place(contact) and not _has_orders(run, email):
            yield ErasedPerson(entity, contact.id, erased.EMPTIED)


def _has_orders(run: VerificationRun, email: str) -> bool:
    return any(sight.entity.startswith("order:") for sight in run.seen.get(email, ()))


def _contact_ids(deal: Record) -> set[str]:
    """Return the ids of the contacts with which woohub associated the deal."""
    version = _version(deal)
    return {contact_id for contact_id in (version.contacts if version else None) or () if contact_id}


def _version(deal: Record) -> DealVersion | None:
    return DealVersion.parse(deal.properties.get("woocommerce_order_version"))
