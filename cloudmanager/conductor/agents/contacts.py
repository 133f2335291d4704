# SPDX-License-Identifier: Apache-2.0
"""The enrolled agents, as callers of agents need them."""

from cloudmanager.agent import rpcapi
from cloudmanager.common import secrets
from cloudmanager.common import signing
from cloudmanager.common.context import RequestContext
from cloudmanager.db import agents as db_agents
from cloudmanager.db.models import Row


def keys_of(agent: Row) -> dict[str, bytes]:
    """Return the keys of an agent, by their ids.

    :raises SecretUnreadable: none of the present encryption keys decrypts
        them
    """
    opened = secrets.opener()
    return {agent[name]: bytes.fromhex(opened(agent[stored]) or '')
            for name, stored in (('key_id', 'key'),
                                 ('next_key_id', 'next_key'))
            if agent[name] is not None}


class DatabaseContacts:
    """Reads agents from the database."""

    def find(self, context: RequestContext,
             host: str) -> rpcapi.Contact | None:
        """Return what is known of the agent on a host."""
        agent = db_agents.find(context, host)
        if agent is None:
            return None
        keys = keys_of(agent)
        return rpcapi.Contact(
            host=host, key=signing.Key(agent['key_id'],
                                       keys[agent['key_id']]),
            keys=keys, contact_at=agent['contact_at'],
            operations=agent['operations'] or {})
