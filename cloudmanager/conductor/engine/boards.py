# SPDX-License-Identifier: Apache-2.0
"""Connecting to the configured jobboard, and using its leases."""


from oslo_config import cfg
from taskflow import exceptions as tf_exc
from taskflow.jobs import backends
from taskflow.jobs.base import Job
from taskflow.jobs.base import JobBoard

from cloudmanager.common.json_types import JsonObject
from cloudmanager.conductor.engine import sqlboard

CONF = cfg.CONF
NAME = 'cloudmanager'
_BOARDS = {'sql': 'cloudmanager_sql', 'redis': 'redis', 'etcd': 'etcd',
           'zookeeper': 'zookeeper'}


def connect() -> JobBoard:
    """Return the connected jobboard of ``[conductor] jobboard``."""
    kind = CONF.conductor.jobboard
    conf: JsonObject = {'board': _BOARDS[kind], 'ttl': _lease()}
    if kind == 'zookeeper':
        # The session's timeout is the length of a lease.
        conf['timeout'] = CONF.conductor.lease
    for option in CONF.conductor.jobboard_options:
        name, _, value = option.partition(':')
        conf[name.strip()] = value.strip()
    board = backends.fetch(NAME, conf)
    board.connect()
    return board


def _lease() -> float:
    """Return the length of a lease in seconds, in a form the board takes."""
    if CONF.conductor.jobboard == 'etcd':
        # etcd counts whole seconds, and refuses 5.0.
        return max(1, round(float(CONF.conductor.lease)))
    return float(CONF.conductor.lease)


def claim(board: JobBoard, job: Job, who: str) -> None:
    """Claim a job with a lease.

    :raises taskflow.exceptions.UnclaimableJob: another owner has claimed it
    :raises taskflow.exceptions.NotFound: the job no longer exists
    """
    if CONF.conductor.jobboard == 'zookeeper':
        board.claim(job, who)
    else:
        board.claim(job, who, expiry=_lease())


def post_claimed(board: JobBoard, name: str, details: JsonObject,
                 who: str) -> Job | None:
    """Put a job on the board that is claimed from the beginning.

    :returns: the job; ``None`` if another conductor claimed it first, which
        can happen on a board where posting and claiming are two steps
    """
    if isinstance(board, sqlboard.SQLJobBoard):
        return board.post(name, details=details, owner=who)
    job = board.post(name, details=details)
    try:
        claim(board, job, who)
    except (tf_exc.UnclaimableJob, tf_exc.NotFound):
        return None
    return job


def extend(job: Job) -> bool:
    """Renew the lease of a job; false when it was lost."""
    if CONF.conductor.jobboard == 'zookeeper':
        return True
    return bool(job.extend_expiry(_lease()))
