# SPDX-License-Identifier: Apache-2.0
import base64
import dataclasses
import json
import logging
import time

import fixtures
import jsonschema

from cloudmanager.power import confirm
from cloudmanager.power import exceptions
from cloudmanager.power import options
from cloudmanager.power import states
from cloudmanager.power.redfish import driver as redfish
from cloudmanager.power.redfish import session
from cloudmanager.tests import base as tests_base
from cloudmanager.tests.unit.power import base
from cloudmanager.tests.unit.power import peers
from cloudmanager.tests.unit.power import redfish_peer

ON, OFF = states.POWER_ON, states.POWER_OFF
ROOT = redfish_peer.ROOT
SYSTEM = f'{ROOT}/Systems/1'
DEADLINE = 0.6


class RedfishTestCase(base.DriverTestCase):

    secrets = (base.PASSWORD, 'token-')

    def setUp(self):
        super().setUp()
        self.conf.config(group='power', call_deadline=20.0)
        self.driver = redfish.RedfishDriver()
        self.addCleanup(self.driver.close)

    def device_at(self, port, **values):
        return base.device('127.0.0.1', port, control_type='Redfish',
                           protocol_type='redfish',
                           options={'scheme': 'http', **values})


class ServiceTestCase(RedfishTestCase):

    def setUp(self):
        super().setUp()
        self.service = self.useFixture(redfish_peer.Service(base.PASSWORD))
        self.device = self.device_at(self.service.port)

    def state(self, output='1', **options):
        device = self.device_at(self.service.port, **options)
        return self.driver.state(device, output)


class VerbsTestCase(ServiceTestCase):

    def test_off_on_reset(self):
        self.assertEqual(ON, self.state())
        self.driver.power_off(self.device, '1')
        self.assertEqual(OFF, self.state())
        self.driver.power_on(self.device, '1')
        self.assertEqual(ON, self.state())
        self.driver.reset(self.device, '1')
        self.driver.power_off(self.device, '1', soft=True)
        self.assertEqual(OFF, self.state())
        self.assertEqual(['ForceOff', 'On', 'ForceRestart',
                          'GracefulShutdown'],
                         [kind for _, kind in self.service.asked])

    def test_states(self):
        """Whatever case they are written in (FP7)."""
        for said, expected in (('On', ON), ('Off', OFF), ('Paused', ON)):
            for text in (said, said.lower(), said.upper()):
                self.service.power['1'] = text
                self.assertEqual(expected, self.state(), text)

    def test_states_that_are_neither(self):
        """FP7: they are told."""
        for said, told in (
                ('PoweringOn', '"PoweringOn"'), ('poweringoff',
                                                 '"poweringoff"'),
                (None, 'missing'), ('', 'missing'),
                ('Unspecified', '"Unspecified"'), (0, '"0"'),
                (True, '"True"'), (['On'], '"[\'On\']"'),
                (f'x{base.PASSWORD}\nOff', '"x*** Off"')):
            self.service.power['1'] = said
            error = self.fails(exceptions.PowerUnclear, self.state)
            self.assertEqual(
                f'cloudmanager.power.unclear: {self.device} is neither on '
                f'nor off: its power state is {told}.', str(error))

    def test_resets_that_it_has_not(self):
        self.service.resets = ['ForceOn', 'PowerCycle', 'PushPowerButton']
        self.driver.power_on(self.device, '1')
        self.driver.reset(self.device, '1')
        for soft in (False, True):
            self.fails(exceptions.PowerUnsupported, self.driver.power_off,
                       self.device, '1', soft)
        self.assertEqual(['ForceOn', 'PowerCycle'],
                         [kind for _, kind in self.service.asked])

    def test_resets_that_it_does_not_tell(self):
        self.service.resets = None
        self.driver.power_off(self.device, '1')
        self.assertEqual(OFF, self.state())

    def test_resets_that_are_told_elsewhere(self):
        info = f'{ROOT}/Systems/1/ResetActionInfo'
        action = {'target': f'{SYSTEM}/Actions/ComputerSystem.Reset',
                  '@Redfish.ActionInfo': info}
        self.service.more['system 1'] = {
            'Actions': {'#ComputerSystem.Reset': action}}
        self.service.more[info] = {'Parameters': [
            {'Name': 'ResetType', 'AllowableValues': ['On']}]}
        self.fails(exceptions.PowerUnsupported, self.driver.power_off,
                   self.device, '1')
        # Where that fails, what is usual is tried.
        for answer in ((404, {}, b''), (500, {}, b''), (200, {}, b'x'),
                       (200, {}, {'Parameters': 7})):
            self.service.power['1'] = 'On'
            self.service.hook = lambda request, answer=answer: (
                answer if request.path == info else None)
            self.driver.power_off(self.device, '1')
            self.assertEqual('Off', self.service.power['1'])

    def test_properties_that_do_not_matter(self):
        self.service.more['system 1'] = {
            'BootProgress': {'LastStateTime': 'never'}, 'Status': 7,
            'MemorySummary': {'TotalSystemMemoryGiB': 'many'},
            '@Redfish.MaintenanceWindow': [], 'IndicatorLED': {}}
        self.assertEqual(ON, self.state())

    def test_no_reset_at_all(self):
        self.service.more['system 1'] = {'Actions': {}}
        self.fails(exceptions.PowerUnsupported, self.driver.power_off,
                   self.device, '1')

    def test_boot_device(self):
        for name, persistent, expected in (
                ('pxe', False, ('Pxe', 'Once')),
                ('disk', True, ('Hdd', 'Continuous')),
                ('none', False, ('Hdd', 'Disabled')),
                ('bios', False, ('BiosSetup', 'Once'))):
            self.driver.set_boot_device(self.device, '1', name, persistent)
            self.assertEqual(expected, (
                self.service.boot['BootSourceOverrideTarget'],
                self.service.boot['BootSourceOverrideEnabled']))
        for name in ('usb', 'http', 'tape'):
            self.fails(exceptions.PowerUnsupported,
                       self.driver.set_boot_device, self.device, '1', name)

    def test_boot_device_where_the_etag_does_not_help(self):
        self.service.hook = lambda request: (
            (412, {}, redfish_peer.error('PreconditionFailed'))
            if request.command == 'PATCH' else None)
        self.fails(exceptions.PowerRefused, self.driver.set_boot_device,
                   self.device, '1', 'pxe')

    def test_check(self):
        self.driver.check(self.device)
        self.driver.check(self.device, '1')
        self.fails(exceptions.PowerNoOutput, self.driver.check, self.device,
                   '2')


