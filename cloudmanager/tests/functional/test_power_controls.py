# SPDX-License-Identifier: Apache-2.0
"""Power controls: create, show, change, delete, and their secrets."""

import dataclasses

import fixtures
import sqlalchemy as sa

from cloudmanager.common import clock
from cloudmanager.common import secrets
from cloudmanager.db import models
from cloudmanager.db import power_states as db_power_states
from cloudmanager.domain import power_types
from cloudmanager.tests import base as tests_base
from cloudmanager.tests.functional import base

SECRET = 'S3cret! ключ'
LIST = '/v1/power-controls/'
BODY = {'control_type': 'SupermicroRackDevice', 'protocol_type': 'ipmi',
        'host': '10.35.17.33', 'port_number': 623, 'login': 'ADMIN',
        'password': SECRET}
# The answer to it in the documentation, but for id and time.
SAMPLE = {
    'coil_map': {'1': None}, 'coils_count': 1,
    'control_type': 'SupermicroRackDevice', 'host': '10.35.17.33',
    'login': 'ADMIN', 'port_number': 623, 'protocol_type': 'ipmi',
    # Not in the documentation.
    'options': None, 'failures': 0, 'last_error': None,
    'last_error_at': None, 'last_success_at': None, 'retry_at': None,
    'time_updated': None, 'used_coils_count': 0,
    'title': 'ipmi://SupermicroRackDevice@10.35.17.33:623'}
BAD = {
    'control_type': (None, 'x', '', 1), 'protocol_type': (None, 'x', 'ssh'),
    'host': (None, '', 'a b', '-a', 'a..b', 'x' * 256, 1, 'http://x',
             '10.0.0.1/8', 'a\n'),
    'port_number': (None, 0, 65536, -1, '0', 'x', '', '١', 1.5, True, '1 '),
    'title': (None, 1, 'x' * 256), 'login': (1, 'x' * 256),
    'password': (1, 'x' * 1025), 'ssh_key': (1, 'key', 'x' * 16001)}


