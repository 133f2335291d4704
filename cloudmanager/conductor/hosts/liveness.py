# SPDX-License-Identifier: Apache-2.0
"""Whether a host lives, by what its nova-compute tells Nova."""

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
    """Return the seconds since Nova heard of a service, if it ever did.

    Disabling it or forcing it down counts, too.
    """
    if service.updated_at is None:
        return None
    return (clock.utcnow() - service.updated_at).total_seconds()


def is_up(nova: protocols.Nova, service: nova_records.Service,
          silence: float | None, *, skew: float = 0,
          pause: Pause | None = None) -> bool:
    """Tell whether the nova-compute of a host reports.

    One that was forced down reads as down whatever it does. If it may have
    sent a heartbeat lately, the next one is waited for.

    :param service: of the host, as Nova shows it now
    :param silence: seconds that it was silent for before we touched it
    :param skew: seconds that Nova's clock and ours may be apart
    :param pause: waits some seconds; may raise to end the work
    """
    if not service.forced_down:
        return service.state == 'up'
    if silence is None or silence > CONF.host_tasks.heartbeat_silence + skew:
        return False
    return sends_heartbeats(nova, service, pause)


def sends_heartbeats(nova: protocols.Nova, service: nova_records.Service,
                     pause: Pause | None = None) -> bool:
    """Watch a nova-compute for a heartbeat.

    It takes ``[host_tasks] heartbeat_silence`` seconds if there is none.

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
