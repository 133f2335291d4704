# SPDX-License-Identifier: Apache-2.0
"""Definitions of resources, and forms of values."""

import datetime
import json

from wsme import types as wtypes
import wsme.exc
from wsme.rest import json as wsme_json

from cloudmanager.api import rendering
from cloudmanager.api.types import availability_storages
from cloudmanager.api.types import containers
from cloudmanager.api.types import fields
from cloudmanager.api.types import formats
from cloudmanager.api.types import hosts
from cloudmanager.api.types import node_classes
from cloudmanager.api.types import node_images
from cloudmanager.api.types import nodes
from cloudmanager.api.types import power_controls
from cloudmanager.api.types import reading
from cloudmanager.api.types import system_metadata
from cloudmanager.api.types import tasks
from cloudmanager.api.types import values
from cloudmanager.api.types import wrong
from cloudmanager.common import exception
from cloudmanager.db import models
from cloudmanager.policies import hosts as policies
from cloudmanager.tests import base

RESOURCES = (
    (nodes.Node, models.Node), (nodes.PowerAction, models.PowerAction),
    (node_classes.NodeClass, models.NodeClass),
    (node_classes.NodeType, models.NodeType),
    (node_images.NodeImage, models.NodeImage),
    (availability_storages.Storage, models.AvailabilityStorage),
    (power_controls.PowerControl, models.PowerControl),
    (tasks.Task, models.Task), (tasks.Item, models.TaskItem))
PURPOSES = (fields.CREATE, fields.UPDATE)


class ResourcesTestCase(base.TestCase):

    def test_columns(self):
        """Every field that is stored has its column."""
        for resource, model in RESOURCES:
            columns = set(model.__table__.c.keys())
            for field in resource.fields():
                if not field.computed:
                    self.assertIn(field.attribute, columns, field.name)

    def test_schemas(self):
        for resource, _ in RESOURCES:
            for purpose in PURPOSES:
                schema = resource.schema(purpose)
                self.assertFalse(schema['additionalProperties'])
                for name, properties in schema['properties'].items():
                    field = resource.by_name()[name]
                    self.assertEqual(field.nullable,
                                     'null' in properties['type'])

    def test_lengths_fit_the_columns(self):
        for resource, model in RESOURCES:
            for name, properties in resource.schema(
                    fields.CREATE)['properties'].items():
                if resource.by_name()[name].computed:
                    continue
                column = model.__table__.c[
                    resource.by_name()[name].attribute]
                length = getattr(column.type, 'length', None)
                if 'maxLength' in properties and length:
                    self.assertLessEqual(properties['maxLength'],
                                         max(length, 255), name)

    def test_they_are_types_of_wsme(self):
        for resource, _ in RESOURCES:
            self.assertTrue(wtypes.iscomplex(resource))
            self.assertEqual(
                [field.name for field in resource.fields()],
                [attribute.name for attribute in
                 wtypes.list_attributes(resource)])
        for purpose, mandatory in ((fields.CREATE, True),
                                   (fields.UPDATE, False)):
            body = power_controls.PowerControl.body(purpose)
            self.assertEqual(mandatory, body.host.mandatory)
            self.assertFalse(hasattr(body, 'failures'))
        self.assertRaises(wsme.exc.InvalidInput, setattr, nodes.Node(),
                          'ram_mb', 'much')

    def test_secrets_are_not_shown(self):
        secrets = {'password', 'ssh_key'}
        control = power_controls.PowerControl
        self.assertLessEqual(secrets, set(control.by_name()))
        for shown in (control.columns(), control.columns().values(),
                      control.filters()):
            self.assertIn('host', shown)
            self.assertEqual(set(), secrets & set(shown))

    def test_every_action_can_be_planned(self):
        for action in (*policies.ACTIONS.texts, 'restart'):
            self.assertIn('dry_run', hosts.body(action).by_name())
            self.assertNotIn('dry_run', hosts.defaults(action))

    def test_operators_exist(self):
        for resource, _ in RESOURCES:
            for field in resource.fields():
                for operator in field.operators:
                    self.assertIn(operator, field.given.operators)


# What is stored of each kind of values, the most special first.
STORED = (
    (formats.MAC, '52:54:00:ab:cd:ef'), (formats.Host, 'bmc1'),
    (formats.UUID, '5f0c4d8e-1111-4222-8333-944455556666'),
    (formats.NodeName, 'web1'), (formats.Directory, '/mnt'),
    (formats.BootFile, 'localboot 0'), (values.Text, 'ключ'),
    (values.Integer, 3), (values.Number, 1.5), (values.Boolean, True),
    (values.Time, datetime.datetime(2026, 1, 2, 3, 4, 5, 678)),
    (containers.List, ['10.0.0.1']),
    (containers.Object, {'cpu_benchmark': 'x'}))


