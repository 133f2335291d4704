# SPDX-License-Identifier: Apache-2.0
"""Errors get from a conductor to the API as what they are."""

import importlib
import json
import pkgutil
import re
import sys

from oslo_messaging._drivers import common as driver_common
import testtools

import cloudmanager
from cloudmanager.common import exception
from cloudmanager.common import rpc
from cloudmanager.power import exceptions as power_exc

# These are made by the API for its own answers.
OF_THE_API = 'cloudmanager.api.'


def load_everything():
    for found in pkgutil.walk_packages(cloudmanager.__path__,
                                       'cloudmanager.'):
        if not found.name.startswith(('cloudmanager.tests',
                                      'cloudmanager.wsgi',
                                      'cloudmanager.db.migration')):
            importlib.import_module(found.name)


def kinds(base=exception.CloudManagerException):
    """Give a class and all classes made of it."""
    yield base
    for kind in base.__subclasses__():
        yield from kinds(kind)


class Thing:
    """What an error may be made of and no message can carry."""

    def __init__(self):
        self.password = 'S3cret'

    def __str__(self):
        return 'a thing'


def cross(error):
    """Send an error as oslo.messaging does; return what arrives."""
    try:
        raise error
    except exception.CloudManagerException:
        sent = driver_common.serialize_remote_exception(sys.exc_info())
    return sent, driver_common.deserialize_remote_exception(
        sent, rpc.ALLOWED_REMOTE_EXMODS)


class CrossingTestCase(testtools.TestCase):
    """Every class of errors survives a message (FP8)."""

    def check(self, error):
        sent, arrived = cross(error)
        self.assertIsInstance(arrived, type(error))
        self.assertEqual(
            (error.code, error.error_code, error.message, error.kwargs,
             error.retry_after),
            (arrived.code, arrived.error_code, arrived.message,
             arrived.kwargs, arrived.retry_after))
        # Some go on: a conductor may ask another one.
        self.assertEqual(error.message, cross(arrived)[1].message)
        return sent

    @staticmethod
    def make(kind, value):
        names = re.findall(r'%\((\w+)\)([ds])', kind.template)
        return kind(**{name: 7 if form == 'd' else value
                       for name, form in names})

    def test_all(self):
        load_everything()
        found = {kind for kind in kinds()
                 if kind.__module__.startswith('cloudmanager.')
                 and not kind.__module__.startswith((
                     OF_THE_API, 'cloudmanager.tests.'))}
        self.assertIn(power_exc.PowerTimeout, found)
        for kind in found:
            with self.subTest(kind=kind.__name__):
                self.check(self.make(kind, 'it'))
                self.check(kind('A text of its own.'))
                sent = self.check(self.make(kind, Thing()))
                self.assertNotIn('S3cret', json.loads(sent)['message'])
                self.assertNotIn('S3cret', str(json.loads(sent)['kwargs']))

    def test_when_to_try_again(self):
        """FA2: one that has a text of its own names no time."""
        self.assertEqual(5, exception.Busy(limit=1, seconds=5).retry_after)
        for error in (exception.Busy('A text.'), exception.Conflict('x')):
            self.assertIsNone(error.retry_after)

    def test_conflict_of_a_user(self):
        error = exception.TaskConflict(
            task='t', name='node.power', target='node:7', user='ops')
        self.check(error)
        self.assertEqual('Task t (node.power of user ops) already acts on '
                         'node:7.', error.message)
        self.assertEqual(error.message, cross(error)[1].message)
