# SPDX-License-Identifier: Apache-2.0
"""Reports of agents, put into the database past the message bus."""

from cloudmanager.db import agents

DEFAULTS = {'version': '1', 'interface': '1.0', 'operations': {},
            'capabilities': {}, 'generation': 0, 'modes': {}, 'refused': {},
            'guests': None, 'facts': {}}


def report(context, host, key_id, sent_at, load=None, *, digest='x',
           checked_at=None, **values):
    """Return a report of an agent, or of one that was never enrolled."""
    agent = agents.find(context, host)
    return agents.Report(
        0 if agent is None else agent['id'], key_id, sent_at, checked_at,
        digest, {**DEFAULTS, **values}, load)


def record(context, *arguments, **options):
    """Store a report; return whether it was stored."""
    return agents.record(context, [report(
        context, *arguments, **options)]) == [agents.Outcome.KEPT]
