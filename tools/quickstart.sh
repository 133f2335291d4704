#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# From a fresh clone to a running CloudManager that does its main job: it
# empties a compute host and switches it off, and brings the servers of a
# dead one back. Everything listens on 127.0.0.1 only.
set -eu

usage() {
    cat <<'USAGE'
Usage: tools/quickstart.sh [--keep] [--no-cloud] [--stop]

  --keep      leave everything running and say how to reach it
  --stop      end what an earlier run has left running
  --no-cloud  the service alone with simulated nodes, in seconds

Environment:
  QUICKSTART_DIR  where everything is kept
                  (default: $HOME/.cloudmanager-quickstart)

MINICLOUD_* variables: see tools/minicloud --help.
USAGE
}

say() { printf '==> %s\n' "$*"; }

fail() {
    printf 'quickstart: %s\n' "$*" >&2
    exit 1
}

cloud=yes
stop=no
for argument in "$@"; do
    case $argument in
        --keep) ;;
        --stop) stop=yes ;;
        --no-cloud) cloud=no ;;
        -h | --help) usage; exit 0 ;;
        *) usage >&2; exit 2 ;;
    esac
done

root=$(cd "$(dirname "$0")/.." && pwd)
state=${QUICKSTART_DIR:-$HOME/.cloudmanager-quickstart}
venv=$state/venv

demonstrate() {
    exec env QUICKSTART_DIR="$state" PYTHONPATH="$root/tools" \
        "$venv/bin/python" -m quickstartlib "$@"
}

mkdir -p "$state"
# Python closes it in the programs that it starts.
exec 9>>"$state/lock"
flock --nonblock 9 ||
    fail "process $(cat "$state/lock") runs the quickstart already"
echo $$ >"$state/lock"

if [ "$stop" = yes ]; then
    [ ! -e "$venv/made-of" ] || demonstrate "$@"
    say "nothing was started"
    exit
fi

command -v python3 >/dev/null ||
    fail "python3 is missing; as root: apt-get install python3"
python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail "Python 3.11 or newer is needed, this is $(python3 --version)"

QUICKSTART_DIR=$state PYTHONPATH=$root/tools \
    python3 -m quickstartlib.prepare "$@" || exit
demonstrate "$@"
