# SPDX-License-Identifier: Apache-2.0
"""Requests to a Redfish service, in a session or with the password.

Source: DMTF DSP0266, the Redfish specification. A session that has ended is
begun anew, once in a call.
"""

import base64
from collections.abc import Mapping
import contextlib
import json
import logging as std_logging
import re
import time
from typing import Any
from urllib import parse

import requests
from requests import auth as requests_auth
from sushy import connector as sushy_connector
from sushy import exceptions as sushy_exc

from cloudmanager.common.json_types import JsonObject
from cloudmanager.power import exceptions
from cloudmanager.power import web
from cloudmanager.power import wording
from cloudmanager.power.redfish import session

ROOT = '/redfish/v1/'
_LIST = f'{ROOT}SessionService/Sessions'
_LONGEST_TOKEN = 4096
_SESSION, _BASIC, _AUTO = 'session', 'basic', 'auto'
# Without a list of sessions there are none.
_NO_SESSIONS = (404, 405, 501)

_BUSY_STATUSES = (408, 409, 423, 429, 502, 503, 504)
# What the message registry Base says, whatever version of it.
_BUSY = ('ServiceInUnknownState', 'ServiceTemporarilyUnavailable',
         'ServiceShuttingDown', 'OperationTimeout', 'ResourceInUse',
         'ResourceInStandby', 'SessionLimitExceeded',
         'ResourceExhaustion', 'ConditionInRelatedResource')
_UNSUPPORTED = ('ActionNotSupported', 'ActionParameterNotSupported',
                'ActionParameterValueNotInList', 'PropertyValueNotInList',
                'PropertyNotWritable')
_CREDENTIALS = ('InsufficientPrivilege', 'ResourceAtUriUnauthorized',
                'NoValidSession', 'AccessDenied')

# How vendors put it that there are as many sessions as there may be.
_FULL = re.compile('session.*(limit|max|exceed|exhaust|full|too many)|'
                   '(limit|max|exceed|exhaust|too many|no more).*session',
                   re.IGNORECASE | re.DOTALL)

# sushy writes bodies, headers and whatever devices say into its log. None of
# it may get into ours; what matters is in the errors.
_sushy_log = std_logging.getLogger('sushy')
_sushy_log.addHandler(std_logging.NullHandler())
_sushy_log.propagate = False