class OutputsTestCase(ServiceTestCase):

    def test_names(self):
        self.service.power = {'blade-1': 'On', 'blade-2': 'Off'}
        self.assertEqual(['blade-1', 'blade-2'],
                         self.driver.outputs(self.device))
        for output, expected in (('blade-1', ON), ('blade-2', OFF),
                                 (f'{ROOT}/Systems/blade-2', OFF)):
            self.assertEqual(expected, self.state(output))
        for output in ('', '1', 'blade', 'blade-3', '../x', '/etc/passwd',
                       f'{ROOT}/Systems/blade-3'):
            self.fails(exceptions.PowerNoOutput, self.state, output)

    def test_several_in_one_visit(self):
        self.service.power = {'a': 'On', 'b': 'Off'}
        self.assertEqual({'a': ON, 'b': OFF}, self.driver.states(
            self.device, ['a', 'b']))
        self.assertEqual(1, self.service.logins)

    def test_the_only_one(self):
        self.service.power = {'437XR1138R2': 'Off'}
        for output in ('', '1', '437XR1138R2'):
            self.assertEqual(OFF, self.state(output))
        self.fails(exceptions.PowerNoOutput, self.state, '2')

    def test_where_it_is_is_remembered(self):
        """And found again when it has moved."""
        self.state()
        before = len(self.service.requests)
        self.state()
        self.assertEqual([f'GET {SYSTEM}'],
                         self.service.requests[before:])
        self.service.power = {'node': 'Off'}
        self.assertEqual(OFF, self.state())
        self.service.power = {'node': 'Off', 'other': 'On'}
        self.assertEqual(OFF, self.state('node'))
        self.fails(exceptions.PowerNoOutput, self.state, 'nobody')

    def test_pages(self):
        self.service.power = {'a': 'On', 'z': 'Off'}
        page = f'{ROOT}/Systems/page'
        self.service.more = {
            f'{ROOT}/Systems': {
                'Members': [{'@odata.id': f'{ROOT}/Systems/a'}],
                'Members@odata.nextLink': page},
            page: {'Members': [{'@odata.id': f'{ROOT}/Systems/z/'}]}}
        self.assertEqual(['a', 'z'], self.driver.outputs(self.device))
        self.assertEqual(OFF, self.state('z'))

    def test_pages_without_end(self):
        self.service.more = {f'{ROOT}/Systems': {
            'Members': [], 'Members@odata.nextLink': f'{ROOT}/Systems'}}
        self.assertEqual([], self.driver.outputs(self.device))


