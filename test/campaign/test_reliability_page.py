"""docs/reliability.md shows every fault of the campaign, and what is expected of it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from campaign import command_faults, library_faults, node_faults
from campaign.faults import LETTERS, rows

PAGE = Path(__file__).parents[2] / "docs/reliability.md"
HEAD = ["| kind | door | fault | what is expected |", "|---|---|---|---|"]
START, END = "<!-- faults -->", "<!-- end of faults -->"
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


def test_the_page_shows_every_fault():
    _, _, rest = PAGE.read_text(encoding="utf-8").partition(START)
    shown = rest.partition(END)[0].strip().splitlines()
    assert shown == table(), "python test/campaign/test_reliability_page.py writes the table"


def test_there_are_at_least_120_of_all_kinds():
    faults = [fault for group in DOORS.values() for fault in group]
    assert len(faults) >= 120 and {fault.letter for fault in faults} == set(LETTERS)
    for group in DOORS.values():
        assert max(Counter(fault.name for fault in group).values()) == 1


if __name__ == "__main__":
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(START)
    after = rest.partition(END)[2]
    PAGE.write_text(
        f"{before}{START}\n" + "\n".join(table()) + f"\n{END}{after}", encoding="utf-8"
    )
