# SPDX-License-Identifier: Apache-2.0
"""A Redfish service, with sessions and what else DSP0266 asks for."""

import base64
import json
import threading
import time

import fixtures

from cloudmanager.tests.unit.power import peers

ROOT = '/redfish/v1'
SESSIONS = f'{ROOT}/SessionService/Sessions'
_RESETS = {'On': 'On', 'ForceOn': 'On', 'ForceOff': 'Off',
           'GracefulShutdown': 'Off', 'ForceRestart': 'On',
           'PowerCycle': 'On'}


def error(message_id, text='something', **more):
    """Return the body of an error."""
    return {'error': {
        'code': 'Base.1.8.GeneralError', 'message': 'A general error.',
        '@Message.ExtendedInfo': [{
            'MessageId': f'Base.1.8.{message_id}', 'Message': text,
            'Severity': 'Critical', **more}]}}


class Service(fixtures.Fixture):
    """The service; its state is in attributes.

    :ivar power: state of each system, by its id
    :ivar sessions: path of each session that is open, by its token
    :ivar has_sessions: whether there is a service of sessions
    :ivar takes_basic: whether passwords are taken in requests
    :ivar most_sessions: how many there may be
    :ivar delay: seconds until a reset takes effect
    :ivar resets: what may be asked for; None if it does not tell
    :ivar more: further resources, by path; None is for one that is not there
    :ivar hook: gets a request before all else; returns an answer or None
    :ivar asked: resets that were asked for, with the system
    """

    def __init__(self, password, user='admin', context=None):
        super().__init__()
        self.user, self.password = user, password
        self.power = {'1': 'On'}
        self.sessions = {}
        self.has_sessions = self.takes_basic = True
        self.most_sessions = 4
        self.delay = 0.0
        self.resets = list(_RESETS)
        self.boot = {'BootSourceOverrideEnabled': 'Disabled',
                     'BootSourceOverrideTarget': 'None',
                     'BootSourceOverrideTarget@Redfish.AllowableValues':
                     ['None', 'Pxe', 'Hdd', 'Cd', 'BiosSetup']}
        self.etag = 'W/"1"'
        self.more = {}
        self.hook = None
        self.asked = []
        self.logins = 0
        self._context = context
        self._pending = []
        self._lock = threading.Lock()

    def _setUp(self):
        self._peer = self.useFixture(peers.HTTPPeer(self._answer,
                                                    self._context))
        self.port = self._peer.port

    @property
    def requests(self):
        return self._peer.asked

    @property
    def seen(self):
        return self._peer.seen

    def _answer(self, request):
        if self.hook is not None:
            found = self.hook(request)
            if found is not None:
                return _encoded(*found)
        with self._lock:
            path = request.path.rstrip('/')
            found = self._public(request, path)
            if found is None and not self._is_authorized(request):
                found = 401, {}, error('NoValidSession')
            if found is None:
                found = self._private(request, path)
        return _encoded(*found)

    def _public(self, request, path):
        if request.command == 'GET' and path == ROOT:
            return 200, {}, {
                '@odata.id': f'{ROOT}/', 'Id': 'RootService',
                'Systems': {'@odata.id': f'{ROOT}/Systems'},
                'Chassis': {'@odata.id': f'{ROOT}/Chassis'},
                'Managers': {'@odata.id': f'{ROOT}/Managers'},
                'Links': {'Sessions': {'@odata.id': SESSIONS}},
                **self.more.get(ROOT, {})}
        if request.command == 'POST' and path == SESSIONS:
            return self._log_in(json.loads(request.body))
        return None

    def _log_in(self, body):
        if not self.has_sessions:
            return 404, {}, error('ResourceMissingAtURI')
        self.logins += 1
        if body != {'UserName': self.user, 'Password': self.password}:
            return 401, {}, error('ResourceAtUriUnauthorized')
        if len(self.sessions) >= self.most_sessions:
            return 503, {}, error('SessionLimitExceeded')
        token = f'token-{self.logins}'
        self.sessions[token] = f'{SESSIONS}/{self.logins}'
        return 201, {'X-Auth-Token': token, 'Location':
                     f'https://bmc.internal{self.sessions[token]}'}, {}

    def _is_authorized(self, request):
        if 'X-Auth-Token' in request.headers:
            return request.headers['X-Auth-Token'] in self.sessions
        basic = base64.b64encode(
            f'{self.user}:{self.password}'.encode()).decode()
        return self.takes_basic and request.headers.get(
            'Authorization') == f'Basic {basic}'

    def _private(self, request, path):
        if path.split('?')[0].rstrip('/') in self.more:
            found = self.more.get(path, self.more.get(path.split('?')[0]))
            if found is None:
                return 404, {}, error('ResourceMissingAtURI')
            return 200, {}, found
        if request.command == 'DELETE' and path in self.sessions.values():
            self.sessions = {token: each for token, each
                             in self.sessions.items() if each != path}
            return 204, {}, {}
        if path == f'{ROOT}/Systems':
            return 200, {}, {'Members': [
                {'@odata.id': f'{path}/{name}'} for name in self.power]}
        parts = path.removeprefix(f'{ROOT}/Systems/').split('/', 1)
        if parts[0] not in self.power:
            return 404, {}, error('ResourceMissingAtURI')
        if request.command == 'GET':
            return 200, {'ETag': self.etag}, self._system(*parts)
        if request.command == 'PATCH':
            return self._set_boot(request)
        return self._reset(parts[0], json.loads(request.body)['ResetType'])

    def _settle(self):
        for due in list(self._pending):
            if time.monotonic() >= due[0]:
                self.power[due[1]] = due[2]
                self._pending.remove(due)

    def _system(self, name):
        self._settle()
        path = f'{ROOT}/Systems/{name}'
        action = {'target': f'{path}/Actions/ComputerSystem.Reset'}
        if self.resets is not None:
            action['ResetType@Redfish.AllowableValues'] = self.resets
        return {'@odata.id': path, 'Id': name, 'Name': 'a machine',
                'PowerState': self.power[name], 'Boot': self.boot,
                'Actions': {'#ComputerSystem.Reset': action},
                **self.more.get(f'system {name}', {})}

    def _set_boot(self, request):
        if request.headers.get('If-Match') != self.etag.removeprefix('W/'):
            return 412, {}, error('PreconditionFailed')
        self.boot.update(json.loads(request.body)['Boot'])
        return 204, {}, {}

    def _reset(self, name, kind):
        self._settle()
        self.asked.append((name, kind))
        if self.resets is not None and kind not in self.resets:
            return 400, {}, error('ActionParameterValueNotInList')
        self._pending.append((time.monotonic() + self.delay, name,
                              _RESETS[kind]))
        self._settle()
        return 204, {}, {}


def _encoded(status, headers, body):
    if isinstance(body, bytes):
        return status, headers, body
    return (status, {'Content-Type': 'application/json', **headers},
            json.dumps(body).encode() if body != {} else b'')
