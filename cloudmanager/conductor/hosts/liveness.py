# SPDX-License-Identifier: Apache-2.0
"""Telling whether a host is up by what its nova-compute reports to Nova."""

from collections.abc import Callable

from oslo_config import cfg

from cloudmanager.clients import nova_records
from cloudmanager.clients import protocols
from cloudmanager.common import clock
from cloudmanager.common import exception

CONF = cfg.CONF
# Seconds between looks for a heartbeat.
LOOK_SECONDS = 1.0
# How many servers an error names.
MAX_NAMED = 10

Pause = Callable[[float], None]


def silent_for(service: nova_records.Service) -> float | None:
    """Return the seconds since Nova last updated a service, if it ever did.

    Heartbeats update it, but so does disabling it or forcing it down.
    """
    if service.updated_at is None:
        return None
    return (clock.utcnow() - service.updated_at).total_seconds()


def is_up(nova: protocols.Nova, service: nova_records.Service,
          silence: float | None, *, skew: float = 0,
          pause: Pause | None = None) -> bool:
    """Tell whether the nova-compute of a host sends heartbeats.

    Nova shows a service that was forced down as down whatever it does. If
    such a service may have sent a heartbeat lately, wait for the next one.

    :param service: of the host, as Nova shows it now
    :param silence: seconds since its last heartbeat, measured before we
        changed the service
    :param skew: seconds by which Nova's clock and ours may differ
    :param pause: waits some seconds; may raise to end the work
    """
    if not may_be_up(service, silence, skew):
        return False
    return (not service.forced_down
            or sends_heartbeats(nova, service, pause))


def may_be_up(service: nova_records.Service, silence: float | None,
              skew: float) -> bool:
    """Tell whether a nova-compute sends heartbeats, or may do so.

    Parameters are those of ``is_up``, which watches it if need be.
    """
    if not service.forced_down:
        return service.state == 'up'
    return (silence is not None
            and silence <= CONF.host_tasks.heartbeat_silence + skew)


def sends_heartbeats(nova: protocols.Nova, service: nova_records.Service,
                     pause: Pause | None = None) -> bool:
    """Watch a nova-compute for a heartbeat.

    If there is none, this takes ``[host_tasks] heartbeat_silence`` seconds.

    :param service: as Nova has shown it a moment ago
    :param pause: waits some seconds; may raise to end the work
    """
    seen = service.updated_at
    if seen is None:
        return service.state == 'up'
    deadline = clock.monotonic() + CONF.host_tasks.heartbeat_silence
    while (left := deadline - clock.monotonic()) > 0:
        (pause or clock.sleep)(min(LOOK_SECONDS, left))
        found = nova.service(service.host)
        if found is None:
            return False
        if found.updated_at != seen:
            return True
    return False


def refusal(host: str, running: list[str]) -> exception.HostIsUp:
    """Return the error that says that a host is up.

    :param running: names of the servers that run on it
    """
    reason = 'its nova-compute reports'
    if running:
        named = ', '.join(sorted(running)[:MAX_NAMED])
        more = ', ...' if len(running) > MAX_NAMED else ''
        reason += f', and {len(running)} server(s) run: {named}{more}'
    return exception.HostIsUp(host=host, reason=reason)
