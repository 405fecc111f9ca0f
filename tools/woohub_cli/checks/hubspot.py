"""What doctor asks HubSpot: token, scopes, properties, pipeline, currencies, rules, the day's limit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from woohub.errors import Forbidden, HubSpotRejected
from woohub.hubspot.client import HubSpot
from woohub.hubspot.objects import DEALS, OBJECT_TYPES
from woohub.hubspot.properties import CURRENCY
from woohub.settings import hubspot_token
from woohub_cli import connections, secret_store, traces
from woohub_cli.check_result import Outcome, Step
from woohub_cli.checks import scopes, store
from woohub_cli.checks.currencies import ENABLE
from woohub_cli.checks.health_context import Patient, examined
from woohub_cli.commands import setup
from woohub_cli.hubspot_records import Crm
from woohub_cli.metrics import DAY
from woohub_cli.provision import SINGULAR, provision

TYPE_IDS = {"contacts": "0-1", "deals": "0-3"}
SHARE_WORTH_TELLING = 0.8  # of the daily limit
LOOKED_BACK = 7 * DAY  # seconds of the consumer's log that are searched for refused currencies
NOT_ENABLED = f"{ENABLE}; until then deals show the company's currency"
SETUP = "run `woohub setup`: it creates what is missing"


def examine(patient: Patient) -> Iterator[Step]:
    """All checks of HubSpot; none but the first without a token it takes."""
    stored = hubspot_token(secret_store.read(patient.stack.aws.secrets, patient.stack.output("HubSpotSecretArn")))
    step = setup.token_step(stored, patient.connect)
    yield replace(step, fix=f"{step.fix}, then run `woohub setup`") if step.fix == setup.TOKEN_FIX else step
    if step.outcome is Outcome.FAILED:
        return
    given = patient.env.get("HUBSPOT_API_KEY", "")
    if given and given != stored:
        fix = "run `woohub setup`: it stores the one of .env"
        yield Step(step.what, Outcome.WARNING, "HUBSPOT_API_KEY is another one than the stack's", fix)
    checks = Checks(patient.connect(stored))
    yield from examined(checks.all, patient)


class Checks:
    """The checks that need a token."""

    def __init__(self, hubspot: HubSpot) -> None:
        self._hubspot = hubspot
        self.all = (
            (scopes.WHAT, self._scopes),
            ("HubSpot properties", self._provisioned),
            ("mapped properties", self._mapped),
            ("currency", self._currency),
            ("value rules", self._rules),
            ("HubSpot's daily limit", self._usage),
        )

    def _scopes(self, _patient: Patient) -> Iterator[Step]:
        yield scopes.step(self._hubspot)

    def _provisioned(self, patient: Patient) -> Iterator[Step]:
        """What setup makes, as it is now; groups are for the eye only."""
        steps = [step for step in provision(self._hubspot, patient.table, dry_run=True) if " group " not in step.what]
        wrong = [step for step in steps if step.outcome is not Outcome.OK]
        for step in wrong:
            absent = step.outcome is Outcome.WOULD_CREATE
            yield Step(step.what, Outcome.FAILED, "there is none", SETUP) if absent else step
        if not wrong:
            yield Step("HubSpot properties", Outcome.OK, f"properties, pipeline and stages: {len(steps)} as needed")

    def _mapped(self, patient: Patient) -> Iterator[Step]:
        """What mapping.toml fills beside that: there, and not read-only?"""
        rules = {"contacts": patient.table.contact_rules, "deals": patient.table.deal_rules}
        ours = {(one.object_type, one.name) for one in patient.table.definitions}
        fine = 0
        for kind, names in rules.items():
            known = {row["name"]: row for row in self._hubspot.property_definitions(OBJECT_TYPES[kind])}
            for name in (one for one in names if (kind, one) not in ours):
                step = _compared(f"{SINGULAR[kind]} property {name}", known.get(name))
                fine += step.outcome is Outcome.OK
                if step.outcome is not Outcome.OK:
                    yield step
        yield Step("mapped properties", Outcome.OK, f"{fine} of HubSpot's own can be written")

    def _currency(self, patient: Patient) -> Iterator[Step]:
        what = "currency"
        wanted = store.currencies(patient)
        enabled = self._enabled()
        if not wanted:
            yield Step(what, Outcome.SKIPPED, "the store's is not known")
        elif not enabled:
            yield self._judged(patient, sorted(wanted))
        elif lacking := sorted(wanted - enabled):
            detail = f"{', '.join(lacking)} of the store, but HubSpot has only {', '.join(sorted(enabled))}"
            yield Step(what, Outcome.WARNING, detail, NOT_ENABLED)
        else:
            yield Step(what, Outcome.OK, ", ".join(sorted(wanted)))

    def _judged(self, patient: Patient, wanted: Sequence[str]) -> Step:
        """Where HubSpot lists no currencies: what its deals, the consumer's log and the account tell."""
        what, taken = "currency", {code: self._takes(patient, code) for code in wanted}
        refused = [code for code in wanted if taken[code] is False]
        unknown = [code for code in wanted if taken[code] is None]
        if refused:
            return Step(what, Outcome.WARNING, f"HubSpot refuses {', '.join(refused)}", NOT_ENABLED)
        if unknown:
            detail = f"whether HubSpot takes {', '.join(unknown)} is not known: it lists none, and no deal tells yet"
            return Step(what, Outcome.SKIPPED, detail)
        return Step(what, Outcome.OK, f"{', '.join(wanted)}, as HubSpot's deals or account say: it lists none")

    def _takes(self, patient: Patient, code: str) -> bool | None:
        """Whether HubSpot takes a currency; None where nothing tells. What happened last to a deal tells best."""
        deal = Crm(self._hubspot, patient.table, connections.warn).newest_deal_in(code)
        if deal is not None:
            return deal.properties.get(CURRENCY) == code
        if code in traces.refused_currencies(patient.stack, round((patient.now - LOOKED_BACK) * 1000)):
            return False
        return True if code in self._of_the_account() else None

    def _of_the_account(self) -> set[str]:
        try:
            details = self._hubspot.get(f"{self._hubspot.paths.account}/details")
        except (Forbidden, HubSpotRejected):
            return set()
        additional = details.get("additionalCurrencies")
        return {str(details.get("companyCurrency")), *(additional if isinstance(additional, list) else [])}

    def _enabled(self) -> set[str]:
        rows = {row["name"]: row for row in self._hubspot.property_definitions(DEALS)}
        options = (rows.get(CURRENCY) or {}).get("options") or []
        return {str(option["value"]) for option in options if not option.get("hidden")}

    def _rules(self, patient: Patient) -> Iterator[Step]:
        """HubSpot's rules on the values of mapped properties; what breaks one goes to the dead letters."""
        rules = {"contacts": patient.table.contact_rules, "deals": patient.table.deal_rules}
        try:
            found = [step for kind, names in rules.items() for step in self._rules_of(kind, names)]
        except (Forbidden, HubSpotRejected):
            yield Step("value rules", Outcome.SKIPPED, "HubSpot does not show them to this key")
            return
        yield from found or [Step("value rules", Outcome.OK, "none on what woohub writes")]

    def _rules_of(self, kind: str, names: Iterable[str]) -> Iterator[Step]:
        path = self._hubspot.paths.properties.replace("properties", "property-validations")
        for row in self._hubspot.get(f"{path}/{TYPE_IDS[kind]}").get("results") or []:
            if row.get("propertyName") in set(names) and row.get("propertyValidationRules"):
                told = ", ".join(_told(rule) for rule in row["propertyValidationRules"])
                fix = "make sure the store's values keep it, or take it off in HubSpot (Settings > Properties > Rules)"
                what = f"{SINGULAR[kind]} property {row['propertyName']}"
                yield Step(what, Outcome.WARNING, f"HubSpot refuses values that break its rule: {told}", fix)

    def _usage(self, _patient: Patient) -> Iterator[Step]:
        what = "HubSpot's daily limit"
        try:
            answer = self._hubspot.get(f"{self._hubspot.paths.account}/api-usage/daily/private-apps")
        except (Forbidden, HubSpotRejected):
            yield Step(what, Outcome.SKIPPED, "HubSpot does not show it to this key")
            return
        for row in answer.get("results") or []:
            used, limit = int(row.get("currentUsage") or 0), int(row.get("usageLimit") or 0)
            high = limit and used > limit * SHARE_WORTH_TELLING
            fix = "see in HubSpot (Settings > Integrations > API usage) which app uses it" if high else ""
            yield Step(what, Outcome.WARNING if high else Outcome.OK, f"{used} of {limit} used today", fix)


def _compared(what: str, row: Mapping[str, Any] | None) -> Step:
    if row is None:
        fix = "create it in HubSpot, correct its name in mapping.toml, or take it out there"
        return Step(what, Outcome.WARNING, "HubSpot has none of this name: it is left out", fix)
    if (row.get("modificationMetadata") or {}).get("readOnlyValue"):
        return Step(what, Outcome.FAILED, "HubSpot fills it by itself and refuses it", "take it out of mapping.toml")
    return Step(what, Outcome.OK)


def _told(rule: Mapping[str, Any]) -> str:
    arguments = " ".join(map(str, rule.get("ruleArguments") or ()))
    return f"{rule.get('ruleType', '')} {arguments}".strip()
