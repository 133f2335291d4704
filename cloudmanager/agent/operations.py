# SPDX-License-Identifier: Apache-2.0
"""The operations that the control plane may request, by name."""

from collections.abc import Callable
import dataclasses
import inspect
from typing import Protocol

from oslo_log import log as logging

from cloudmanager.common import exception
from cloudmanager.common import signing
from cloudmanager.common.json_types import JsonObject

LOG = logging.getLogger(__name__)
Json = signing.Json
#: The text of an unexpected error in an answer.
INTERNAL = 'The agent failed; its log tells why.'


class Agent(Protocol):
    """An agent; each operation says what more it needs of it.

    :ivar host: name of its node on the message bus
    """

    host: str


@dataclasses.dataclass(frozen=True)
class Operation:
    """Something that an agent can do.

    :ivar version: grows with its arguments and results
    """

    function: Callable[..., Json]
    version: str


_OPERATIONS: dict[str, Operation] = {}


def operation(name: str, version: str
              ) -> Callable[[Callable[..., Json]], Callable[..., Json]]:
    """Register a function as an operation.

    The function takes the agent, and the arguments of the request by their
    names. It must return within ``[agent] rpc_timeout``. Work that takes
    longer is begun by one operation, and its result is read by another.
    """
    def register(function: Callable[..., Json]) -> Callable[..., Json]:
        if name in _OPERATIONS:
            raise ValueError(f'operation {name} is there twice')
        _OPERATIONS[name] = Operation(function, version)
        return function
    return register


def versions() -> dict[str, str]:
    """Return the versions of all operations by their names."""
    return {name: found.version
            for name, found in sorted(_OPERATIONS.items())}


def _call(agent: Agent, body: Json) -> Json:
    """Carry out a request.

    :raises Invalid: its arguments are wrong
    """
    name, arguments = body.get('operation'), body.get('arguments')
    found = _OPERATIONS.get(name) if isinstance(name, str) else None
    if found is None:
        raise exception.AgentOperationUnknown(host=agent.host,
                                              operation=str(name)[:64])
    if not isinstance(arguments, dict):
        raise exception.Invalid(reason='arguments must be an object')
    try:
        inspect.signature(found.function).bind(agent, **arguments)
    except TypeError as exc:
        raise exception.Invalid(
            reason=f'Operation {name}: {exc}') from exc
    return found.function(agent, **arguments)


def _error(kind: str, text: str, arguments: JsonObject) -> Json:
    return {'error': {'class': kind, 'text': text, 'arguments': arguments}}


def carry_out(agent: Agent, body: Json) -> Json:
    """Carry out a request whose signature was verified.

    :returns: the body of the answer: the result, or the error
    """
    LOG.info('Operation %(name)s is asked for in request %(request)s.', {
        'name': body.get('operation'), 'request': body.get('request_id')})
    try:
        return {'result': _call(agent, body)}
    except exception.CloudManagerException as exc:
        return _error(type(exc).__name__, exc.message, exc.kwargs)
    except Exception:
        # Boundary of the process: the other side must get an answer, but
        # details stay in this log.
        LOG.exception('Operation %s failed.', body.get('operation'))
        return _error('', INTERNAL, {})
