"""Finds the real paths of this machine's Elixir, Erlang, Hex and rebar3.

Commands of a deployment get their own home folder. But the programs that version managers (asdf, mise) put on PATH need
the user's home folder, and `mix local.hex` installs Hex and rebar3 below it. So the paths are read once with the user's
home folder.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping

from rollout import environment
from rollout.process import capture

# Prints four lines: folder of Elixir's programs, of Erlang's, folder for ERL_LIBS with Hex, rebar3. "" if not needed.
_SCRIPT = """
archives = Path.join(Mix.path_for(:archives), "hex-*/hex-*/ebin")
hex = unless Code.ensure_loaded?(Hex), do: archives |> Path.wildcard() |> List.last()
rebar = Mix.Rebar.local_rebar_path(:rebar3)
IO.puts(Path.expand("../../bin", :code.lib_dir(:elixir)))
IO.puts(Path.join(:code.root_dir(), "bin"))
IO.puts(if hex, do: Path.expand("../..", hex), else: "")
IO.puts(if File.regular?(rebar), do: rebar, else: "")
"""
_SECONDS = 60


def host_variables(variables: Mapping[str, str] | None = None) -> dict[str, str]:
    """PATH and, if needed, ERL_LIBS and MIX_REBAR3, with which the tools work with any home folder.

    The unchanged PATH if Elixir does not run. The phase that checks its version reports that.
    """
    env = os.environ if variables is None else variables
    path = env.get("PATH", os.defpath)
    rebar = shutil.which("rebar3", path=path) or ""
    programs, libraries = [], ""
    try:
        ended = capture(("elixir", "-e", _SCRIPT), env=environment.toolchain(env), deadline=_SECONDS)
        if ended.ok:
            *programs, libraries, local = ended.text.splitlines()[-4:]
            rebar = local or rebar
    except (OSError, ValueError):
        pass
    found = {"PATH": os.pathsep.join((*programs, path)), "ERL_LIBS": libraries, "MIX_REBAR3": rebar}
    return {name: value for name, value in found.items() if value}
