# Sourced by deploy.sh: what its steps have in common.
STEP="the beginning"

step() {
  STEP="$1"
  echo "== $STEP"
}

failed() {
  echo "FAILED at $STEP: line $2 ended with $1" >&2
  exit "$1"
}

give_up() {
  echo "cannot go on: $1" >&2
  return 1
}
