#!/usr/bin/env bash
# In the shape of a realistic deployment: steps that say where they failed, packages asked for first, a worktree of the
# repository around it, neighbours that are called and sourced, mix.exs edited in place.
set -Eeuo pipefail
source ./lib/steps.sh
trap 'failed "$?" "$LINENO"' ERR

step "prerequisites"
for tool in git mix psql; do
  command -v "$tool" >/dev/null || give_up "$tool is missing"
done
[ -f ../uncommitted.txt ] || give_up "the working tree is not here"

step "packages"
for package in phoenix ecto_sql postgrex req; do
  mix hex.info "$package" >/dev/null || give_up "$package is not at the source"
done

step "worktree"
worktree="$(./create_worktree.sh shop-realistic deploy/realistic)"

step "application"
cd "$worktree"
mix archive.install hex phx_new --force
mix phx.new xavos --binary-id --no-install --no-version-check
cd xavos
sed -i 's/^      {:phoenix, .*/&\n      {:decimal, ">= 0.0.0"},/' mix.exs
grep -q ":decimal" mix.exs || give_up "mix.exs is not as it was"
mix deps.get
mix compile

step "database"
mix ecto.create
mix ecto.migrate

step "commit"
git add --all
git commit --quiet -m "The application"
echo "beside" >"$(dirname "$worktree")/notes.txt"
