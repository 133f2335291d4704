# SPDX-License-Identifier: Apache-2.0
"""A machine with Intel AMT, as far as its documents tell how it behaves.

It shares no code with the driver: HTTP digest after RFC 7616, messages
after DSP0226 with the parser of the standard library, power states after
DSP1027 and the implementation guide of Intel. Which requests it refuses in
which state is in ``_ACCEPTED``; that a session of redirection makes it
refuse to switch off, but not to reset, is in the guide and in reports of
users. Other clients than ours are used on it in the integration tests.
"""

import hashlib
import os
import re
import threading
import time
from xml.etree import ElementTree

import fixtures

from cloudmanager.tests.unit.power import peers

CIM = 'http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/'
SOAP = 'http://www.w3.org/2003/05/soap-envelope'
ADDRESSING = 'http://schemas.xmlsoap.org/ws/2004/08/addressing'
WSMAN = 'http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd'
TRANSFER = 'http://schemas.xmlsoap.org/ws/2004/09/transfer/'
ENUMERATION = 'http://schemas.xmlsoap.org/ws/2004/09/enumeration'
REALM = 'Digest:A4070000000000000000000000000000'

ON, SLEEP, CYCLE, HIBERNATE, OFF, RESET = 2, 4, 5, 7, 8, 10
GRACEFUL_OFF, GRACEFUL_RESET = 12, 14
# By present state: what is accepted, and what comes of it.
_ACCEPTED = {
    ON: {ON: ON, CYCLE: ON, OFF: OFF, RESET: ON},
    SLEEP: {ON: ON, CYCLE: ON, OFF: OFF, RESET: ON},
    HIBERNATE: {ON: ON, OFF: OFF},
    OFF: {ON: ON},
}
# What takes an agent in an operating system that runs.
_WITH_AGENT = {GRACEFUL_OFF: OFF, GRACEFUL_RESET: ON, SLEEP: SLEEP,
               HIBERNATE: HIBERNATE}
_SELECTORS = {
    'CIM_PowerManagementService': {
        'Name': 'Intel(r) AMT Power Management Service'},
    'CIM_BootConfigSetting': {
        'InstanceID': 'Intel(r) AMT: Boot Configuration 0'},
    'CIM_BootService': {'Name': 'Intel(r) AMT Boot Service'},
}
_SUCCESS, _NOT_NOW, _INVALID = 0, 2, 5

_ANSWER = f'''<?xml version="1.0" encoding="UTF-8"?>
<a:Envelope xmlns:a="{SOAP}" xmlns:b="{ADDRESSING}" xmlns:c="{WSMAN}">
<a:Header><b:To>{ADDRESSING}/role/anonymous</b:To>
<b:RelatesTo>%(id)s</b:RelatesTo>
<b:Action a:mustUnderstand="true">%(action)s</b:Action>
<b:MessageID>uuid:00000000-8086-8086-8086-000000000001</b:MessageID>
<c:ResourceURI>%(resource)s</c:ResourceURI></a:Header>
<a:Body>%(body)s</a:Body></a:Envelope>'''


class _Fault(Exception):

    def __init__(self, status, code, reason):
        super().__init__(code)
        self.status = status
        self.body = (
            f'<a:Fault><a:Code><a:Value>a:Sender</a:Value><a:Subcode>'
            f'<a:Value>c:{code}</a:Value></a:Subcode></a:Code><a:Reason>'
            f'<a:Text xml:lang="en-US">{reason}</a:Text></a:Reason>'
            f'</a:Fault>')


