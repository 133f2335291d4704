# SPDX-License-Identifier: Apache-2.0
"""Actions on servers at Nova's HTTP edge."""

import requests

from cloudmanager.common import exception
from cloudmanager.tests.unit.clients import base
from cloudmanager.tests.unit.clients import test_nova

ACTION = f'{base.COMPUTE}/servers/vm1/action'
DETAILS = '/servers/vm1/os-instance-actions/req-1'
DIAGNOSTICS = '/servers/vm1/diagnostics'
REFUSAL = {'status_code': 409, 'json': {'conflictingRequest': {
    'code': 409, 'message': 'not in this power state'}}}


class ActionsTestCase(test_nova.NovaCase):

    def calls(self):
        return {
            'start': {'os-start': None}, 'stop': {'os-stop': None},
            'unpause': {'unpause': None},
            'resume': {'resume': None}, 'unshelve': {'unshelve': None},
            'unrescue': {'unrescue': None},
            'hard_reboot': {'reboot': {'type': 'HARD'}},
            'confirm_resize': {'confirmResize': None},
            'revert_resize': {'revertResize': None}}

    def test_requests(self):
        found = self.http.post(ACTION, status_code=202)
        for name, body in self.calls().items():
            getattr(self.nova, name)('vm1')
            self.assertEqual(body, found.last_request.json(), name)

    def test_deletion(self):
        """FD10: as its owner asks for it, so that it can be restored."""
        found = self.http.delete(f'{base.COMPUTE}/servers/vm1',
                                 status_code=204)
        self.nova.request_deletion('vm1')
        self.assertEqual(1, found.call_count)

    def test_asked_once(self):
        """A request whose answer is lost is not repeated."""
        for answer in ({'status_code': 500, 'text': 'oops'},
                       {'exc': requests.exceptions.ReadTimeout}):
            for name in self.calls():
                found = self.http.post(ACTION, [answer])
                self.assertRaises(exception.CloudOutcomeUnknown,
                                  getattr(self.nova, name), 'vm1')
                self.assertEqual(1, found.call_count, name)

    def test_over(self):
        def event(finish_time):
            return {'event': 'compute_x', 'finish_time': finish_time}

        for events, expected, working in (
                ([], False, False), ([event(None)], False, True),
                ([event('2031-01-02T03:04:05.0')], True, False),
                ([event('2031-01-02T03:04:05.0'), event(None)], False,
                 True)):
            self.serve(DETAILS, {'instanceAction': {
                'action': 'reboot', 'request_id': 'req-1',
                'events': events}})
            self.assertEqual(expected, self.nova.is_over('vm1', 'req-1'))
            self.assertEqual(working, self.nova.is_working('vm1', 'req-1'))

    def test_guest_state(self):
        for answer, expected in (
                ({'json': {'state': 'running'}}, 'running'),
                ({'json': {'state': 'crashed'}}, 'crashed'),
                (REFUSAL, 'not running'),
                ({'status_code': 501, 'json': {}}, None),
                ({'status_code': 404, 'json': {}}, None),
                ({'exc': requests.exceptions.ReadTimeout}, None)):
            found = self.http.get(base.COMPUTE + DIAGNOSTICS, [answer])
            self.assertEqual(expected, self.nova.guest_state('vm1'))
            # A host that hangs is not asked again and again.
            self.assertEqual(1, found.call_count)

    def test_migrations_of(self):
        found = self.serve('/os-migrations', {'migrations': [
            test_nova.migration(7, updated_at='2031-01-02T03:04:05.0'),
            test_nova.migration(8, created_at='2031-01-02T03:04:06.0',
                                updated_at=None)]})
        first, second = self.nova.migrations_of('vm1')
        self.assertEqual((7, 5, 8, 6), (
            first.id, first.updated_at.second, second.id,
            second.updated_at.second))
        self.assertEqual(['vm1'], found.last_request.qs['instance_uuid'])

    def test_server(self):
        for launched_at, expected in ((None, False),
                                      ('2031-01-02T03:04:05.0', True)):
            self.serve('/servers/vm1', {'server': test_nova.server(
                'vm1', tenant_id='p1',
                **{'OS-SRV-USG:launched_at': launched_at})})
            found = self.nova.server('vm1')
            self.assertEqual((expected, 'p1'),
                             (found.launched, found.project_id))