@tests_base.databases()
class PowerControlsTestCase(base.ApiTestCase):

    def create(self, status=201, **values):
        return self.call('POST', LIST, {'power_control': {**BODY, **values}},
                         status).json

    def test_as_documented(self):
        control = self.create()['power_control']
        key = control.pop('id')
        self.assertRegex(control.pop('time_created'), r'T\d\d:\d\d:\d\d$')
        self.assertEqual(SAMPLE, control)
        one = f'{LIST}{key}'
        changed = self.call('PUT', one, {'power_control': {
            'title': 'test_power_control'}}, 200).json['power_control']
        self.assertEqual('test_power_control', changed['title'])
        self.assertRegex(changed['time_updated'],
                         r'^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$')
        self.assertEqual({'power_control': changed}, self.get(one))
        self.assertEqual({'power_controls': [changed]}, self.get(LIST))
        self.call('DELETE', one, status=204)
        self.assertEqual('cloudmanager.power_control.not_found', self.error(
            'GET', one, status=404)['code'])

    def test_outputs(self):
        control = self.control()
        node = self.node(name='mnode1')
        self.assign(node['id'], control['id'], 3)
        db_power_states.record(self.context, [db_power_states.Visit(
            control['id'], clock.utcnow(), {'3': 'power_on'})], 3)
        found = self.get(f'{LIST}{control["id"]}')['power_control']
        self.assertEqual((8, 1), (found['coils_count'],
                                  found['used_coils_count']))
        self.assertEqual([str(n) for n in range(1, 9)],
                         list(found['coil_map']))
        self.assertEqual({'3': {
            'is_default': True, 'is_initialized': True,
            'node_id': node['id'], 'node_name': 'mnode1',
            'power_control_port': '3', 'power_state': 'power_on'}},
            {port: used for port, used in found['coil_map'].items()
             if used is not None})

    def test_outputs_with_names(self):
        control = self.control('SshDevice', 'ssh', ssh_key='key')
        self.assertEqual((0, 0, {}), self.outputs(control))
        self.assign(self.node()['id'], control['id'], 'vm1')
        total, used, coils = self.outputs(control)
        self.assertEqual((1, 1, ['vm1']), (total, used, list(coils)))

    def outputs(self, control):
        found = self.get(f'{LIST}{control["id"]}')['power_control']
        return (found['coils_count'], found['used_coils_count'],
                found['coil_map'])

    def test_nodes(self):
        control = self.control(title='test')
        path = f'{LIST}{control["id"]}/nodes'
        self.assertEqual({'nodes': []}, self.get(path))
        node = self.node(name='mnode1', node_type_id=2)
        self.assign(node['id'], control['id'])
        (found,) = self.get(path)['nodes']
        self.assertEqual(found['cloud_managers'], found['node_controls'])
        self.assertEqual('test',
                         found['cloud_managers'][0]['power_control_title'])
        self.assertEqual((None, None), (found['controller_login'],
                                        found['controller_password']))
        self.assertEqual(
            ['', 'QEMU', 'KVM', 'Docker', 'Xen', 'VMware', 'HyperV'],
            [kind['name'] for kind in found['node_class']['node_types']])
        self.assertEqual({'id': 2, 'name': 'QEMU'}, found['node_type'])
        self.error('GET', f'{LIST}99/nodes', status=404)

    def test_title(self):
        control = self.create()['power_control']
        one = f'{LIST}{control["id"]}'

        def title(**values):
            return self.call('PUT', one, {'power_control': values},
                             200).json['power_control']['title']

        self.assertEqual('ipmi://SupermicroRackDevice@bmc1:623',
                         title(host='bmc1'))
        self.assertEqual('mine', title(title='mine'))
        self.assertEqual('mine', title(host='bmc2', port_number=624))
        self.assertEqual('ipmi://SupermicroRackDevice@bmc2:624',
                         title(title=''))
        self.assertEqual('fake://FakeDevice@bmc2:624', title(
            control_type='FakeDevice', protocol_type='fake'))

    def test_forms_of_values(self):
        for given, host in (('BMC1.Example', 'bmc1.example'),
                            ('FD00::01', 'fd00::1')):
            found = self.create(host=given, port_number='623')
            self.assertEqual((host, 623),
                             (found['power_control']['host'],
                              found['power_control']['port_number']))

    def test_taken(self):
        self.create()
        found = self.create(409)['errors'][0]
        self.assertEqual('cloudmanager.name_taken', found['code'])
        other = self.create(port_number=624)['power_control']
        self.error('PUT', f'{LIST}{other["id"]}',
                   {'power_control': {'port_number': 623}}, 409)

    def test_in_use(self):
        control = self.control()
        node = self.node(name='mnode1')
        self.assign(node['id'], control['id'])
        one = f'{LIST}{control["id"]}'
        self.assertEqual('cloudmanager.in_use', self.error(
            'DELETE', one, status=409)['code'])
        self.error('PUT', one, {'power_control': {
            'control_type': 'SshDevice', 'protocol_type': 'ssh'}}, 409)
        self.call('PUT', one, {'power_control': {'title': 'x'}}, 200)
        self.call('DELETE', f'/v1/nodes/{node["id"]}/power-controls/'
                            f'{control["id"]}', status=204)
        self.call('DELETE', one, status=204)

    def test_unknown(self):
        for method, body in (('GET', None), ('DELETE', None),
                             ('PUT', {'power_control': {}})):
            self.error(method, f'{LIST}99', body, 404)

    def test_stored_secrets(self):
        """What is in the database is not the secret."""
        key = self.create()['power_control']['id']
        ((password, ssh_key),) = self.secrets(key)
        self.assertNotIn('S3cret', password)
        self.assertIsNone(ssh_key)
        self.assertEqual(SECRET, secrets.decrypt(password))
        one = f'{LIST}{key}'
        self.call('PUT', one, {'power_control': {'title': 'x'}}, 200)
        self.assertEqual([(password, None)], self.secrets(key))
        self.call('PUT', one, {'power_control': {'password': 'new'}}, 200)
        self.assertEqual('new', secrets.decrypt(self.secrets(key)[0][0]))
        self.call('PUT', one, {'power_control': {'password': None}}, 200)
        self.assertEqual([(None, None)], self.secrets(key))

    def secrets(self, key):
        control = models.PowerControl
        return [tuple(row) for row in self.execute(
            sa.select(control.password, control.ssh_key)
            .where(control.id == key))]


