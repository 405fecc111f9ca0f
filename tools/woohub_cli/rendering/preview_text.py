"""Print the result of `woohub mapping preview` for people."""

from __future__ import annotations

from rich.text import Text

from woohub_cli.mapping.mapping_preview import Preview, PreviewRow
from woohub_cli.rendering import output


def print_preview(shown: Preview, by: str) -> None:
    """Print all rows. `by` names the mapping."""
    output.say(
        f"{shown.order}, by {by}" + (f" (HubSpot has no {shown.called} of it yet)" if shown.new_deal else ""),
        style="bold",
    )
    rows = [
        (
            row.record,
            row.property,
            _labelled(shown, row.property, row.hubspot),
            Text(_labelled(shown, row.property, row.mapping), "yellow" if row.differs else ""),
            _why_kept(row),
        )
        for row in shown.rows
    ]
    output.table(("Record", "Property", "HubSpot has", "By the mapping", ""), rows)
    for note in shown.notes:
        output.note(f"what HubSpot has could not be read: {note}", style="yellow")


def _labelled(shown: Preview, name: str, value: str) -> str:
    """Return the value. The id of a pipeline or stage of the mapping gets its label."""
    label = shown.labels.get((name, value))
    return f"{label} ({value})" if label else value


def _why_kept(row: PreviewRow) -> str:
    if row.hubspot == row.mapping:
        return ""
    return "would be written" if row.differs or not row.hubspot else "HubSpot's stays"
