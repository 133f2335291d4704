# SPDX-License-Identifier: Apache-2.0
"""The jobboard that is configured."""

from typing import Any

from oslo_config import cfg
from taskflow.jobs import backends

CONF = cfg.CONF
NAME = 'cloudmanager'
_BOARDS = {'sql': 'cloudmanager_sql', 'redis': 'redis', 'etcd': 'etcd',
           'zookeeper': 'zookeeper'}


def connect() -> Any:
    """Return the connected jobboard of ``[conductor] jobboard``."""
    kind = CONF.conductor.jobboard
    conf: dict[str, Any] = {
        'board': _BOARDS[kind], 'ttl': CONF.conductor.lease}
    conf.update(CONF.conductor.jobboard_options)
    if kind == 'etcd':
        # etcd counts leases in whole seconds.
        conf['ttl'] = max(1, round(CONF.conductor.lease))
    board = backends.fetch(NAME, conf)
    board.connect()
    return board


def claim(board: Any, job: Any, who: str) -> None:
    """Claim a job with a lease.

    :raises taskflow.exceptions.UnclaimableJob: somebody has it
    :raises taskflow.exceptions.NotFound: it is gone
    """
    if CONF.conductor.jobboard == 'zookeeper':
        # The session is the lease.
        board.claim(job, who)
    else:
        board.claim(job, who, expiry=CONF.conductor.lease)


def extend(job: Any) -> bool:
    """Renew the lease of a job; false when it was lost."""
    if CONF.conductor.jobboard == 'zookeeper':
        return True
    return bool(job.extend_expiry(CONF.conductor.lease))