@tests_base.databases()
class OptionsTestCase(base.ApiTestCase):

    def setUp(self):
        super().setUp()
        kinds = dict(power_types.all_types())
        kinds['FakeDevice'] = dataclasses.replace(
            kinds['FakeDevice'], options_schema={
                'slow': {'type': 'boolean'},
                'retries': {'type': 'integer', 'maximum': 9},
                'pins': {'type': 'object', 'additionalProperties': False,
                         'properties': {'a': {'type': 'integer'}}}})
        self.useFixture(fixtures.MockPatchObject(
            power_types, 'all_types', lambda: kinds))

    def options(self, value, control, status=200):
        return self.call('PUT', f'{LIST}{control["id"]}',
                         {'power_control': {'options': value}}, status).json

    def test_stored(self):
        given = {'slow': True, 'retries': 3, 'pins': {'a': 1}}
        control = self.control(options=given)
        self.assertEqual(given, control['options'])
        self.assertEqual({'slow': False}, self.options(
            {'slow': False}, control)['power_control']['options'])
        self.assertIsNone(self.options(
            None, control)['power_control']['options'])

    def test_refused(self):
        control = self.control()
        for value, text in (
                ({'slow': 1}, 'Field options.slow must be of type boolean'),
                ({'fast': True}, 'Unknown field: options.fast'),
                ({'retries': True}, 'options.retries'),
                ({'retries': 10}, 'options.retries must not be more than 9'),
                ({'retries': None}, 'options.retries must not be null'),
                ({'pins': {'b': 1}}, 'Unknown field: options.pins.b'),
                ([], 'Field options must be of type object'),
                ('{}', 'Field options')):
            self.assertIn(text, self.options(
                value, control, 400)['errors'][0]['detail'])

    def test_of_another_type(self):
        """What a device has must fit its type at any time."""
        control = self.control(options={'slow': True})
        change = {'control_type': 'IntelAMT', 'protocol_type': 'intel_amt'}
        self.assertIn('options.slow', self.error(
            'PUT', f'{LIST}{control["id"]}',
            {'power_control': change})['detail'])
        self.call('PUT', f'{LIST}{control["id"]}', {
            'power_control': {**change, 'options': None}}, 200)

    def test_no_filter(self):
        self.error('GET', f'{LIST}?options=x')


# Of a hypervisor that is no more.
HOST_KEY = ('ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPDoqnyEaa2do9qvqQUJZqNFP'
            'hXzy2DOEENI7s+uhjVs')
FINGERPRINT = 'SHA256:' + 'aB3+/' * 8 + 'xyz'
NO_HOST_KEYS = (
    '*', 'junk', ' ', 'ssh-ed25519', 'ssh-ed25519 AAAA', 'SHA256:short',
    FINGERPRINT + '=', 'MD5:00:11', f'bmc1 {HOST_KEY}', f'* {HOST_KEY}',
    HOST_KEY[:-4], HOST_KEY.replace('ed25519', 'rsa'), f'{HOST_KEY}\n*',
    f'@cert-authority * {HOST_KEY}', 'ключ')


@tests_base.databases()
class TextsTestCase(base.ApiTestCase):
    """What a device of a type can never use is not stored (FP6)."""

    def check(self, field, body, control=None):
        method, path = 'POST', LIST
        if control is not None:
            method, path = 'PUT', f'{LIST}{control["id"]}'
        self.assertIn(f'Field {field} must ', self.error(
            method, path, {'power_control': body}, 400)['detail'], body)

    def test_ipmi(self):
        """Octets count, not characters."""
        longest = {'login': 'x' * 14 + 'é', 'password': 'ключ ключ 12'}
        self.assertEqual((16, 20), tuple(
            len(text.encode()) for text in longest.values()))
        control = self.call('POST', LIST, {'power_control': {
            **BODY, **longest}}, 201).json['power_control']
        for name, value in longest.items():
            for text in (f'{value}x', 'ы' * (len(value) - 1), 'x' * 200):
                self.check(name, {**BODY, 'port_number': 9, name: text})
                self.check(name, {name: text}, control)
        self.assertEqual({'count': 1}, self.get(f'{LIST}count'))

    def test_ipmi_without_a_login(self):
        self.control('SupermicroRackDevice', 'ipmi')
        self.control('SupermicroRackDevice', 'ipmi', port_number=2,
                     login='', password='')

    def test_ssh(self):
        for number, good in enumerate((
                HOST_KEY, f'{HOST_KEY} root@kvm1', FINGERPRINT,
                f'\n {FINGERPRINT}\r\n\n{HOST_KEY}\n')):
            control = self.control('SshDevice', 'ssh', port_number=number + 1,
                                   options={'host_key': good})
        for bad in NO_HOST_KEYS:
            options = {'options': {'host_key': bad}}
            self.check('options.host_key', options, control)
            self.check('options.host_key', {
                'control_type': 'SshDevice', 'protocol_type': 'ssh',
                'host': 'kvm1', 'port_number': 22, **options})

    def test_options_of_several_lines(self):
        """Of the fields that are refused, only those that must be (FP6)."""
        pem = ('-----BEGIN CERTIFICATE-----\nMIIB\n'
               '-----END CERTIFICATE-----\n')
        found = self.control('Redfish', 'redfish', options={'ca': pem})
        self.assertEqual({'ca': pem}, found['options'])
        self.assertIn('control characters', self.error(
            'PUT', f'{LIST}{found["id"]}', {'power_control': {
                'options': {'ca': f'{pem}\x1b'}}})['detail'])

    def test_a_type_that_does_not_fit(self):
        """The stored password is as good or bad as a new one."""
        control = self.control(login='x' * 16, password=SECRET * 2)
        change = {'control_type': 'SupermicroRackDevice',
                  'protocol_type': 'ipmi'}
        self.check('password', change, control)
        self.check('login', {**change, 'login': 'x' * 17, 'password': 'x'},
                   control)
        self.call('PUT', f'{LIST}{control["id"]}', {'power_control': {
            **change, 'password': SECRET}}, 200)

    def test_what_is_stored_already(self):
        """An earlier version took it; the rest can be changed."""
        control = self.control('SshDevice', 'ssh')
        table = models.PowerControl
        self.execute(sa.update(table).values(options={'host_key': '*'}))
        self.call('PUT', f'{LIST}{control["id"]}', {'power_control': {
            'title': 'x'}}, 200)
        self.check('options.host_key', {'options': {'host_key': '*'}},
                   control)


