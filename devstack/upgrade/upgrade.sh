#!/usr/bin/env bash
#
# Grenade runs this to install the new release over the old one and to start
# it, with the configuration that the old one had.

echo "*********************************************************************"
echo "Begin $0"
echo "*********************************************************************"

function cleanup {
    set +o errexit
    echo "*********************************************************************"
    echo "ERROR: Abort $0"
    echo "*********************************************************************"
    # Whoever called this has to notice.
    trap 2
    kill -2 $$
}
trap cleanup SIGHUP SIGINT SIGTERM

RUN_DIR=$(cd "$(dirname "$0")" && pwd)

source "$GRENADE_DIR/grenaderc"
source "$GRENADE_DIR/functions"

# The first error ends it, so that it is the one that is seen.
set -o errexit

source "$TARGET_DEVSTACK_DIR/stackrc"
source "$TARGET_DEVSTACK_DIR/lib/tls"
source "$TARGET_DEVSTACK_DIR/lib/apache"
source "$TARGET_RELEASE_DIR/cloudmanager/devstack/settings"
source "$TARGET_RELEASE_DIR/cloudmanager/devstack/lib/cloudmanager"

set -o xtrace

# The old configuration, to look at later.
[[ -d $SAVE_DIR/etc.cloudmanager ]] || \
    cp -pr "$CLOUDMANAGER_CONF_DIR" "$SAVE_DIR/etc.cloudmanager"

stack_install_service cloudmanager

upgrade_project cloudmanager "$RUN_DIR" \
    "$BASE_DEVSTACK_BRANCH" "$TARGET_DEVSTACK_BRANCH"

if is_cloudmanager_controller; then
    upgrade_cloudmanager_database
    check_cloudmanager_upgrade
fi

start_cloudmanager

ensure_services_started $(cloudmanager_processes)

set +o xtrace
echo "*********************************************************************"
echo "SUCCESS: End $0"
echo "*********************************************************************"
