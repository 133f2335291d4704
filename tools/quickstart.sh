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

# What only root can do is found out first, and asked for once.
find_missing() {
    python3 -c 'import ensurepip' 2>/dev/null || echo python3-venv
    [ "$cloud" = yes ] || return 0
    command -v ipmi_sim >/dev/null || echo openipmi
    python3 "$root/tools/minicloud" missing packages
}

# become_root WHAT COMMAND: have sudo ask for the password, if it must.
as_root=()
become_root() {
    [ "$(id -u)" -ne 0 ] || return 0
    as_root=(sudo)
    ! sudo -n true 2>/dev/null || return 0
    say "root has to $1"
    { [ -t 0 ] && command -v sudo >/dev/null && sudo -v; } ||
        fail "please run as root, and then this again: $2"
}

mapfile -t packages < <(find_missing | sort -u)
if [ ${#packages[@]} -gt 0 ]; then
    command -v apt-get >/dev/null ||
        fail "please install (names of Debian packages): ${packages[*]}"
    become_root "install ${packages[*]}" \
        "apt-get install --no-install-recommends ${packages[*]}"
elif [ "$cloud" = yes ]; then
    servers=$(python3 "$root/tools/minicloud" missing servers)
    [ -z "$servers" ] || become_root "start ${servers//$'\n'/ and }" \
        "service mariadb start; service rabbitmq-server start"
fi

# What goes on beside this script ends with it, but for apt-get, which would
# leave packages half installed.
installing=
end_beside() {
    trap '' INT TERM HUP
    if [ -n "$installing" ]; then
        kill "$installing" 2>/dev/null || true
        wait "$installing" || true
    fi
}
trap end_beside EXIT
trap 'say interrupted; exit 130' INT TERM HUP

if [[ " ${packages[*]} " = *" python3-venv "* ]]; then
    say "installing python3-venv"
    (
        trap '' INT TERM HUP
        apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get
            -o DPkg::Lock::Timeout=400)
        "${apt[@]}" update &&
            "${apt[@]}" install -y --no-install-recommends python3-venv
    ) >"$state/apt.log" 2>&1 </dev/null 9>&- || {
        tail -n 5 "$state/apt.log" >&2
        fail "python3-venv could not be installed"
    }
fi

# OpenStack, and all packages, are installed while the service is.
if [ "$cloud" = yes ]; then
    also=()
    command -v ipmi_sim >/dev/null || also=(--also openipmi)
    python3 "$root/tools/minicloud" install "${also[@]}" 9>&- &
    installing=$!
fi

# The environment is made anew when what it was made of has changed. uv does
# in seconds what pip does in a minute.
wanted=$(cat "$root"/{,python-cloudmanagerclient/}{requirements.txt,pyproject.toml} |
    sha256sum)
if [ "$(cat "$venv/made-of" 2>/dev/null)" != "$wanted" ]; then
    say "making the Python environment in $venv (once)"
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

if [ -n "$installing" ]; then
    wait "$installing" || fail "OpenStack could not be installed"
    installing=
fi

demonstrate "$@"
