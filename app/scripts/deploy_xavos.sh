#!/usr/bin/env bash
# Deploys releases of XAVOS on this machine, instance by instance; `deploy_xavos.sh --help` says how. Exit codes: 0 done,
# 1 not done (a release that did not become ready was taken back), 2 it was called in a wrong way.
set -euo pipefail
here=$PWD
# shellcheck source=xavos_env.sh
source "$(dirname "${BASH_SOURCE[0]}")/xavos_env.sh"
# shellcheck source=xavos_instances.sh
source "$root/scripts/xavos_instances.sh"

usage() {
  cat <<'USAGE'
usage: scripts/deploy_xavos.sh [OPTION]... COMMAND

Commands:
  release [NAME]     build a release of this folder: releases/NAME and releases/NAME.tar.gz (NAME: the Git revision)
  migrate RELEASE    run the migrations of a release once
  roll RELEASE       migrate, then replace every instance by one of RELEASE, one after another: start it, wait until it is
                     ready, end the old one. The first roll starts the instances. If a new one does not become ready, the
                     old release is taken back.
  rollback           roll to the release before this one. The schema stays: a release works with the next one's schema
  wait PORT          wait until the instance at this port is ready
  status             list the instances: number, port, process or container, release
  stop               end all instances
  proxy              print a configuration of HAProxy for the ports of all instances

RELEASE is the folder of a release, its tarball (NAME.tar.gz), or image:NAME for an image that has one at /app.

Options:
  --dry-run          print the commands of release, migrate, roll, rollback or stop, and run none of them
  --no-migrate       roll without running migrations
  --instances=N      how many instances the first roll starts (2)
  --first-port=PORT  of the instances (4010): number N has PORT + 2(N-1), or one more after every other roll
  --settings=FILE    the environment of every instance, as lines NAME=value (production.env)
  --state=FOLDER     where instances, logs and unpacked releases are kept (.deployed)
  --admin=SOCKET     the admin socket of HAProxy: an instance is drained there before it is told to end

Variables: XAVOS_READY_SECONDS (60) until an instance has to be ready, XAVOS_STOP_SECONDS (45) from SIGTERM until it has
to have ended, XAVOS_ENGINE (docker) for images.
USAGE
}

misused() {
  printf '%s: %s Try --help.\n' "${0##*/}" "$*" >&2
  exit 2
}

dry_run="" migrates=yes count=2 first_port=4010 settings=$root/production.env state=$root/.deployed admin=""
readonly ready_seconds=${XAVOS_READY_SECONDS:-60} stop_seconds=${XAVOS_STOP_SECONDS:-45} engine_command=${XAVOS_ENGINE:-docker}
readonly backend=xavos

