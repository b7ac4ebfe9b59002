#!/usr/bin/env bash
# Runs this deployment of XAVOS; `manage_xavos.sh help` says how. Exit codes: 0 done, 1 not done, 3 (status) not running,
# 4 this deployment of XAVOS has no such command: that part was not deployed.
set -euo pipefail
# shellcheck source=xavos_env.sh
source "$(dirname "${BASH_SOURCE[0]}")/xavos_env.sh"

readonly pid_file=log/server.pid log_file=log/server.log
readonly start_seconds=${XAVOS_START_SECONDS:-90} stop_seconds=${XAVOS_STOP_SECONDS:-20}

usage() {
  cat <<'USAGE'
usage: scripts/manage_xavos.sh COMMAND

  start         start the server in the background and wait until it answers
  stop          stop it
  status        say whether it runs and is ready; exit 0 if it runs, 3 if not
  test          run the tests (arguments go to mix test)
  check         format, warnings, style and tests: everything that can be checked
  console       an interactive Elixir session in the application
  agents        list the agents
  work          list the work that is not finished; work add NAME DESCRIPTION adds some (mix help xavos.work)
  intelligence  ask for advice: intelligence [priority|assignment] [--apply] [--json]
  operator      make an operator: operator ADDRESS [--generate | --promote] (mix help xavos.operator)
  key           API keys of agents: key ADDRESS [--days N] [--list | --revoke ID] (mix help xavos.api_key)
  swarm         let a swarm of agents work: swarm [--agents N] [--items M] [--json] (mix help xavos.swarm)
  reset         empty the database and migrate again; asks first (--yes: does not)

work, intelligence, operator, key and swarm exit with 4 where that part of XAVOS was not deployed.
USAGE
}

# The process id of this deployment's server; fails where it does not run.
server_pid() {
  local pid started
  [ -r "$pid_file" ] || return 1
  read -r pid started <"$pid_file" || return 1
  [[ $pid =~ ^[0-9]+$ ]] && kill -0 "$pid" 2>/dev/null || return 1
  [ "$(cut -d ' ' -f 22 "/proc/$pid/stat" 2>/dev/null)" = "$started" ] || return 1
  # A process that has ended and waits for its parent is no server any more.
  [[ $(cut -d ' ' -f 3 "/proc/$pid/stat" 2>/dev/null) != Z ]] || return 1
  say "$pid"
}

address() {
  case ${XAVOS_BIND:-127.0.0.1} in
    0.0.0.0 | ::) say 127.0.0.1 ;;
    *) say "${XAVOS_BIND:-127.0.0.1}" ;;
  esac
}

# get PATH: status code and body of the server's answer, without needing curl.
get() {
  local host answer
  host=$(address)
  exec 3<>"/dev/tcp/$host/$PORT" || return 1
  printf 'GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n' "$1" "$host" >&3
  answer=$(timeout 10 cat <&3 | tr -d '\r') || true
  exec 3>&- 3<&-
  [[ $answer =~ ^HTTP/1\.[01]\ ([0-9]{3}) ]] || return 1
  say "${BASH_REMATCH[1]} ${answer#*$'\n\n'}"
}

is_port_open() { (exec 3<>"/dev/tcp/$(address)/$PORT") 2>/dev/null; }

start() {
  local pid until
  if pid=$(server_pid); then
    say "XAVOS is running already: process $pid, http://$(address):$PORT"
    return
  fi
  if is_port_open; then die "port $PORT is taken by another process. Set another PORT in .env, or stop that process."; fi
  mkdir -p log
  rm -f "$pid_file"
  setsid --fork scripts/start_xavos.sh >>"$log_file" 2>&1 </dev/null
  until=$((SECONDS + start_seconds))
  until get /health 2>/dev/null | grep -q '^200 '; do
    if [ -e "$pid_file" ] && ! server_pid >/dev/null; then
      tail -n 20 "$log_file" >&2
      die "XAVOS has ended while starting; its last words are above and in $root/$log_file"
    fi
    if ((SECONDS >= until)); then
      tail -n 20 "$log_file" >&2
      stop >/dev/null
      die "XAVOS did not answer within $start_seconds s and was stopped; its last words are above and in $root/$log_file"
    fi
    sleep 0.2
  done
  say "XAVOS is running: process $(server_pid), http://$(address):$PORT"
}

