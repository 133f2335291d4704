# SPDX-License-Identifier: Apache-2.0
"""Definitions of resources, and forms of values."""

import datetime

import wsme
from wsme import types as wtypes

from cloudmanager.api import types
from cloudmanager.api.types import availability_storages
from cloudmanager.api.types import fields
from cloudmanager.api.types import formats
from cloudmanager.api.types import hosts
from cloudmanager.api.types import node_classes
from cloudmanager.api.types import node_images
from cloudmanager.api.types import nodes
from cloudmanager.api.types import power_controls
from cloudmanager.api.types import tasks
from cloudmanager.common import exception
from cloudmanager.db import models
from cloudmanager.tests import base

RESOURCES = (
    (nodes.NODE, models.Node), (nodes.POWER_ACTION, models.PowerAction),
    (node_classes.NODE_CLASS, models.NodeClass),
    (node_classes.NODE_TYPE, models.NodeType),
    (node_images.NODE_IMAGE, models.NodeImage),
    (availability_storages.STORAGE, models.AvailabilityStorage),
    (power_controls.POWER_CONTROL, models.PowerControl),
    (tasks.TASK, models.Task), (tasks.ITEM, models.TaskItem))


class ResourcesTestCase(base.TestCase):

    def test_columns(self):
        """Every field that is stored has its column."""
        for resource, model in RESOURCES:
            columns = set(model.__table__.c.keys())
            for field in resource.fields:
                if not field.computed:
                    self.assertIn(field.attribute, columns, field.name)

    def test_schemas(self):
        for resource, _ in RESOURCES:
            for purpose in ('create', 'update'):
                schema = resource.schema(purpose)
                self.assertFalse(schema['additionalProperties'])
                for name, properties in schema['properties'].items():
                    field = resource.by_name[name]
                    self.assertEqual(field.nullable,
                                     'null' in properties['type'])

    def test_lengths_fit_the_columns(self):
        for resource, model in RESOURCES:
            for name, properties in resource.schema(
                    'create')['properties'].items():
                if resource.by_name[name].computed:
                    continue
                column = model.__table__.c[resource.by_name[name].attribute]
                length = getattr(column.type, 'length', None)
                if 'maxLength' in properties and length:
                    self.assertLessEqual(properties['maxLength'],
                                         max(length, 255), name)

    def test_wsme_types(self):
        """They are complete types that WSME's own tools understand."""
        for resource, _ in RESOURCES:
            made = resource.wsme_type
            self.assertTrue(issubclass(made, wtypes.Base))
            wtypes.register_type(made)
            self.assertEqual(
                {field.name for field in resource.fields},
                {attribute.name for attribute in
                 wtypes.list_attributes(made)})
        control = power_controls.POWER_CONTROL.wsme_type
        self.assertTrue(control.host.mandatory)
        self.assertRaises(wsme.exc.InvalidInput, setattr,
                          nodes.NODE.wsme_type(), 'ram_mb', 'much')

    def test_secrets_are_not_shown(self):
        secrets = {'password', 'ssh_key'}
        control = power_controls.POWER_CONTROL
        self.assertLessEqual(secrets, {field.name for field
                                       in control.fields})
        for shown in (control.columns, control.columns.values(),
                      control.filters):
            self.assertIn('host', shown)
            self.assertEqual(set(), secrets & set(shown))

    def test_every_action_can_be_planned(self):
        for body in hosts.ACTIONS.values():
            self.assertIn('dry_run', body.by_name)

    def test_operators_exist(self):
        for resource, _ in RESOURCES:
            for field in resource.fields:
                for operator in field.operators:
                    self.assertIn(operator, fields.OPERATORS[field.type])


