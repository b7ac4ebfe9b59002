#!/usr/bin/env bash
# A deployment script as one would wish for: it ends with an application that compiles, and a database.
set -euo pipefail

cd "$XAVOS_WORKTREE"
mix archive.install hex phx_new --force
mix phx.new xavos --binary-id --no-install --no-version-check
cd xavos
mix deps.get
mix compile
mix ecto.create
mix ecto.migrate
echo "XAVOS is in $PWD, its database is $PGDATABASE"
