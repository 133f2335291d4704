# SPDX-License-Identifier: Apache-2.0
"""How conductors speak to the agents on nodes.

Versions of the interface:

* 1.0: carry_out
"""

from collections.abc import Mapping
import dataclasses
import datetime
import functools
from typing import Any
from typing import Protocol

from kombu import exceptions as kombu_exc
from oslo_config import cfg
from oslo_log import log as logging
import oslo_messaging as messaging

from cloudmanager.common import clock
from cloudmanager.common import exception
from cloudmanager.common import rpc
from cloudmanager.common import signing
from cloudmanager.common import texts
from cloudmanager.common.context import RequestContext

CONF = cfg.CONF
LOG = logging.getLogger(__name__)
TOPIC = 'cloudmanager-agent'
RPC_API_VERSION = '1.0'
Json = signing.Json
#: The errors that operations of agents raise.
_ERRORS = (exception.AgentOperationUnknown, exception.CommandFailed,
           exception.Conflict, exception.Invalid, exception.LocksHeld,
           exception.LogicalVolumeNotFound, exception.LogicalVolumeState,
           exception.Misconfigured, exception.NotFound,
           exception.Unavailable, exception.VolumeGroupNotFound)
_MAX_TEXT = 4000


@dataclasses.dataclass(frozen=True)
class Contact:
    """What the control plane knows about the agent on a host.

    :ivar key: the key that signs requests to it
    :ivar keys: the keys with which it may sign, by their ids
    :ivar contact_at: the time of its last message, in UTC
    :ivar operations: the versions of its operations, by name
    """

    host: str
    key: signing.Key
    keys: Mapping[str, bytes] = dataclasses.field(repr=False)
    contact_at: datetime.datetime | None
    operations: Mapping[str, str]


class Contacts(Protocol):
    """Knows the agents that were enrolled."""

    def find(self, context: RequestContext, host: str) -> Contact | None:
        """Return what is known of the agent on a host."""


class AgentAPI:
    """Client side of the agents' interface.

    :param contacts: knows the agents
    """

    def __init__(self, contacts: Contacts) -> None:
        self._contacts = contacts
        self._nonces = signing.Nonces(CONF.agent.message_window)
        self._refusals = signing.Refusals()

    @functools.cached_property
    def _client(self) -> Any:
        return rpc.get_client(TOPIC, RPC_API_VERSION)

    @property
    def refused(self) -> dict[str, int]:
        """How many answers were refused, by reason."""
        return self._refusals.counts

    def call(self, context: RequestContext, host: str, operation: str,
             arguments: dict[str, Json], *,
             timeout: float | None = None) -> Json:
        """Have an agent do something, and return its answer.

        :param host: the host of the agent
        :param operation: its name, such as ``modes.apply``
        :param arguments: JSON-safe values
        :param timeout: seconds; ``[agent] rpc_timeout`` when ``None``
        :raises AgentUnreachable: the agent is not enrolled, has not reported
            lately, or does not answer in time
        :raises AgentOperationUnknown: its version has no such operation
        :raises CloudManagerException: the error of the operation
        """
        contact = self._reachable(context, host)
        if operation not in contact.operations:
            raise exception.AgentOperationUnknown(host=host,
                                                  operation=operation)
        request = self._request(context, contact, operation, arguments)
        verifier = signing.Verifier(
            signing.CONTROL,
            lambda sender: contact.keys if sender == host else {},
            CONF.agent.message_window, self._nonces, self._refusals)
        answer = self._send(context, contact, request,
                            timeout or CONF.agent.rpc_timeout)
        try:
            message = verifier.verify(answer, signing.Kind.ANSWER,
                                      answer_to=request['nonce'])
        except signing.Refused as exc:
            raise unreachable(contact, _why_refused(answer, exc)) from exc
        return _result(host, message.body)

    def tell(self, context: RequestContext, host: str, operation: str,
             arguments: dict[str, Json]) -> None:
        """Have an agent do something, without waiting for it.

        The outcome is in the agent's next report.

        :raises AgentUnreachable: it is not enrolled, or the message could
            not be sent
        """
        contact = self._known(context, host)
        request = self._request(context, contact, operation, arguments)
        try:
            with rpc.sending():
                self._client.prepare(server=host).cast(
                    context, 'carry_out', envelope=request)
        except exception.Unavailable as exc:
            raise unreachable(contact, str(exc)) from exc

    def _known(self, context: RequestContext, host: str) -> Contact:
        contact = self._contacts.find(context, host)
        if contact is None:
            raise exception.AgentUnreachable(
                host=host, reason='no agent was enrolled there',
                last_contact='never')
        return contact

    def _reachable(self, context: RequestContext, host: str) -> Contact:
        """Return what is known of an agent that has reported lately."""
        contact = self._known(context, host)
        if contact.contact_at is None:
            raise unreachable(contact, 'it has never reported')
        silent = clock.seconds_since(contact.contact_at)
        if silent > CONF.agent.heartbeat_timeout:
            raise unreachable(
                contact, f'it has not reported for {silent:.0f} s')
        return contact

    @staticmethod
    def _request(context: RequestContext, contact: Contact, operation: str,
                 arguments: dict[str, Json]) -> signing.Envelope:
        return signing.sign(
            contact.key, signing.Kind.REQUEST, signing.CONTROL, contact.host,
            {'operation': operation, 'arguments': arguments,
             'request_id': context.global_request_id or context.request_id})

    def _send(self, context: RequestContext, contact: Contact,
              request: signing.Envelope, timeout: float) -> Any:
        """Send a request; return the answer, which anybody may have sent."""
        try:
            rpc.check_broker()
            return self._client.prepare(
                server=contact.host, timeout=timeout).call(
                    context, 'carry_out', envelope=request)
        except messaging.MessagingTimeout as exc:
            raise unreachable(
                contact, f'it did not answer within {timeout:g} s') from exc
        except (messaging.MessageDeliveryFailure, kombu_exc.KombuError,
                exception.Unavailable) as exc:
            raise unreachable(
                contact, 'no message broker can be reached') from exc
        except Exception as exc:
            # An error on the bus has no signature: anybody can have sent it,
            # and it can be of any class.
            LOG.warning('The agent on %(host)s answered with an unsigned '
                        'error: %(kind)s.', {
                            'host': contact.host,
                            'kind': type(exc).__name__})
            raise unreachable(contact, 'its answer was not signed') from exc


