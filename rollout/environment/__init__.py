"""Decides what the suite takes from its environment: variables, files of the user, process settings.

Programs that the suite starts get an environment from `programs`, which passes variables on by name. Clients that
ask for something outside this machine use `outward`, which knows proxies and certificates. `process` resets what this
process inherits. `variables` knows every variable whose name starts with XAVOS_.
"""

from rollout.environment.own_process import enter, forget_libpq, refuse_few_files
from rollout.environment.subprocesses import git, git_outward, npm, outward_program, program, suite, toolchain
from rollout.environment.unknown_variables import warnings

__all__ = [
    "enter",
    "forget_libpq",
    "git",
    "git_outward",
    "npm",
    "outward_program",
    "program",
    "refuse_few_files",
    "suite",
    "toolchain",
    "warnings",
]
