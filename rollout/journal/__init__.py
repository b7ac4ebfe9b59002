"""The journal: JSON lines of every event of a run, from which undo and all reports are made."""

from rollout.journal.commands import CommandRecorder
from rollout.journal.reader import Act, pending_undos, read_events, read_journal
from rollout.journal.redaction import Redactor
from rollout.journal.writer import Journal, JournalUnwritable

__all__ = [
    "Act",
    "CommandRecorder",
    "Journal",
    "JournalUnwritable",
    "Redactor",
    "pending_undos",
    "read_events",
    "read_journal",
]
