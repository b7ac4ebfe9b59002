# shellcheck shell=bash
# shellcheck disable=SC2154 # settings, state and options are those of deploy_xavos.sh
# Sourced by deploy_xavos.sh: the instances of a release on this machine, and how HAProxy sees them.

is_image() { [[ $1 == image:* ]]; }

# The words of a container that sees this machine's network, and cannot change itself.
contained() {
  printf '%s\0' "$engine_command" run --env-file "$settings" --network host --read-only --tmpfs /tmp --cap-drop ALL \
    --security-opt no-new-privileges "$@"
}

# --- instances: number N has two ports, and `$state/instances/PORT` holds "ID RELEASE" of what runs there. ID is PID:START
# or the name of a container.

# Sets id and running of the instance at a port; fails if none lives there.
look_at() {
  id="" running=""
  [ -r "$state/instances/$1" ] && read -r id running <"$state/instances/$1" && is_alive "$id"
}

is_alive() {
  local stat
  if [[ $1 == xavos-* ]]; then
    [ "$("$engine_command" container inspect --format '{{.State.Running}}' "$1" 2>/dev/null)" = true ]
    return
  fi
  stat=$(cut -d ' ' -f 3,22 "/proc/${1%%:*}/stat" 2>/dev/null) || return 1
  # A process that has ended and waits for its parent is no instance any more.
  [ "${stat#* }" = "${1#*:}" ] && [ "${stat%% *}" != Z ]
}

# Sets live and free, the two ports of instance N. `live` is "" if none runs. Two run after a roll that was interrupted.
ports_of() {
  local first=$((first_port + 2 * ($1 - 1)))
  live="" free=$first
  if look_at "$first"; then live=$first free=$((first + 1)); fi
  if look_at $((first + 1)) && { [ -z "$live" ] || [ "$running" = "$current" ]; }; then live=$((first + 1)) free=$first; fi
}

# get PORT PATH: the status code of an instance's answer, without needing curl.
get() {
  local answer=""
  exec 3<>"/dev/tcp/127.0.0.1/$1" || return 1
  printf 'GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' "$2" >&3
  read -r -t 5 answer <&3 || true
  exec 3>&- 3<&-
  [[ $answer =~ ^HTTP/1\.[01]\ ([0-9]{3}) ]] && say "${BASH_REMATCH[1]}"
}

wait_ready() {
  local port=$1 until=$((SECONDS + ready_seconds)) last="no answer"
  while ((SECONDS < until)); do
    last=$(get "$port" /health/ready 2>/dev/null) || last="no answer"
    [ "$last" != 200 ] || return 0
    if [ -e "$state/instances/$port" ] && ! look_at "$port"; then
      show_log "$port"
      die "the instance at port $port has ended before it was ready; the end of its log is above."
    fi
    sleep 0.1
  done
  show_log "$port"
  die "the instance at port $port is not ready after $ready_seconds s ($last); the end of its log is above."
}

show_log() {
  tail -n 20 "$state/log/$1.log" >&2 2>/dev/null || "$engine_command" logs --tail 20 "xavos-$1" >&2 2>/dev/null || true
}

# serve RELEASE PORT: an instance in the foreground. Its process id stays the same through every exec.
serve() {
  mkdir -p "$state/instances" "$state/log"
  printf '%s:%s %s\n' "$$" "$(cut -d ' ' -f 22 "/proc/$$/stat")" "$1" >"$state/instances/$2"
  load_settings "$settings"
  export PORT=$2
  exec "$1/bin/server" >>"$state/log/$2.log" 2>&1 </dev/null
}

