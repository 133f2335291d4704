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
for argument in "$@"; do
    case $argument in
        --keep | --stop) ;;
        --no-cloud) cloud=no ;;
        -h | --help) usage; exit 0 ;;
        *) usage >&2; exit 2 ;;
    esac
done

root=$(cd "$(dirname "$0")/.." && pwd)
state=${QUICKSTART_DIR:-$HOME/.cloudmanager-quickstart}
venv=$state/venv

# Debian packages that are missing; installed as root or through sudo.
install_packages() {
    local run=()
    if [ "$(id -u)" -ne 0 ]; then
        sudo -n true 2>/dev/null ||
            fail "please install first: apt-get install $*"
        run=(sudo)
    fi
    command -v apt-get >/dev/null ||
        fail "please install (names of Debian packages): $*"
    say "installing packages: $*"
    "${run[@]}" env DEBIAN_FRONTEND=noninteractive apt-get \
        -o DPkg::Lock::Timeout=400 -qq update >/dev/null
    "${run[@]}" env DEBIAN_FRONTEND=noninteractive apt-get \
        -o DPkg::Lock::Timeout=400 -qq install -y --no-install-recommends \
        "$@" >/dev/null </dev/null
}

command -v python3 >/dev/null || fail "python3 is missing"
python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail "Python 3.11 or newer is needed, this is $(python3 --version)"

missing=()
python3 -c 'import ensurepip' 2>/dev/null || missing+=(python3-venv)
if [ "$cloud" = yes ]; then
    command -v ipmi_sim >/dev/null || missing+=(openipmi)
fi
[ ${#missing[@]} -eq 0 ] || install_packages "${missing[@]}"

# OpenStack is installed while the service is.
installing=
if [ "$cloud" = yes ]; then
    python3 "$root/tools/minicloud" install &
    installing=$!
fi

# The environment is made anew when what it was made of has changed. uv does
# in seconds what pip does in a minute.
wanted=$(cat "$root"/{,python-cloudmanagerclient/}{requirements.txt,pyproject.toml} |
    sha256sum)
if [ "$(cat "$venv/made-of" 2>/dev/null)" != "$wanted" ]; then
    say "making the Python environment in $venv (once)"
    mkdir -p "$state"
    {
        python3 -m venv --clear "$venv" &&
            "$venv/bin/pip" install -qq --disable-pip-version-check \
                --only-binary :all: 'uv>=0.9' &&
            "$venv/bin/uv" pip install --quiet --python "$venv/bin/python" \
                --editable "$root" \
                --editable "$root/python-cloudmanagerclient"
    } || fail "the installation failed; is a package index reachable?"
    printf '%s\n' "$wanted" >"$venv/made-of"
fi

[ -z "$installing" ] || wait "$installing" ||
    fail "OpenStack could not be installed"

exec env QUICKSTART_DIR="$state" PYTHONPATH="$root/tools" \
    "$venv/bin/python" -m quickstartlib "$@"
