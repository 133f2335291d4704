# SPDX-License-Identifier: Apache-2.0
"""Units of systemd.

They are switched by ``systemctl``, a client of systemd's D-Bus interface that
always has the same version as systemd. It enables a unit, reloads systemd and
waits for the resulting jobs. A D-Bus client of our own would have to do all of
that again.
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

    :raises CommandFailed: the unit does not start again
    """
    commands.run('systemctl', 'try-restart', '--', unit)


class Unit:
    """A mode that is on when a unit runs, now and at boot."""

    def __init__(self, unit: str) -> None:
        self._unit = unit

    def read(self) -> bool:
        """Return whether the mode is on.

        :raises Conflict: the unit is neither fully on nor fully off
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
