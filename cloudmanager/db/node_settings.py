# SPDX-License-Identifier: Apache-2.0
"""The desired state of nodes."""

from oslo_db import exception as db_exc
import sqlalchemy as sa

from cloudmanager.common import clock
from cloudmanager.common import exception
from cloudmanager.db import api
from cloudmanager.db import models
from cloudmanager.db import query as db_query
from cloudmanager.db import table

_SETTINGS = models.NodeSettings
_COLUMNS = sa.select(_SETTINGS.generation, _SETTINGS.settings)
# The desired state that the agent of a node has.
_REPORTED = (sa.select(models.Agent.generation)
             .join(models.Node, models.Node.name == models.Agent.host)
             .where(models.Node.id == sa.bindparam('node')))


def nothing() -> models.Row:
    """Return the desired state of a node for which none was set."""
    return {'generation': 0, 'settings': {}}


@api.reader
def get(context: api.Context, node_id: int) -> models.Row:
    """Return ``generation`` and ``settings`` of a node.

    :returns: generation 0 without settings, if none were set
    """
    found = db_query.first(context,
                           _COLUMNS.where(_SETTINGS.node_id == node_id))
    return found or nothing()


@api.reader
def of_host(context: api.Context, host: str) -> models.Row | None:
    """Return ``generation`` and ``settings`` of the node of a name.

    :returns: ``None`` if there is no such node, or nobody has set any
    """
    return db_query.first(context, _COLUMNS.join(
        models.Node, models.Node.id == _SETTINGS.node_id).where(
            models.Node.name == host))


@api.again_after(db_exc.DBDuplicateEntry)
@api.writer
def change(context: api.Context, node_id: int,
           changes: models.Row) -> models.Row:
    """Change the desired state of a node.

    :param changes: values by mode; other modes keep theirs
    :returns: ``generation`` and ``settings`` as they are now
    :raises NodeNotFound: there is no such node
    """
    # Also keeps two changes from reading the same generation.
    table.lock(context, models.Node, node_id,
               exception.NodeNotFound(node=node_id), from_references=False)
    before = db_query.first(context,
                            _COLUMNS.where(_SETTINGS.node_id == node_id))
    old = before or nothing()
    settings = {**old['settings'], **changes}
    if before is not None and settings == old['settings']:
        return old
    # The agent may have a later one than we: from an earlier node of this
    # name, or from before the database was restored from a backup.
    reported = context.session.execute(
        _REPORTED, {'node': node_id}).scalars().first() or 0
    values = {'generation': max(old['generation'], reported) + 1,
              'settings': settings, 'updated_at': clock.utcnow()}
    if before is None:
        context.session.execute(sa.insert(_SETTINGS).values(
            node_id=node_id, **values))
    else:
        table.changed(context, sa.update(_SETTINGS).where(
            _SETTINGS.node_id == node_id).values(**values))
    return {'generation': values['generation'], 'settings': settings}