# absolute PATH: below the folder in which the script was called.
absolute() { case $1 in /*) say "$1" ;; *) say "$here/${1#./}" ;; esac }

# must NAME VALUE PATTERN: a value of an option has to match.
must() { [[ $2 =~ ^$3$ ]] || misused "$1=$2 is not valid."; }

# run COMMAND...: prints a command, and runs it unless this is a dry run. What goes on afterwards does not hold the lock (9).
run() {
  local words
  printf -v words ' %q' "$@"
  say "+$words"
  [ -n "$dry_run" ] || "$@" 9>&-
}

# step COMMAND...: runs one step of a roll by this script.
step() { run "${myself[@]}" "$@"; }

# --- releases

# Sets `release`: the folder or image that RELEASE names. A tarball is unpacked once.
find_release() {
  local given=$1 name
  if is_image "$given"; then
    command -v "$engine_command" >/dev/null || die "the command $engine_command is needed for $given."
    "$engine_command" image inspect "${given#image:}" >/dev/null 2>&1 ||
      die "there is no image ${given#image:} here. Get it with: $engine_command pull ${given#image:}"
    release=$given
    return
  fi
  given=$(absolute "$given")
  [ -e "$given" ] || die "$given does not exist. A release is a folder, a .tar.gz, or image:NAME."
  case $given in
    *.tar.gz)
      name=$(basename "$given" .tar.gz)
      release=$state/releases/$name
      if [ ! -x "$release/bin/server" ]; then
        run mkdir -p "$release.unpacking"
        run tar -xzf "$given" -C "$release.unpacking"
        run mv -T "$release.unpacking" "$release"
        [ -z "$dry_run" ] || return 0
      fi
      ;;
    *) release=${given%/} ;;
  esac
  for name in server migrate; do
    [ -x "$release/bin/$name" ] || die "$release is no release of XAVOS: bin/$name is missing."
  done
}

# in_release NAME ARGUMENT...: runs bin/NAME of the release with the settings.
in_release() {
  local words=("$release/bin/$1" "${@:2}")
  if is_image "$release"; then mapfile -d '' words < <(contained --rm "${release#image:}" "/app/bin/$1" "${@:2}"); fi
  (
    [ -n "$dry_run" ] || is_image "$release" || load_settings "$settings"
    run "${words[@]}"
  )
}

# The migrations of the release that have not run, on one line; fails if the database does not answer.
pending() {
  local told dry_run=""
  told=$(in_release migrate status 2>/dev/null) || return 1
  awk '$1 == "down" { printf "%s%s", separator, $2; separator = " " }' <<<"$told"
}

build() {
  local name=${1:-} target
  [ -n "$name" ] || name=$(git rev-parse --short HEAD 2>/dev/null) || die "this folder has no Git revision; give a NAME."
  must NAME "$name" '[A-Za-z0-9][A-Za-z0-9._-]*'
  target=releases/$name
  if [ -z "$dry_run" ]; then
    load_settings
    enter_forge release "$name"
    command -v mix >/dev/null || die "mix is not on PATH. Elixir is needed to build a release."
  fi
  # Nothing of a deployment may be compiled in.
  unset DATABASE_URL TEST_DATABASE_URL SECRET_KEY_BASE TOKEN_SIGNING_SECRET
  local task
  for task in "deps.get --only prod --check-locked" deps.compile compile assets.deploy "release --overwrite --path $target"; do
    # shellcheck disable=SC2086 # no word of a task has a space
    run env MIX_ENV=prod "XAVOS_REVISION=$name" mix $task
  done
  run tar -czf "$target.tar.gz" -C "$target" .
}

# --- commands

announce() {
  local number live free version=""
  if ! is_image "$release"; then version=$(cut -d ' ' -f 2 "$release/releases/start_erl.data" 2>/dev/null) || version=""; fi
  say "release: $release${version:+ (version $version)}"
  say "replaces: ${current:-nothing}"
  if [ -n "$dry_run" ] && [ -n "$migrates" ]; then
    if version=$(pending); then
      say "migrations pending: ${version:-none}"
    else
      say "migrations pending: unknown, because bin/migrate status has failed"
    fi
  fi
  for ((number = 1; number <= count; number++)); do
    ports_of "$number"
    say "instance $number: port ${live:-none} → $free"
  done
}

roll() {
  local number stopped=""
  find_release "$1"
  announce
  if [ -z "$dry_run" ]; then
    printf '%s %s\n' "$first_port" "$count" >"$state/ports"
    trap 'stopped=yes' INT TERM
  fi
  if [ -n "$migrates" ]; then
    in_release migrate || die "the migrations of $release have failed. No instance was touched."
  fi
  for ((number = 1; number <= count; number++)); do
    if [ -n "$stopped" ] || ! replace "$number"; then
      take_back "$((number - 1))" "$release"
    fi
  done
  trap - INT TERM
  [ -z "$dry_run" ] || return 0
  if [ "$release" != "$current" ] && [ -n "$current" ]; then say "$current" >"$state/previous"; fi
  say "$release" >"$state/current"
  say "$count instances of $release serve."
}

# take_back COUNT RELEASE: replaces the first COUNT instances, which are new, by those of the old release again.
take_back() {
  local number live free
  say "$2 is taken back." >&2
  release=$current
  for ((number = $1; number >= 1; number--)); do
    if [ -n "$release" ]; then
      replace "$number" || die "the old release does not start either; instance $number of $2 still serves."
    else
      ports_of "$number"
      [ -z "$live" ] || end "$live"
    fi
  done
  [ -n "$current" ] || rm -f "$state/ports"
  die "$2 was taken back. ${current:-No release} serves as before."
}

status() {
  local number live free
  say "release: ${current:-none}"
  for ((number = 1; number <= count; number++)); do
    ports_of "$number"
    if [ -n "$live" ] && look_at "$live"; then
      say "instance $number: port $live, ${id%%:*}, $running, ready: $(get "$live" /health/ready 2>/dev/null || say "no answer")"
    else
      say "instance $number: does not run"
    fi
  done
}

stop() {
  local file
  for file in "$state/instances"/*; do
    if [ -e "$file" ]; then end "${file##*/}"; fi
  done
  [ -n "$dry_run" ] || rm -f "$state/ports" "$state/current"
}

while (($#)); do
  case $1 in
    -h | --help) usage && exit 0 ;;
    --dry-run) dry_run=yes ;;
    --no-migrate) migrates="" ;;
    --instances=*) count=${1#*=} && must --instances "$count" '[1-9][0-9]?' && given_count=$count ;;
    --first-port=*) first_port=${1#*=} && must --first-port "$first_port" '[1-9][0-9]{0,4}' && given_port=$first_port ;;
    --settings=*) settings=$(absolute "${1#*=}") ;;
    --state=*) state=$(absolute "${1#*=}") ;;
    --admin=*) admin=$(absolute "${1#*=}") ;;
    -*) misused "$1 is no option." ;;
    *) break ;;
  esac
  shift
done

command=${1:-}
case $command in
  release | rollback | status | stop | proxy) ;;
  help) usage && exit 0 ;;
  migrate | roll | wait | admit | drain | ended) [ -n "${2:-}" ] || misused "$command needs an argument." ;;
  serve) [ -n "${3:-}" ] || misused "$command needs a release and a port." ;;
  "") misused "no command is given." ;;
  *) misused "$command is no command." ;;
esac

myself=("$root/scripts/${0##*/}" "--settings=$settings" "--state=$state" ${admin:+"--admin=$admin"})

# What an earlier roll has begun with goes on.
if read -r first_port count 2>/dev/null <"$state/ports"; then
  [ "${given_port:-$first_port}" = "$first_port" ] && [ "${given_count:-$count}" = "$count" ] ||
    die "$count instances run from port $first_port on. Stop them before you choose others."
fi
read -r current 2>/dev/null <"$state/current" || current=""

case $command in
  roll | rollback | stop)
    if [ -z "$dry_run" ]; then
      mkdir -p "$state/instances" "$state/log"
      exec 9>"$state/lock"
      flock -n 9 || die "another roll is going on (the lock $state/lock is held)."
    fi
    ;;
esac

case $command in
  release) build "${2:-}" ;;
  migrate)
    find_release "$2"
    in_release migrate
    ;;
  roll) roll "$2" ;;
  rollback)
    read -r previous 2>/dev/null <"$state/previous" || die "there is no release before ${current:-the first one}."
    migrates=""
    roll "$previous"
    ;;
  wait) wait_ready "$2" ;;
  ended) wait_ended "$2" ;;
  serve) serve "$2" "$3" ;;
  stop) stop ;;
  *) "$command" "${@:2}" ;;
esac
