"""Checks of `woohub doctor` in HubSpot: token, scopes, properties, pipeline, currencies, rules, daily limit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from woohub.errors import Forbidden, HubSpotRejected
from woohub.hubspot.client import HubSpot
from woohub.hubspot.objects import OBJECT_TYPES
from woohub_cli.check_result import Result, Step
from woohub_cli.checks import scopes, store
from woohub_cli.checks.currencies import ENABLE
from woohub_cli.checks.health_context import HealthContext, run_checks
from woohub_cli.checks.token import token_step
from woohub_cli.set_up.provision import provision
from woohub_cli.stack import connections, traces
from woohub_cli.stack.metrics import DAY
from woohub_cli.stack.secret_store import StackSecrets
from woohub_cli.targets import SINGULAR, filled
from woohub_cli.verify.hubspot_records import Crm

HIGH_USAGE = 0.8  # of the daily limit
LOG_LOOKBACK_S = 7 * DAY  # the part of the consumer's log that is searched for refused currencies
NOT_ENABLED = f"{ENABLE}; until then {{records}} show the company's currency"
SETUP = "run `woohub setup`: it creates what is missing"


def examine(context: HealthContext) -> Iterator[Step]:
    """Yield all checks of HubSpot; only the token's if HubSpot does not accept it."""
    stored = StackSecrets(context.stack).token()
    step = token_step(stored, context.connect, context.written)
    yield step
    if step.outcome is Result.FAILED:
        return
    given = context.env.get("HUBSPOT_API_KEY", "")
    if given and given != stored:
        fix = "run `woohub setup`: it stores the token of .env"
        yield Step(step.what, Result.WARNING, "HUBSPOT_API_KEY differs from the stack's token", fix)
    checks = Checks(context.connect(stored))
    yield from run_checks(checks.all, context)


