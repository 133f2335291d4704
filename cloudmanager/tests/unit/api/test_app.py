# SPDX-License-Identifier: Apache-2.0
"""What we take for granted of Pecan."""

from pecan import core

from cloudmanager.api import app
from cloudmanager.api import routing
from cloudmanager.tests import base


class PecanTestCase(base.TestCase):

    def test_signatures_are_remembered(self):
        """Pecan looks at them by the name that remembers them."""
        self.assertIn('getargspec',
                      core.PecanBase.invoke_controller.__code__.co_names)
        self.assertIs(core.getargspec(app.build),
                      core.getargspec(app.build))

    def test_arguments_are_not_looked_for(self):
        """Whatever stands in a query string or a body."""
        request = app.Request({
            'REQUEST_METHOD': 'POST', 'QUERY_STRING': 'node_id=1',
            'CONTENT_TYPE': 'application/json'})
        for found in (request.GET, request.params, request.json):
            self.assertEqual({}, dict(found))


class ExposedTestCase(base.TestCase):

    def expose(self, function):
        routing.Route('GET', '/v1/a/{b}/c/{d}', None, function,
                      {204: None}).expose()

    def test_functions_take_what_their_paths_have(self):
        self.expose(lambda call, b, d: None)
        for function in (lambda call: None, lambda call, d, b: None,
                         lambda call, b, d, more: None):
            self.assertRaises(TypeError, self.expose, function)