class SessionsTestCase(ServiceTestCase):

    def setUp(self):
        super().setUp()
        # So that a session shows.
        self.service.takes_basic = False

    def test_pw4_a_session_is_reused_and_closed(self):
        for _ in range(10):
            self.state()
        self.driver.power_off(self.device, '1')
        self.assertEqual(1, self.service.logins)
        self.assertEqual(1, len(self.service.sessions))
        self.driver.close()
        self.assertEqual({}, self.service.sessions)

    def test_pw4_one_that_is_idle_is_closed(self):
        self.patch(session, 'IDLE_SECONDS', 0.2)
        self.state()
        self.assertEqual(1, len(self.service.sessions))
        tests_base.wait_for(lambda: not self.service.sessions)
        # The thread that did it ends, and begins again.
        tests_base.wait_for(
            lambda: self.driver._sessions._sweeper is None)
        self.state()
        tests_base.wait_for(lambda: not self.service.sessions)
        self.assertEqual(2, self.service.logins)

    def test_pw5_a_session_that_has_ended(self):
        self.state()
        for function in (self.driver.power_off, self.driver.power_on,
                         self.driver.reset):
            self.service.sessions.clear()
            function(self.device, '1')
        self.assertEqual(4, self.service.logins)
        self.assertEqual(['ForceOff', 'On', 'ForceRestart'],
                         [kind for _, kind in self.service.asked])

    def test_pw5_one_new_login_is_all(self):
        self.service.hook = lambda request: (
            (401, {}, redfish_peer.error('NoValidSession'))
            if request.path.startswith(SYSTEM) else None)
        self.state_fails()
        self.assertEqual(1, self.service.logins)
        self.service.hook = None
        self.state()
        self.service.hook = lambda request: (
            (401, {}, redfish_peer.error('NoValidSession'))
            if request.path.startswith(SYSTEM) else None)
        self.state_fails()
        self.assertLessEqual(self.service.logins, 3)

    def state_fails(self):
        return self.fails(exceptions.PowerCredentials, self.state)

    def test_pw4_changed_password(self):
        """The old session goes, and a new one comes."""
        self.state()
        self.service.password = 'another'
        changed = dataclasses.replace(self.device, password='another')
        self.assertEqual(ON, self.driver.state(changed, '1'))
        self.assertEqual(['token-2'], list(self.service.sessions))

    def test_a_session_is_not_for_who_has_not_the_password(self):
        self.state()
        for values in ({'password': 'wrong'}, {'login': 'nobody'}):
            wrong = dataclasses.replace(self.device, **values)
            self.fails(exceptions.PowerCredentials, self.driver.state,
                       wrong, '1')
        self.assertEqual({}, self.service.sessions)

    def test_wrong_password_is_tried_once(self):
        """Not once more with the password in the request."""
        wrong = dataclasses.replace(self.device, password='wrong')
        self.fails(exceptions.PowerCredentials, self.driver.state, wrong,
                   '1')
        self.assertEqual(1, self.service.logins)
        self.assertNotIn('Authorization', str(
            [headers for _, _, headers, _ in self.service.seen]))

    def test_nothing_is_sent_without_credentials(self):
        for values in ({'password': None}, {'login': None},
                       {'password': ''}, {'login': ''}):
            self.fails(exceptions.PowerCredentials, self.driver.state,
                       dataclasses.replace(self.device, **values), '1')
        self.assertEqual([], self.service.requests)

    def test_closing_does_not_wait_for_a_dead_device(self):
        self.patch(session, 'CLOSE_SECONDS', 0.5)
        self.state()
        self.service.hook = lambda request: time.sleep(3)
        start = time.monotonic()
        self.driver.close()
        self.assertLess(time.monotonic() - start, 2)
        self.service.hook = None

    def test_session_without_a_path(self):
        def hook(request):
            if request.command != 'POST':
                return None
            self.service.sessions['token-x'] = '/nowhere'
            return 201, {'X-Auth-Token': 'token-x', **location}, b''

        for location in ({}, {'Location': 'mailto:x'},
                         {'Location': 'http://['}):
            self.service.hook = hook
            self.assertEqual(ON, self.state())
            self.driver.close()

    def test_tokens_that_are_none(self):
        for token in ('', 'x' * 5000):
            self.service.hook = lambda request, token=token: (
                (201, {'X-Auth-Token': token}, b'')
                if request.command == 'POST' else None)
            self.fails(exceptions.PowerProtocol, self.state)


