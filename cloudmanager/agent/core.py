# SPDX-License-Identifier: Apache-2.0
"""The agent, without the threads and the message bus that drive it."""

import json
import pathlib
import threading
from typing import Any

from oslo_config import cfg
from oslo_log import log as logging

from cloudmanager import version
from cloudmanager.agent import facts  # noqa: F401  has operations
from cloudmanager.agent import keys
from cloudmanager.agent import modes  # noqa: F401  has operations
from cloudmanager.agent import observer
from cloudmanager.agent import operations
from cloudmanager.agent.drivers import controllers
from cloudmanager.agent.drivers import nova
from cloudmanager.agent.drivers import own
from cloudmanager.agent.drivers import packages
from cloudmanager.agent.drivers import rsyslog
from cloudmanager.agent.drivers import units
from cloudmanager.agent.drivers.base import Drivers
from cloudmanager.agent.nas import targets
from cloudmanager.agent.reconcile import Reconciler
from cloudmanager.agent.rpcapi import RPC_API_VERSION
from cloudmanager.agent.storages import Storages
from cloudmanager.agent.store import Store
from cloudmanager.agent.volumes import changes  # noqa: F401  has operations
from cloudmanager.agent.volumes import locks  # noqa: F401  has operations
from cloudmanager.agent.volumes.works import Works
from cloudmanager.common import signing
from cloudmanager.common.json_types import JsonObject
from cloudmanager.domain import node_modes

CONF = cfg.CONF
LOG = logging.getLogger(__name__)


def _drivers(store: Store) -> Drivers:
    return {node_modes.SNMP: units.Unit(CONF.agent.snmp_unit),
            node_modes.SSH: units.Unit(CONF.agent.ssh_unit),
            node_modes.NODESAFE: own.NodeSafe(),
            node_modes.DCC: own.DCC(store),
            node_modes.CPU_MODE: nova.CPUMode(store),
            node_modes.CONTROLLER: controllers.Controller(store),
            node_modes.LOG_REDIRECTION: rsyslog.LogRedirection(store)}


class Agent:
    """The agent, as operations use it.

    :param host: name of this node on the message bus
    :raises Misconfigured: its keys cannot be used
    :raises OSError: its directory cannot be used
    """

    def __init__(self, host: str) -> None:
        self.host = host
        directory = pathlib.Path(CONF.state_path) / 'agent'
        self._keys = keys.KeyFile(pathlib.Path(CONF.agent.key_file))
        self.store = Store(directory)
        self.volumes = Works()
        self.observer = observer.Observer()
        self.targets = targets.Targets(directory)
        self.reconciler = Reconciler(self.store, _drivers(self.store))
        self._refusals = signing.Refusals()
        self._verifier = signing.Verifier(
            host, self._keys_of, CONF.agent.message_window,
            signing.Nonces(CONF.agent.message_window, directory / 'nonces'),
            self._refusals)
        self.wants_report = threading.Event()
        self.wants_look = threading.Event()
        self.storages = Storages(host, self.store, self.report_soon)
        self._capabilities: JsonObject = {}
        # The id of the key that signed the last report.
        self._reported_key = ''

    def _keys_of(self, sender: str) -> dict[str, bytes]:
        return self._keys.all if sender == signing.CONTROL else {}

    def report_soon(self) -> None:
        """Have a report sent at once."""
        self.wants_report.set()

    def reconcile(self) -> None:
        """Bring the node to its desired state, and read its state again."""
        before = self.reconciler.states
        self._capabilities = self._look()
        self.targets.tidy()
        after = self.reconciler.run()
        if _without_times(before) != _without_times(after):
            self.report_soon()

    def observe(self) -> None:
        """Look at the guests, and have their states written to storages."""
        changed = self.observer.look()
        self.storages.write(self._keys.newest, *self.observer.guests())
        # Conductors use a new key only when a report was signed with it.
        if changed or self._keys.newest.id != self._reported_key:
            self.report_soon()

    def observe_soon(self) -> None:
        """Have the guests looked at immediately."""
        self.wants_look.set()

    def _facts(self) -> JsonObject:
        """Return what is known about the node, apart from its modes."""
        guests, why = self.observer.guests()
        return {'guests': guests, 'storages': self.storages.states(),
                'reasons': {} if why is None else {'guests': why}}

    @staticmethod
    def _look() -> JsonObject:
        """Return what the node can do, as found on it now."""
        return {'systemd': pathlib.Path('/run/systemd/system').is_dir(),
                'packages': packages.manager(),
                'reboot_required': packages.reboot_required(ask=False)}

    def report(self) -> signing.Envelope:
        """Return a signed report on this agent and its node."""
        key = self._keys.newest
        self._reported_key = key.id
        return signing.sign(
            key, signing.Kind.REPORT, self.host,
            signing.CONTROL, {
                'version': version.version_info.version_string(),
                'interface': RPC_API_VERSION,
                'types': list(CONF.agent.types),
                'operations': operations.versions(),
                'capabilities': self._capabilities,
                'generation': self.store.generation,
                'modes': self.reconciler.states,
                'refused': self._refusals.counts,
                'facts': self._facts(),
                'load': self.observer.load()})

    def carry_out(self, envelope: Any, *, redelivered: bool = False) -> Any:
        """Carry out a request, if its signature is valid.

        :param redelivered: whether the broker may have delivered it before
        :returns: a signed answer, or an unsigned reason for the refusal
        """
        try:
            request = self._verifier.verify(envelope, signing.Kind.REQUEST,
                                            redelivered=redelivered)
        except signing.Refused as exc:
            # Anybody may have sent it, so the answer is not signed.
            return {'refused': str(exc.refusal)}
        body = operations.carry_out(self, request.body)
        # Sign the answer with the key of the request: the control plane may
        # not know a newer key yet, or may no longer know an older one.
        secret = self._keys.all.get(request.key_id)
        key = (self._keys.newest if secret is None
               else signing.Key(request.key_id, secret))
        return signing.sign(key, signing.Kind.ANSWER, self.host,
                            signing.CONTROL, body,
                            answer_to=request.nonce)


def _without_times(states: dict[str, JsonObject]) -> str:
    return json.dumps(
        {mode: {name: value for name, value in state.items()
                if name != 'checked_at'}
         for mode, state in states.items()}, sort_keys=True)

