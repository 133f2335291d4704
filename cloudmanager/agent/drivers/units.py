# SPDX-License-Identifier: Apache-2.0
"""Units of systemd.

They are switched by ``systemctl``, which is a client of systemd's D-Bus
interface and comes with the very systemd that it speaks to. It enables a
unit, reloads systemd and waits for the end of the jobs that this begins,
which a client of our own would have to do once more.
"""

from cloudmanager.agent import commands
from cloudmanager.common import exception

_PROPERTIES = ('LoadState', 'ActiveState', 'UnitFileState')
#: States of a unit file in which the unit is started at boot.
_ENABLED = frozenset(('enabled', 'enabled-runtime', 'alias', 'static',
                      'indirect', 'generated', 'linked'))
_RUNNING = frozenset(('active', 'activating', 'reloading'))


def show(unit: str) -> dict[str, str]:
    """Return the state of a unit, by the names of its properties.

    :raises Conflict: there is no such unit
    :raises CommandFailed: systemd does not answer
    """
    found = commands.run('systemctl', 'show', '--no-pager',
                         f'--property={",".join(_PROPERTIES)}', '--', unit)
    state = dict(line.split('=', 1) for line in found.out.splitlines()
                 if '=' in line)
    if state.get('LoadState') in (None, 'not-found'):
        raise exception.Conflict(
            reason=f'There is no unit {unit} on the node.')
    return state


def restart(unit: str) -> None:
    """Restart a unit if it runs.

    :raises CommandFailed: it does not come up again
    """
    commands.run('systemctl', 'try-restart', '--', unit)


class Unit:
    """A mode that is on when a unit runs, now and at boot."""

    def __init__(self, unit: str) -> None:
        self._unit = unit

    def read(self) -> bool:
        """Return whether it is on.

        :raises Conflict: it is neither on nor off
        """
        state = show(self._unit)
        enabled = state.get('UnitFileState') in _ENABLED
        running = state.get('ActiveState') in _RUNNING
        if enabled != running:
            raise exception.Conflict(
                reason=f'{self._unit} is {state.get("UnitFileState")} and '
                       f'{state.get("ActiveState")}.')
        return running

    def is_settled(self) -> bool:
        return True

    def _words(self, value: bool) -> list[str]:
        return ['systemctl', 'enable' if value else 'disable', '--now',
                '--', self._unit]

    def plan(self, value: bool) -> list[str]:
        show(self._unit)
        return [f'run: {" ".join(self._words(value))}']

    def apply(self, value: bool) -> None:
        show(self._unit)
        commands.run(*self._words(value))
