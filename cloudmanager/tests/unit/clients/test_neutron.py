# SPDX-License-Identifier: Apache-2.0
"""What Neutron tells of the agents on a host."""

from cloudmanager.clients import neutron
from cloudmanager.common import exception
from cloudmanager.tests.unit.clients import base

NETWORK = 'http://network.example'


class AgentsTestCase(base.ClientCase):

    def setUp(self):
        super().setUp()
        self.configure()

    def serve(self, **answer):
        self.token.add_service('network').add_standard_endpoints(
            public=NETWORK, region='one')
        self.http.get(NETWORK, json={'versions': [
            {'id': 'v2.0', 'status': 'CURRENT',
             'links': [{'rel': 'self', 'href': f'{NETWORK}/v2.0/'}]}]})
        return self.http.get(f'{NETWORK}/v2.0/agents', **answer)

    def test_agents(self):
        """Only those of exactly this host."""
        asked = self.serve(json={'agents': [
            {'id': '1', 'binary': 'l2', 'host': 'cmp1', 'alive': True},
            {'id': '2', 'binary': 'dhcp', 'host': 'cmp1', 'alive': False},
            {'id': '3', 'binary': 'l2', 'host': 'cmp10', 'alive': True}]})
        self.assertEqual(
            [neutron.Agent('1', 'l2', 'cmp1', True),
             neutron.Agent('2', 'dhcp', 'cmp1', False)],
            neutron.Neutron().agents('cmp1'))
        self.assertEqual(['cmp1'], asked.last_request.qs['host'])

    def test_cloud_without_neutron(self):
        self.assertEqual([], neutron.Neutron().agents('cmp1'))

    def test_out_of_reach(self):
        """That is another matter than none."""
        self.serve(status_code=503)
        self.assertRaises(exception.CloudUnreachable,
                          neutron.Neutron().agents, 'cmp1')
