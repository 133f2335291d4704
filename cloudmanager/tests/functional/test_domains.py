# SPDX-License-Identifier: Apache-2.0
"""Domains of Keystone, over the API."""

from cloudmanager.common import exception
from cloudmanager.tests.functional import base

STORE = ('/v1/domains/actions/get-store', '/domains/actions/get-store')
CONFIGURE = '/v1/domains/default/actions/configure'
TOTP = '/v1/domains/totp-allowed'


class DomainsTestCase(base.ApiTestCase):

    def test_store(self):
        """At both paths, the one of the heading and that of the example."""
        for path in STORE:
            for slash in ('', '/'):
                answer = self.call('POST', path + slash, status=200)
                self.assertEqual({'store': 'file'}, answer.json)
            self.error('GET', path, status=405)
            self.error('POST', path, {'x': 1})

    def test_configure(self):
        self.conductor.domains['default'] = 0
        answer = self.call('POST', CONFIGURE, status=204)
        self.assertEqual(b'', answer.body)
        self.assertEqual(1, self.conductor.domains['default'])

    def test_unknown_domain(self):
        for name in ('x', 'default', 'd' * 64, 'd' * 65, '%0a', '%00', '..',
                     'a%20b'):
            found = self.error(
                'POST', f'/v1/domains/{name}/actions/configure', status=404)
            self.assertIn('not_found', found['code'])

    def test_what_the_conductor_says(self):
        for status, error in (
                (409, exception.Conflict(reason='Domain x has no file.')),
                (503, exception.Unavailable(reason='cannot be read'))):
            self.conductor.check_error = error
            self.assertEqual(str(error), self.error(
                'POST', CONFIGURE, status=status)['detail'])
        self.error('POST', STORE[0], status=503)

    def test_totp(self):
        """A JSON boolean, of the configuration."""
        self.assertEqual({'totp_allowed': False}, self.get(TOTP))
        self.config(group='identity', totp_allowed=True)
        self.assertEqual({'totp_allowed': True}, self.get(TOTP))

    def test_who_may(self):
        self.conductor.domains['default'] = 0
        self.call('GET', TOTP, status=200, user='reader')
        for path in STORE:
            self.call('POST', path, status=200, user='reader')
            self.call('POST', path, status=403, user='stranger')
            self.call('POST', path, status=401, user=None)
        self.call('POST', CONFIGURE, status=403, user='reader')
        self.call('GET', TOTP, status=403, user='stranger')
        self.assertEqual(0, self.conductor.domains['default'])
