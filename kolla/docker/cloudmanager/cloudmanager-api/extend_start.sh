#!/bin/bash

# Kolla runs the container once with this variable, whatever its value, to
# bring the database to what the code needs.
if [[ -v KOLLA_BOOTSTRAP ]]; then
    cloudmanager-manage --config-file /etc/cloudmanager/cloudmanager.conf db upgrade
    exit 0
fi
