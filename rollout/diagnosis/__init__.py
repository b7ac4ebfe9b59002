"""Finds the cause of a failure from a command's output and from separate probes of the system.

`causes` lists the causes with their advice. `signs` holds the texts that tools really print, as data, one module for
each kind of tool. `lines_to_quote` chooses the lines to quote. The texts come from docs/findings.md and tests/causes/.
"""

from rollout.diagnosis.causes import ADVICE, CAUSES, TRANSIENT
from rollout.diagnosis.classifier import Diagnosis, Probes, classify, failure, named

__all__ = ["ADVICE", "CAUSES", "TRANSIENT", "Diagnosis", "Probes", "classify", "failure", "named"]
