# SPDX-License-Identifier: Apache-2.0
"""Steps that bind nodes to a virtual controller, and release them.

All of the nodes, or none: what was done to some is put back when another one
fails. How each was before is written down before it is touched.
"""

import abc
from collections.abc import Iterator
import dataclasses

from oslo_log import log as logging
from taskflow.types import failure

from cloudmanager.clients import nova_records
from cloudmanager.common import exception
from cloudmanager.conductor.agents import binding
from cloudmanager.conductor.agents import checks
from cloudmanager.conductor.hosts import compute_services
from cloudmanager.conductor.records.bindings import BindingItem
from cloudmanager.conductor.steps.nodes import AgentStep
from cloudmanager.db import node_settings as db_settings
from cloudmanager.db import nodes as db_nodes
from cloudmanager.domain import node_modes
from cloudmanager.domain.task_states import ItemKind
from cloudmanager.domain.task_states import ItemState

LOG = logging.getLogger(__name__)


class BindingStep(AgentStep):
    """A step on some nodes, each of which is an item."""

    #: What is done, in items.
    action = ''

    @property
    def controller(self) -> str:
        """The virtual controller that the request names."""
        return str(self.run.params['controller_uuid'])

    @property
    @abc.abstractmethod
    def wanted(self) -> str | None:
        """The controller that the nodes are to serve in the end."""

    def do(self) -> None:
        self.run.checkpoint()
        if not self.run.items(BindingItem):
            self.run.add_items(list(self._new_items()))
        items = self.run.items(BindingItem)
        left = [item for item in items if item.state != ItemState.DONE]
        if left:
            # Not where all is done and only the end was not written: what
            # has changed since is no failure of this task.
            self.prepare(left)
        for item in left:
            self.run.checkpoint()
            self._change(item)
        self.run.result = self.story(', '.join(item.name or ''
                                               for item in items))

    def _new_items(self) -> Iterator[BindingItem]:
        """Return items of nodes that can be changed.

        :raises Conflict: one of them cannot
        """
        for name in self.run.params['hostnames']:
            found = binding.find(self.run.context, self.tools, name)
            self.check(found)
            yield BindingItem(
                kind=ItemKind.NODE, object_id=str(found.node['id']),
                name=name, action=self.action, host=found.service.host,
                was_enabled=found.service.status == 'enabled',
                controller_before=found.node['controller_id'],
                type_before=found.node['controller_type'])

    @abc.abstractmethod
    def check(self, found: binding.Bound) -> None:
        """Check that a node can be changed.

        :raises Conflict: it cannot
        """

    @abc.abstractmethod
    def prepare(self, items: list[BindingItem]) -> None:
        """Do what comes before the first agent is told."""

    @abc.abstractmethod
    def story(self, names: str) -> str:
        """Return what came of it."""

    def _change(self, item: BindingItem) -> None:
        """Have the node serve what is wanted, and note that it does.

        :raises TaskFailed: its agent could not
        """
        item.state = ItemState.RUNNING
        item.attempts += 1
        self.run.save(item)
        node_id = int(item.object_id)
        node = db_nodes.get_columns(self.run.context, node_id)
        wished = self._wish(node_id, self.wanted)
        found = self._ask(checks.host_of(node), 'modes.apply', wished)
        state = found['modes'].get(node_modes.CONTROLLER, {})
        if state.get('actual') != self.wanted or state.get('reason'):
            why = state.get('reason') or 'it is not so yet'
            raise exception.TaskFailed(reason=f'Node {item.name}: {why}')
        self._note(item, self.wanted,
                   None if self.wanted is None else binding.TYPE)
        self.conclude(item)
        item.state = ItemState.DONE
        self.run.save(item)

    def conclude(self, item: BindingItem) -> None:
        """Do what comes after a node was changed."""

    def _wish(self, node_id: int,
              controller: str | None) -> dict[str, object]:
        """Keep what is desired; return it as agents take it."""
        return db_settings.change(self.run.context, node_id,
                                  {node_modes.CONTROLLER: controller})

    def _note(self, item: BindingItem, controller: str | None,
              kind: str | None) -> None:
        db_nodes.update_node(
            self.run.context, int(item.object_id),
            {'controller_id': controller, 'controller_type': kind})

    def _enable(self, item: BindingItem) -> None:
        """Enable a compute service that is disabled for the controller."""
        service = self.tools.nova.service(item.host)
        if (service is not None and service.status == 'disabled'
                and service.disabled_reason
                == binding.reason(self.controller)):
            self.run.guard()
            compute_services.enable(self.tools.nova, service,
                                    self.run.guard)
            self._note_service(service, 'enabled')

    def _note_service(self, service: nova_records.Service,
                      status: str) -> None:
        """Let the condition of a node follow its compute service."""
        compute_services.note(self.run.context, dataclasses.replace(
            service, status=status))

    # How it is put back

    def undo(self, causes: list[failure.Failure]) -> None:
        for item in reversed(self.run.items(BindingItem)):
            try:
                if item.state != ItemState.PENDING:
                    # If its agent cannot be told, the node may still serve
                    # the controller; then its service stays as it is.
                    self._put_back(item)
                self.put_back_service(item)
                item.state, item.error = (ItemState.SKIPPED,
                                          'it is as it was before')
            except exception.LeaseLost:
                raise
            except exception.CloudManagerException as exc:
                item.state = ItemState.FAILED
                item.error = f'it could not be put back: {exc.message}'
                LOG.warning('Node %(node)s could not be put back: %(why)s', {
                    'node': item.name, 'why': exc.message})
            self.run.save(item)

    def _put_back(self, item: BindingItem) -> None:
        """Have the node serve what it did before.

        What is desired is kept first. So an agent that is away gets it with
        its next report.
        """
        node_id = int(item.object_id)
        wished = self._wish(node_id, item.controller_before)
        self._note(item, item.controller_before, item.type_before)
        node = db_nodes.get_columns(self.run.context, node_id)
        self.tools.agents.call(self.run.context, checks.host_of(node),
                               'modes.apply', wished)

    def put_back_service(self, item: BindingItem) -> None:
        """Put the compute service back as it was."""


