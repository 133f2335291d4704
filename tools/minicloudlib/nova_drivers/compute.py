# SPDX-License-Identifier: Apache-2.0
"""nova-compute that finds the drivers beside this file.

Nova loads drivers from its package nova.virt only.
"""

from pathlib import Path
import sys

# First of all: it sets up Nova's runtime.
from nova.cmd import compute  # isort: skip
from nova.scheduler.client import report
from nova import virt


def _no_allocations(self, context, nodename):
    """Answer that nothing is allocated.

    Whenever a server comes or goes Nova reads the allocation of each server
    of the host, one by one, to heal those of PCI devices. There are none
    here, and with a hundred servers this was most of what the cloud did.
    """
    return {}


virt.__path__.append(str(Path(__file__).resolve().parent))
client = report.SchedulerReportClient
client.get_allocations_for_provider_tree = _no_allocations

if __name__ == '__main__':
    sys.exit(compute.main())
