# SPDX-License-Identifier: Apache-2.0
"""Brings the node to its desired state, and reports where they differ."""

import threading

from oslo_log import log as logging

from cloudmanager.agent import operations
from cloudmanager.agent.drivers.base import Drivers
from cloudmanager.agent.store import Store
from cloudmanager.common import clock
from cloudmanager.common import exception
from cloudmanager.common.json_types import JsonObject
from cloudmanager.domain import node_modes

LOG = logging.getLogger(__name__)
States = dict[str, JsonObject]


class Reconciler:
    """Compares each mode with its desired value, and sets those that differ.

    :param store: has the desired state
    :param drivers: the drivers by mode
    """

    def __init__(self, store: Store, drivers: Drivers) -> None:
        self._store = store
        self._drivers = drivers
        self._lock = threading.Lock()
        self._states: States = {}

    @property
    def states(self) -> States:
        """The last known states, by mode.

        Modes that were set have ``desired``. ``actual`` is ``None`` if it is
        not known, ``checked_at`` is a time in UTC, and ``reason`` says why the
        node differs from its desired state.
        """
        return dict(self._states)

    def run(self) -> States:
        """Compare and set all modes once.

        :returns: the states, by mode
        """
        with self._lock:
            settings = self._store.settings
            is_on = node_modes.dcc_is_on(settings)
            self._states = {
                mode: self._settle(mode, settings, is_on)
                for mode in node_modes.MODES}
            return dict(self._states)

    def _settle(self, mode: str, settings: node_modes.Settings,
                is_on: bool) -> JsonObject:
        """Compare and set a mode."""
        state: JsonObject = {'actual': None, 'reason': None}
        if mode in settings:
            state['desired'] = settings[mode]
        try:
            self._try(mode, state, is_on)
        except exception.CloudManagerException as exc:
            state['reason'] = exc.message
        except Exception:
            # Boundary between the modes: an error in one mode must not
            # keep the others from being set.
            LOG.exception('Mode %s could not be looked after.', mode)
            state['reason'] = operations.INTERNAL
        before = self._states.get(mode, {}).get('reason')
        if state['reason'] is not None and state['reason'] != before:
            LOG.warning('Mode %(mode)s is not as it should be: %(why)s', {
                'mode': mode, 'why': state['reason']})
        state['checked_at'] = clock.isoformat(clock.utcnow())
        return state

    def _try(self, mode: str, state: JsonObject, is_on: bool) -> None:
        driver = self._drivers[mode]
        trouble = None
        try:
            state['actual'] = driver.read()
        except exception.Conflict as exc:
            # The mode has no clear value; setting it may give it one.
            trouble = exc
        if 'desired' not in state or (
                trouble is None and state['actual'] == state['desired']
                and driver.is_settled()):
            if trouble is not None:
                raise trouble
            return
        if mode in node_modes.COMPONENTS and not is_on:
            state['reason'] = ('Dynamic component configuration of the node '
                               'is off.')
            return
        if self._states.get(mode, {}).get('reason') is None:
            LOG.info('Mode %(mode)s is set from %(actual)s to '
                     '%(desired)s.', {'mode': mode,
                                      'actual': state['actual'],
                                      'desired': state['desired']})
        driver.apply(state['desired'])
        state['actual'] = driver.read()
        if state['actual'] != state['desired']:
            state['reason'] = 'It was set, and is not so.'

    def plan(self, settings: node_modes.Settings) -> dict[str, list[str]]:
        """Return what would be written and run for some settings, by mode.

        :raises Conflict: the node cannot have one of them
        """
        return {mode: self._drivers[mode].plan(value)
                for mode, value in settings.items()}
