#!/bin/bash
#
# DevStack calls this at each phase of stack.sh, unstack.sh and clean.sh. What
# is done is in lib/cloudmanager.

# Save trace setting
_XTRACE_CLOUDMANAGER_PLUGIN=$(set +o | grep xtrace)
set +o xtrace

source "${CLOUDMANAGER_PLUGIN_DIR:-$DEST/cloudmanager/devstack}/lib/cloudmanager"

if is_cloudmanager_enabled; then
    case "$1 $2" in
        "stack pre-install")
            echo_summary "Installing what CloudManager needs of the system"
            preinstall_cloudmanager
            ;;
        "stack install")
            echo_summary "Installing CloudManager"
            install_cloudmanager
            ;;
        "stack post-config")
            echo_summary "Configuring CloudManager"
            configure_cloudmanager
            init_cloudmanager
            ;;
        "stack extra")
            echo_summary "Starting CloudManager"
            start_cloudmanager
            ;;
        "stack test-config")
            configure_cloudmanager_tests
            ;;
        "unstack "*)
            stop_cloudmanager
            ;;
        "clean "*)
            cleanup_cloudmanager
            ;;
    esac
fi

# Restore xtrace
$_XTRACE_CLOUDMANAGER_PLUGIN
