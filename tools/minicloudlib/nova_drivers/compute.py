# SPDX-License-Identifier: Apache-2.0
"""nova-compute that finds the drivers beside this file.

Nova loads drivers from its package nova.virt only.
"""

from pathlib import Path
import sys

# First of all: it sets up Nova's runtime.
from nova.cmd import compute  # isort: skip
from nova import virt

virt.__path__.append(str(Path(__file__).resolve().parent))

if __name__ == '__main__':
    sys.exit(compute.main())
