#!/usr/bin/env bash
# Starts XAVOS in the foreground and leaves its process id in log/server.pid. Ctrl-C or TERM stops it.
set -euo pipefail
# shellcheck source=xavos_env.sh
source "$(dirname "${BASH_SOURCE[0]}")/xavos_env.sh"

case ${1:-} in
  -h | --help)
    say "usage: scripts/start_xavos.sh    starts XAVOS in the foreground (in the background: manage_xavos.sh start)"
    exit 0
    ;;
esac

load_settings
enter_forge "$@"
command -v mix >/dev/null || die "mix is not on PATH. Elixir is needed to run XAVOS."

mkdir -p log
# The process keeps its id through every exec from here to the Erlang VM. Its start time tells it from a later one.
start_time=$(cut -d ' ' -f 22 "/proc/$$/stat" 2>/dev/null || true)
printf '%s %s\n' "$$" "$start_time" >log/server.pid
exec mix phx.server
