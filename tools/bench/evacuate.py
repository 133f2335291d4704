#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Evacuate a dead host beside a bare script that fires the same rebuilds.

Run it in an environment that has CloudManager and its test requirements; it
starts tools/minicloud if need be. Target: at most 1.05 times the bare
script from the confirmed fence on, which the bare script leaves out; forcing
the host down and what is left of planning are included. Both lock servers
meanwhile, or neither does. The request says ``force``: the host was forced
down a moment before, and whether it still sends heartbeats is not waited for.
"""

import bed

from cloudmanager.tests.integration import cloud


def _kill(here: cloud.Cloud) -> None:
    cloud.minicloud('kill', bed.SOURCE)
    # What changed a moment before is planned again after the fence.
    cloud.wait(lambda: here.service(bed.SOURCE).state == 'down', 60,
               f'Nova misses {bed.SOURCE}')
    here.compute.put(f'/os-services/{here.service(bed.SOURCE).id}',
                     json={'forced_down': True})


if __name__ == '__main__':
    bed.main(__doc__, 'evacuate', lambda bare: bare.evacuate, _kill,
             may_lock=True, force=True)