class AMT(fixtures.Fixture):
    """The machine and its AMT.

    :ivar power: state in which it is
    :ivar agent: whether graceful requests can be carried out
    :ivar tells: whether it tells which states may be asked for
    :ivar hangs: whether its operating system ignores what it is asked
    :ivar delay: seconds until a change takes effect; None is never
    :ivar redirection: whether a session of SOL, IDE-R or KVM is open
    :ivar values: values to return instead, one for each request to come
    :ivar asked: power states that were asked for
    """

    def __init__(self, password, user='admin', context=None):
        super().__init__()
        self.user, self.password = user, password
        self.power = ON
        self.agent = True
        self.tells = True
        self.delay = 0.0
        self.hangs = False
        self.redirection = False
        self.values = []
        self.asked = []
        self.boot_source = self.boot_once = None
        self._context = context
        self._nonces = {}
        self._pending = None
        self._lock = threading.Lock()

    def _setUp(self):
        self._peer = self.useFixture(peers.HTTPPeer(self._answer,
                                                    self._context))
        self.port = self._peer.port

    @property
    def seen(self):
        return self._peer.seen

    @property
    def state(self):
        """Return the power state of this moment."""
        with self._lock:
            return self._settle()

    def _settle(self):
        if self._pending and time.monotonic() >= self._pending[0]:
            self.power, self._pending = self._pending[1], None
        return self.power

    # HTTP

    def _answer(self, request):
        if request.command != 'POST' or request.path != '/wsman':
            return 404, {}, b''
        with self._lock:
            if not self._is_authorized(request):
                nonce = os.urandom(16).hex()
                self._nonces[nonce] = 0
                return 401, {'WWW-Authenticate':
                             f'Digest realm="{REALM}", nonce="{nonce}",'
                             f'stale="false",qop="auth"'}, b''
            return self._message(request.body)

    def _is_authorized(self, request):
        header = request.headers.get('Authorization', '')
        if not header.startswith('Digest '):
            return False
        found = dict(re.findall(r'(\w+)="?([^",]*)"?', header))
        count = int(found.get('nc') or '0', 16)
        nonce = found.get('nonce')
        # A count that was used is an answer that was recorded.
        if (found.get('realm') != REALM or found.get('uri') != '/wsman'
                or count <= self._nonces.get(nonce, count)):
            return False
        self._nonces[nonce] = count
        right = _digest(_digest(self.user, REALM, self.password), nonce,
                        found['nc'], found.get('cnonce', ''), 'auth',
                        _digest('POST', '/wsman'))
        return (found.get('response') == right
                and found.get('username') == self.user)

    # WS-Management

    def _message(self, text):
        relates, action, resource = '', '', ''
        status = 200
        try:
            try:
                envelope = ElementTree.fromstring(text)
            except ElementTree.ParseError:
                raise _Fault(400, 'SchemaValidationError', 'no XML') from None
            header = envelope.find(f'{{{SOAP}}}Header')
            body = envelope.find(f'{{{SOAP}}}Body')
            if header is None or body is None:
                raise _Fault(400, 'SchemaValidationError', 'no SOAP')
            relates = header.findtext(f'{{{ADDRESSING}}}MessageID') or ''
            action = header.findtext(f'{{{ADDRESSING}}}Action') or ''
            resource = header.findtext(f'{{{WSMAN}}}ResourceURI') or ''
            content = self._carry_out(header, body, action, resource)
        except _Fault as fault:
            status, content = fault.status, fault.body
        return status, {
            'Content-Type': 'application/soap+xml; charset=UTF-8'}, (
            _ANSWER % {'id': relates, 'action': action + 'Response',
                       'resource': resource, 'body': content}).encode()

    def _carry_out(self, header, body, action, resource):
        name = resource.rpartition('/')[2]
        if resource != CIM + name:
            raise _Fault(400, 'DestinationUnreachable', 'no such resource')
        self._check_selectors(header, name)
        verb = action.rpartition('/')[2]
        if name == 'CIM_AssociatedPowerManagementService' and (
                action == TRANSFER + 'Get'):
            return self._association(name)
        if name == 'CIM_ServiceAvailableToElement' and (
                action.startswith(ENUMERATION)):
            return self._enumerate(verb)
        methods = {'CIM_PowerManagementService/RequestPowerStateChange':
                   self._change_power,
                   'CIM_BootConfigSetting/ChangeBootOrder':
                   self._change_boot_order,
                   'CIM_BootService/SetBootConfigRole': self._set_role}
        if action != f'{resource}/{verb}' or f'{name}/{verb}' not in methods:
            raise _Fault(500, 'ActionNotSupported', 'no such action')
        arguments = body.find(f'{{{resource}}}{verb}_INPUT')
        if arguments is None:
            raise _Fault(400, 'SchemaValidationError', 'no arguments')
        value = methods[f'{name}/{verb}'](arguments, resource)
        if self.values:
            value = self.values.pop(0)
        return (f'<g:{verb}_OUTPUT xmlns:g="{resource}"><g:ReturnValue>'
                f'{value}</g:ReturnValue></g:{verb}_OUTPUT>')

    @staticmethod
    def _check_selectors(header, name):
        # Without selectors it takes the only instance that there is.
        for key, value in _selectors(header).items():
            if _SELECTORS.get(name, {}).get(key) != value:
                raise _Fault(400, 'InvalidSelectors', 'no such instance')

    def _association(self, name):
        state = self._settle()
        available = [*_ACCEPTED[state], *(
            _WITH_AGENT if self.agent and state == ON else ())]
        told = ''.join(f'<g:AvailableRequestedPowerStates>{each}'
                       f'</g:AvailableRequestedPowerStates>'
                       for each in available if self.tells)
        return (f'<g:{name} xmlns:g="{CIM}{name}">{told}<g:PowerState>'
                f'{state}</g:PowerState><g:RequestedPowerState>{state}'
                f'</g:RequestedPowerState></g:{name}>')

    def _enumerate(self, verb):
        if verb == 'Enumerate':
            return (f'<g:EnumerateResponse xmlns:g="{ENUMERATION}">'
                    f'<g:EnumerationContext>1</g:EnumerationContext>'
                    f'</g:EnumerateResponse>')
        return (f'<g:PullResponse xmlns:g="{ENUMERATION}"><g:Items>'
                f'{self._association("CIM_AssociatedPowerManagementService")}'
                f'</g:Items><g:EndOfSequence/></g:PullResponse>')

    def _change_power(self, arguments, resource):
        wanted = int(arguments.findtext(f'{{{resource}}}PowerState'))
        if _selectors(arguments).get('Name') != 'ManagedSystem':
            return _INVALID
        self.asked.append(wanted)
        state = self._settle()
        accepted = dict(_ACCEPTED[state])
        if self.agent and state == ON:
            accepted.update(_WITH_AGENT)
        if self.redirection:
            accepted.pop(OFF, None)
            accepted.pop(CYCLE, None)
        if wanted not in accepted:
            return _NOT_NOW
        if self.delay is not None and not (
                self.hangs and wanted in _WITH_AGENT):
            self._pending = time.monotonic() + self.delay, accepted[wanted]
            self._settle()
        return _SUCCESS

    def _change_boot_order(self, arguments, resource):
        self.boot_source = _selectors(arguments).get('InstanceID')
        self.boot_once = None
        return _SUCCESS

    def _set_role(self, arguments, resource):
        self.boot_once = arguments.findtext(f'{{{resource}}}Role') == '1'
        return _SUCCESS


def _selectors(element):
    # Some clients give the attribute a namespace, which machines bear.
    return {each.get('Name') or each.get(f'{{{WSMAN}}}Name'): each.text
            for each in element.iter(f'{{{WSMAN}}}Selector')}


def _digest(*parts):
    return hashlib.md5(':'.join(parts).encode()).hexdigest()
