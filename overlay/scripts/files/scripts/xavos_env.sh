# shellcheck shell=bash
# Sourced by the scripts beside it: where the deployment is, its settings, and the way into its forge.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
readonly root
cd "$root" || exit 1

say() { printf '%s\n' "$*"; }

die() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}

# A deployment is what its .env says, whatever the caller's environment holds: a DATABASE_URL of some other
# project must never be the one that `reset` empties. Lines are NAME=value and are not evaluated by the shell.
load_settings() {
  [ -r .env ] || die "$root/.env is missing or unreadable. It holds PORT, DATABASE_URL and the secrets of this deployment."
  local line name value
  while IFS= read -r line || [ -n "$line" ]; do
    name=${line%%=*}
    value=${line#*=}
    [[ $line == *=* && $name =~ ^[A-Za-z_][A-Za-z0-9_]*$ ]] || continue
    case $value in
      \"*\" | \'*\') value=${value:1:${#value}-2} ;;
    esac
    export "$name=$value"
  done <.env
  PORT=${PORT:-4001}
  export PORT
}

in_forge() {
  [ -z "${XAVOS_FORGE_CONTAINER:-}" ] || [ -n "${XAVOS_IN_FORGE:-}" ] || [ "$root" = /srv/xavos ]
}

# Where Elixir lives in a container, the same script is run there, with the deployment at /srv/xavos.
enter_forge() {
  in_forge && return
  local engine=${XAVOS_ENGINE:-docker} terminal=(-i)
  command -v "$engine" >/dev/null || die "$engine is needed to reach the forge $XAVOS_FORGE_CONTAINER."
  [ -t 0 ] && [ -t 1 ] && terminal=(-i -t)
  case $("$engine" container inspect --format '{{.State.Running}}' "$XAVOS_FORGE_CONTAINER" 2>/dev/null) in
    true) ;;
    false) "$engine" start "$XAVOS_FORGE_CONTAINER" >/dev/null || die "the forge $XAVOS_FORGE_CONTAINER does not start." ;;
    *) die "there is no container $XAVOS_FORGE_CONTAINER, or $engine does not answer." ;;
  esac
  exec "$engine" exec "${terminal[@]}" --workdir /srv/xavos --env XAVOS_IN_FORGE=1 "$XAVOS_FORGE_CONTAINER" \
    "scripts/${0##*/}" "$@"
}
