# SPDX-License-Identifier: Apache-2.0
"""Steps that take a host out of the cloud for good.

``RemoveService`` is the point of no return. If an earlier step fails, all is
undone; the steps after it can be repeated.
"""


from oslo_config import cfg
from oslo_log import log as logging
from taskflow.types import failure

from cloudmanager.common import clock
from cloudmanager.common import exception
from cloudmanager.conductor.hosts import allocations
from cloudmanager.conductor.hosts import compute_services
from cloudmanager.conductor.hosts import occupancy
from cloudmanager.conductor.moves import migrations
from cloudmanager.conductor.steps.base import HostStep
from cloudmanager.db import nodes as db_nodes

CONF = cfg.CONF
LOG = logging.getLogger(__name__)


class FindHost(HostStep):
    """Write down what the cloud has of the host before it is removed."""

    def do(self) -> None:
        self.run.checkpoint()
        if self.memory.aggregates is not None:
            return
        nova, name = self.tools.nova, self.run.host
        aggregates = [item.name for item in nova.aggregates()
                      if name in item.hosts]
        # If Nova has forgotten the host, only Placement still has it.
        self.memory.providers = allocations.providers_of(nova, name) or [
            entry.uuid for entry in self.tools.placement.providers(name)]
        self.memory.aggregates = aggregates
        self.run.keep(self.memory)


class AwaitMigrations(HostStep):
    """Wait for open migrations of the host, if the request says so."""

    def do(self) -> None:
        begun = clock.utcnow()
        while True:
            self.run.checkpoint()
            found = self.tools.nova.open_migrations(self.run.host)
            if not found:
                return
            if (not self.run.params.get('wait')
                    or clock.seconds_since(begun)
                    > CONF.host_tasks.open_migration_timeout):
                raise exception.OpenMigrations(
                    host=self.run.host, migrations=migrations.describe(found))
            self.run.pause(CONF.host_tasks.poll_interval_max)


class SwitchOff(HostStep):
    """Switch the empty host off, or its nova-compute would register again.

    If the host has no power control, somebody must have stopped it.
    """

    def do(self) -> None:
        if self.memory.fenced:
            return
        self.run.checkpoint()
        occupancy.check_out_of_use(self.run, self.tools, deleting=True)
        node = self.tools.power.node_of_host(self.run.context,
                                             self.run.host)
        if node is not None:
            self.memory.switched_off = True
            self.run.keep(self.memory)
            self.tools.power.switch_off(node, self.run)
        elif compute_services.of_host(
                self.tools.nova, self.run.host).state == 'up':
            raise exception.TaskFailed(
                reason=f'Host {self.run.host} is empty, but its '
                       'nova-compute runs and no power control is assigned '
                       'to switch it off: stop it and decommission the host '
                       'again')

    def undo(self, causes: list[failure.Failure]) -> None:
        if not self.memory.switched_off or self.memory.no_return:
            return
        node = self.tools.power.node_of_host(self.run.context,
                                             self.run.host)
        if node is not None:
            self.tools.power.switch_on(node, self.run)


class RemoveService(HostStep):
    """The point of no return: Nova forgets the host.

    With its service Nova removes the host from all aggregates, its
    resource providers from Placement, and its mapping to a cell.
    """

    def do(self) -> None:
        if not self.memory.no_return:
            self.run.checkpoint()
        service = self.tools.nova.service(self.run.host)
        if service is None:
            return
        if not self.memory.fenced:
            occupancy.check_out_of_use(self.run, self.tools, deleting=True)
        self._pass(True)
        try:
            self.tools.nova.delete_service(service.id)
        except exception.CloudRequestRefused:
            # Nova refuses before it changes anything.
            self._pass(False)
            raise

    def _pass(self, passed: bool) -> None:
        self.memory.no_return = passed
        self.run.keep(self.memory)


class CleanUp(HostStep):
    """Remove what Nova left behind, and what is not its own."""

    def do(self) -> None:
        self.memory.no_return = True
        self.run.keep(self.memory)
        self._clean_placement()
        done = self._clean_cinder()
        self._forget_node()
        names = self.memory.aggregates or []
        self.run.result = (
            f'Host {self.run.host} is decommissioned; it was in '
            f'{len(names)} aggregate(s)'
            + (f': {", ".join(names)}' if names else '')
            + (f'; {done}' if done else ''))

    def _clean_placement(self) -> None:
        placement = self.tools.placement
        for uuid in self.memory.providers or ():
            try:
                held = placement.allocations_of_provider(uuid)
            except exception.NotFound:
                continue
            if held:
                raise exception.TaskFailed(
                    reason=f'Host {self.run.host} is gone from Nova, but '
                           f'resource provider {uuid} still has '
                           'allocations of: ' + ', '.join(sorted(held)))
            placement.delete_provider(uuid)

    def _clean_cinder(self) -> str:
        """Disable the host's services of Cinder, and remove them if possible.

        :returns: what was done, for the result of the task
        """
        try:
            found = self.tools.cinder.services(self.run.host)
        except exception.CloudServiceMissing:
            return ''
        if not found:
            return ''
        for service in found:
            if service.status == 'enabled':
                self.tools.cinder.disable_service(
                    service.host, service.binary,
                    f'cloudmanager: decommissioned by task '
                    f'{self.run.task_id}')
        if not self.tools.cinder_db.configured:
            return ('its services of Cinder are disabled; Cinder\'s API '
                    'cannot remove them, cinder-manage can')
        count = self.tools.cinder_db.remove_services(self.run.host)
        return f'{count} service(s) of Cinder removed'

    def _forget_node(self) -> None:
        node = db_nodes.find_by_name(self.run.context, self.run.host)
        if node is not None:
            db_nodes.retire(self.run.context, node['id'],
                            f'decommissioned by task {self.run.task_id}')
