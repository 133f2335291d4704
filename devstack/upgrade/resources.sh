#!/usr/bin/env bash
#
# Grenade runs this before, during and after the upgrade: a node that was made
# with the old release has to be there with the new one.

set -o errexit

source "$GRENADE_DIR/grenaderc"
source "$GRENADE_DIR/functions"

source "$TOP_DIR/openrc" admin admin

set -o xtrace

CLOUDMANAGER_TEST_NODE=cloudmanager-grenade

function create {
    local id
    id=$(openstack cloudmanager node create "$CLOUDMANAGER_TEST_NODE" \
        --title grenade -f value -c id)
    resource_save cloudmanager node_id "$id"
}

function verify {
    local id title
    id=$(resource_get cloudmanager node_id)
    title=$(openstack cloudmanager node show "$id" -f value -c title)
    [[ $title == grenade ]] || \
        die $LINENO "The title of node $id is '$title', not 'grenade'"
}

function verify_noapi {
    # All that the service keeps is in its database.
    :
}

function destroy {
    openstack cloudmanager node delete --yes "$(resource_get cloudmanager node_id)"
}

case $1 in
    create)
        create
        ;;
    verify_noapi)
        verify_noapi
        ;;
    verify)
        verify
        ;;
    destroy)
        destroy
        ;;
esac
