"""Decides which environment variables and process settings the suite uses and passes on.

| module | |
|---|---|
| `own_process` | resets what this process inherited |
| `subprocesses` | environments for started programs; variables are passed on by name |
| `outbound` | requests to other machines: proxies and certificates |
| `unknown_variables` | warns of misspelt XAVOS_… variables |
"""

from rollout.environment.own_process import refuse_few_files, remove_libpq_variables, reset_process
from rollout.environment.subprocesses import git, git_outbound, npm, outbound_program, program, suite, toolchain
from rollout.environment.unknown_variables import warnings

__all__ = [
    "git",
    "git_outbound",
    "npm",
    "outbound_program",
    "program",
    "refuse_few_files",
    "remove_libpq_variables",
    "reset_process",
    "suite",
    "toolchain",
    "warnings",
]
