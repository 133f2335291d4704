# SPDX-License-Identifier: Apache-2.0
"""The conductor as a process: RPC server, engine, periodic work."""

from collections.abc import Callable
import socket
import threading
from typing import cast

from keystoneauth1.session import Session
from oslo_config import cfg
from oslo_log import log as logging
from oslo_utils import uuidutils
from taskflow.flow import Flow

from cloudmanager.agent import rpcapi as agent_rpcapi
from cloudmanager.clients import cinder
from cloudmanager.clients import cinder_db
from cloudmanager.clients import glance
from cloudmanager.clients import neutron
from cloudmanager.clients import nova
from cloudmanager.clients import nova_db
from cloudmanager.clients import placement
from cloudmanager.clients import project_budgets
from cloudmanager.clients import projects
from cloudmanager.clients import protocols
from cloudmanager.clients import retry
from cloudmanager.common import context as cm_context
from cloudmanager.common import memory_bus
from cloudmanager.common import rpc
from cloudmanager.common.json_types import JsonObject
from cloudmanager.conductor import actions
from cloudmanager.conductor import manager
from cloudmanager.conductor import tools as conductor_tools
from cloudmanager.conductor.agents import contacts
from cloudmanager.conductor.agents import reports
from cloudmanager.conductor.audits import measuring
from cloudmanager.conductor.endpoints import agents
from cloudmanager.conductor.endpoints import domains
from cloudmanager.conductor.endpoints import reservations
from cloudmanager.conductor.endpoints import system_metadata
from cloudmanager.conductor.endpoints import volumes
from cloudmanager.conductor.engine import run as engine_run
from cloudmanager.conductor.engine import worker as engine_worker
from cloudmanager.conductor.hosts import compute_services
from cloudmanager.conductor.periodics import audits
from cloudmanager.conductor.periodics import inventory
from cloudmanager.conductor.periodics import measures
from cloudmanager.conductor.periodics import members
from cloudmanager.conductor.periodics import power_sweep
from cloudmanager.conductor.periodics import purge
from cloudmanager.conductor.periodics import runner
from cloudmanager.conductor.power import nodes
from cloudmanager.conductor.pxe import boot_files
from cloudmanager.db import conditions as db_conditions
from cloudmanager.db import power_states as db_power_states
from cloudmanager.db import services as db_services
from cloudmanager.power import registry

CONF = cfg.CONF
LOG = logging.getLogger(__name__)
BINARY = 'cloudmanager-conductor'
# After so many without one a conductor counts as gone.
LOST_HEARTBEATS = 3
SWEEP_RESTART_SECONDS = 5


class ClientsOfProjects:
    """Makes clients in the projects of tenants."""

    def __init__(self) -> None:
        self._projects = projects.Projects()
        self._made: dict[str, tuple[
            Session, conductor_tools.ProjectClients]] = {}

    def __call__(self, project_id: str) -> conductor_tools.ProjectClients:
        """Return clients in a project.

        :raises ProjectClosed: we have no role there
        """
        session = self._projects.session(project_id)
        known = self._made.get(project_id)
        if known is None or known[0] is not session:
            known = session, conductor_tools.ProjectClients(
                nova=nova.Nova(session), cinder=cinder.Cinder(session))
            self._made[project_id] = known
        return known[1]


class _LateNova:
    """Nova's client, for work that needs it in some cases only.

    It is made when it is used. Without a cloud that raises
    CloudNotConfigured.
    """

    def __init__(self, tools: Callable[[], conductor_tools.Tools]) -> None:
        self._tools = tools

    def __getattr__(self, name: str) -> object:
        found: object = getattr(self._tools().nova, name)
        return found