class FullTestCase(ServiceTestCase):
    """A device that has no room for another session (FP3)."""

    def setUp(self):
        super().setUp()
        self.service.most_sessions = 0

    def full(self, **options):
        error = self.fails(exceptions.PowerNoSession, self.state, **options)
        self.assertEqual('cloudmanager.power.busy', error.error_code)
        self.assertIn('opens no session now: HTTP status 503, '
                      'something', str(error))

    def test_auto_sends_the_password(self):
        """FP3: and the table is left alone for a while."""
        for _ in range(5):
            self.assertEqual(ON, self.state())
        self.driver.power_off(self.device, '1')
        self.assertEqual((1, {}), (self.service.logins,
                                   self.service.sessions))

    def test_back_to_sessions(self):
        """FP3: as soon as there is room; and they are closed."""
        self.state()
        self.service.most_sessions = 1
        self.state()
        self.assertEqual({}, self.service.sessions)
        self.clock.now += session.WAIT_SECONDS
        self.state()
        self.state()
        self.assertEqual((2, 1), (self.service.logins,
                                  len(self.service.sessions)))
        self.driver.close()
        self.assertEqual({}, self.service.sessions)

    def test_logins_become_rare(self):
        """FP3: not 120 in three minutes."""
        for _ in range(180):
            self.full(auth='session')
            self.clock.now += 1
        self.assertEqual(6, self.service.logins)
        self.clock.now += 10000
        self.full(auth='session')
        self.clock.now += session.WAIT_SECONDS
        self.full(auth='session')
        self.assertEqual(8, self.service.logins)
        self.service.most_sessions = 1
        self.clock.now += session.LONGEST_WAIT
        self.assertEqual(ON, self.state(auth='session'))

    def test_neither_sessions_nor_passwords(self):
        """FP3: one clear error, not one about the credentials."""
        self.service.takes_basic = False
        for _ in range(60):
            self.full()
            self.clock.now += 1
        # The root, which all may read, and what was refused then.
        sent = [path for _, path, headers, _ in self.service.seen
                if 'Authorization' in headers]
        self.assertEqual((4, [f'{ROOT}/', f'{ROOT}/Systems']),
                         (self.service.logins, sent))

    def test_words_of_vendors(self):
        """FP3: whatever status they come with."""
        for status, name, text in (
                (400, 'RAC0218', 'The maximum number of user sessions is '
                                 'reached.'),
                (503, 'X', 'busy'), (401, 'X', 'Too many active sessions'),
                (500, 'SessionLimitExceeded', ''),
                (403, 'X', 'Session table is full')):
            self.service.hook = lambda request, answer=(
                status, {}, redfish_peer.error(name, text)): (
                    answer if request.command == 'POST' else None)
            self.clock.now += 10000
            self.assertEqual(ON, self.state(), text)
            error = self.fails(exceptions.PowerNoSession, self.state,
                               auth='session')
            self.assertIn(f'HTTP status {status}', str(error))

    def test_a_device_that_is_busy_with_all(self):
        self.service.hook = lambda request: (503, {}, b'')
        self.fails(exceptions.PowerBusy, self.state)

    def test_another_password_does_not_wait(self):
        """FP3: the one that was corrected is tried at once."""
        self.full(auth='session')
        self.service.most_sessions, self.service.password = 1, 'new'
        device = self.device_at(self.service.port, auth='session')
        self.assertEqual(ON, self.driver.state(dataclasses.replace(
            device, password='new'), '1'))

    def test_wrong_password(self):
        self.service.most_sessions = 4
        self.fails(exceptions.PowerCredentials, self.driver.state,
                   dataclasses.replace(self.device, password='wrong'), '1')

    def test_no_secret_in_a_wait(self):
        self.state()
        wait = self.driver._sessions.wait(self.device)
        self.assertNotIn(base.PASSWORD, repr(wait))