def stored(kind):
    if isinstance(kind, values.Choice):
        return kind.choices[0]
    return next(value for of, value in STORED if isinstance(kind, of))


class RenderedTestCase(base.TestCase):
    """Answers are what WSME would write of the same types."""

    def test_the_same(self):
        for resource, _ in RESOURCES:
            for known in (True, False):
                shown = {name: field for name, field
                         in resource.by_name().items()
                         if name in resource.columns()}
                row = {field.attribute: stored(field.of)
                       if known or not field.nullable else None
                       for field in shown.values()}
                made = resource(**{field.key: row[field.attribute]
                                   for field in shown.values()})
                self.assertEqual(
                    wsme_json.tojson(resource, made),
                    json.loads(rendering.dumps(resource.render(row))))


class ReadingTestCase(base.TestCase):
    """WSME reads bodies, and is not believed everything."""

    class Thing(fields.Resource):
        _about = fields.About('thing')

        number = fields.Field(values.Integer(0, 9), column='n', create=True,
                              required=True, nullable=False)
        on = fields.Field(values.Boolean(), create=True, nullable=False)
        texts = fields.Field(containers.List(values.Text(3), 1, 2),
                             create=True, update=True)
        shown = fields.Field(values.Text())

    def read(self, thing, purpose=fields.CREATE):
        return reading.read(self.Thing, {'thing': thing}, purpose)

    def test_values_by_column(self):
        for given, wanted in (
                ({'number': 1}, {'n': 1}),
                ({'number': 0, 'on': False, 'texts': None},
                 {'n': 0, 'on': False, 'texts': None}),
                ({'number': 9, 'texts': ['a', 'bcd']},
                 {'n': 9, 'texts': ['a', 'bcd']})):
            self.assertEqual(wanted, self.read(given))
        self.assertEqual({}, self.read({}, fields.UPDATE))

    def test_refused(self):
        for given, text in (
                ({}, 'Field number is required.'),
                ({'number': None}, 'Field number must not be null.'),
                ({'number': '1'}, 'Field number must be of type integer.'),
                ({'number': True}, 'Field number must be of type integer.'),
                ({'number': 1.5}, 'Field number must be of type integer.'),
                ({'number': -1}, 'Field number must not be less than 0.'),
                ({'number': 10}, 'Field number must not be more than 9.'),
                ({'number': 1, 'on': 1}, 'Field on must be of type boolean.'),
                ({'number': 1, 'on': 'yes'},
                 'Field on must be of type boolean.'),
                ({'number': 1, 'texts': 'a'},
                 'Field texts must be of type array or null.'),
                ({'number': 1, 'texts': []},
                 'Field texts must have at least 1 elements.'),
                ({'number': 1, 'texts': ['a', 1]},
                 'Field texts.1 must be of type string.'),
                ({'number': 1, 'texts': [None]},
                 'Field texts.0 must be of type string.'),
                ({'number': 1, 'texts': ['abcd']},
                 'Field texts.0 must not have more than 3 characters.'),
                ({'number': 1, 'shown': 'x', 'more': 1},
                 'Unknown field: more, shown.')):
            error = self.assertRaises(exception.Invalid, self.read, given)
            self.assertEqual(text, str(error))

    def test_update(self):
        """What only a POST sets is unknown to a PUT."""
        error = self.assertRaises(exception.Invalid, self.read,
                                  {'number': 1}, fields.UPDATE)
        self.assertEqual('Unknown field: number.', str(error))

    def test_secrets_are_not_repeated(self):
        """Neither in the error nor in what it came from."""
        error = self.assertRaises(exception.Invalid, self.read,
                                  {'number': 'S3cret'})
        while error is not None:
            self.assertNotIn('S3cret', str(error))
            error = error.__cause__


