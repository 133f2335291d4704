# SPDX-License-Identifier: Apache-2.0
"""GET /healthcheck: whether this process reaches what it needs."""

from oslo_db import exception as db_exc
from oslo_log import log as logging
import sqlalchemy as sa

from cloudmanager.api import routing
from cloudmanager.api.types import info as info_types
from cloudmanager.common import exception
from cloudmanager.common import policy
from cloudmanager.common import rpc
from cloudmanager.db import api as db_api

LOG = logging.getLogger(__name__)
PATH = '/healthcheck'


def _database() -> bool:
    # After a restart of the database a connection that was used just now
    # fails; the next one is new.
    for last in (False, True):
        try:
            with db_api.get_engine().connect() as connection:
                connection.execute(sa.text('SELECT 1'))
            return True
        except (db_exc.DBError, sa.exc.SQLAlchemyError) as exc:
            if last:
                LOG.warning('The database does not answer: %s', exc)
    return False


def _messaging() -> bool:
    try:
        rpc.check_broker()
    except exception.Unavailable:
        return False
    return True


@routing.route('GET', PATH, None,
               answers={200: info_types.Health})
def healthcheck(call: routing.Call) -> routing.Document:
    """Answer 200 if all is reached, else 503 with what is not.

    :raises Unavailable: something is not
    """
    found = {'database': _database(), 'messaging': _messaging()}
    missing = [name for name, well in found.items() if not well]
    # Requests are answered by the old rules: no reason to send them to
    # other processes, which have the same files.
    policies = 'OUTDATED' if policy.problem() else 'OK'
    if missing:
        raise exception.Unavailable(
            reason=f'Out of reach: {", ".join(missing)}.')
    return {**dict.fromkeys(found, 'OK'), 'policy': policies}
