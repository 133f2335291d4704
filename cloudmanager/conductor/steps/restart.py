# SPDX-License-Identifier: Apache-2.0
"""Steps that restart an empty host and put it into use again."""

import datetime

from oslo_config import cfg
from oslo_log import log as logging

from cloudmanager.clients import nova_records
from cloudmanager.common import clock
from cloudmanager.common import exception
from cloudmanager.conductor.hosts import allocations
from cloudmanager.conductor.hosts import compute_services
from cloudmanager.conductor.hosts import liveness
from cloudmanager.conductor.hosts import occupancy
from cloudmanager.conductor.moves import budgets
from cloudmanager.conductor.moves import mover
from cloudmanager.conductor.moves import plans
from cloudmanager.conductor.moves import verdicts
from cloudmanager.conductor.power import nodes as power_steps
from cloudmanager.conductor.records.hosts import NO_HEARTBEAT
from cloudmanager.conductor.records.moves import Attempt
from cloudmanager.conductor.records.moves import MoveItem
from cloudmanager.conductor.records.power import PowerMemory
from cloudmanager.conductor.steps.base import HostStep
from cloudmanager.db.models import Row
from cloudmanager.domain.task_states import ItemState
from cloudmanager.planning.terms import Action
from cloudmanager.power import exceptions as power_exc

CONF = cfg.CONF
LOG = logging.getLogger(__name__)

#: A heartbeat may have been on its way when the power went.
NEW_HEARTBEATS = 2
#: The trait by which Nova tells Placement that a host takes no servers.
DISABLED_TRAIT = 'COMPUTE_STATUS_DISABLED'
ENABLE_ATTEMPTS = 3
# Seconds within which Placement should have heard of an enabled host.
TRAIT_SECONDS = 10
RETURN_ACTIONS = frozenset((Action.LIVE, Action.COLD))


class ResetHost(HostStep):
    """Restart the empty host by its power control."""

    def do(self) -> None:
        memory = self.memory
        if memory.heartbeat_before:
            return
        if not memory.no_return:
            # The last moment at which a cancel leaves the host alone.
            self.run.checkpoint()
        node = self.tools.power.node_of_host(self.run.context,
                                             self.run.host)
        if node is None:
            raise exception.TaskFailed(
                reason=f'Host {self.run.host} no longer has a power '
                       'control.')
        if not memory.fenced:
            occupancy.check_out_of_use(self.run, self.tools)
        agents = [agent.id for agent in
                  self.tools.neutron.agents(self.run.host) if agent.alive]
        if not memory.no_return:
            memory.no_return, memory.agents = True, agents
            self.run.keep(memory)
        self._reset(node)
        seen = compute_services.of_host(
            self.tools.nova, self.run.host).updated_at
        memory.heartbeat_before = seen.isoformat() if seen else NO_HEARTBEAT
        self.run.keep(memory)

    def _reset(self, node: Row) -> None:
        """Reset the node exactly once, even if the process dies meanwhile.

        A journal says what was done. If it leaves open whether the device
        got the request, the host's heartbeats tell: a host that is silent is
        booting, and one that sends heartbeats was not reset.
        """
        power = self.tools.power
        try:
            power.reset(node, self.run,
                        journal=power_steps.task_journal(self.run))
        except power_exc.PowerInterrupted as exc:
            service = compute_services.of_host(self.tools.nova,
                                               self.run.host)
            if not liveness.sends_heartbeats(self.tools.nova, service,
                                             self.run.pause):
                LOG.info('Host %(host)s is booting: %(why)s',
                         {'host': self.run.host, 'why': exc})
                return
            self.run.recall(PowerMemory).done.clear()
            power.reset(node, self.run,
                        journal=power_steps.task_journal(self.run))