class Checks:
    """The checks that need a token."""

    def __init__(self, hubspot: HubSpot) -> None:
        self._hubspot = hubspot
        self.all = (
            (scopes.WHAT, self._scopes),
            ("HubSpot properties", self._setup_properties),
            ("mapped properties", self._mapped),
            ("currency", self._currency),
            ("value rules", self._rules),
            ("HubSpot's daily limit", self._usage),
        )

    def _scopes(self, context: HealthContext) -> Iterator[Step]:
        yield scopes.step(self._hubspot, context.written)

    def _setup_properties(self, context: HealthContext) -> Iterator[Step]:
        """Compare properties, pipeline and stages with what setup creates. Property groups only affect the display."""
        steps = [step for step in provision(self._hubspot, context.table, dry_run=True) if " group " not in step.what]
        wrong = [step for step in steps if step.outcome is not Result.OK]
        for step in wrong:
            absent = step.outcome is Result.WOULD_CREATE
            yield Step(step.what, Result.FAILED, "there is none", SETUP) if absent else step
        if not wrong:
            yield Step("HubSpot properties", Result.OK, f"properties, pipeline and stages: {len(steps)} as needed")

    def _mapped(self, context: HealthContext) -> Iterator[Step]:
        """Check that the other properties that mapping.toml fills exist and can be written."""
        rules = filled(context.table)
        ours = {(definition.object_type, definition.name) for definition in context.table.definitions}
        fine = 0
        for kind, names in rules.items():
            known = {row["name"]: row for row in self._hubspot.property_definitions(OBJECT_TYPES[kind])}
            for name in (property_name for property_name in names if (kind, property_name) not in ours):
                step = _mapped_property(f"{SINGULAR[kind]} property {name}", known.get(name))
                fine += step.outcome is Result.OK
                if step.outcome is not Result.OK:
                    yield step
        yield Step("mapped properties", Result.OK, f"{fine} of HubSpot's own properties can be written")

    def _currency(self, context: HealthContext) -> Iterator[Step]:
        what, crm = "currency", Crm(self._hubspot, context.table, connections.warn)
        wanted, enabled = store.currencies(context), crm.deal_schema.options(crm.target.accepted_currency)
        fix = NOT_ENABLED.format(records=crm.target.records)
        if not wanted:
            yield Step(what, Result.SKIPPED, "the store's is not known")
        elif not enabled:
            yield self._currency_evidence(context, crm, sorted(wanted), fix)
        elif lacking := sorted(wanted - enabled):
            detail = f"{', '.join(lacking)} of the store, but HubSpot has only {', '.join(sorted(enabled))}"
            yield Step(what, Result.WARNING, detail, fix)
        else:
            yield Step(what, Result.OK, ", ".join(sorted(wanted)))

    def _currency_evidence(self, context: HealthContext, crm: Crm, wanted: Sequence[str], fix: str) -> Step:
        """Check the currencies by deals, the consumer's log and the account, as HubSpot has no list of them."""
        what, accepted = "currency", {code: self._accepts(context, crm, code) for code in wanted}
        refused = [code for code in wanted if accepted[code] is False]
        unknown = [code for code in wanted if accepted[code] is None]
        if refused:
            return Step(what, Result.WARNING, f"HubSpot refuses {', '.join(refused)}", fix)
        if unknown:
            shows = f"it lists none, and no {crm.target.record} shows it yet"
            return Step(what, Result.SKIPPED, f"whether HubSpot accepts {', '.join(unknown)} is not known: {shows}")
        shown_by = f"as HubSpot's {crm.target.type.name} or account show: it lists no currencies"
        return Step(what, Result.OK, f"{', '.join(wanted)}, {shown_by}")

    def _accepts(self, context: HealthContext, crm: Crm, code: str) -> bool | None:
        """Whether HubSpot accepts a currency; None if nothing shows it. The newest deal is the best evidence."""
        deal = crm.newest_deal_in(code)
        if deal is not None:
            return deal.properties.get(crm.target.accepted_currency) == code
        if code in traces.refused_currencies(context.stack, round((context.now - LOG_LOOKBACK_S) * 1000)):
            return False
        return True if code in self._account_currencies() else None

    def _account_currencies(self) -> set[str]:
        try:
            details = self._hubspot.get(f"{self._hubspot.paths.account}/details")
        except (Forbidden, HubSpotRejected):
            return set()
        additional = details.get("additionalCurrencies")
        return {str(details.get("companyCurrency")), *(additional if isinstance(additional, list) else [])}

    def _rules(self, context: HealthContext) -> Iterator[Step]:
        """Report HubSpot's rules on the values of mapped properties: an order that breaks one becomes a dead letter."""
        rules = filled(context.table)
        try:
            steps = [step for kind, names in rules.items() for step in self._rules_of(kind, names)]
        except (Forbidden, HubSpotRejected):
            yield Step("value rules", Result.SKIPPED, "HubSpot does not show them to this key")
            return
        yield from steps or [Step("value rules", Result.OK, "HubSpot has none for what woohub writes")]

    def _rules_of(self, kind: str, names: Iterable[str]) -> Iterator[Step]:
        path = self._hubspot.paths.properties.replace("properties", "property-validations")
        for row in self._hubspot.get(f"{path}/{OBJECT_TYPES[kind].type_id}").get("results") or []:
            if row.get("propertyName") in set(names) and row.get("propertyValidationRules"):
                texts = ", ".join(_rule_text(rule) for rule in row["propertyValidationRules"])
                fix = "make the store's values follow it, or remove it in HubSpot (Settings > Properties > Rules)"
                what = f"{SINGULAR[kind]} property {row['propertyName']}"
                yield Step(what, Result.WARNING, f"HubSpot refuses values that break its rule: {texts}", fix)

    def _usage(self, _context: HealthContext) -> Iterator[Step]:
        what = "HubSpot's daily limit"
        try:
            answer = self._hubspot.get(f"{self._hubspot.paths.account}/api-usage/daily/private-apps")
        except (Forbidden, HubSpotRejected):
            yield Step(what, Result.SKIPPED, "HubSpot does not show it to this key")
            return
        for row in answer.get("results") or []:
            used, limit = int(row.get("currentUsage") or 0), int(row.get("usageLimit") or 0)
            high = limit and used > limit * HIGH_USAGE
            fix = "see in HubSpot (Settings > Integrations > API usage) which app uses it" if high else ""
            yield Step(what, Result.WARNING if high else Result.OK, f"{used} of {limit} used today", fix)


def _mapped_property(what: str, row: Mapping[str, Any] | None) -> Step:
    if row is None:
        fix = "create it in HubSpot, correct its name in mapping.toml, or remove it there"
        return Step(what, Result.WARNING, "HubSpot has no property of this name, so it is left out", fix)
    if (row.get("modificationMetadata") or {}).get("readOnlyValue"):
        return Step(what, Result.FAILED, "HubSpot fills it itself and rejects writes", "remove it from mapping.toml")
    return Step(what, Result.OK)


def _rule_text(rule: Mapping[str, Any]) -> str:
    arguments = " ".join(map(str, rule.get("ruleArguments") or ()))
    return f"{rule.get('ruleType', '')} {arguments}".strip()