def unreachable(contact: Contact,
                reason: str) -> exception.AgentUnreachable:
    """Return the error that says that an agent cannot be reached."""
    return exception.AgentUnreachable(
        host=contact.host, reason=reason,
        last_contact=clock.isoformat(contact.contact_at) or 'never')


def _why_refused(answer: Any, refused: signing.Refused) -> str:
    """Return why there is no answer that can be trusted.

    An agent that refuses a request says so without a signature. That cannot be
    trusted either, but it tells the operator where to look.
    """
    said = answer.get('refused') if isinstance(answer, dict) else None
    if said == signing.Refusal.OLD:
        return ('it seems to find requests too old: compare the clocks of '
                'both machines')
    if isinstance(said, str) and said in set(map(str, signing.Refusal)):
        return f'it seems to refuse requests: {said}; enrol it again'
    return f'its answer is refused: {refused.refusal}'


def _result(host: str, body: Json) -> Json:
    """Return what an operation returned.

    :raises CloudManagerException: the error of the operation
    :raises Unavailable: the answer is neither a result nor an error
    """
    if isinstance(body, dict):
        error, result = body.get('error'), body.get('result')
        if error is None and isinstance(result, (dict, list)):
            return result
        if isinstance(error, dict) and isinstance(error.get('text'), str):
            raise _error(error)
    raise exception.Unavailable(
        reason=f'The agent on host {host} did not answer as agents do.')


def _error(told: dict[str, Json]) -> exception.CloudManagerException:
    """Return the error that an agent has told of.

    An agent must not have a conductor act on errors that only the conductor
    itself can find, such as the loss of a task.
    """
    text = texts.printable(told['text'], _MAX_TEXT).strip()
    kind = next((kind for kind in _ERRORS
                 if kind.__name__ == told.get('class')),
                exception.Unavailable)
    values = told.get('arguments')
    return kind(text or 'The agent tells no reason.', **{
        name: value for name, value in values.items()
        if name not in ('self', 'message')}
        if isinstance(values, dict) else {})
