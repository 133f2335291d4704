# SPDX-License-Identifier: Apache-2.0
"""The agent as a process: its threads, and its place on the bus."""

from collections.abc import Callable
import math
import threading
from typing import Any

from oslo_config import cfg
from oslo_log import log as logging
import oslo_messaging as messaging

from cloudmanager.agent import commands
from cloudmanager.agent import guests
from cloudmanager.agent import notify
from cloudmanager.agent import privileged
from cloudmanager.agent import rpcapi
from cloudmanager.agent.core import Agent
from cloudmanager.common import clock
from cloudmanager.common import context as cm_context
from cloudmanager.common import exception
from cloudmanager.common import rpc

CONF = cfg.CONF
LOG = logging.getLogger(__name__)
# If no comparison ends within this many intervals, the agent hangs.
_HUNG_INTERVALS = 3
_HUNG_SECONDS = 300.0
_STOP_SECONDS = 5.0
# The shortest time in seconds between two looks at the guests.
_LOOK_SECONDS = 0.5


def until_report(interval: float, now: float) -> float:
    """Return the time until the next report, at most the interval.

    Intervals of a second and more end with a second of the clock, so that
    what several agents report arrives together: for a conductor, waking up
    is half of what a report costs.

    :param interval: seconds between two reports
    :param now: seconds since 1970
    """
    if interval < 1.0:
        return interval
    return math.floor(now + interval) - now


class Endpoint:
    """The RPC methods of an agent."""

    target = messaging.Target(version=rpcapi.RPC_API_VERSION)

    def __init__(self, agent: Agent) -> None:
        self._agent = agent

    def carry_out(self, context: cm_context.RequestContext,
                  envelope: Any) -> Any:
        """Carry out a signed request; see rpcapi.

        The context is not signed, so it is ignored.
        """
        return self._agent.carry_out(envelope,
                                     redelivered=rpc.is_redelivered())


class AgentService:
    """Starts and stops the threads of an agent.

    The agent looks after its node from the start, even without a message bus.
    """

    def __init__(self, host: str) -> None:
        self._host = host
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._server: Any = None
        self._follower: commands.Follower | None = None
        self._reconciled_at = clock.monotonic()

    def start(self) -> None:
        """Begin to work.

        :raises Misconfigured: the keys cannot be used
        """
        self._agent = Agent(self._host)
        self._begin('reconcile', self._reconcile)
        self._begin('observe', self._observe)
        self._begin('events', self._follow_guests)
        self._begin('serve', self._serve)
        self._begin('report', self._report)
        notify.tell('READY=1')
        interval = notify.watchdog_interval()
        if interval is not None:
            self._begin('watchdog', lambda: self._watch(interval / 2))
        LOG.info('The agent on %s runs.', self._host)

    def _begin(self, name: str, function: Callable[[], None]) -> None:
        thread = threading.Thread(target=function, name=name, daemon=True)
        thread.start()
        self._threads.append(thread)

    def stop(self) -> None:
        """Take no more requests, and end."""
        notify.tell('STOPPING=1')
        self._stopping.set()
        self._agent.report_soon()
        self._agent.observe_soon()
        if self._follower is not None:
            self._follower.end()
        if self._server is not None:
            self._server.stop()
        for thread in self._threads:
            # A thread that waits for a missing broker ends with the process.
            thread.join(_STOP_SECONDS)
        LOG.info('The agent on %s has stopped.', self._host)

    def _reconcile(self) -> None:
        while not self._stopping.is_set():
            try:
                self._agent.reconcile()
                self._reconciled_at = clock.monotonic()
            except Exception:
                # Boundary of the periodic work: the next time may do.
                LOG.exception('The node could not be looked after.')
            clock.wait(self._stopping, CONF.agent.reconcile_interval)

    def _observe(self) -> None:
        while not self._stopping.is_set():
            self._agent.wants_look.clear()
            try:
                self._agent.observe()
            except Exception:
                # Boundary of the periodic work: the next time may do.
                LOG.exception('The guests could not be looked at.')
            # Many events at once must not keep the node busy.
            clock.wait(self._stopping, _LOOK_SECONDS)
            clock.wait(self._agent.wants_look,
                       CONF.agent.state_interval - _LOOK_SECONDS)

    def _follow_guests(self) -> None:
        """Have the guests looked at as soon as one of them changes."""
        while not self._stopping.is_set() and CONF.agent.libvirt_uri:
            try:
                self._follower = guests.follow()
                if self._stopping.is_set():
                    self._follower.end()
                for _ in self._follower.lines():
                    self._agent.observe_soon()
            except exception.CloudManagerException as exc:
                # The guests are still looked at regularly.
                LOG.debug('Guests cannot be followed: %s', exc)
            except Exception:
                # Boundary of the thread.
                LOG.exception('Guests could not be followed.')
            clock.wait(self._stopping, CONF.agent.state_interval)

    def _serve(self) -> None:
        """Take requests as soon as there is a message bus."""
        while not self._stopping.is_set():
            try:
                rpc.check_broker()
                server = rpc.get_server(rpcapi.TOPIC, self._host,
                                        [Endpoint(self._agent)])
                server.start()
                self._server = server
                self._agent.report_soon()
                return
            except Exception as exc:
                # Boundary: a broker that is starting may cause any error.
                LOG.warning('No requests can be taken yet: %s', exc)
            clock.wait(self._stopping, CONF.agent.heartbeat_interval)

    def _report(self) -> None:
        client = None
        failing = False
        while not self._stopping.is_set():
            self._agent.wants_report.clear()
            try:
                rpc.check_broker()
                if client is None:
                    client = rpc.get_client(rpc.CONDUCTOR_TOPIC, '1.0')
                with rpc.sending():
                    client.prepare(
                        namespace=rpc.AGENTS_NAMESPACE, version='1.0').cast(
                            cm_context.RequestContext(overwrite=False),
                            'report', envelope=self._agent.report())
                failing = False
            except exception.Unavailable as exc:
                if not failing:
                    LOG.warning('Nothing can be reported: %s', exc)
                failing = True
            except Exception:
                # Boundary of the periodic work.
                LOG.exception('Reporting failed.')
            clock.wait(self._agent.wants_report, until_report(
                CONF.agent.heartbeat_interval, clock.timestamp()))

    def _watch(self, interval: float) -> None:
        """Send signs of life to systemd as long as the agent works."""
        while not self._stopping.is_set():
            if self._is_well():
                notify.tell('WATCHDOG=1')
            clock.wait(self._stopping, interval)

    def _is_well(self) -> bool:
        """Tell whether the agent works, its helpers included."""
        most = max(_HUNG_SECONDS,
                   _HUNG_INTERVALS * CONF.agent.reconcile_interval)
        return (clock.monotonic() - self._reconciled_at < most
                and privileged.is_alive())
