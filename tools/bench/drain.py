#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Drain a host beside a bare script that fires the same live migrations.

Run it in an environment that has CloudManager and its test requirements; it
starts tools/minicloud if need be. Target: at most 1.05 times the bare
script.
"""

import bed

if __name__ == '__main__':
    bed.main(__doc__, 'shutdown', lambda bare: bare.live_migrate)