class FormatsTestCase(base.TestCase):

    def same(self, kind, cases):
        for given, wanted in cases:
            self.assertEqual(wanted, kind.validate(given), given)

    def refused(self, kind, *values):
        for value in values:
            self.assertRaises(ValueError, kind.validate, value)

    def test_mac(self):
        self.same(formats.MAC(), (
            ('52:54:00:AB:cd:ef', '52:54:00:ab:cd:ef'),
            ('5254.00ab.cdef', '52:54:00:ab:cd:ef'),
            ('52-54-00-ab-cd-ef', '52:54:00:ab:cd:ef')))
        self.refused(formats.MAC(), '', '52:54:00:ab:cd', 'x' * 12,
                     '52:54:00:ab:cd:ef:00', '٥٢:54:00:ab:cd:ef')

    def test_ip_list(self):
        kind = containers.List(formats.IPAddress(), once=True)
        self.same(kind, (
            ([], []), (['10.0.0.1'], ['10.0.0.1']),
            (['FD00:0::1', 'fd00::1'], ['fd00::1'])))
        for value in (['x'], ['10.0.0.1', '1.2.3'], ['']):
            self.assertRaises(wrong.Wrong, kind.validate, value)

    def test_host(self):
        self.same(formats.Host(), (
            ('BMC', 'bmc'), ('a.b-c_d', 'a.b-c_d'), ('10.0.0.1',
                                                     '10.0.0.1'),
            ('::1', '::1'), ('a.', 'a.')))
        self.refused(formats.Host(), '', '.', 'a..b', '-a', 'a-', 'a b',
                     'a/b', 'a\n', 'a;b', 'x' * 64, 'ü')

    def test_port(self):
        self.same(formats.Port(), ((1, 1), ('65535', 65535), ('0623', 623)))
        self.refused(formats.Port(), 0, 65536, '', 'x', '-1', '1.0', '١',
                     '000001', ' 1')

    def test_name(self):
        self.same(formats.Name(), (('', ''), ('a b', 'a b'), ('Узел', 'Узел'),
                                 ('a\u200fb', 'a\u200fb')))
        self.refused(formats.Name(), ' ', ' a', 'a ', 'a\n', '\ta',
                     'a\u00a0', 'a\tb', 'a\x00', 'a\x7fb', 'a\x9bb')

    def test_directory(self):
        self.same(formats.Directory(1024), tuple((value, value) for value in (
            '/', '/tmp', '/tmp/', '/a/b.c/.d/..e/ f', '/узел', '/a' * 512,
            '/' + 'x' * 255)))
        self.refused(formats.Directory(), '', ' ', 'a', 'a/b', './a', '../a',
                     '//', '//a', '/a//b', '/a//', '/./a', '/a/.', '/a/./b',
                     '/..', '/a/..', '/a/../b', '/a/../', '~/a', ' /a',
                     '/a\nb', '/a\x00', '/a\x7f', '/a\x9b/', 'C:\\a',
                     '/' + 'x' * 256, '/' + 'ü' * 128)

    def test_time(self):
        time = datetime.datetime(2018, 10, 15, 12, 59, 50)
        self.same(values.Time(), (
            ('2018-10-15T12:59:50', time), ('2018-10-15 12:59:50', time),
            ('2018-10-15T12:59:50Z', time),
            ('2018-10-15T14:59:50+02:00', time)))
        self.refused(values.Time(), '', 'x', '2018-13-01', '12:59',
                     '0001-01-01T00:00:00+10:00',
                     '9999-12-31T23:59:59-10:00')


class MapsTestCase(base.TestCase):
    """Bodies whose fields have no names of their own."""

    def parse(self, body):
        return reading.read(system_metadata.Metadata, body, fields.UPDATE)

    def test_any_names(self):
        self.assertEqual({'a': 'b', 'c d': ''},
                         self.parse({'a': 'b', 'c d': ''}))

    def test_refused(self):
        for body, text in (
                ({}, 'The body must have at least 1'),
                ({'a': 1}, 'Field a must be of type string'),
                ({'a': None}, 'Field a must be of type string'),
                ({'a': 'x' * 256}, 'Field a must not have more'),
                ({'': 'x'}, 'name of a field'),
                ({'a/b': 'x'}, 'name of a field'),
                ({'a\x7f': 'x'}, 'name of a field')):
            error = self.assertRaises(exception.Invalid, self.parse, body)
            self.assertIn(text, str(error))

    def test_targets(self):
        kind = formats.Targets(3, 2)
        self.assertEqual(
            {'san': ['a', 'b'], '10.0.0.1': ['c']},
            kind.validate({'SAN': ['a', 'a'], '10.0.0.1': ['c'],
                           'san': ['b']}))
        for value in ({}, {'x y': ['a']}, {'a': ['b'] * 3},
                      dict.fromkeys('abcd', ['1'])):
            self.assertRaises((ValueError, wrong.Wrong), kind.validate,
                              value)
        error = self.assertRaises(wrong.Wrong, kind.validate,
                                  {'san': ['a', 'b c']})
        self.assertEqual(('san.1', 'must be the name of a target'),
                         (error.fieldname, error.msg))

    def test_schema_of_answers(self):
        self.assertEqual(
            {'type': 'string'},
            system_metadata.Answer.metadata.of.answer_schema()['additionalProperties'])
