# SPDX-License-Identifier: Apache-2.0
"""What becomes of a server's disks that are not volumes.

Nova rebuilds an evacuated server on the disks that the new host finds in its
own storage. Where it finds none, it creates the root disk again from the
image, and empty ephemeral disks. Volumes are attached again in both cases.
Offloading a shelved server deletes its disks, and only the root disk has a
snapshot.
"""


from collections.abc import Iterable
from collections.abc import Sequence

from cloudmanager.planning import options as opts
from cloudmanager.planning import terms
from cloudmanager.planning.cloud import model
from cloudmanager.planning.terms import Action

#: Codes of a blocker where data would be lost, and of a warning where data
#: will be lost.
LOCAL_DISK = 'local-disk'
DATA_LOSS = 'data-loss'


def first(items: Iterable[terms.Blocker]
          ) -> list[terms.Blocker]:
    """Sort blockers or warnings: those about data come before all others."""
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
    """The blocker of a rebuild that would lose data, if it would."""
    if not server.local_disk or flags.allow_data_loss:
        return None
    return terms.Blocker(
        LOCAL_DISK, f'{_why_lost(server)}: its data would be lost '
                    '(allow_data_loss)')


def no_offload(server: model.Server,
               flags: opts.Options) -> terms.Blocker | None:
    """The blocker of an offload that would lose data, if it would."""
    if model.EPHEMERAL not in server.disks or flags.allow_data_loss:
        return None
    return terms.Blocker(
        LOCAL_DISK, f'offloading deletes its {model.EPHEMERAL}, which has no '
                    'snapshot: unshelve it, or set allow_data_loss')


def losing(server: model.Server,
           steps: Sequence[str]) -> terms.Blocker | None:
    """The warning about the data that the actions would lose, if any.

    :param steps: the actions to try in turn
    """
    steps = [step for step in steps if step != Action.WAIT]
    text = ''
    if Action.OFFLOAD in steps and model.EPHEMERAL in server.disks:
        text = f'its {model.EPHEMERAL} is deleted with its data'
    elif Action.EVACUATE in steps and server.local_disk:
        text = (f'{_why_lost(server)}: its data is lost'
                if steps[0] == Action.EVACUATE else
                'if it has to be evacuated, the data on its '
                f'{_named(server)} is lost')
    return terms.Blocker(DATA_LOSS, text) if text else None
