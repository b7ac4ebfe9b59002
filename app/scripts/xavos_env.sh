# shellcheck shell=bash
# Sourced by the scripts beside it: where the deployment is, its settings, and the way into its forge.

root=$(CDPATH='' cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
readonly root
cd "$root" || exit 1

say() { printf '%s\n' "$*"; }

die() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}

# load_settings [FILE]: a deployment is what its .env says, whatever the caller's environment holds: a DATABASE_URL of some
# other project must never be the one that `reset` empties. Lines are NAME=value and are not evaluated by the shell.
load_settings() {
  local file=${1:-$root/.env}
  [ -r "$file" ] || die "$file is missing or unreadable. It holds PORT, DATABASE_URL and the secrets of this deployment."
  local line name value
  # Nor is the Elixir of this machine to be another than the one that the deployment was built with.
  unset MIX_ENV MIX_TARGET MIX_EXS MIX_BUILD_PATH MIX_BUILD_ROOT MIX_DEPS_PATH MIX_QUIET MIX_DEBUG
  unset ERL_FLAGS ERL_AFLAGS ERL_ZFLAGS ELIXIR_ERL_OPTIONS "${!RELEASE_@}" "${!PG@}"
  while IFS= read -r line || [ -n "$line" ]; do
    name=${line%%=*}
    value=${line#*=}
    [[ $line == *=* && $name =~ ^[A-Za-z_][A-Za-z0-9_]*$ ]] || continue
    case $value in
      \"*\" | \'*\') value=${value:1:${#value}-2} ;;
    esac
    export "$name=$value"
  done <"$file"
  PORT=${PORT:-4001}
  export PORT
}

# By the container's name, never by a path: the deployment may be in a folder of the same name outside.
in_forge() {
  [ -z "${XAVOS_FORGE_CONTAINER:-}" ] || [ "${XAVOS_IN_FORGE:-}" = "$XAVOS_FORGE_CONTAINER" ]
}

is_podman() { command -v "$1" >/dev/null && [[ $("$1" --version 2>/dev/null) == podman* ]]; }

# Sets `engine`, the command line that reaches the engine this deployment was made with: XAVOS_ENGINE (docker or podman) at
# XAVOS_ENGINE_URL, whatever the caller's environment and contexts say.
find_engine() {
  local kind=${XAVOS_ENGINE:-docker} url=${XAVOS_ENGINE_URL:-} program=""
  engine=(env -u DOCKER_CONTEXT -u DOCKER_TLS -u DOCKER_TLS_VERIFY -u DOCKER_CERT_PATH -u CONTAINER_HOST -u CONTAINER_CONNECTION)
  if [ "$kind" = podman ]; then
    for program in podman docker; do
      is_podman "$program" || continue
      engine+=(-u DOCKER_HOST "$program")
      [ -z "$url" ] || engine+=(--remote --url "$url")
      return
    done
  fi
  # Docker's own command speaks to Podman as well; what only bears its name and is Podman does not speak to Docker.
  if ! command -v docker >/dev/null || is_podman docker; then
    die "the command $kind is needed to reach the forge $XAVOS_FORGE_CONTAINER."
  fi
  if [ -n "$url" ]; then engine+=("DOCKER_HOST=$url"); fi
  if [ -n "${XAVOS_ENGINE_CERTIFICATES:-}" ]; then
    engine+=("DOCKER_CERT_PATH=$XAVOS_ENGINE_CERTIFICATES" "${XAVOS_ENGINE_TLS:-DOCKER_TLS_VERIFY}=1")
  fi
  engine+=(docker)
}

# Where Elixir lives in a container, the same script is run there, with the deployment at /srv/xavos.
enter_forge() {
  in_forge && return
  local engine terminal=(-i) where=${XAVOS_ENGINE_URL:-its usual place}
  find_engine
  [ -t 0 ] && [ -t 1 ] && terminal=(-i -t)
  case $("${engine[@]}" container inspect --format '{{.State.Running}}' "$XAVOS_FORGE_CONTAINER" 2>/dev/null) in
    true) ;;
    false)
      "${engine[@]}" start "$XAVOS_FORGE_CONTAINER" >/dev/null || die "the forge $XAVOS_FORGE_CONTAINER does not start."
      ;;
    *) die "there is no container $XAVOS_FORGE_CONTAINER, or ${XAVOS_ENGINE:-docker} does not answer at $where." ;;
  esac
  exec "${engine[@]}" exec "${terminal[@]}" --workdir /srv/xavos --env XAVOS_IN_FORGE="$XAVOS_FORGE_CONTAINER" \
    "$XAVOS_FORGE_CONTAINER" "scripts/${0##*/}" "$@"
}
