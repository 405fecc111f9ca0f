"""`woohub portal-check`: try in a test account what woohub assumes about HubSpot, and clean up."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from functools import partial
from typing import Annotated

import typer
from rich.text import Text

from woohub.counted import counted
from woohub_cli.cli_errors import PROBLEMS
from woohub_cli.consent import YesOption, confirm
from woohub_cli.options import StackOptions
from woohub_cli.portal_check.portal_findings import QUESTIONS, Finding, Verdict
from woohub_cli.portal_check.portal_trial import Portal, Trial
from woohub_cli.rendering import output
from woohub_cli.stack import connections

REQUESTS_PER_10_S = 90  # of HubSpot's 100
MAKES = "about 1,000 deals, 100 contacts and a few line items"
SIMULATED = "This is not HubSpot: every answer below is the simulator's, an assumption of woohub's authors."
AGAIN = "run `woohub portal-check` again: it begins with removing what an earlier run left"
COLOURS = {Verdict.AS_ASSUMED: "green", Verdict.DIFFERS: "bold red", Verdict.NOT_TRIED: "yellow"}


def command(
    options: StackOptions,
    yes: YesOption = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say which portal it is, and what would be tried.")
    ] = False,
) -> None:
    """Try in a test portal what woohub assumes of HubSpot, and print a table for a bug report.

    Makes about 1,000 deals, 100 contacts and a few line items, all named "woohub portal check, may be deleted", and
    archives them again, after Ctrl-C or a failure too; what a broken run left is removed by the next one. Asks first,
    with the portal's id; --yes answers. Needs only HUBSPOT_API_KEY; where a stack is named, or `make local` runs, the
    key is that stack's. Run `woohub setup` on the portal first: some questions need its unique properties.
    Ends with 1 when an answer differs from what woohub assumes, or when something could not be removed.

    Examples:

        woohub portal-check --dry-run
        woohub portal-check --yes --json > portal-check.json
    """
    connect = partial(connections.hubspot, options.target_if_named, options.env, REQUESTS_PER_10_S)
    trial = Trial(connect(), connect, run=f"{time.time():.0f}")
    portal = Portal.of(trial.hubspot)
    if dry_run:
        _announce(portal, json=options.json)
        return
    instead = f"nothing was done: this makes {MAKES} in {portal}"
    confirm(f"Make {MAKES} in {portal}, and archive them again?", yes=yes, json=options.json, otherwise=instead)
    check = Check(trial)
    try:
        check.run()
    finally:
        check.clean()
    _print(portal, check, json=options.json)
    if check.left or any(finding.verdict is Verdict.DIFFERS for finding in check.answers):
        raise typer.Exit(PROBLEMS)


@dataclass
class Check:
    """The answers so far, and the number of records that could not be removed."""

    trial: Trial
    answers: list[Finding] = field(default_factory=list)
    left: int = 0

    def run(self) -> None:
        """Remove what an earlier run left, then try every question."""
        leftovers, _ = self.trial.clean()
        if leftovers:
            output.note(f"{counted(leftovers, 'record')} of an earlier run removed")
        with output.progress("asking HubSpot", len(QUESTIONS)) as advance:
            for question in QUESTIONS:
                self.answers.append(question.finding(self.trial))
                advance(1)

    def clean(self) -> None:
        """Archive what the run created. Prints a note if something is left, also after a failure."""
        output.note("removing what the check made")
        try:
            _, self.left = self.trial.clean()
        except BaseException:
            output.note(f"not all could be removed: {AGAIN}", style="yellow")
            raise
        if self.left:
            output.note(f"{counted(self.left, 'record')} could not be removed: {AGAIN}", style="yellow")


def _announce(portal: Portal, *, json: bool) -> None:
    if json:
        questions = [{"name": question.name, "question": question.text} for question in QUESTIONS]
        output.as_json({"portal": portal.facts(), "dry_run": True, "would_make": MAKES, "questions": questions})
        return
    output.say(f"{MAKES[0].upper()}{MAKES[1:]} would be made in {portal}, and archived again:")
    for question in QUESTIONS:
        output.say(f"  {question.text}")


def _print(portal: Portal, check: Check, *, json: bool) -> None:
    if json:
        answers = [vars(finding) for finding in check.answers]
        output.as_json({"portal": portal.facts(), "answers": answers, "left": check.left})
        return
    output.say(f"Answers of {portal}", style="bold")
    if not portal.is_real:
        output.say(SIMULATED, style="yellow")
    output.table(("Question", "woohub assumes", "Answer", ""), [_row(finding) for finding in check.answers])


def _row(finding: Finding) -> tuple[str, str, str, Text]:
    verdict = Text(finding.verdict.value, style=COLOURS.get(finding.verdict, ""))
    return finding.question, finding.assumed or "-", finding.answer, verdict
