# SPDX-License-Identifier: Apache-2.0
"""Tokens of the service are exchanged for tokens of a project."""

from keystoneauth1 import fixture as ks_fixture

from cloudmanager.clients import projects
from cloudmanager.common import exception
from cloudmanager.tests import clocks
from cloudmanager.tests.unit.clients import base

INSIDE = 'gAAAA-token-inside'


class ProjectsTestCase(base.ClientCase):

    def setUp(self):
        super().setUp()
        self.configure()
        self.clock = clocks.simulate(self)
        self.scopes = []
        self.http.post(f'{base.AUTH}/auth/tokens', json=self.answer)
        self.status = 201
        self.projects = projects.Projects()

    def answer(self, request, context):
        """Give the service its token, and exchange it."""
        asked = request.json()['auth']
        context.status_code = 201
        context.headers['X-Subject-Token'] = base.TOKEN
        if asked['identity']['methods'] == ['token']:
            self.scopes.append((asked['identity']['token']['id'],
                                asked['scope']['project']['id']))
            context.status_code = self.status
            context.headers['X-Subject-Token'] = INSIDE
            return ks_fixture.V3Token(project_id='p1')
        return self.token

    def test_exchange(self):
        """No password goes over the wire, and no role is asked for."""
        self.assertEqual(INSIDE, self.projects.session('p1').get_token())
        self.assertEqual([(base.TOKEN, 'p1')], self.scopes)
        self.no_secret_in()

    def test_kept_for_a_while(self):
        """It is not used until its token ends in the middle of something."""
        first = self.projects.session('p1')
        self.assertIs(first, self.projects.session('p1'))
        self.assertIsNot(first, self.projects.session('p2'))
        self.clock.now += 61
        self.assertIsNot(first, self.projects.session('p1'))
        self.assertEqual(['p1', 'p2', 'p1'],
                         [project for _, project in self.scopes])

    def test_no_role(self):
        """SE5: a clear refusal."""
        for self.status in (401, 403, 404):
            error = self.assertRaises(exception.ProjectClosed,
                                      self.projects.session, 'p1')
            self.assertEqual(409, error.code)
            self.assertIn('p1', str(error))
            self.no_secret_in(error)

    def test_keystone_is_away(self):
        self.status = 503
        self.assertRaises(exception.CloudUnreachable, self.projects.session,
                          'p1')
        self.assertEqual(4, len(self.scopes))