stop() {
  local pid until
  if ! pid=$(server_pid); then
    rm -f "$pid_file"
    say "XAVOS is not running"
    return
  fi
  kill -TERM "$pid"
  until=$((SECONDS + stop_seconds))
  while server_pid >/dev/null; do
    if ((SECONDS >= until)); then
      kill -KILL "$pid" 2>/dev/null || true
      sleep 0.5
      break
    fi
    sleep 0.1
  done
  rm -f "$pid_file"
  say "XAVOS is stopped"
}

status() {
  local pid answer
  if ! pid=$(server_pid); then
    say "XAVOS is not running (port $PORT)"
    return 3
  fi
  say "XAVOS is running: process $pid, http://$(address):$PORT"
  answer=$(get /health/ready 2>/dev/null) || answer="no answer"
  case $answer in
    200\ *) say "ready: yes" ;;
    *) say "ready: no ($answer)" ;;
  esac
}

reset() {
  local was_running=""
  if [ "${1:-}" != --yes ]; then
    local answer=""
    printf 'This deletes all agents, work, users and tokens of %s. Type "reset" to go on: ' "${XAVOS_NAME:-this deployment}"
    read -r answer || true
    [ "$answer" = reset ] || die "nothing was changed."
  fi
  if server_pid >/dev/null; then
    was_running=yes
    stop
  fi
  mix ecto.rollback --all --quiet
  mix ecto.migrate --quiet
  say "The database is empty and migrated."
  [ -z "$was_running" ] || start
}

# The application's data without its server and jobs, where it can do without them.
agents() {
  mix run --no-start -e '
    Logger.configure(level: :warning)
    runtime = Xavos.Swarm.Runtime

    if Code.ensure_loaded?(runtime),
      do: apply(runtime, :start, []),
      else: {:ok, _} = Application.ensure_all_started(:xavos)

    # Whoever can run this can read the database as well.
    case Xavos.Coordination.list_agents!(authorize?: false) do
      [] -> IO.puts("No agent has registered yet.")
      agents -> for a <- agents, do: IO.puts(Enum.join([a.agent_id, a.status, a.name], "\t"))
    end'
}

# task NAME ARGUMENT...: runs `mix xavos.NAME`, where this deployment has it.
task() {
  local name=$1
  shift
  if [ ! -e "lib/mix/tasks/xavos.$name.ex" ]; then
    printf '%s: this deployment of XAVOS has no %s: mix xavos.%s was not deployed.\n' "${0##*/}" "$command" "$name" >&2
    exit 4
  fi
  exec mix "xavos.$name" "$@"
}

# checked LABEL COMMAND...: runs it and remembers whether it failed.
failed=()
checked() {
  local label=$1
  shift
  say "== $label"
  "$@" || failed+=("$label")
}

check() {
  export MIX_ENV=test
  checked format mix format --check-formatted
  checked warnings mix compile --warnings-as-errors
  if [ -d deps/credo ] && grep -q '{:credo,' mix.exs; then checked style mix credo --strict; fi
  checked tests mix test
  if ((${#failed[@]})); then die "not as it should be: ${failed[*]}"; fi
  say "All is as it should be."
}

command=${1:-}
case $command in
  start | stop | status | test | check | console | agents | work | intelligence | operator | key | swarm | reset) ;;
  help | -h | --help)
    usage
    exit 0
    ;;
  *)
    usage >&2
    die "${command:-no command} is not a command"
    ;;
esac

load_settings
enter_forge "$@"
shift

case $command in
  start | stop | status | agents | check) "$command" ;;
  reset) reset "$@" ;;
  work) task work "$@" ;;
  intelligence) task advise "${@:-priority}" ;;
  operator) task operator "$@" ;;
  key) task api_key "$@" ;;
  swarm) task swarm "$@" ;;
  test) exec mix test "$@" ;;
  console) exec iex -S mix "$@" ;;
esac
