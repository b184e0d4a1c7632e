"""Makes the generated pages anew: `python -m tests.regenerate`."""

from __future__ import annotations

from pathlib import Path

from tracelens.cli.schema_command import describe_views
from tracelens.model import BOUNDARIES, CAUSES, OUTCOMES, VERDICT_STAGES
from tracelens.normalise import Emitter, find_emitters
from tracelens.show.records import to_markdown

DOCS = Path(__file__).parent.parent / "docs"
NOTICE = "<!-- Made by `python -m tests.regenerate`; do not edit. -->\n"


def schema_page() -> str:
    """Every view and column with its sentence."""
    described = describe_views()
    parts = [
        "# Views and columns\n\n"
        + NOTICE
        + "\nWhat `tracelens sql` can ask, and what `tracelens export --duckdb` writes as tables.\n"
    ]
    for view in described["view"].unique(maintain_order=True):
        rows = described.filter(described["view"] == view)
        head = rows.filter(rows["column"].is_null())
        columns = rows.filter(rows["column"].is_not_null()).select("column", "type", "sentence")
        parts.append(f"\n## {view}\n\n{head['sentence'][0]}\n\n")
        parts.append(to_markdown(columns.rows(named=True)))
    return "".join(parts)


def causes_page() -> str:
    """Stages, boundaries, outcomes and causes that a verdict can carry."""
    causes = [{"cause": cause, "what it means": text} for cause, text in CAUSES.items()]
    return (
        "# Verdicts\n\n"
        + NOTICE
        + f"\n**Stages**: {_listed(VERDICT_STAGES)}. `external` is the way between the user and the"
        " service; `undetermined` says that the evidence does not reach.\n"
        f"\n**Boundaries**: {_listed(BOUNDARIES)}. A boundary is where content was lost or altered"
        " between two sides, or the edge into a stage that left no span at all.\n"
        f"\n**Outcomes** of a stage or boundary: {_listed(OUTCOMES)}.\n"
        "\n## Causes\n\n" + to_markdown(causes)
    )


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def emitters_page() -> str:
    """What each mapping reads, and what no reading of its spans can show."""
    return (
        "# Emitters\n\n"
        + NOTICE
        + "\nWho writes the spans, what tracelens takes from them, and what they cannot show: where"
        " the evidence does not reach, no stage is named. A span belongs to the first mapping here"
        " that knows its instrumentation scope, or else its attributes. Spans of anything else are"
        " placed by the stage rules of the policy: by operation, span name, requested output, URL"
        " path, model name and task name.\n" + "".join(map(_emitter_section, find_emitters()))
    )


def _emitter_section(emitter: Emitter) -> str:
    known = [*emitter.scopes, *(f"{key.name}" for key in emitter.claims)]
    lines = [
        f"\n## {emitter.name}\n",
        f"{emitter.title}. Known by {_listed(tuple(known))}.\n",
        "Reads:\n",
        *(f"* {sentence}" for sentence in emitter.reads),
        "\nCannot see:\n",
        *(f"* {sentence}" for sentence in emitter.blind_to),
    ]
    return "\n".join(lines) + "\n"


PAGES = {"schema.md": schema_page, "causes.md": causes_page, "emitters.md": emitters_page}


def main() -> None:
    """Write every generated page."""
    for name, page in PAGES.items():
        (DOCS / name).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
