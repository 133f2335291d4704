#!/usr/bin/env bash
#
# Grenade runs this to stop the old release.

set -o errexit

source "$GRENADE_DIR/grenaderc"
source "$GRENADE_DIR/functions"

source "$BASE_DEVSTACK_DIR/functions"
source "$BASE_DEVSTACK_DIR/stackrc"
source "$BASE_DEVSTACK_DIR/lib/tls"
source "$BASE_DEVSTACK_DIR/lib/apache"
source "$BASE_RELEASE_DIR/cloudmanager/devstack/settings"
source "$BASE_RELEASE_DIR/cloudmanager/devstack/lib/cloudmanager"

set -o xtrace

stop_cloudmanager

ensure_services_stopped $(cloudmanager_processes)
