# SPDX-License-Identifier: Apache-2.0
"""Resizes that wait for confirmation, on hosts that are to be emptied.

Such a server is on its new host. Its disks from before the resize are still
on the old host, in case the resize is reverted: the old half.
"""

from cloudmanager.planning import classify
from cloudmanager.planning import entries
from cloudmanager.planning import options as opts
from cloudmanager.planning import plan
from cloudmanager.planning.cloud import model
from cloudmanager.planning.terms import Action
from cloudmanager.planning.terms import Blocker

#: Code of blockers for resizes that wait for confirmation.
OPEN_MIGRATION = 'open-migration'
#: What to do about such a resize.
ADVICE = ('the old half of its resize is still on the host: confirm or revert '
          'the resize')


def text(host: str) -> str:
    """Say why the old half of a server keeps a host from being emptied.

    :param host: where the server itself is now
    """
    return f'it is on {host} now; {ADVICE}'


def on(cloud: model.Cloud, hosts: tuple[str, ...]) -> list[model.Server]:
    """Servers on other hosts whose old half is on one of these."""
    return [server for server in cloud.servers.values()
            if server.resize_source in hosts and server.host not in hosts]


def _choice(server: model.Server) -> classify.Classification:
    if server.task_state:
        return classify.Classification(
            (Action.WAIT,), f'its task {server.task_state} must end first')
    why = text(server.host)
    return classify.Classification((), why, (Blocker(OPEN_MIGRATION, why),))


def of_drain(cloud: model.Cloud, hosts: tuple[str, ...],
             flags: opts.Options) -> list[plan.Entry]:
    """Entries for old halves, which keep a host from being empty.

    If a resize is being confirmed or reverted, the plan waits for it. All
    others are left to whoever asked for the resize.
    """
    return [entries.entry(cloud, server, _choice(server), flags,
                          host=server.resize_source)
            for server in on(cloud, hosts)
            if flags.only is None or server.id in flags.only]


def of_evacuation(cloud: model.Cloud,
                  hosts: tuple[str, ...]) -> list[Blocker]:
    """A warning about the old halves that an evacuation loses."""
    found = on(cloud, hosts)
    if not found:
        return []
    return [Blocker(
        OPEN_MIGRATION,
        'the host has the old half of resizes that are not confirmed: they '
        'can no longer be reverted',
        servers=tuple(server.id for server in found))]