class ModesTestCase(ServiceTestCase):

    def test_basic(self):
        self.assertEqual(ON, self.state(auth='basic'))
        self.assertEqual(0, self.service.logins)
        self.service.password = 'another'
        self.fails(exceptions.PowerCredentials, self.state, auth='basic')

    def test_auto_without_sessions(self):
        self.service.has_sessions = False
        for _ in range(3):
            self.assertEqual(ON, self.state())
        self.assertEqual(1, sum(request.startswith('POST')
                                for request in self.service.requests))
        self.service.password = 'another'
        self.fails(exceptions.PowerCredentials, self.state)

    def test_auto_where_all_takes_the_password(self):
        """As behind a server that does the authentication."""
        self.service.has_sessions = False
        self.service.hook = lambda request: (
            None if request.headers.get('Authorization') else (401, {}, b''))
        self.assertEqual(ON, self.state())
        self.assertNotIn('POST', str(self.service.requests))
        self.fails(exceptions.PowerCredentials, self.state, auth='session')

    def test_session_without_sessions(self):
        self.service.has_sessions = False
        self.fails(exceptions.PowerUnsupported, self.state, auth='session')
        self.state()
        self.fails(exceptions.PowerUnsupported, self.state, auth='session')

    def test_options(self):
        schema = {'type': 'object', 'properties': options.REDFISH,
                  'additionalProperties': False}
        for good in ({}, {'scheme': 'http', 'auth': 'basic'},
                     {'verify': False}):
            jsonschema.validate(good, schema)
        for bad in ({'scheme': 'ftp'}, {'auth': 'none'}, {'x': 1}):
            self.assertRaises(jsonschema.ValidationError,
                              jsonschema.validate, bad, schema)


class TLSTestCase(RedfishTestCase):

    def test_tls(self):
        authority = peers.Authority(
            self.useFixture(fixtures.TempDir()).path)
        service = self.useFixture(redfish_peer.Service(
            base.PASSWORD, context=authority.context()))
        device = dataclasses.replace(self.device_at(service.port),
                                     options={})
        self.fails(exceptions.PowerUntrusted, self.driver.state, device,
                   '1')
        self.assertEqual([], service.requests)
        for option in ({'ca': authority.pem}, {'verify': False},
                       {'fingerprint': authority.fingerprint}):
            self.assertEqual(ON, self.driver.state(dataclasses.replace(
                device, options=option), '1'))
        # Plain HTTP only where that was said.
        plain = self.useFixture(redfish_peer.Service(base.PASSWORD))
        self.fails(exceptions.PowerProtocol, self.driver.state,
                   dataclasses.replace(device, port=plain.port), '1')
        self.assertEqual([], plain.requests)


