"""docs/reliability.md shows every fault of the campaign, and what is expected of it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from campaign import command_faults, library_faults, node_faults
from campaign.faults import EXPECTED, LETTERS, rows

PAGE = Path(__file__).parents[2] / "docs/reliability.md"
HEAD = ["| kind | door | fault | what is expected |", "|---|---|---|---|"]
TABLES = ("faults", "kinds")
KINDS = ["| kind | what it is | node | command line | library | what is expected of each |",
         "|---|---|---:|---:|---:|---|"]  # fmt: skip
DOORS = {
    "node": node_faults.FAULTS,
    "node, compressed": node_faults.COMPRESSED_FAULTS,
    "node's start": node_faults.START_FAULTS,
    "command line": command_faults.FAULTS,
    "library": library_faults.FAULTS,
}


def table() -> list[str]:
    """Return the lines of the table, by kind."""
    lines = [line for door, faults in DOORS.items() for line in rows(door, list(faults))]
    return [*HEAD, *sorted(lines, key=lambda line: line.split("|")[1])]


def kinds() -> list[str]:
    """Return the lines of the table of kinds: how many faults there are by each door."""
    doors = [("node", "node, compressed", "node's start"), ("command line",), ("library",)]
    lines = []
    for letter, meaning in LETTERS.items():
        found = Counter(door for door, faults in DOORS.items()
                        for fault in faults if fault.letter == letter)  # fmt: skip
        counts = " | ".join(str(sum(found[name] for name in names)) for names in doors)
        lines.append(f"| {letter} | {meaning} | {counts} | {EXPECTED[letter]} |")
    return [*KINDS, *lines]


def cut(text: str, name: str) -> tuple[str, str, str]:
    """Return what is before a table, the table, and what is after it."""
    before, _, rest = text.partition(f"<!-- {name} -->\n")
    shown, _, after = rest.partition(f"<!-- end of {name} -->")
    return before, shown, after


def test_the_page_shows_every_fault():
    text = PAGE.read_text(encoding="utf-8")
    for name, lines in zip(TABLES, (table(), kinds()), strict=True):
        shown = cut(text, name)[1].strip().splitlines()
        assert shown == lines, "python test/campaign/test_reliability_page.py writes the tables"


def test_there_are_at_least_120_of_all_kinds():
    faults = [fault for group in DOORS.values() for fault in group]
    assert len(faults) >= 120 and {fault.letter for fault in faults} == set(LETTERS)
    for group in DOORS.values():
        assert max(Counter(fault.name for fault in group).values()) == 1


if __name__ == "__main__":
    text = PAGE.read_text(encoding="utf-8")
    for name, lines in zip(TABLES, (table(), kinds()), strict=True):
        before, _, after = cut(text, name)
        shown = "\n".join(lines)
        text = f"{before}<!-- {name} -->\n{shown}\n<!-- end of {name} -->{after}"
    PAGE.write_text(text, encoding="utf-8")