class LazyTools:
    """Makes the clients when they are first needed.

    Without a cloud the service still keeps inventory and power.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tools: conductor_tools.Tools | None = None
        self._power = nodes.NodePower()
        self.agents = agent_rpcapi.AgentAPI(contacts.DatabaseContacts())

    def __call__(self) -> conductor_tools.Tools:
        with self._lock:
            if self._tools is None:
                self._tools = conductor_tools.Tools(
                    nova=nova.Nova(), placement=placement.Placement(),
                    power=self._power, agents=self.agents,
                    neutron=neutron.Neutron(), cinder=cinder.Cinder(),
                    cinder_db=cinder_db.CinderDatabase(),
                    glance=glance.Glance(), in_project=ClientsOfProjects(),
                    project_budgets=project_budgets.ProjectBudgets())
            return self._tools

    def without_cloud(self) -> conductor_tools.Tools:
        """Return tools for work that may need no cloud."""
        return conductor_tools.Tools(
            power=self._power, agents=self.agents,
            nova=cast(protocols.Nova, _LateNova(self)))


class Conductor:
    """Starts and stops what a conductor consists of."""

    def start(self) -> None:
        """Open connections and begin to work."""
        retry.stopping.clear()
        self._host = CONF.host or socket.gethostname()
        # A name of its own for each life: a restarted conductor is another
        # owner, so it takes over what its former self left, by the lease.
        name = f'{self._host}:{uuidutils.generate_uuid()}'
        tools = self._tools = LazyTools()

        def build(run: engine_run.Run) -> Flow:
            action = actions.get(run.name)
            return action.flow(run, tools() if action.needs_cloud
                               else tools.without_cloud())

        self._worker = engine_worker.Worker(
            name, build, lambda run: compute_services.after_task(run, tools))
        self._worker.start()
        self._boot_files = boot_files.BootFiles(self.members)
        self._sweeper = power_sweep.Sweeper(self.members, self._report,
                                            self._follow)
        self._reports = reports.Reports(tools.agents)
        self._reports.start()
        self._refused: dict[str, dict[str, int]] = {}
        self._nova_database = nova_db.NovaDatabase()
        self._server = rpc.get_server(
            rpc.CONDUCTOR_TOPIC, self._host,
            [manager.ConductorManager(self._worker, tools,
                                      tools.without_cloud),
             reservations.Reservations(tools),
             system_metadata.SystemMetadata(self._nova_database),
             domains.Domains(), agents.Agents(self._reports),
             volumes.Volumes(tools),
             boot_files.Endpoint(self._boot_files)])
        self._server.start()
        self._runner = runner.Runner(self._works())
        self._runner.start()
        LOG.info('Conductor %s runs.', name)

    def stop(self) -> None:
        """Take no more work and leave what runs for others."""
        retry.stopping.set()
        memory_bus.hurry()
        self._server.stop()
        self._worker.stop(CONF.conductor.graceful_timeout)
        self._server.wait()
        self._reports.stop()
        self._runner.stop(5)
        registry.close()
        self._nova_database.close()
        try:
            db_services.heartbeat(cm_context.admin_context(), BINARY,
                                  self._host, stopped=True)
        except Exception:
            # Boundary of the process's end: the database may be away.
            LOG.exception('The stop could not be recorded.')
        LOG.info('Conductor on %s has stopped.', self._host)

    def _works(self) -> list[runner.Work]:
        """List all periodic work."""
        return [
            runner.Work('heartbeat',
                        lambda: CONF.conductor.heartbeat_interval,
                        self._heartbeat),
            runner.Work('purge', lambda: CONF.tasks.purge_interval,
                        purge.run),
            runner.Work('inventory', lambda: CONF.inventory.sync_interval,
                        inventory.Inventory(lambda: self._tools().nova,
                                            self.members).run),
            runner.Work('audits', lambda: CONF.drs.policy_interval,
                        audits.Audits(self.members, self._worker.post).run),
            runner.Work('measures', lambda: CONF.drs.policy_interval,
                        measures.Measures(self.members, measuring.Measuring(
                            self._tools)).run),
            runner.Work('boot-files', self._boot_files_interval,
                        self._boot_files.reconcile),
            runner.Work('power-sweep', self._sweep_interval,
                        self._sweeper.run)]

    @staticmethod
    def _boot_files_interval() -> float:
        return CONF.pxe.sync_interval if CONF.pxe.config_dir else 0

    @staticmethod
    def _sweep_interval() -> float:
        # The work goes on by itself; this is how soon it begins again
        # after an outage of the database.
        return float(min(CONF.power.sweep_interval, SWEEP_RESTART_SECONDS))

    def _report(self, values: JsonObject) -> None:
        """Store what the power sweep reports."""
        db_services.report(cm_context.admin_context(), BINARY, self._host,
                           'power_sweep', values)

    @staticmethod
    def _follow(changes: list[db_power_states.PowerChange]) -> None:
        """Let conditions follow what was read of the power of nodes."""
        db_conditions.refresh(cm_context.admin_context(),
                              [change.node_id for change in changes])

    def _heartbeat(self, stopping: threading.Event) -> None:
        context = cm_context.admin_context()
        db_services.heartbeat(context, BINARY, self._host)
        refused = {'reports': self._reports.refused,
                   'answers': self._tools.agents.refused}
        if refused != self._refused:
            db_services.report(context, BINARY, self._host, 'agents',
                               {'refused': refused})
            self._refused = refused

    def members(self) -> members.Members:
        """Return the conductors that live now."""
        return members.Members.read(
            cm_context.admin_context(), BINARY, self._host,
            LOST_HEARTBEATS * CONF.conductor.heartbeat_interval)
