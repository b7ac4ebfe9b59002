"""Where this machine's Elixir, Erlang, Hex and rebar3 really are.

Commands of a deployment get a home folder of their own. Version managers (asdf, mise) put programs on PATH that find
the real ones by the user's home; Hex and rebar3, if they came by `mix local.hex`, lie below it. So it is asked once,
with the user's own home folder.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping

from rollout import environment

# Four lines: programs of Elixir, those of Erlang, a folder for ERL_LIBS with Hex in it, rebar3; empty where not needed.
_QUESTION = """
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
    """PATH, and where needed ERL_LIBS and MIX_REBAR3, by which the tools are found from any home folder.

    Only PATH as it is where Elixir does not answer: the phase that asks for its version then says so.
    """
    env = os.environ if variables is None else variables
    path = env.get("PATH", os.defpath)
    rebar = shutil.which("rebar3", path=path) or ""
    programs, libraries = [], ""
    try:
        asked = subprocess.run(("elixir", "-e", _QUESTION), capture_output=True, text=True, check=True,
                               timeout=_SECONDS, env=environment.toolchain(env), stdin=subprocess.DEVNULL)  # fmt: skip
        *programs, libraries, local = asked.stdout.splitlines()[-4:]
        rebar = local or rebar
    except (OSError, ValueError, subprocess.SubprocessError):
        pass
    found = {"PATH": os.pathsep.join((*programs, path)), "ERL_LIBS": libraries, "MIX_REBAR3": rebar}
    return {name: value for name, value in found.items() if value}
