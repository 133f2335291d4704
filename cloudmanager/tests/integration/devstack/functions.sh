#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# What the plugin calls of DevStack's function library, for machines that
# DevStack cannot be fetched to: the same names, arguments and effects.

STACK_USER=$(id -un)
APACHE_NAME=apache2
ENABLE_DEBUG_LOG_LEVEL=True
MEMCACHE_SERVERS=localhost:11211
SSL_BUNDLE_FILE=
SERVICE_DOMAIN_NAME=Default
SERVICE_PROJECT_NAME=service

# Options of configuration files

iniset() {
    [[ $1 == -sudo ]] && shift
    python3 "$here/ini.py" set "$@"
}

inidelete() {
    [[ $1 == -sudo ]] && shift
    python3 "$here/ini.py" delete "$@"
}

# Services

define_plugin() { :; }

is_service_enabled() {
    local service
    for service in "$@"; do
        [[ ,$ENABLED_SERVICES, == *,$service,* ]] && return 0
        if type "is_${service}_enabled" >/dev/null 2>&1; then
            "is_${service}_enabled" && return 0
        fi
    done
    return 1
}

enable_service() {
    local service
    for service in "$@"; do
        if ! is_service_enabled "$service" &&
                [[ ,${DISABLED_SERVICES:-}, != *,$service,* ]]; then
            ENABLED_SERVICES+=,$service
        fi
    done
}

wait_for_service() {
    # 000: nobody listens.
    timeout "$1" bash -c "
        until [[ \$(curl -s -o /dev/null -w '%{http_code}' '$2') != @(000|503) ]]; do
            sleep 0.2
        done"
}

# What else it has for plugins

echo_summary() { echo "$@"; }

die() {
    echo "[die] line $1: ${*:2}" >&2
    exit 1
}

is_ubuntu() { [[ ${DISTRIBUTION:-debian} == debian ]]; }

trueorfalse() {
    local value=${!2:-}
    case ${value,,} in
        1 | true | yes) echo True ;;
        0 | false | no) echo False ;;
        *) echo "$1" ;;
    esac
}

# For a terminal that systemd keeps the lines of.
setup_logging() {
    iniset "$1" DEFAULT logging_default_format_string \
        '%(color)s%(levelname)s %(name)s%(color)s %(message)s'
}

database_connection_url() {
    echo "mysql+pymysql://$DATABASE_USER@127.0.0.1/$1?charset=utf8"
}

iniset_rpc_backend() {
    iniset "$2" "${3:-DEFAULT}" transport_url \
        "rabbit://$RABBIT_USERID:$RABBIT_PASSWORD@$RABBIT_HOST:5672/${4:-}"
}

configure_keystone_authtoken_middleware() {
    local section=${3:-keystone_authtoken} pair
    for pair in auth_type=password interface=public \
        "auth_url=$KEYSTONE_URI" "username=$2" "password=$SERVICE_PASSWORD" \
        "user_domain_name=$SERVICE_DOMAIN_NAME" \
        "project_name=$SERVICE_PROJECT_NAME" \
        "project_domain_name=$SERVICE_DOMAIN_NAME" \
        "www_authenticate_uri=$KEYSTONE_URI" "cafile=$SSL_BUNDLE_FILE" \
        "memcached_servers=$MEMCACHE_SERVERS"; do
        iniset "$1" "$section" "${pair%%=*}" "${pair#*=}"
    done
    [[ -z ${4:-} ]] || iniset "$1" "$section" service_type "$4"
}

# uwsgi behind Apache

write_uwsgi_config() {
    local conf=$1 module=$2 url=$3 name=$5
    rm -f "$conf"
    iniset "$conf" uwsgi module "$module"
    iniset "$conf" uwsgi processes "$API_WORKERS"
    iniset "$conf" uwsgi master true
    iniset "$conf" uwsgi die-on-term true
    iniset "$conf" uwsgi exit-on-reload false
    iniset "$conf" uwsgi enable-threads true
    iniset "$conf" uwsgi buffer-size 65535
    iniset "$conf" uwsgi lazy-apps true
    iniset "$conf" uwsgi socket "$WORK/run/$name.socket"
    iniset "$conf" uwsgi chmod-socket 666
    echo "ProxyPass \"$url\" \"unix:$WORK/run/$name.socket|uwsgi://$name\"" \
        >"$(apache_site_config_for "$name")"
    enable_apache_site "$name"
    restart_apache_server
}

remove_uwsgi_config() {
    rm -f "$1"
    disable_apache_site "$2"
}

# Keystone

identity() { python3 "$here/identity.py" "$@"; }

create_service_user() {
    identity user "$1" "$SERVICE_PASSWORD"
    identity grant service "$1" "$SERVICE_PROJECT_NAME"
    [[ -z ${2:-} ]] || identity grant "$2" "$1" "$SERVICE_PROJECT_NAME"
}

get_or_create_role() { identity role "$1"; }

get_or_create_service() { identity service "$1" "$2" "$3"; }

get_or_create_endpoint() { identity endpoint "$1" "$2" "$3"; }