class Connector(sushy_connector.Connector):   # type: ignore[misc]
    """Sends what sushy wants to be sent, within the limits of a client.

    Of the one of sushy only what calls ``_op`` is left: that has other
    ideas of how often to try, how long to sleep, and what to log.

    :param what: names the call in errors
    :param mode: one of the values of option ``auth``
    """

    def __init__(self, client: web.Client,
                 sessions: session.Sessions, what: str,
                 mode: str) -> None:
        self.device = client.device
        self.what = what
        self._client = client
        self._sessions = sessions
        self._mode = mode
        # Whether a session was begun in this call; one must be enough.
        self._has_begun = False
        # What the password is sent in place of, for want of a session.
        self._waiting: session.Wait | None = None
        self._root: JsonObject | None = None

    def close(self) -> None:
        """Do nothing: the client is closed by whoever opened it."""

    @property
    def left(self) -> float:
        """Return the seconds left; 0 when there are none."""
        return max(0.0, self._client.limits.deadline - time.monotonic())

    def root(self) -> JsonObject:
        """Return the root of the service.

        :raises PowerError: it could not be read
        """
        if self._root is None:
            self._root = self.get_json(ROOT)
        return self._root

    def path(self, link: object) -> str:
        """Return the path that a link means.

        :raises PowerProtocol: it leads to another host
        """
        return self._client.path_of(self.what, link, ROOT)

    def get_json(self, path: object) -> JsonObject:
        """Return what a resource consists of.

        :param path: link to it
        :raises ResourceNotFoundError: of sushy: it is not there
        :raises PowerError: it could not be read
        """
        return self._object(self._op('GET', path))

    def _op(self, method: str, path: object = '', data: Any = None,
            headers: Mapping[str, str] | None = None,
            **ignored: Any) -> requests.Response:
        """Send a request and return the answer if it is a good one.

        :raises HTTPError: of sushy, for what it knows how to deal with
        :raises PowerError: it failed
        """
        path = self.path(path)
        values = {'Accept': 'application/json', 'OData-Version': '4.0',
                  **(headers or {})}
        body = None
        if data is not None:
            values['Content-Type'] = 'application/json'
            body = json.dumps(data).encode()
        answer = self._authorized(method, path, values, body)
        if answer.status_code in (404, 412):
            sushy_exc.raise_for_response(method, path, answer)
        if answer.status_code >= 300:
            raise self._error(answer)
        return answer

    def _authorized(self, method: str, path: str,
                    headers: Mapping[str, str],
                    body: bytes | None) -> requests.Response:
        kept = self._session()
        answer = self._send(kept, method, path, headers, body)
        if answer.status_code == 401 and kept.token is None:
            self._refuse_password()
        if (answer.status_code != 401 or kept.token is None
                or self._has_begun):
            return answer
        # The device has ended the session, and not done what was asked.
        self._sessions.forget(self.device)
        return self._send(self._session(), method, path, headers, body)

    def _send(self, kept: session.Kept, method: str, path: str,
              headers: Mapping[str, str],
              body: bytes | None) -> requests.Response:
        kept.used = time.monotonic()
        if kept.token is not None:
            return self._client.request(
                self.what, method, path, body=body,
                headers={**headers, 'X-Auth-Token': kept.token})
        return self._client.request(
            self.what, method, path, headers=headers, body=body,
            auth=requests_auth.HTTPBasicAuth(
                (self.device.login or '').encode(),
                (self.device.password or '').encode()))

    def _session(self) -> session.Kept:
        """Return the session to use; begin one if there is none."""
        owner = self._sessions.owner(self.device)
        if self._mode == _BASIC:
            return self._kept(owner, None, None)
        kept = self._sessions.get(self.device)
        if kept is not None and kept.owner == owner:
            # What was found out for "auto" does not do for "session".
            if kept.token is not None or self._mode == _AUTO:
                return kept
        elif kept is not None:
            self._sessions.forget(self.device)
            # The password was changed; the device may have ended it too.
            with contextlib.suppress(exceptions.PowerError):
                session.end(kept)
        wait = self._sessions.wait(self.device)
        if wait is None:
            self._has_begun = True
            try:
                kept = self._log_in(owner)
            except exceptions.PowerNoSession as exc:
                wait = self._sessions.begin_wait(self.device,
                                                 exc.kwargs['reason'])
            else:
                self._sessions.keep(kept)
                return kept
        if self._mode == _SESSION or not wait.takes_password:
            raise self._no_session(wait.reason)
        # Not kept: a session is better, as soon as there is room for it.
        self._waiting = wait
        return self._kept(owner, None, None)

    def _no_session(self, reason: str) -> exceptions.PowerError:
        return exceptions.PowerNoSession(device=self.device, reason=reason)

    def _refuse_password(self) -> None:
        """Let a password that was sent in place of a login count for little.

        :raises PowerNoSession: it was; whether it is wrong, or not taken in
            requests, nobody knows
        """
        if self._waiting is not None:
            self._waiting.takes_password = False
            raise self._no_session(self._waiting.reason)

    def _log_in(self, owner: bytes) -> session.Kept:
        """Begin a session.

        :raises PowerError: the device did not let us in
        """
        path = self._list()
        if path is None and self._mode == _AUTO:
            return self._kept(owner, None, None)
        body = json.dumps({'UserName': self.device.login,
                           'Password': self.device.password}).encode()
        answer = self._client.request(
            self.what, 'POST', path or _LIST, body=body,
            headers={'Content-Type': 'application/json',
                     'OData-Version': '4.0'})
        if answer.status_code in _NO_SESSIONS:
            if self._mode == _SESSION:
                raise exceptions.PowerUnsupported(device=self.device,
                                                  request='sessions')
            return self._kept(owner, None, None)
        if answer.status_code >= 300:
            raise self._login_error(answer)
        token = answer.headers.get('X-Auth-Token', '')
        if not token.isascii() or not 0 < len(token) <= _LONGEST_TOKEN:
            raise exceptions.PowerProtocol(device=self.device,
                                           request='the login',
                                           reason='no token')
        return self._kept(owner, token, self._location(answer))

    def _kept(self, owner: bytes, token: str | None,
              path: str | None) -> session.Kept:
        return session.Kept(self.device, token, path, owner,
                                    time.monotonic())

    def _list(self) -> str | None:
        """Return where sessions are begun, which all may read.

        ``None`` if it is not told. If nobody may read it, a server before
        the service asks for the password in each request.
        """
        answer = self._client.request(self.what, 'GET', ROOT,
                                      headers={'OData-Version': '4.0'})
        if answer.status_code == 401:
            return None
        if answer.status_code >= 300:
            raise self._error(answer)
        links = self._object(answer).get('Links')
        sessions = links.get('Sessions') if isinstance(links, dict) else None
        if not isinstance(sessions, dict):
            return None
        return self.path(sessions.get('@odata.id'))

    def _location(self, answer: requests.Response) -> str | None:
        """Return the path of a session that was begun.

        Devices like to name themselves in it as only they know themselves.
        """
        found = answer.headers.get('Location')
        if not found:
            with contextlib.suppress(exceptions.PowerProtocol):
                found = self._object(answer).get('@odata.id')
        if not isinstance(found, str):
            return None
        try:
            path = parse.urlsplit(found).path
        except ValueError:
            return None
        return path if path.startswith('/') else None

    def _object(self, answer: requests.Response) -> JsonObject:
        try:
            found = answer.json()
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise exceptions.PowerProtocol(device=self.device,
                                           request=self.what,
                                           reason='no JSON object')
        return found

    def _login_error(self,
                     answer: requests.Response) -> exceptions.PowerError:
        """Return the error that the answer to a login means."""
        error = self._error(answer)
        ids, text = _messages(answer)
        if isinstance(error, exceptions.PowerBusy) or _FULL.search(
                f'{" ".join(ids)}\n{text}'):
            return self._no_session(self._said(answer))
        return error

    def _said(self, answer: requests.Response) -> str:
        """Return status and words of an answer, without secrets."""
        _, text = _messages(answer)
        kept = self._sessions.get(self.device)
        said = wording.quote(
            self.device, text, kept.token if kept is not None else None,
            base64.b64encode(f'{self.device.login}:{self.device.password}'
                             .encode()).decode())
        return f'HTTP status {answer.status_code}, {said}'

    def _error(self, answer: requests.Response) -> exceptions.PowerError:
        """Return the error that an answer means."""
        ids, _ = _messages(answer)
        status, reason = answer.status_code, self._said(answer)

        def has(names: tuple[str, ...]) -> bool:
            return any(each in names for each in ids)

        if status in _BUSY_STATUSES or has(_BUSY):
            return exceptions.PowerBusy(f'{self.device} is busy: {reason}',
                                        device=self.device)
        if status in (401, 403) or has(_CREDENTIALS):
            return exceptions.PowerCredentials(device=self.device)
        if status in (405, 501) or has(_UNSUPPORTED):
            return exceptions.PowerUnsupported(device=self.device,
                                               request=self.what)
        return exceptions.PowerRefused(device=self.device,
                                       request=self.what, reason=reason)


def _messages(answer: requests.Response) -> tuple[list[str], object]:
    """Return the names of the messages of an error, and the text of one."""
    try:
        error = answer.json()['error']
        details = error.get('@Message.ExtendedInfo') or []
        found = [each for each in details if isinstance(each, dict)]
        texts = [each.get('Message') for each in found]
        return ([str(each.get('MessageId', '')).rpartition('.')[2]
                 for each in [*found, {'MessageId': error.get('code')}]],
                next(filter(None, texts), error.get('message')))
    # Whatever a device that fails puts there.
    except (ValueError, TypeError, KeyError, AttributeError,
            RecursionError):
        return [], None