class TypesTestCase(base.ApiTestCase):

    def test_types(self):
        found = self.get(f'{LIST}types')['types']
        for pair in (['ET7067', 'modbus'], ['DaenetIP2', 'snmp'],
                     ['DaenetIP2_ACPI', 'snmp'], ['SshDevice', 'ssh'],
                     ['IntelAMT', 'intel_amt'],
                     ['SupermicroRackDevice', 'ipmi']):
            self.assertIn(pair, found)

    def test_protocols(self):
        found = self.get(f'{LIST}protocols')['protocols']
        self.assertEqual(len(set(found)), len(found))
        for name in ('modbus', 'ipmi', 'snmp', 'ssh', 'intel_amt'):
            self.assertIn(name, found)

    def test_no_parameters(self):
        for name in ('types', 'protocols'):
            self.error('GET', f'{LIST}{name}?limit=1')

    def test_every_type_can_be_created(self):
        for number, kind in enumerate(power_types.all_types().values()):
            found = self.control(kind.control_type, kind.protocol_type,
                                 host=f'device{number}',
                                 port_number=kind.default_port)
            count = kind.coils_count or 0
            self.assertEqual(
                {str(n): None for n in range(1, count + 1)},
                found['coil_map'])


class RefusedTestCase(base.ApiTestCase):
    """AP1: what a field does not take is a 400 that names the field."""

    def test_create(self):
        for name, values in BAD.items():
            for value in values:
                self.assertIn(f'Field {name}', self.error(
                    'POST', LIST, {'power_control': {
                        **BODY, name: value}})['detail'], value)
        for name in ('control_type', 'protocol_type', 'host',
                     'port_number'):
            body = {key: value for key, value in BODY.items()
                    if key != name}
            self.assertEqual(f'Field {name} is required.', self.error(
                'POST', LIST, {'power_control': body})['detail'])

    def test_update(self):
        key = self.call('POST', LIST, {'power_control': BODY},
                        201).json['power_control']['id']
        for name, values in BAD.items():
            for value in values:
                self.assertIn(f'Field {name}', self.error(
                    'PUT', f'{LIST}{key}',
                    {'power_control': {name: value}})['detail'])
        self.assertIn('protocol_type', self.error(
            'PUT', f'{LIST}{key}',
            {'power_control': {'control_type': 'ET7067'}})['detail'])


class SecretsTestCase(base.ApiTestCase):

    def test_no_answer_and_no_log_has_them(self):
        """SE2: no password in any answer, error or line of the log."""
        log = self.useFixture(fixtures.FakeLogger())
        key_text = '-----BEGIN S3cret key-----'
        texts = [self.call('POST', LIST, {'power_control': body}).text
                 for body in (
                     BODY, BODY,  # the second is a conflict
                     {**BODY, 'password': [SECRET]},
                     {**BODY, 'password': SECRET * 100},
                     {**BODY, 'host': SECRET}, {**BODY, SECRET: 1},
                     {**BODY, 'ssh_key': key_text},
                     {**BODY, 'control_type': 'SshDevice',
                      'protocol_type': 'ssh', 'ssh_key': key_text})]
        texts += [self.call(method, path, body).text
                  for method, path, body in (
                      ('GET', LIST, None), ('GET', f'{LIST}1', None),
                      ('PUT', f'{LIST}1',
                       {'power_control': {'password': SECRET}}),
                      ('PUT', f'{LIST}99',
                       {'power_control': {'password': SECRET}}),
                      ('GET', f'{LIST}1/nodes', None))]
        # The name of a field is no secret; one that is unknown is named.
        del texts[5]
        self.assertNotIn('S3cret', ''.join(texts))
        self.assertNotIn('S3cret', log.output)

    def test_secrets_are_no_filters(self):
        for name in ('password', 'ssh_key', 'login'):
            self.error('GET', f'{LIST}?{name}=x')
            self.error('GET', f'{LIST}?sort={name}')

    def test_without_a_key(self):
        """Nothing is stored in clear for want of a key."""
        (self.directory / 'keys' / '0').unlink()
        self.error('POST', LIST, {'power_control': BODY}, 503)
        self.assertEqual({'count': 0}, self.get(f'{LIST}count'))
