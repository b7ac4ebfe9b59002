"""Draws the way of the data through a run: docs/pictures/data.svg."""

from __future__ import annotations

from docgen.drawing import Drawing


def data_flow() -> str:
    """From options to reports. Nothing flows back: a report reads the journal and nothing else."""
    undone = "undo last in first out; fingerprint again; a difference is residue"
    picture = Drawing(
        width=960,
        height=436,
        text="Options and plan lead to a site, which gets packages through the gateway. Each phase takes a fingerprint,"
        " announces its acts in the journal, and applies or restores. Its checks ask whether it is true. A failed "
        "phase is rolled back and compared. The journal becomes the verdict, and the verdict the reports.",
    )
    picture.box((20, 20), (130, 62), "options", ["flags, variables"])
    picture.box((190, 20), (150, 62), "plan", ["phases, packages"])
    picture.box((380, 20), (210, 62), "site", ["forge, folder, database"])
    picture.box((630, 20), (130, 62), "gateway", ["cache, records"])
    picture.box((800, 20), (140, 62), "source", ["hexpm, mirror, …"])
    picture.arrow((150, 51), (186, 51))
    picture.arrow((340, 51), (376, 51))
    picture.arrow((800, 51), (764, 51))
    picture.arrow((630, 51), (594, 51))
    picture.arrow((485, 82), (485, 122))
    picture.box((20, 126), (570, 182), "a phase  (fixtures/)")
    picture.box((40, 164), (120, 58), "fingerprint", ["before"])
    picture.box((196, 164), (160, 58), "journal", ["intent, with its undo"])
    picture.box((392, 164), (178, 58), "apply", ["or restore a checkpoint"])
    picture.arrow((160, 193), (192, 193))
    picture.arrow((356, 193), (388, 193))
    picture.box((40, 240), (530, 54), "failed, or the end of the run", [undone])
    picture.arrow((481, 222), (481, 236))
    picture.box((680, 164), (260, 58), "its checks  (deploy_tests/)", ["each asks one question"])
    picture.arrow((570, 193), (676, 193))
    picture.arrow((276, 308), (276, 344))
    picture.arrow((810, 222), (810, 330), (276, 330), (276, 344))
    picture.box((180, 348), (190, 62), "journal.jsonl", ["one event a line"])
    picture.box((420, 348), (170, 62), "verdict.json", ["for machines"])
    picture.box((640, 348), (300, 62), "report.html, junit.xml, …", ["drawn from the journal alone"])
    picture.arrow((370, 379), (416, 379))
    picture.arrow((590, 379), (636, 379))
    return picture.svg()
