#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# What a test cannot have: packages, systemd, the machine's Apache, and rights
# of another user. Processes have files with their pids, and Apache has a
# configuration of its own.

sudo() {
    while [[ $1 == -* || $1 == *=* ]]; do
        [[ $1 == -u ]] && shift
        shift
    done
    # DevStack writes a file there for what systemd does at a boot.
    if [[ "$1 ${2:-}" == "tee /etc/tmpfiles.d/"* ]]; then
        cat >/dev/null
        return
    fi
    if [[ $1 == systemd-tmpfiles ]]; then
        mkdir -p /var/run/uwsgi
        return
    fi
    "$@"
}

install_package() { echo "install_package $*" >>"$WORK/log/calls"; }

setup_develop() {
    [[ -f $1/pyproject.toml ]] || die $LINENO "no project in $1"
    echo "setup_develop $*" >>"$WORK/log/calls"
}

get_python_exec_prefix() { echo "$PROGRAMS"; }

# Names on servers that others use too.

_own() { eval "_given_$1() $(declare -f "$1" | sed 1d)"; }

_own database_connection_url
database_connection_url() { _given_database_connection_url "$OWN_NAME"; }

_own iniset_rpc_backend
iniset_rpc_backend() { _given_iniset_rpc_backend "$1" "$2" DEFAULT "$OWN_NAME"; }

recreate_database() {
    local name=$OWN_NAME
    mariadb -h127.0.0.1 -u"$DATABASE_USER" -e \
        "DROP DATABASE IF EXISTS $name; CREATE DATABASE $name"
}

run_process() {
    local command=$2
    is_service_enabled "$1" || return 0
    if [[ $command == *uwsgi* ]]; then
        # uWSGI of a wheel runs in a Python that has looked at its environment
        # before uWSGI reads what its file says of that.
        local ini=${command##*--ini }
        # And its virtual environment as DevStack does for its own one.
        command="env $(sed -n 's/^env *= *//p' "$ini") $command"
        command+=" --venv $VIRTUAL_ENV"
    fi
    setsid bash -c "exec $command" </dev/null >>"$WORK/log/$1.log" 2>&1 &
    echo $! >"$WORK/run/$1.pid"
}

# As systemd does, it waits for the end.
stop_process() {
    local file=$WORK/run/$1.pid pid
    is_service_enabled "$1" && [[ -e $file ]] || return 0
    pid=$(<"$file")
    kill "$pid" 2>/dev/null || true
    while [[ -d /proc/$pid && $(cut -d' ' -f3 "/proc/$pid/stat") != Z ]]; do
        sleep 0.1
    done
    rm "$file"
}

apache_site_config_for() { echo "$WORK/apache/$1.conf"; }

enable_apache_site() {
    ln -sf "../$1.conf" "$WORK/apache/enabled/$1.conf"
}

disable_apache_site() { rm -f "$WORK/apache/enabled/$1.conf"; }

restart_apache_server() {
    if [[ -e $WORK/run/apache.pid ]]; then
        kill -USR1 "$(<"$WORK/run/apache.pid")"
    fi
}
