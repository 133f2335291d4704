#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Stands for the program of the container engine: writes what it is asked, as
# the modules beside it do, and prints a key as cloudmanager-manage would.

printf '{"module": "engine", "host": "", "arguments": {"argv": "%s"}}\n' \
    "$*" >>"$ENGINE_LOG"
echo "0123abcd:key-of-${!#}"
