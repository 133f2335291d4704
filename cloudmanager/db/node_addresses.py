# SPDX-License-Identifier: Apache-2.0
"""IP addresses of nodes, in the form in which they can be searched.

Answers show the list in the node's row; this table has its index.
"""

from collections.abc import Mapping
from collections.abc import Sequence

import sqlalchemy as sa

from cloudmanager.db import api
from cloudmanager.db import models

_ADDRESS = models.NodeAddress


def write(context: api.Context,
          addresses: Mapping[int, Sequence[str] | None]) -> None:
    """Write the addresses of some nodes, within the caller's transaction.

    :param addresses: by id of the node; they replace what it had
    """
    context.session.execute(
        sa.delete(_ADDRESS).where(_ADDRESS.node_id.in_(addresses)))
    rows = [{'node_id': node_id, 'address': address}
            for node_id, found in addresses.items()
            for address in found or ()]
    if rows:
        context.session.execute(sa.insert(_ADDRESS), rows)


@api.reader
def names(context: api.Context, addresses: Sequence[str]) -> dict[str, str]:
    """Return the names of the nodes that have some addresses.

    :returns: names by address. If several nodes have an address, it is the
        name of the first; addresses of nodes without a name are left out
    """
    rows = context.session.execute(
        sa.select(_ADDRESS.address, models.Node.name)
        .join(models.Node, models.Node.id == _ADDRESS.node_id)
        .where(_ADDRESS.address.in_(addresses))
        .order_by(models.Node.id.desc()))
    return {address: name for address, name in rows if name is not None}
