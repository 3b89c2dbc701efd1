"""The index of engines names every engine, and its links lead somewhere."""

import re
from pathlib import Path

from emotag.external.catalogue import described, tasks

ROOT = Path(__file__).parents[2]
INDEX = ROOT / "docs" / "engines.md"


def rows() -> dict[str, str]:
    """Give the row of each task."""
    found = {}
    families = INDEX.read_text(encoding="utf-8").partition("## Families")[2]
    for line in families.splitlines():
        if line.startswith("| `"):
            found |= dict.fromkeys(re.findall(r"`([^`]+)`", line.split("|")[1]), line)
    found.pop("shape")  # follows `track`
    return found


def test_every_engine_has_its_place_in_the_index() -> None:
    table = rows()
    assert set(tasks(described())) == set(table)
    for engine in described():
        cells = table[engine.task].split("|")
        assert f"`{engine.name}`" in (cells[3] if engine.paper else cells[2] + cells[4]), engine


def test_links_lead_somewhere() -> None:
    for page in (INDEX, *sorted((ROOT / "docs" / "engines").glob("*.md"))):
        for link in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8")):
            assert link.startswith("http") or (page.parent / link).exists(), f"{page.name}: {link}"
