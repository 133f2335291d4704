# SPDX-License-Identifier: Apache-2.0
"""States of guests on a node, as agents report them."""

RUNNING, PAUSED, SUSPENDED = 'running', 'paused', 'suspended'
STOPPING, STOPPED = 'stopping', 'stopped'
CRASHED, UNKNOWN = 'crashed', 'unknown'
ALL = (RUNNING, PAUSED, SUSPENDED, STOPPING, STOPPED, CRASHED, UNKNOWN)
#: Those in which no process of a guest has its disks open. That of a guest
#: that has crashed is there if libvirt calls it crashed: it is preserved.
ENDED = frozenset((STOPPED,))
