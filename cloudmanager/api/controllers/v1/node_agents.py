# SPDX-License-Identifier: Apache-2.0
"""What the agent on a node has told."""

import datetime

from oslo_config import cfg

from cloudmanager.common import clock
from cloudmanager.db import models
from cloudmanager.db import node_settings as db_settings
from cloudmanager.domain import node_modes

CONF = cfg.CONF


def extend(node: models.Row, row: models.Row) -> None:
    """Add the agent of a node and its modes to an answer.

    :param node: as it is rendered; changed in place
    :param row: the node as it was read
    """
    wished = row['settings'] or db_settings.nothing()
    agent = row['agent']
    node['agent'] = None if agent is None else {
        'last_contact': clock.isoformat(agent['contact_at']),
        'reported_at': _time(agent['reported_at']),
        'is_reachable': _is_reachable(agent),
        'version': agent['version'], 'capabilities': agent['capabilities'],
        'guests': agent['guests'],
        'availability_storages': (agent['facts'] or {}).get('storages', []),
        'reasons': (agent['facts'] or {}).get('reasons', {})}
    node['modes'] = {mode: _mode(mode, wished, agent)
                     for mode in node_modes.MODES}


def _time(seconds: float | None) -> str | None:
    """Return a time as answers have it.

    :param seconds: since 1970
    """
    return None if seconds is None else clock.isoformat(
        datetime.datetime.fromtimestamp(seconds, datetime.UTC).replace(
            tzinfo=None))


def _is_reachable(agent: models.Row) -> bool:
    """Tell whether an agent was heard of lately."""
    return (agent['contact_at'] is not None
            and clock.seconds_since(agent['contact_at'])
            <= CONF.agent.heartbeat_timeout)


def _mode(mode: str, wished: models.Row,
          agent: models.Row | None) -> models.Row:
    """Return what is wished of a mode, and how it stands."""
    default = node_modes.DEFAULTS.get(mode)
    desired = wished['settings'].get(mode, default)
    state = ((agent or {}).get('modes') or {}).get(mode, {})
    actual, reason = state.get('actual'), state.get('reason')
    if mode in wished['settings'] or reason is not None:
        reason = _why(agent, wished, actual == desired, reason)
    return {'desired': desired, 'actual': actual,
            'checked_at': (agent or {}).get('checked_at') if state else None,
            'reason': reason}


def _why(agent: models.Row | None, wished: models.Row, is_so: bool,
         reason: str | None) -> str | None:
    """Return why a mode is not known to be as it should."""
    if agent is None:
        return 'No agent was enrolled for the node.'
    if not _is_reachable(agent):
        return 'The agent has not reported lately.'
    if (agent['generation'] or 0) < wished['generation'] and not is_so:
        return 'The agent has not taken it up yet.'
    return reason
