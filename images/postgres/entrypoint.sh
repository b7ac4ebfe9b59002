#!/bin/sh
# Starts PostgreSQL as the official image does: makes the cluster on the first start, then execs the server.
set -eu

fail() { echo "entrypoint: $*" >&2; exit 1; }

# `docker run IMAGE -c fsync=on` and `docker run IMAGE postgres -c fsync=on` are the same; another program is just run.
case "${1:-postgres}" in
    -*) set -- postgres "$@" ;;
    postgres) ;;
    *) exec "$@" ;;
esac

if [ ! -s "$PGDATA/PG_VERSION" ]; then
    [ -n "${POSTGRES_PASSWORD:-}" ] || fail "POSTGRES_PASSWORD is not set, and there is no default: pass -e POSTGRES_PASSWORD=..."
    user=${POSTGRES_USER:-postgres}
    database=${POSTGRES_DB:-$user}
    [ -w "$PGDATA" ] || fail "$PGDATA is not writable for user id $(id -u)"
    umask 077
    chmod 700 "$PGDATA" 2>/dev/null || true
    cp -R /usr/share/xavos-cluster/. "$PGDATA"/

    # Identifiers and literals quoted as SQL wants them; newlines cannot be told to a single-user server.
    case "$user$database$POSTGRES_PASSWORD" in *'
'*) fail "POSTGRES_USER, POSTGRES_DB and POSTGRES_PASSWORD are one line each" ;; esac
    role=$(printf '%s' "$user" | sed 's/"/""/g')
    name=$(printf '%s' "$database" | sed 's/"/""/g')
    secret=$(printf '%s' "$POSTGRES_PASSWORD" | sed "s/'/''/g")
    {
        [ "$user" = postgres ] || printf 'CREATE ROLE "%s" SUPERUSER CREATEDB CREATEROLE REPLICATION BYPASSRLS LOGIN;\n' "$role"
        printf "ALTER ROLE \"%s\" PASSWORD '%s';\n" "$role" "$secret"
        [ "$database" = postgres ] || printf 'CREATE DATABASE "%s" OWNER "%s";\n' "$name" "$role"
    } | postgres --single -D "$PGDATA" -c log_statement=none -c log_min_error_statement=panic postgres > /tmp/entrypoint.out 2> /tmp/entrypoint.err \
        || { rm -f "$PGDATA/PG_VERSION"; cat /tmp/entrypoint.err >&2; fail "the cluster could not be set up"; }
    if grep -E '(ERROR|FATAL|PANIC):' /tmp/entrypoint.err >&2; then
        rm -f "$PGDATA/PG_VERSION"
        fail "the cluster could not be set up"
    fi
    echo "PostgreSQL init process complete; ready for start up." >&2
fi
unset POSTGRES_PASSWORD

exec "$@"
