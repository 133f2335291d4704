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
    conf: dict[str, Any] = {'board': _BOARDS[kind], 'ttl': _lease()}
    if kind == 'zookeeper':
        # The session is the lease.
        conf['timeout'] = CONF.conductor.lease
    for option in CONF.conductor.jobboard_options:
        name, _, value = option.partition(':')
        conf[name.strip()] = value.strip()
    board = backends.fetch(NAME, conf)
    board.connect()
    return board


def _lease() -> float:
    """Return the seconds of a lease, in a form that the board takes."""
    if CONF.conductor.jobboard == 'etcd':
        # etcd counts whole seconds, and refuses 5.0.
        return max(1, round(CONF.conductor.lease))
    return CONF.conductor.lease


def claim(board: Any, job: Any, who: str) -> None:
    """Claim a job with a lease.

    :raises taskflow.exceptions.UnclaimableJob: somebody has it
    :raises taskflow.exceptions.NotFound: it is gone
    """
    if CONF.conductor.jobboard == 'zookeeper':
        board.claim(job, who)
    else:
        board.claim(job, who, expiry=_lease())


def extend(job: Any) -> bool:
    """Renew the lease of a job; false when it was lost."""
    if CONF.conductor.jobboard == 'zookeeper':
        return True
    return bool(job.extend_expiry(_lease()))