class FailuresTestCase(ServiceTestCase):

    def answer(self, status, body, headers=None, path=SYSTEM,
               method=None):
        self.service.hook = lambda request: (
            (status, headers or {}, body)
            if request.path.startswith(path)
            and request.command in (method or request.command) else None)

    def both(self, kind, *arguments):
        """Return the texts of a reading and of a request that fail."""
        self.answer(*arguments)
        texts = [str(self.fails(kind, self.state))]
        self.answer(*arguments, method='POST')
        texts.append(str(self.fails(kind, self.driver.power_off,
                                    self.device, '1')))
        self.service.hook = None
        return texts

    def test_pw12_failures_are_never_off(self):
        self.service.power['1'] = 'Off'
        general = redfish_peer.error('InternalError', 'Unspecified error')
        for status, kind in ((500, exceptions.PowerRefused),
                             (503, exceptions.PowerBusy),
                             (409, exceptions.PowerBusy),
                             (429, exceptions.PowerBusy),
                             (502, exceptions.PowerBusy),
                             (400, exceptions.PowerRefused),
                             (405, exceptions.PowerUnsupported),
                             (501, exceptions.PowerUnsupported)):
            for text in self.both(kind, status, general):
                if kind is not exceptions.PowerUnsupported:
                    self.assertIn(f'HTTP status {status}, Unspecified error',
                                  text)
            self.both(kind, status, b'<html>')

    def test_what_messages_mean(self):
        """PW9: a device that updates itself is busy, and not off."""
        for name, kind in (
                ('ServiceTemporarilyUnavailable', exceptions.PowerBusy),
                ('ResourceInStandby', exceptions.PowerBusy),
                ('ActionNotSupported', exceptions.PowerUnsupported),
                ('ActionParameterNotSupported',
                 exceptions.PowerUnsupported),
                ('InsufficientPrivilege', exceptions.PowerCredentials),
                ('SomethingOfTheVendor', exceptions.PowerRefused)):
            self.both(kind, 400, redfish_peer.error(name))

    def test_forbidden(self):
        self.both(exceptions.PowerCredentials, 403,
                  redfish_peer.error('InsufficientPrivilege'))

    def test_bodies_of_errors_that_are_none(self):
        for body in (b'', b'[]', b'null', b'{"error": 7}', b'{"error": []}',
                     b'{"error": {"@Message.ExtendedInfo": 7}}',
                     b'{"error": {"@Message.ExtendedInfo": [7, null]}}',
                     b'{"error": {"message": {"x": 1}}}',
                     b'{"error": {"code": 7}}', b'[' * 100000):
            self.both(exceptions.PowerBusy, 503, body)
            self.both(exceptions.PowerRefused, 500, body)

    def test_se2_what_it_repeats(self):
        for text in self.both(exceptions.PowerRefused, 500,
                              redfish_peer.error(
                                  'X', f'{base.PASSWORD} token-1\n!')):
            self.assertIn('*** *** !', text)
        basic = base64.b64encode(f'admin:{base.PASSWORD}'.encode()).decode()
        for text in self.both(exceptions.PowerRefused, 500,
                              redfish_peer.error('X', f'Basic {basic}')):
            self.assertIn('Basic ***', text)

    def test_nonsense_is_never_off(self):
        for body in (b'', b'off', b'[]', b'null', b'"Off"', b'{}', b'7',
                     b'{"PowerState": "Off"', b'[' * 100000,
                     b'{"PowerState": "Off"}',
                     b'{"Id": "1", "PowerState": {"x": "Off"}}',
                     b'{"Id": "1", "PowerState": ["Off"]}',
                     b'{"Id": "1", "PowerState": "Off", "Boot": 7}',
                     b'\xff\xfe{}'):
            self.answer(200, body)
            self.fails((exceptions.PowerProtocol, exceptions.PowerUnclear),
                       self.state)

    def test_links_to_elsewhere_are_not_followed(self):
        other = self.useFixture(redfish_peer.Service(base.PASSWORD))
        other.power['1'] = 'Off'
        away = f'http://127.0.0.1:{other.port}'
        for more in (
                {f'{ROOT}/Systems': {'Members': [
                    {'@odata.id': f'{away}{SYSTEM}'}]}},
                {f'{ROOT}/Systems': {'Members': [], 'Members@odata.nextLink':
                                     f'{away}{ROOT}/Systems'}},
                {ROOT: {'Systems': {'@odata.id': f'{away}{ROOT}/Systems'}}},
                {ROOT: {'Links': {'Sessions': {
                    '@odata.id': f'{away}{redfish_peer.SESSIONS}'}}}}):
            self.service.more = more
            driver = redfish.RedfishDriver()
            self.addCleanup(driver.close)
            self.fails(exceptions.PowerStrange, driver.state, self.device,
                       'x')
        self.service.more = {'system 1': {'Actions': {
            '#ComputerSystem.Reset': {'target': f'{away}{SYSTEM}/Actions/'
                                                'ComputerSystem.Reset'}}}}
        self.fails(exceptions.PowerStrange, self.driver.power_off,
                   self.device, '1')
        self.answer(302, b'', {'Location': f'{away}{SYSTEM}'})
        self.fails(exceptions.PowerStrange, self.state)
        self.assertEqual([], other.requests)

    def test_redirect_on_the_device(self):
        self.answer(308, b'', {'Location': f'{SYSTEM}-moved'})
        self.service.more = {f'{SYSTEM}-moved': {'Id': '1',
                                                 'PowerState': 'Off'}}
        hook = self.service.hook
        self.service.hook = lambda request: (
            None if request.path.endswith('-moved') else hook(request))
        self.assertEqual(OFF, self.state())

    def test_a_reset_is_sent_once(self):
        for status in (500, 503, 307):
            self.answer(status, b'', {'Location': SYSTEM}, method='POST')
            before = len(self.service.requests)
            self.fails(exceptions.PowerError, self.driver.reset,
                       self.device, '1')
            self.assertEqual(1, sum(
                'ComputerSystem.Reset' in request
                for request in self.service.requests[before:]))

    def test_pw1_deadline(self):
        self.state()
        self.conf.config(group='power', call_deadline=DEADLINE)
        silent = peers.RawPeer(lambda connection: silent.silence(connection))
        self.useFixture(silent)
        for port, code in ((silent.port, 'timeout'),
                           (peers.free_port(), 'unreachable')):
            error = self.fails(exceptions.PowerUnreachable,
                               self.driver.state, self.device_at(port), '1')
            self.assertEqual(f'cloudmanager.power.{code}', error.error_code)
        # In mid-session: nothing, and a byte now and then.
        self.service.hook = lambda request: request.drip(
            b'HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n{')
        for function in (self.driver.state, self.driver.power_off,
                         self.driver.reset, self.driver.check):
            self.fails(exceptions.PowerUnreachable, function, self.device,
                       '1')
        self.service.hook = None
        self.conf.config(group='power', call_deadline=20.0)
        self.assertEqual(ON, self.state())

    def test_pw8_slow_off(self):
        self.service.delay = 0.3
        confirm.fence([confirm.Feed(self.driver, self.device, '1')],
                      pause=lambda seconds: time.sleep(0.1))
        self.assertEqual([('1', 'ForceOff')], self.service.asked)

    def test_se2_logs_of_libraries(self):
        """At their lowest level, with errors and all."""
        for name in ('sushy', 'urllib3', 'requests'):
            level = logging.getLogger(name).level
            self.addCleanup(logging.getLogger(name).setLevel, level)
            logging.getLogger(name).setLevel(logging.DEBUG)
        self.service.more['system 1'] = {'Description': base.PASSWORD}
        self.state()
        self.answer(500, redfish_peer.error('X', base.PASSWORD))
        self.fails(exceptions.PowerRefused, self.state)
        self.assertNotIn(base.PASSWORD, self.logger.output)


