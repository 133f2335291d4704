# SPDX-License-Identifier: Apache-2.0
"""The state of flows in our database."""

import inspect

from taskflow import engines
from taskflow import exceptions
from taskflow import states
from taskflow import task
from taskflow.patterns import linear_flow
from taskflow.persistence import models as tf_models
from taskflow.persistence.backends import impl_sqlalchemy

from cloudmanager.conductor.engine import persistence
from cloudmanager.conductor.engine import run
from cloudmanager.db import api as db_api
from cloudmanager.tests import base


class Step(task.Task):

    def __init__(self, name, log, action=None):
        super().__init__(name=name)
        self._log, self._action = log, action

    def execute(self):
        self._log.append(self.name)
        if self._action is not None:
            self._action()

    def revert(self, *args, **kwargs):
        self._log.append(f'-{self.name}')


def hand_over():
    raise run.HandOver()


@base.databases()
class BackendTestCase(base.DbTestCase):

    def backend_of_a_process(self):
        engine = db_api.create_engine()
        self.addCleanup(engine.dispose)
        return persistence.Backend(engine)

    def book(self, backend):
        book = tf_models.LogBook('book', uuid='the-task')
        book.meta = {'a': [1, None, 'ü']}
        book.add(tf_models.FlowDetail('flow', uuid='the-task'))
        backend.get_connection().save_logbook(book)
        return book

    def test_round_trip(self):
        self.book(self.backend_of_a_process())

        connection = self.backend_of_a_process().get_connection()
        book = connection.get_logbook('the-task')

        self.assertEqual(('book', {'a': [1, None, 'ü']}),
                         (book.name, book.meta))
        self.assertEqual([('flow', 'the-task')], [
            (detail.name, detail.uuid) for detail in book])
        self.assertRaises(exceptions.NotFound, connection.get_logbook,
                          'other')

    def load(self, log, actions):
        """Load the flow as a new process does."""
        backend = self.backend_of_a_process()
        connection = backend.get_connection()
        try:
            book = connection.get_logbook('the-task')
        except exceptions.NotFound:
            book = self.book(backend)
        flow = linear_flow.Flow('flow').add(*(
            Step(name, log, actions.get(name)) for name in 'abc'))
        return engines.load(flow, flow_detail=next(iter(book)), book=book,
                            backend=backend, engine='serial')

    def test_resume(self):
        """CC11: finished steps are not run again, the last one is."""
        log = []
        self.assertRaises(run.HandOver,
                          self.load(log, {'b': hand_over}).run)
        self.assertEqual(['a', 'b'], log)
        log.clear()
        engine = self.load(log, {})
        engine.run()
        self.assertEqual(['b', 'c'], log)
        self.assertEqual(states.SUCCESS, engine.storage.get_flow_state())

    def test_hand_over_reverts_nothing(self):
        log = []
        engine = self.load(log, {'c': hand_over})
        self.assertRaises(run.HandOver, engine.run)
        self.assertEqual(['a', 'b', 'c'], log)
        self.assertEqual({}, self.load(log, {}).storage.get_failures())

    def test_upgrade_twice(self):
        persistence.upgrade()
        self.book(self.backend_of_a_process())
        persistence.upgrade()
        book = self.backend_of_a_process().get_connection().get_logbook(
            'the-task')
        self.assertEqual('book', book.name)


class PrivateNamesTestCase(base.TestCase):
    """What our backend relies on in TaskFlow beyond its interface."""

    def test_connection(self):
        made = inspect.getsource(impl_sqlalchemy.Connection.__init__)
        for name in ('_backend', '_upgrade_lock', '_engine', '_metadata',
                     '_tables', '_converter'):
            self.assertIn(f'self.{name} =', made)
        self.assertEqual(6, made.count(' = '), made)

    def test_backend(self):
        made = inspect.getsource(
            impl_sqlalchemy.SQLAlchemyBackend.__init__)
        for name in ('_upgrade_lock', '_engine'):
            self.assertIn(f'self.{name} =', made)
        self.assertEqual(['tables'], list(inspect.signature(
            impl_sqlalchemy._Alchemist).parameters))

    def test_tables_are_shared(self):
        """No connection builds tables, so statements stay cached."""
        self.config(group='database',
                    connection=f'sqlite:///{self.directory}/db.sqlite')
        engine = db_api.create_engine()
        self.addCleanup(engine.dispose)
        backend = persistence.Backend(engine)
        self.assertIs(engine, backend.engine)
        one, other = backend.get_connection(), backend.get_connection()
        self.assertIs(one._tables, other._tables)
        self.assertIs(one._converter, other._converter)