class BindNodes(BindingStep):
    """Bind empty nodes to a virtual controller."""

    action = 'attach'

    @property
    def wanted(self) -> str | None:
        return self.controller

    def check(self, found: binding.Bound) -> None:
        binding.check_free(self.run.context, self.tools, found,
                           self.controller)

    def prepare(self, items: list[BindingItem]) -> None:
        """Keep new servers off the nodes, and look that there are none."""
        binding.check_controller(self.tools, self.controller)
        for item in items:
            service = compute_services.of_host(self.tools.nova, item.host)
            if service.status == 'enabled':
                self.run.checkpoint()
                compute_services.disable(
                    self.tools.nova, service,
                    binding.reason(self.controller), self.run.guard)
                self._note_service(service, 'disabled')
        for item in items:
            # One may have been on its way when it was looked last.
            checks.check_empty(self.tools, item.host, 'Empty it first.')

    def put_back_service(self, item: BindingItem) -> None:
        if item.was_enabled:
            self._enable(item)

    def story(self, names: str) -> str:
        return f'Bound to controller {self.controller}: {names}.'


class ReleaseNodes(BindingStep):
    """Release nodes from a virtual controller."""

    action = 'detach'

    @property
    def wanted(self) -> str | None:
        return None

    def check(self, found: binding.Bound) -> None:
        binding.check_bound(self.run.context, found, self.controller)

    def prepare(self, items: list[BindingItem]) -> None:
        """Nothing comes before: each agent looks for guests of its node."""

    def conclude(self, item: BindingItem) -> None:
        self._enable(item)

    def put_back_service(self, item: BindingItem) -> None:
        service = self.tools.nova.service(item.host)
        if (not item.was_enabled and service is not None
                and service.status == 'enabled'):
            compute_services.disable(self.tools.nova, service,
                                     binding.reason(self.controller))

    def story(self, names: str) -> str:
        return f'Released from controller {self.controller}: {names}.'
