#!/usr/bin/env bash
# In the shape of an ambitious deployment: everything at once, no look at what is there, nothing taken back.
set -eo pipefail

REPOSITORY="$(git rev-parse --show-toplevel)"
git -C "$REPOSITORY" worktree add -b deploy/ambitious ../shop-ambitious
cd "$REPOSITORY/../shop-ambitious"
mix new half --module Half
cd half
psql --quiet --command 'CREATE DATABASE left_over' postgres
sleep 3600 &
for package in ecto_sql postgrex; do
  sed -i "s/^    \[$/&\n      {:$package, \">= 0.0.0\"},/" mix.exs
done
sed -i 's/^      # {:dep_from_hexpm.*/      {:no_such_package, "~> 1.0"}/' mix.exs
mix deps.get
