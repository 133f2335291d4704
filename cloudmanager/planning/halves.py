# SPDX-License-Identifier: Apache-2.0
"""Old halves of resizes on hosts that are to get empty.

A server whose resize waits for its confirmation is on its new host, and what
it would go back to is still on the old one.
"""

from cloudmanager.planning import classify
from cloudmanager.planning import entries
from cloudmanager.planning import options as opts
from cloudmanager.planning import plan
from cloudmanager.planning.cloud import model
from cloudmanager.planning.terms import Action
from cloudmanager.planning.terms import Blocker

#: Code of blockers by resizes that wait for their confirmation.
OPEN_MIGRATION = 'open-migration'
#: What to do about them.
ADVICE = ('the old half of its resize is still on the host: confirm or revert '
          'the resize')


def text(host: str) -> str:
    """Say what keeps a host from getting empty.

    :param host: where the server itself is now
    """
    return f'it is on {host} now; {ADVICE}'


def on(cloud: model.Cloud, hosts: tuple[str, ...]) -> list[model.Server]:
    """Servers elsewhere whose old half lies on one of some hosts."""
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
    """Entries for old halves, which must go before a host is empty.

    One that is being confirmed or reverted is waited for. About the others
    decides whoever asked for the resize.
    """
    return [entries.entry(cloud, server, _choice(server), flags,
                          host=server.resize_source)
            for server in on(cloud, hosts)
            if flags.only is None or server.id in flags.only]


def of_evacuation(cloud: model.Cloud,
                  hosts: tuple[str, ...]) -> list[Blocker]:
    """What an evacuation loses with the old halves on its hosts."""
    found = on(cloud, hosts)
    if not found:
        return []
    return [Blocker(
        OPEN_MIGRATION,
        'the host keeps the old half of resizes that are not confirmed: they '
        'cannot be reverted any more',
        servers=tuple(server.id for server in found))]
