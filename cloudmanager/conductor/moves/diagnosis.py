# SPDX-License-Identifier: Apache-2.0
"""Finds out whether the guest of a server in error still runs.

A migration that fails may leave a server in error although its guest runs on.
Nova's records and the hypervisor tell.
"""

import dataclasses

from cloudmanager.clients import nova_records
from cloudmanager.clients import protocols
from cloudmanager.common import exception

RUNNING = 1


@dataclasses.dataclass(frozen=True, slots=True)
class Finding:
    """Whether the guest runs, and what was found."""

    runs: bool
    text: str


def diagnose(nova: protocols.Nova, server: nova_records.Server) -> Finding:
    """Find out about a server in error.

    :param nova: ``cloudmanager.clients.nova.Nova`` or its like
    :param server: as Nova shows it now
    :raises CloudUnreachable: Nova did not answer
    """
    guest = nova.guest_state(server.id)
    # Nova reads power states every few minutes; the hypervisor knows better.
    runs = (guest == 'running' if guest is not None
            else server.power_state == RUNNING)
    said = (f'the hypervisor calls it {guest}' if guest is not None
            else f'its power state is {server.power_state}')
    parts = [f'it was put in error on {server.host}', said,
             *_records(nova, server.id)]
    return Finding(runs, ', '.join(parts))


def _records(nova: protocols.Nova, server_id: str) -> list[str]:
    """Tell what Nova's last records of a server say."""
    try:
        actions = nova.actions(server_id)
    except exception.NotFound:
        return []
    found = []
    migration = max(nova.migrations_of(server_id), default=None,
                    key=lambda item: item.id)
    if migration is not None:
        found.append(f'its {migration.type} {migration.id} has the status '
                     f'{migration.status}')
    if actions:
        action = actions[0]
        found.append(f'its last action {action.action} ended with '
                     f'"{action.message}"' if action.message else
                     f'its last action is {action.action}')
    return found