class AwaitHost(HostStep):
    """Wait until the host is healthy and stays healthy.

    It is healthy when its nova-compute has sent heartbeats since the restart,
    and the network agents that were alive before are alive again.
    """

    def do(self) -> None:
        since = self._awaited_since()
        self._last = self.memory.heartbeat_before
        self._heartbeats = 0
        well_since: float | None = None
        while True:
            self.run.guard()
            why = self._what_is_missing()
            now = clock.monotonic()
            if why:
                well_since = None
            elif well_since is None:
                well_since = now
            settle = self.run.params.get('settle_seconds') or 0
            if well_since is not None and now - well_since >= settle:
                return
            if clock.seconds_since(since) > (
                    CONF.host_tasks.restart_timeout + settle):
                raise exception.TaskFailed(
                    reason=f'Host {self.run.host} did not come back within '
                           f'{CONF.host_tasks.restart_timeout} s: '
                           f'{why or "it does not stay up"}; it stays '
                           'disabled')
            self.run.pause(CONF.host_tasks.gate_interval)

    def _awaited_since(self) -> datetime.datetime:
        if self.memory.awaited_since is None:
            self.memory.awaited_since = clock.utcnow()
            self.run.keep(self.memory)
        return self.memory.awaited_since

    def _what_is_missing(self) -> str:
        service = compute_services.of_host(self.tools.nova, self.run.host)
        if service.forced_down:
            if self.memory.forced_down:
                self._lift(service)
            return 'it is forced down'
        self._count_heartbeats(service)
        if service.state != 'up':
            return 'its nova-compute is down'
        if self._heartbeats < NEW_HEARTBEATS:
            return 'its nova-compute has sent no new heartbeats'
        if self.memory.agents:
            alive = {agent.id for agent in
                     self.tools.neutron.agents(self.run.host)
                     if agent.alive}
            if not alive.issuperset(self.memory.agents):
                return 'some of its network agents are down'
        return ''

    def _lift(self, service: nova_records.Service) -> None:
        """Undo our forced_down; Nova refuses that until it has cleaned up."""
        try:
            self.tools.nova.force_down(service.id, False)
        except exception.CloudRequestRefused as exc:
            LOG.info('%s', exc)

    def _count_heartbeats(self, service: nova_records.Service) -> None:
        seen = service.updated_at.isoformat() if service.updated_at else ''
        if seen and seen != self._last:
            self._last = seen
            self._heartbeats += 1


class EnableHost(HostStep):
    """Enable the host, if it was enabled before."""

    def do(self) -> None:
        if self.memory.was_enabled:
            self._enable()

    def _enable(self) -> None:
        """Enable the service, and repeat that until Placement knows.

        A nova-compute that is just starting may have read that it is
        disabled, and tell Placement so after we have enabled it.
        """
        for attempt in range(ENABLE_ATTEMPTS):
            self.run.guard()
            service = compute_services.of_host(self.tools.nova, self.run.host)
            if attempt:
                compute_services.disable(
                    self.tools.nova, service,
                    service.disabled_reason or 'cloudmanager',
                    self.run.guard)
            if attempt or service.status != 'enabled':
                compute_services.enable(self.tools.nova, service,
                                        self.run.guard)
            if self._is_in_use():
                return
        # Enabling it again helps only where nova-compute sees a difference; it
        # may believe that Placement knows.
        text = (f'host {self.run.host} is enabled, but Placement still has it '
                'as disabled: it gets no servers until its nova-compute looks '
                'at Placement again ([compute] '
                'resource_provider_association_refresh)')
        LOG.warning(text)
        self.run.result = '; '.join(filter(None, (self.run.result, text)))

    def _is_in_use(self) -> bool:
        providers = allocations.providers_of(self.tools.nova, self.run.host)
        deadline = clock.monotonic() + TRAIT_SECONDS
        while True:
            if not any(DISABLED_TRAIT in self.tools.placement.traits(uuid)
                       for uuid in providers):
                return True
            if clock.monotonic() > deadline:
                return False
            self.run.pause(CONF.host_tasks.poll_interval)


class ReturnServers(HostStep):
    """Move the servers back, if the request says so."""

    def do(self) -> None:
        if not (self.run.params.get('return_servers')
                and self.memory.was_enabled):
            return
        limits = budgets.Budgets(self.run, self.tools,
                                 self.run.params.get('force') is True)
        for item in self.run.items(MoveItem):
            if (item.state == ItemState.DONE and item.destination
                    and item.source == self.run.host
                    and not limits.is_spent(item)):
                self._send_back(item, item.destination)
        sources = sorted({item.source or '' for item
                          in self.run.items(MoveItem)} - {self.run.host})
        for source in sources:
            mover.Mover(self.run, self.tools, RETURN_ACTIONS,
                        source=source, destination=self.run.host).drive()
        self._verify()

    def _send_back(self, item: MoveItem, place: str) -> None:
        """Prepare the way back of a server that is still where we moved it.

        :param place: the host to which we moved it
        """
        server = self.tools.nova.server(item.object_id)
        if not verdicts.exists(server) or server.host != place:
            return
        found = plans.ladder_of(server, {}, place)
        if found.error or found.wait:
            # Its state has changed; it stays where it is.
            return
        item.state, item.attempts = ItemState.PENDING, 0
        item.source, item.destination = place, self.run.host
        item.ladder, item.status, item.wait = found.ladder, found.status, False
        item.force, item.refused, item.tries, item.replans = False, [], {}, 0
        # From here on the migrations of the other host count.
        item.known_request = item.after_migration = None
        item.attempt = Attempt()
        self.run.save(item)

    def _verify(self) -> None:
        away = [item for item in self.run.items(MoveItem)
                if item.source != self.run.host
                and item.state == ItemState.FAILED]
        if away:
            raise exception.TaskFailed(
                reason=f'Host {self.run.host} is in use again, but '
                       f'{len(away)} server(s) did not come back: '
                       + '; '.join(f'{item.name} ({item.object_id}): '
                                   f'{item.error}' for item in away))