start() {
  local port=$1 words
  if [ -z "$dry_run" ]; then
    if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
      say "port $port is taken by another process. End it, or give another --first-port." >&2
      return 1
    fi
    rm -f "$state/instances/$port" "$state/log/$port.log"
    ! is_image "$release" || "$engine_command" rm -f "xavos-$port" >/dev/null 2>&1 || true
  fi
  if is_image "$release"; then
    mapfile -d '' words < <(contained --detach --name "xavos-$port" --env "PORT=$port" "${release#image:}" /app/bin/server)
    run "${words[@]}" || return 1
    [ -n "$dry_run" ] || say "xavos-$port $release" >"$state/instances/$port"
  else
    run setsid --fork "${myself[@]}" serve "$release" "$port" || return 1
  fi
  step wait "$port" || return 1
  [ -z "$admin" ] || step admit "$port"
}

# Drains the instance at a port, tells it to end, and waits until it has ended.
end() {
  local port=$1
  look_at "$port" || return 0
  [ -z "$admin" ] || step drain "$port" || true
  if [[ $id == xavos-* ]]; then
    run "$engine_command" stop --time "$stop_seconds" "$id"
    run "$engine_command" rm "$id"
  else
    run kill -TERM "${id%%:*}" || true # it may end by itself just now
    step ended "$port"
  fi
  [ -n "$dry_run" ] || rm -f "$state/instances/$port"
}

wait_ended() {
  local until=$((SECONDS + stop_seconds))
  while look_at "$1"; do
    if ((SECONDS >= until)); then
      say "the instance at port $1 has not ended after $stop_seconds s and is killed." >&2
      kill -KILL "${id%%:*}" 2>/dev/null || true
      return 0
    fi
    sleep 0.1
  done
}

# replace N: starts an instance of `release`, and ends the one that it replaces.
replace() {
  local live free
  ports_of "$1"
  if look_at "$free"; then end "$free"; fi # an earlier roll was interrupted
  if ! start "$free"; then
    [ -n "$dry_run" ] || end "$free"
    return 1
  fi
  [ -z "$live" ] || end "$live"
}

# --- HAProxy, whose servers are called p4010, p4011 …

ask_proxy() {
  perl -MSocket -e 'my $s; socket($s, PF_UNIX, SOCK_STREAM, 0) && connect($s, pack_sockaddr_un($ARGV[0])) or die "$ARGV[0]: $!\n";
    syswrite($s, "$ARGV[1]\n"); print while <$s>' "$admin" "$1"
}

# seen PORT FIELD: a field of what HAProxy tells about an instance. Fields are counted as in `show stat`.
seen() { ask_proxy "show stat" | awk -F , -v name="p$1" -v field="$2" -v proxy="$backend" '$1 == proxy && $2 == name { print $field }'; }

admit() {
  local until=$((SECONDS + 15))
  ask_proxy "set server $backend/p$1 state ready" >/dev/null
  until [[ $(seen "$1" 18) == UP* ]]; do
    ((SECONDS < until)) || die "HAProxy does not see the instance at port $1 ready: $(seen "$1" 18)."
    sleep 0.1
  done
}

drain() {
  local until=$((SECONDS + 10))
  ask_proxy "set server $backend/p$1 state drain" >/dev/null
  while [ "$(seen "$1" 5)" != 0 ] && ((SECONDS < until)); do sleep 0.1; done
}

proxy() {
  local port
  printf '%s\n' "global" "    stats socket ${admin:-/run/haproxy/admin.sock} mode 600 level admin" \
    "defaults" "    mode http" "    timeout connect 2s" "    timeout client 75s" "    timeout server 75s" \
    "    timeout tunnel 1h" "    timeout queue 2s" "    retries 0" "    option http-server-close" \
    "frontend public" "    bind :80" "    http-request set-header x-forwarded-for %[src]" \
    "    http-request set-header x-forwarded-proto https if { ssl_fc }" "    default_backend $backend" \
    "backend $backend" "    balance roundrobin" "    option httpchk GET /health/ready" "    http-check expect status 200"
  for ((port = first_port; port < first_port + 2 * count; port++)); do
    say "    server p$port 127.0.0.1:$port check inter 500ms fall 2 rise 1 observe layer4 error-limit 1 on-error mark-down"
  done
}
