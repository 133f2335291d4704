# SPDX-License-Identifier: Apache-2.0
"""Filters of lists of nodes that do not correspond to a column."""

import sqlalchemy as sa

from cloudmanager.db import models
from cloudmanager.db import query as db_query
from cloudmanager.domain import power_states

_NODE = models.Node
_ADDRESS = models.NodeAddress
_LINK = models.NodePowerControl
# The columns that ``q`` searches, in addition to addresses.
_SEARCHED = (_NODE.name, _NODE.title, _NODE.inventory_code,
             _NODE.mac_address)


def _has_address(operator: str, value: db_query.Value) -> db_query.Condition:
    """Condition for nodes one of whose IP addresses meets another one."""
    return _NODE.id.in_(sa.select(_ADDRESS.node_id).where(
        db_query.condition(operator, _ADDRESS.address, value)))


def _power_status(operator: str,
                  value: db_query.Value) -> db_query.Condition:
    """Condition on the word that the API has for a node's power.

    The words are those of ``api.types.nodes.POWER_STATUSES``.
    """
    trouble = _NODE.power_state_reason.is_not(None)
    word = sa.case(
        (~sa.exists().where(_LINK.node_id == _NODE.id), 'no-config'),
        (_NODE.power_state == power_states.POWER_OFF, 'off'),
        (sa.and_(_NODE.power_state == power_states.POWER_ON, trouble),
         'degraded'),
        (_NODE.power_state == power_states.POWER_ON, 'on'),
        (sa.or_(trouble, _NODE.power_state_at.is_not(None)), 'error'),
        else_='never-checked')
    return db_query.condition(operator, word, value)


def _search(operator: str, value: db_query.Value) -> db_query.Condition:
    """Condition for nodes that contain a text, in upper or lower case."""
    return sa.or_(
        *(db_query.condition('ilike', column, value)
          for column in _SEARCHED), _has_address('ilike', value))


db_query.special(_NODE, 'ip_addresses', _has_address)
db_query.special(_NODE, 'power_status', _power_status)
db_query.special(_NODE, 'q', _search)
