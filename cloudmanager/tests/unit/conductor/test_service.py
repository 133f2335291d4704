# SPDX-License-Identifier: Apache-2.0
"""Clients in the projects of tenants."""

import fixtures

from cloudmanager.clients import cinder
from cloudmanager.clients import nova
from cloudmanager.common import exception
from cloudmanager.conductor import service
from cloudmanager.tests import base


class Projects:
    """Gives out sessions, each until it is too old."""

    def __init__(self):
        self.sessions = {}

    def session(self, project_id):
        if project_id == 'closed':
            raise exception.ProjectClosed(project=project_id)
        return self.sessions.setdefault(project_id, object())


class ClientsOfProjectsTestCase(base.TestCase):

    def setUp(self):
        super().setUp()
        self.projects = Projects()
        self.useFixture(fixtures.MonkeyPatch(
            'cloudmanager.clients.projects.Projects', lambda: self.projects))
        self.enter = service.ClientsOfProjects()

    def test_clients(self):
        inside = self.enter('p1')
        self.assertIsInstance(inside.nova, nova.Nova)
        self.assertIsInstance(inside.cinder, cinder.Cinder)
        for client in (inside.nova, inside.cinder):
            self.assertIs(self.projects.sessions['p1'], client._session)

    def test_kept_as_long_as_their_session(self):
        """They have found out versions, which costs requests."""
        inside = self.enter('p1')
        self.assertIs(inside, self.enter('p1'))
        self.assertIsNot(inside, self.enter('p2'))
        self.projects.sessions.clear()
        self.assertIsNot(inside, self.enter('p1'))

    def test_no_role(self):
        """SE5"""
        self.assertRaises(exception.ProjectClosed, self.enter, 'closed')