CHASSIS = f'{ROOT}/Chassis/c'
MANAGER = f'{ROOT}/Managers/m'


def linked(path):
    return {'@odata.id': path}


class HealthTestCase(ServiceTestCase):

    def setUp(self):
        super().setUp()
        self.service.more = {
            f'{ROOT}/Chassis': {'Members': [linked(CHASSIS)]},
            CHASSIS: {'Thermal': linked(f'{CHASSIS}/Thermal'),
                      'Power': linked(f'{CHASSIS}/Power')},
            f'{CHASSIS}/Thermal': {
                'Temperatures': [
                    {'Name': 'Inlet', 'ReadingCelsius': 23.5,
                     'Status': {'State': 'Enabled', 'Health': 'OK'}},
                    {'Name': 'CPU2', 'Status': {'State': 'Absent'}},
                    {'MemberId': 'x', 'ReadingCelsius': None,
                     'Status': {'Health': 'Critical'}}],
                'Fans': [{'FanName': 'Fan 1', 'Reading': 40,
                          'ReadingUnits': 'Percent'},
                         {'Name': 'Fan 2', 'ReadingRPM': 3000,
                          'Status': {'Health': 'Warning'}}]},
            f'{CHASSIS}/Power': {
                'Voltages': [{'Name': '12V', 'ReadingVolts': 12.1}],
                'PowerControl': [{'Name': 'All', 'PowerConsumedWatts':
                                  350}],
                'PowerSupplies': [{'Name': 'PSU1',
                                   'LastPowerOutputWatts': 170,
                                   'Status': {'Health': 'OK'}}]},
            f'{ROOT}/Managers': {'Members': [linked(MANAGER)]},
            MANAGER: {'LogServices': linked(f'{MANAGER}/Logs')},
            f'{MANAGER}/Logs': {'Members': [linked(f'{MANAGER}/Logs/SEL')]},
            f'{MANAGER}/Logs/SEL': {'Name': 'SEL', 'Entries': linked(
                f'{MANAGER}/Logs/SEL/Entries')},
            f'{MANAGER}/Logs/SEL/Entries': {
                'Members@odata.count': 2, 'Members': [
                    {'Created': '2026-01-02T03:04:05+01:00', 'Message':
                     'Fan 2 is slow', 'Severity': 'Warning',
                     'SensorType': 'Fan'},
                    {'Created': '2026-01-03T00:00:00Z',
                     'Message': 'PSU2 lost', 'Severity': 'Critical'}]},
        }

    def health(self):
        return self.driver.health(self.device)

    def test_sensors(self):
        found = [(sensor.name, sensor.kind, sensor.value, sensor.unit,
                  sensor.status) for sensor in self.health().sensors]
        self.assertEqual([
            ('Inlet', 'Temperature', 23.5, '°C', 'ok'),
            ('x', 'Temperature', None, '°C', 'critical'),
            ('Fan 1', 'Fan', 40, '%', 'unknown'),
            ('Fan 2', 'Fan', 3000, 'RPM', 'warning'),
            ('12V', 'Voltage', 12.1, 'V', 'unknown'),
            ('All', 'Power', 350, 'W', 'unknown'),
            ('PSU1', 'Power Supply', 170, 'W', 'ok')], found)

    def test_events(self):
        found = self.health()
        self.assertEqual((2, True), (found.events_total, found.complete))
        self.assertEqual([
            ('2026-01-03T00:00:00+00:00', 'SEL', 'PSU2 lost', 'critical'),
            ('2026-01-02T02:04:05+00:00', 'Fan', 'Fan 2 is slow',
             'warning')],
            [(event.time.isoformat(), event.source, event.text,
              event.severity) for event in found.events])

    def test_sensors_where_thermal_is_no_more(self):
        for expands in (False, True):
            self.service.more[ROOT] = {'ProtocolFeaturesSupported': {
                'ExpandQuery': {'Levels': expands}}}
            self.service.more[CHASSIS] = {
                'Sensors': linked(f'{CHASSIS}/Sensors')}
            sensor = {'Name': 'Inlet', 'ReadingType': 'Temperature',
                      'Reading': 21, 'ReadingUnits': 'Cel',
                      'Status': {'Health': 'OK'}}
            self.service.more[f'{CHASSIS}/Sensors'] = {
                'Members': [sensor if expands
                            else linked(f'{CHASSIS}/Sensors/1')]}
            self.service.more[f'{CHASSIS}/Sensors/1'] = sensor
            found, = self.health().sensors
            self.assertEqual(('Inlet', 'Temperature', 21, '°C', 'ok'), (
                found.name, found.kind, found.value, found.unit,
                found.status))
        self.assertIn(f'GET {CHASSIS}/Sensors?$expand=.($levels=1)',
                      self.service.requests)

    def test_links_of_systems_go_before_all_that_is_there(self):
        self.service.more['system 1'] = {
            'Links': {'Chassis': [linked(CHASSIS)], 'ManagedBy': []},
            'LogServices': linked(f'{MANAGER}/Logs')}
        found = self.health()
        self.assertEqual(7, len(found.sensors))
        # A log that is reached in two ways is read once.
        self.assertEqual(2, found.events_total)

    def test_long_logs(self):
        """Whether the oldest or the newest entries come first."""
        entries = [{'Created': f'2026-01-01T00:{number // 60:02}:'
                               f'{number % 60:02}Z', 'Message': str(number)}
                   for number in range(200)]
        path = f'{MANAGER}/Logs/SEL/Entries'
        for order in (entries, entries[::-1]):
            self.service.more[path] = {
                'Members@odata.count': 200, 'Members': order[:50],
                'Members@odata.nextLink': f'{path}?$skip=50'}
            self.service.more[f'{path}?$skip=180'] = {
                'Members': order[180:]}
            found = self.health()
            self.assertEqual(200, found.events_total)
            self.assertEqual([str(number) for number in range(
                199, 179, -1)], [event.text for event in found.events])
            self.service.more[path] = {'Members': order}
            self.assertEqual('199', self.health().events[0].text)

    def test_entries_by_reference(self):
        path = f'{MANAGER}/Logs/SEL/Entries'
        self.service.more[path] = {'Members': [linked(f'{path}/1'),
                                               linked(f'{path}/2')]}
        self.service.more[f'{path}/1'] = {'Message': 'one'}
        self.service.more[f'{path}/2'] = None
        self.assertEqual(['one'], [event.text
                                   for event in self.health().events])

    def test_nothing_there(self):
        self.service.more = dict.fromkeys(
            (f'{ROOT}/Chassis', f'{ROOT}/Managers'))
        self.fails(exceptions.PowerUnsupported, self.health)

    def test_parts_that_are_not_there_or_fail(self):
        self.service.more[f'{CHASSIS}/Thermal'] = None
        self.service.hook = lambda request: (
            (500, {}, b'') if request.path.endswith('/SEL') else None)
        found = self.health()
        self.assertEqual((3, 0, True), (
            len(found.sensors), found.events_total, found.complete))

    def test_what_time_does_not_allow(self):
        self.conf.config(group='power', call_deadline=1.6)
        self.service.hook = lambda request: (
            time.sleep(0.7) if request.path.endswith('/Thermal') else None)
        found = self.health()
        self.assertFalse(found.complete)
        self.assertEqual(4, len(found.sensors))

    def test_nonsense(self):
        path = f'{MANAGER}/Logs/SEL/Entries'
        for junk in (7, 'x', None, [7], {'x': 7}, [None], [[]], True, 1e400):
            self.service.more[f'{CHASSIS}/Thermal'] = {
                'Temperatures': junk, 'Fans': [{
                    'Name': junk, 'Reading': junk, 'Status': junk,
                    'ReadingUnits': junk}]}
            self.service.more[path] = {
                'Members@odata.count': junk, 'Members': [
                    {'Message': junk, 'Created': junk, 'Severity': junk}]}
            self.service.more[f'{CHASSIS}/Power'] = junk if isinstance(
                junk, dict) else {'Voltages': junk}
            json.dumps(self.service.more)
            found = self.health()
            self.assertIsNone(found.sensors[-1].value if not isinstance(
                junk, int) or junk is True else None)
            self.assertEqual(1, len(found.events))
