# SPDX-License-Identifier: Apache-2.0
"""The message bus: transport, serializer, client and server."""

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
import contextlib
import contextvars
import functools
import socket
from typing import Any
from typing import ParamSpec
from typing import Protocol
from typing import TypeVar

from kombu import exceptions as kombu_exc
from oslo_config import cfg
from oslo_log import log as logging
import oslo_messaging as messaging
from oslo_messaging.rpc import dispatcher
from oslo_messaging.rpc import server as rpc_server

from cloudmanager.common import context as cm_context
from cloudmanager.common import exception
from cloudmanager.common import memory_bus
from cloudmanager.common import patience
from cloudmanager.common.json_types import JsonObject

CONF = cfg.CONF
P = ParamSpec('P')
T = TypeVar('T')
LOG = logging.getLogger(__name__)
AMQP_PORT = 5672
CONNECT_SECONDS = 3
# Attempts besides the first to reach a broker. The libraries would try for
# ever, while a user waits.
SEND_RETRIES = 1
CONDUCTOR_TOPIC = 'cloudmanager-conductor'
# Of what conductors do for boot files.
PXE_NAMESPACE = 'pxe'
# Of what agents on nodes report to conductors.
AGENTS_NAMESPACE = 'agents'
ALLOWED_REMOTE_EXMODS = ['cloudmanager.common.exception',
                         'cloudmanager.domain.power_types',
                         'cloudmanager.power.exceptions']

_TRANSPORT: messaging.Transport | None = None
_URL: str | None = None
_redelivered = contextvars.ContextVar('redelivered', default=False)


class ContextSerializer(messaging.NoOpSerializer):
    """Carries the request context over the bus."""

    def serialize_context(self, context: cm_context.RequestContext
                          ) -> JsonObject:
        found: JsonObject = context.to_dict()
        return found

    def deserialize_context(
            self, context: JsonObject) -> cm_context.RequestContext:
        return cm_context.RequestContext.from_dict(context)


def answers_errors(function: Callable[P, T]) -> Callable[P, T]:
    """Let the caller of an endpoint's method have our errors as they are.

    The caller waits, so the method gives up early, see ``patience``.
    """
    @functools.wraps(function)
    def answer(*args: P.args, **kwargs: P.kwargs) -> T:
        with patience.awaited():
            return function(*args, **kwargs)

    made: Callable[P, T] = messaging.expected_exceptions(
        exception.CloudManagerException)(answer)
    return made


def init(url: str | None = None) -> messaging.Transport:
    """Open the transport of this process, once.

    :param url: instead of ``[DEFAULT] transport_url``
    """
    global _TRANSPORT, _URL
    if _TRANSPORT is None:
        _URL = url
        memory_bus.register()
        memory_bus.hurry(False)
        _TRANSPORT = messaging.get_rpc_transport(
            CONF, url=url, allowed_remote_exmods=ALLOWED_REMOTE_EXMODS)
    return _TRANSPORT


def configured_url() -> str | None:
    """Return the URL of the message bus that somebody has configured."""
    # Also registers the option.
    found = messaging.TransportURL.parse(CONF)
    place = CONF.get_location('transport_url')
    if place is None or not place.location.is_user_controlled:
        return None
    return str(found)


def brokers() -> list[tuple[str, int]]:
    """Return the addresses of the brokers; none for a bus in memory."""
    found = messaging.TransportURL.parse(CONF, _URL)
    return [(host.hostname, host.port or AMQP_PORT)
            for host in found.hosts if host.hostname]


def check_broker() -> None:
    """Check that a broker accepts connections, if one is needed.

    :raises Unavailable: none does
    """
    places = brokers()
    for place in places:
        try:
            with socket.create_connection(place, CONNECT_SECONDS):
                return
        except OSError as exc:
            LOG.warning('A message broker does not answer: %s', exc)
    if places:
        raise exception.Unavailable(
            reason='No message broker can be reached.')


def cleanup() -> None:
    """Close the transport, at the end of a process or a test."""
    global _TRANSPORT, _URL
    if _TRANSPORT is not None:
        memory_bus.hurry()
        _TRANSPORT.cleanup()
        _TRANSPORT = _URL = None


def get_client(topic: str, version: str) -> messaging.RPCClient:
    """Return a client of the current version of a topic's interface."""
    target = messaging.Target(topic=topic, version=version)
    return messaging.get_rpc_client(init(), target, retry=SEND_RETRIES,
                                    serializer=ContextSerializer())


@contextlib.contextmanager
def sending() -> Iterator[None]:
    """Tell in one way that a message did not get through.

    oslo.messaging lets errors of kombu through while it connects.

    :raises Unavailable: no broker took it, or nobody answered in time
    """
    try:
        yield
    except messaging.MessagingTimeout as exc:
        raise exception.Unavailable(
            reason='No conductor answered in time.') from exc
    except (messaging.MessageDeliveryFailure,
            kombu_exc.KombuError) as exc:
        raise exception.Unavailable(
            reason='No message broker can be reached.') from exc


class _Incoming(Protocol):
    """A message as oslo.messaging hands it over."""

    message: Mapping[str, object]


class _Dispatcher(messaging.RPCDispatcher):
    """Remembers of each message whether it is delivered again."""

    def dispatch(self, incoming: _Incoming) -> Any:
        # oslo.messaging has no name for this; other drivers do not know it.
        raw = getattr(incoming.message, '_raw_message', None)
        info = getattr(raw, 'delivery_info', None) or {}
        _redelivered.set(bool(info.get('redelivered')))
        return super().dispatch(incoming)


def noted_at_once(function: Callable[P, T]) -> Callable[P, T]:
    """Let an endpoint's method take messages that nobody waits for at once.

    The thread that receives messages calls it, which spares the way to
    another thread. So it must return at once, whatever the message is: it
    may note what came, but not use the database or the bus.
    """
    function.noted_at_once = True  # type: ignore[attr-defined]
    return function


def _namespace(endpoint: object) -> str | None:
    found: str | None = getattr(endpoint, 'target',
                                messaging.Target()).namespace
    return found


class _Server(rpc_server.RPCServer):
    """A server with methods that are called at once."""

    def __init__(self, transport: messaging.Transport,
                 target: messaging.Target, endpoints: list[object]) -> None:
        super().__init__(transport, target, _Dispatcher(
            endpoints, ContextSerializer(),
            dispatcher.DefaultRPCAccessPolicy))
        # No set: what strangers send as names may have no hash.
        self._at_once = [
            (_namespace(endpoint), name)
            for endpoint in endpoints for name in dir(endpoint)
            if hasattr(getattr(endpoint, name), 'noted_at_once')]

    def _on_incoming(self, incoming: list[_Incoming]) -> None:
        (one,) = incoming
        called = one.message.get('namespace'), one.message.get('method')
        # An answer, which a message with an id gets, may have to wait for its
        # way back. Drivers that do not tell the id here are not ours.
        if called in self._at_once and not getattr(one, 'orig_msg_id', True):
            self._process_incoming(incoming)
        else:
            super()._on_incoming(incoming)



def is_redelivered() -> bool:
    """Tell whether the message that this thread handles may have come before.

    A broker delivers a message again when the connection over which it did so
    first has ended before the broker saw the acknowledgement.
    """
    return _redelivered.get()


def get_server(topic: str, host: str, endpoints: list[object]
               ) -> messaging.MessageHandlingServer:
    """Return a server that answers on the topic and on ``topic.host``."""
    target = messaging.Target(topic=topic, server=host)
    return _Server(init(), target, endpoints)
