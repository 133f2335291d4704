# SPDX-License-Identifier: Apache-2.0
"""What becomes of the disks of servers that are not volumes.

Nova rebuilds an evacuated server on the disks that the new host finds in its
own storage. Where it finds none, it makes the root disk anew from the image
and ephemeral disks empty. Volumes are attached again in both cases. To
offload a shelved server deletes its disks; of the root disk alone there is a
snapshot.
"""

import collections.abc

from cloudmanager.planning import options as opts
from cloudmanager.planning import terms
from cloudmanager.planning.cloud import model
from cloudmanager.planning.terms import Action

#: Code of what is not done since data would be lost, and of what is done all
#: the same.
LOCAL_DISK = 'local-disk'
DATA_LOSS = 'data-loss'


def first(items: collections.abc.Iterable[terms.Blocker]
          ) -> list[terms.Blocker]:
    """Blockers or warnings, with those about data before all others."""
    return sorted(items, key=lambda item: item.code not in (LOCAL_DISK,
                                                            DATA_LOSS))


def _named(server: model.Server) -> str:
    return ' and '.join(server.disks)


def _why_lost(server: model.Server) -> str:
    how = ('a rebuild starts from its image' if model.ROOT in server.disks
           else 'a rebuild starts with an empty one')
    return (f'no other host is known to reach its {_named(server)}, and '
            f'{how}')


def no_rebuild(server: model.Server,
               flags: opts.Options) -> terms.Blocker | None:
    """Why the server must not be rebuilt for its data's sake, if so."""
    if not server.local_disk or flags.allow_data_loss:
        return None
    return terms.Blocker(
        LOCAL_DISK, f'{_why_lost(server)}: its data would be lost '
                    '(allow_data_loss)')


def no_offload(server: model.Server,
               flags: opts.Options) -> terms.Blocker | None:
    """Why a shelved server must not be offloaded for its data's sake."""
    if model.EPHEMERAL not in server.disks or flags.allow_data_loss:
        return None
    return terms.Blocker(
        LOCAL_DISK, f'to offload it deletes its {model.EPHEMERAL}, of which '
                    'there is no snapshot: unshelve it, or say '
                    'allow_data_loss')


def losing(server: model.Server,
           steps: collections.abc.Sequence[str]) -> terms.Blocker | None:
    """The warning of the data that are lost by what may be done, if any.

    :param steps: the actions to try in turn
    """
    steps = [step for step in steps if step != Action.WAIT]
    text = ''
    if Action.OFFLOAD in steps and model.EPHEMERAL in server.disks:
        text = f'its {model.EPHEMERAL} is deleted with its data'
    elif Action.EVACUATE in steps and server.local_disk:
        text = (f'{_why_lost(server)}: its data is lost'
                if steps[0] == Action.EVACUATE else
                'if it comes to its evacuation, the data on its '
                f'{_named(server)} is lost')
    return terms.Blocker(DATA_LOSS, text) if text else None
