#!/usr/bin/env bash
# A worktree of the repository that this script is in; says where it is.
set -euo pipefail
cd "$(dirname "$0")"

top="$(git rev-parse --show-toplevel)"
place="$(dirname "$top")/$1"
git -C "$top" worktree add --quiet -b "$2" "$place"
echo "$place"
