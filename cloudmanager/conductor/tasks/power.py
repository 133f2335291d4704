# SPDX-License-Identifier: Apache-2.0
"""Switching nodes: through all their feeds, confirmed, and logged."""

from collections.abc import Callable
from typing import Any

from oslo_config import cfg
from oslo_log import log as logging

from cloudmanager.common import clock
from cloudmanager.common import exception
from cloudmanager.common import secrets
from cloudmanager.conductor.engine import run as engine_run
from cloudmanager.conductor.tasks.base import Step
from cloudmanager.db import nodes as db_nodes
from cloudmanager.db import power_actions as db_power_actions
from cloudmanager.db import power_controls as db_power_controls
from cloudmanager.power import base as power_base
from cloudmanager.power import confirm
from cloudmanager.power import registry
from cloudmanager.power import states

CONF = cfg.CONF
LOG = logging.getLogger(__name__)

ON, OFF, RESET = 'power-on', 'power-off', 'reset'
STATE_REASON_LENGTH = 255


class NodePower:
    """Switches nodes that have power controls."""

    def node_of_host(self, context: Any,
                     host: str) -> dict[str, Any] | None:
        """Return the node of a compute host if it can be switched.

        :param host: exact name; the node has the same one
        """
        node = db_nodes.find_by_name(context, host)
        if node is None:
            return None
        controls = db_power_controls.list_assignments(context, node['id'])
        return node if controls else None

    def fence(self, node: dict[str, Any], run: engine_run.Run) -> None:
        """Cut all feeds of a node and prove that it is off.

        :raises PowerError: it is not proven
        """
        self._act(node, run, 'fence', confirm.fence)

    def is_off(self, node: dict[str, Any], run: engine_run.Run) -> bool:
        """Tell whether a node is seen to be off; nothing is switched.

        Trouble with a device is no proof.
        """
        try:
            return confirm.is_off(self.feeds(run.context, node),
                                  pause=run.pause)
        except exception.CloudManagerException as exc:
            LOG.warning('Whether node %(node)s is off is not known: '
                        '%(why)s', {'node': node['name'], 'why': exc})
            return False

    def switch_off(self, node: dict[str, Any], run: engine_run.Run) -> None:
        """Switch a node off, softly where its devices can.

        :raises PowerError: it did not become off
        """
        self._act(node, run, OFF, confirm.switch_off)

    def switch_on(self, node: dict[str, Any], run: engine_run.Run) -> None:
        """Switch a node on.

        :raises PowerError: it did not become on
        """
        self._act(node, run, ON, confirm.switch_on)

    def reset(self, node: dict[str, Any], run: engine_run.Run) -> None:
        """Restart a node at once.

        :raises PowerError: it is not on afterwards
        """
        self._act(node, run, RESET, confirm.reset)

    @staticmethod
    def feeds(context: Any, node: dict[str, Any]) -> list[confirm.Feed]:
        """Return the outputs that feed a node, the default one first.

        :raises NoPowerControl: there is none
        """
        found = []
        assigned = db_power_controls.list_assignments(context, node['id'])
        for link in sorted(assigned, key=lambda row: not row['is_default']):
            device = _device(db_power_controls.get_device(
                context, link['power_control_id']))
            found.append(confirm.Feed(registry.get(device), device,
                                      link['power_control_port']))
        if not found:
            raise exception.NoPowerControl(node=node['id'])
        return found

    def _act(self, node: dict[str, Any], run: engine_run.Run, action: str,
             function: Callable[..., None]) -> None:
        """Carry out an action and log it whatever comes of it."""
        begun = clock.utcnow()
        error: exception.CloudManagerException | None = None
        try:
            function(self.feeds(run.context, node), pause=run.pause)
        except exception.CloudManagerException as exc:
            error = exc
        self._log(node, run, action, begun, error)
        self._remember_state(node, run, action, error)
        if error is not None:
            raise error

    @staticmethod
    def _log(node: dict[str, Any], run: engine_run.Run, action: str,
             begun: Any, error: Exception | None) -> None:
        links = db_power_controls.list_assignments(run.context, node['id'])
        default = next((link['power_control_id'] for link in links
                        if link['is_default']), None)
        db_power_actions.record(run.context, {
            'node_id': node['id'], 'power_control_id': default,
            'action': action, 'result': 'failure' if error else 'success',
            'error': str(error) if error else None,
            'user_id': run.user_id, 'user_name': run.user_name,
            'task_id': run.task_id,
            'created_at': begun,
            'duration': (clock.utcnow() - begun).total_seconds()})
        if error:
            LOG.error('Node %(node)s: %(action)s failed: %(why)s',
                      {'node': node['name'], 'action': action,
                       'why': error})
        else:
            LOG.info('Node %(node)s: %(action)s is confirmed.',
                     {'node': node['name'], 'action': action})

    @staticmethod
    def _remember_state(node: dict[str, Any], run: engine_run.Run,
                        action: str, error: Exception | None) -> None:
        confirmed = (states.POWER_ON if action in (ON, RESET)
                     else states.POWER_OFF)
        db_nodes.set_power_state(
            run.context, node['id'], None if error else confirmed,
            str(error)[:STATE_REASON_LENGTH] if error else None,
            off_wanted=confirmed == states.POWER_OFF)


def _device(control: dict[str, Any]) -> power_base.Device:
    return power_base.Device(
        control_type=control['control_type'],
        protocol_type=control['protocol_type'],
        host=control['host'], port=control['port_number'],
        login=control['login'],
        password=secrets.decrypt(control['password']),
        ssh_key=secrets.decrypt(control['ssh_key']),
        options=control['options'] or {})


class SwitchNode(Step):
    """Switch the node that the task is about."""

    def do(self) -> None:
        self.run.checkpoint()
        node = db_nodes.get_node(self.run.context,
                                 self.run.params['node_id'])
        power = self.tools.power
        {ON: power.switch_on, OFF: power.switch_off,
         RESET: power.reset}[self.run.params['action']](node, self.run)
        self.run.result = f'{self.run.params["action"]} is confirmed'