class FormatsTestCase(base.TestCase):

    def same(self, function, cases):
        for given, wanted in cases:
            self.assertEqual(wanted, function(given), given)

    def refused(self, function, *values):
        for value in values:
            self.assertRaises(ValueError, function, value)

    def test_mac(self):
        self.same(formats.mac, (
            ('52:54:00:AB:cd:ef', '52:54:00:ab:cd:ef'),
            ('5254.00ab.cdef', '52:54:00:ab:cd:ef'),
            ('52-54-00-ab-cd-ef', '52:54:00:ab:cd:ef')))
        self.refused(formats.mac, '', '52:54:00:ab:cd', 'x' * 12,
                     '52:54:00:ab:cd:ef:00', '٥٢:54:00:ab:cd:ef')

    def test_ip_list(self):
        self.same(formats.ip_list, (
            ([], []), (['10.0.0.1'], ['10.0.0.1']),
            (['FD00:0::1', 'fd00::1'], ['fd00::1'])))
        self.refused(formats.ip_list, ['x'], ['10.0.0.1', '1.2.3'], [''])

    def test_host(self):
        self.same(formats.host, (
            ('BMC', 'bmc'), ('a.b-c_d', 'a.b-c_d'), ('10.0.0.1',
                                                     '10.0.0.1'),
            ('::1', '::1'), ('a.', 'a.')))
        self.refused(formats.host, '', '.', 'a..b', '-a', 'a-', 'a b',
                     'a/b', 'a\n', 'a;b', 'x' * 64, 'ü')

    def test_port(self):
        self.same(formats.port, ((1, 1), ('65535', 65535), ('0623', 623)))
        self.refused(formats.port, 0, 65536, '', 'x', '-1', '1.0', '١',
                     '000001', ' 1')

    def test_name(self):
        self.same(formats.name, (('', ''), ('a b', 'a b'), ('Узел', 'Узел'),
                                 ('a\u200fb', 'a\u200fb')))
        self.refused(formats.name, ' ', ' a', 'a ', 'a\n', '\ta',
                     'a\u00a0', 'a\tb', 'a\x00', 'a\x7fb', 'a\x9bb')

    def test_directory(self):
        self.same(formats.directory, tuple((value, value) for value in (
            '/', '/tmp', '/tmp/', '/a/b.c/.d/..e/ f', '/узел', '/a' * 512,
            '/' + 'x' * 255)))
        self.refused(formats.directory, '', ' ', 'a', 'a/b', './a', '../a',
                     '//', '//a', '/a//b', '/a//', '/./a', '/a/.', '/a/./b',
                     '/..', '/a/..', '/a/../b', '/a/../', '~/a', ' /a',
                     '/a\nb', '/a\x00', '/a\x7f', '/a\x9b/', 'C:\\a',
                     '/' + 'x' * 256, '/' + 'ü' * 128)

    def test_time(self):
        time = datetime.datetime(2018, 10, 15, 12, 59, 50)
        self.same(formats.time, (
            ('2018-10-15T12:59:50', time), ('2018-10-15 12:59:50', time),
            ('2018-10-15T12:59:50Z', time),
            ('2018-10-15T14:59:50+02:00', time)))
        self.refused(formats.time, '', 'x', '2018-13-01', '12:59',
                     '0001-01-01T00:00:00+10:00',
                     '9999-12-31T23:59:59-10:00')


class OthersTestCase(base.TestCase):
    """Bodies whose fields have no names of their own."""

    RESOURCE = fields.Resource('', '', (), others=fields.Field(
        '', nullable=False))

    def parse(self, body):
        return types.parse(self.RESOURCE, body, 'update')

    def test_any_names(self):
        self.assertEqual({'a': 'b', 'c d': ''},
                         self.parse({'a': 'b', 'c d': ''}))

    def test_refused(self):
        for body, text in (
                ({}, 'The body must have at least 1'),
                ({'a': 1}, 'Field a must be of type string'),
                ({'a': None}, 'Field a must not be null'),
                ({'a': 'x' * 256}, 'Field a must not have more'),
                ({'': 'x'}, 'name of a field'),
                ({'a/b': 'x'}, 'name of a field'),
                ({'a\x7f': 'x'}, 'name of a field')):
            error = self.assertRaises(exception.Invalid, self.parse, body)
            self.assertIn(text, str(error))

    def test_schema_of_answers(self):
        schema = self.RESOURCE.answer_schema(None)
        self.assertEqual({'type': 'string'}, schema['additionalProperties'])
