# SPDX-License-Identifier: Apache-2.0
"""Lists stay quick: few statements, indexes, and plans that use them.

``tools/bench/lists.py`` has the figures; what is here does not depend on the
machine.
"""

import fixtures
import sqlalchemy as sa

from cloudmanager.api import routing
from cloudmanager.common import policy
from cloudmanager.db import api as db_api
from cloudmanager.db import models
from cloudmanager.db import tasks as db_tasks
from cloudmanager.tests import base as tests_base
from cloudmanager.tests.functional import base

MODELS = {mapper.local_table.name: mapper.local_table
          for mapper in models.Base.registry.mappers}
# Lists of the actions on one node: they have an index on the node, and what
# is left is short.
OF_ONE_NODE = 'power_actions'
# MySQL has no index on a whole text, and nobody looks for one exactly.
TEXTS = ('description',)
MOST_STATEMENTS = 5
COUNT = 3000


def filtered():
    """Return each table that a list filters, with its resource."""
    found = {}
    for route in routing.TABLE:
        if route.query.resource is not None:
            resource = route.query.resource
            table = MODELS.get(resource.about().collection)
            if table is not None and table.name != OF_ONE_NODE:
                found[table.name] = (table, resource)
    return found.values()


# Filters that are no columns, and where they look.
ELSEWHERE = {'ip_addresses': (models.NodeAddress, 'address'),
             'power_status': (models.NodePowerControl, 'node_id'),
             'node_id': (models.TaskNode, 'node_id')}


def indexed(table):
    """Return the columns that some index begins with."""
    found = {next(iter(table.primary_key.columns)).name}
    found |= {next(iter(index.columns)).name for index in table.indexes}
    return found | {
        next(iter(constraint.columns)).name
        for constraint in table.constraints
        if isinstance(constraint, sa.UniqueConstraint)}


class IndexesTestCase(tests_base.TestCase):

    def test_every_filter_has_one(self):
        """DB2: what a list filters on has an index."""
        self.assertGreater(len(list(filtered())), 5)
        for table, resource in filtered():
            wanted = {field.attribute for field in resource.fields()
                      if field.operators and not field.computed
                      } - set(TEXTS) - {'ip_addresses'}
            self.assertEqual(set(), wanted - indexed(table), table.name)
        for model, column in ELSEWHERE.values():
            self.assertIn(column, indexed(model.__table__))


@tests_base.databases()
class StatementsTestCase(base.ApiTestCase):

    def test_every_list(self):
        """DB3: no list needs more statements for more entries."""
        nodes = [self.powered_node(name=f'n{number}')
                 for number in range(5)]
        self.execute(sa.insert(models.PowerAction), [
            {'node_id': nodes[0]['id'], 'action': 'reset',
             'result': 'success'} for _ in range(5)])
        for path in self.lists(nodes[0]['id']):
            with self.statements() as few:
                self.get(f'{path}?limit=1')
            with self.statements() as many:
                self.get(path)
            self.assertEqual(len(few), len(many), path)
            self.assertLessEqual(len(many), MOST_STATEMENTS, path)

    def lists(self, node_id):
        for route in routing.TABLE:
            if (route.query.paged
                    and 501 not in route.errors):
                yield route.path.replace('{node_id}', str(node_id))


class ChecksTestCase(base.ApiTestCase):

    def checks(self, path, user='admin'):
        """Return the rules that a request is checked against."""
        enforcer, found = policy.get_enforcer(), []

        def enforce(rule, *args, **kwargs):
            found.append(rule)
            return type(enforcer).enforce(enforcer, rule, *args, **kwargs)

        with fixtures.MonkeyPatch(
                'cloudmanager.common.policy._ENFORCER.enforce', enforce):
            self.get(path, user=user)
        return found

    def test_one_for_a_list(self):
        """DB6: policy is asked once, whatever the number of entries."""
        for number in range(30):
            self.node(name=f'n{number}')
        for number in range(10):
            db_tasks.create_task(self.context, 'host.shutdown', params={},
                                 targets=[f'host:{number}'])
        for path, rule in (('/v1/nodes', 'cloudmanager:nodes:list'),
                           ('/v1/tasks?detail=true',
                            'cloudmanager:tasks:list')):
            self.assertEqual([rule], self.checks(path))
            self.assertEqual([rule], self.checks(path, user='reader'))

    def test_only_for_what_is_asked(self):
        """DB6: the rule of one field is asked where the field is."""
        task, _ = db_tasks.create_task(self.context, 'host.shutdown',
                                       params={}, targets=['host:a'])
        self.assertEqual(
            ['cloudmanager:tasks:get', 'cloudmanager:tasks:traceback'],
            self.checks(f'/v1/tasks/{task["id"]}'))


class PlansCase(base.ApiTestCase):
    """With as many nodes as make a database think."""

    def setUp(self):
        super().setUp()
        self.execute(sa.insert(models.Node), [
            {'name': f'node{number:05}', 'node_class_id': 1,
             'node_type_id': 1, 'image_id': 1, 'rack_number': number % 90}
            for number in range(COUNT)])

    def plan(self, query):
        """Return how the database reads a page of nodes."""
        with self.recorded() as found:
            self.get(f'/v1/nodes/?limit=100{query}')
        text, parameters = found[0]
        with db_api.get_engine().connect() as connection:
            return [dict(row) for row in connection.exec_driver_sql(
                f'{self.explain} {text}', parameters).mappings()]


@tests_base.databases('mysql', sqlite=False)
class MysqlPlansTestCase(PlansCase):

    explain = 'EXPLAIN'

    def test_begins_with_the_nodes(self):
        """A page is read in its order, not sorted out of all nodes."""
        self.execute(sa.text('ANALYZE TABLE nodes'))
        (first_id,), = self.execute(sa.select(sa.func.min(models.Node.id)))
        for query in ('', f'&marker={first_id + 1000}', '&node_class_id=1'):
            first, *_ = self.plan(query)
            self.assertEqual('nodes', first['table'], query)
            self.assertNotIn('sort', first['Extra'] or '', query)

    def test_filter(self):
        self.execute(sa.text('ANALYZE TABLE nodes'))
        first, *_ = self.plan('&rack_number=7')
        self.assertEqual(('nodes', 'ix_nodes_rack_number'),
                         (first['table'], first['key']))


class SqlitePlansTestCase(PlansCase):

    explain = 'EXPLAIN QUERY PLAN'

    def test_plans(self):
        for query, wanted in (
                ('', 'SCAN nodes'),
                ('&marker=1000', 'SEARCH nodes USING INTEGER PRIMARY KEY'),
                ('&rack_number=7', 'USING INDEX ix_nodes_rack_number')):
            plan = [row['detail'] for row in self.plan(query)]
            self.assertIn(wanted, plan[0])
            self.assertNotIn('TEMP B-TREE', ' '.join(plan))
