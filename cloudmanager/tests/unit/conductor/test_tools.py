# SPDX-License-Identifier: Apache-2.0
"""What tests put in the place of the clients fits where they stand."""

import inspect

from cloudmanager.clients import cinder
from cloudmanager.clients import cinder_db
from cloudmanager.clients import glance
from cloudmanager.clients import neutron
from cloudmanager.clients import nova
from cloudmanager.clients import placement
from cloudmanager.clients import protocols
from cloudmanager.common import exception
from cloudmanager.conductor import tools as conductor_tools
from cloudmanager.conductor.power import nodes
from cloudmanager.tests import base
from cloudmanager.tests.unit.conductor import fake_copies
from cloudmanager.tests.unit.conductor import fakes
from cloudmanager.tests.unit.conductor import server_case

#: What stands for each of them, in one test or another: a fake knows what
#: the flows of its tests ask for, and that in the same way.
ROLES = (
    (protocols.Nova, nova.Nova, (fakes.FakeNova,)),
    (protocols.Placement, placement.Placement, (fakes.FakePlacement,)),
    (protocols.Cinder, cinder.Cinder, (fakes.FakeCinder,
                                       fake_copies.FakeCinder)),
    (protocols.CinderDatabase, cinder_db.CinderDatabase,
     (fakes.FakeCinderDatabase,)),
    (protocols.Neutron, neutron.Neutron, (fakes.FakeNeutron,
                                          fake_copies.FakeNeutron)),
    (protocols.Glance, glance.Glance, (fake_copies.FakeGlance,)),
    (conductor_tools.Power, nodes.NodePower, (server_case.Off,)))


def _asked(protocol):
    return {name: member for name, member in vars(protocol).items()
            if inspect.isfunction(member) and not name.startswith('_')}


def _parameters(function):
    return [(parameter.name, parameter.kind,
             parameter.default is inspect.Parameter.empty)
            for parameter in inspect.signature(
                function).parameters.values()]


class FitTestCase(base.TestCase):

    def test_clients(self):
        """The clients do all that is asked of them, as it is asked."""
        for protocol, client, _ in ROLES:
            for name, asked in _asked(protocol).items():
                self.assertEqual(_parameters(asked),
                                 _parameters(getattr(client, name)),
                                 f'{client.__name__}.{name}')

    def test_fakes(self):
        """No fake takes what a client would not."""
        for protocol, _, stands in ROLES:
            for fake in stands:
                for name, asked in _asked(protocol).items():
                    known = inspect.getattr_static(fake, name, None)
                    if inspect.isfunction(known):
                        self.assertEqual(_parameters(asked),
                                         _parameters(known),
                                         f'{fake.__name__}.{name}')

    def test_all_that_is_asked_stands_in_a_fake(self):
        """Nothing is asked of the cloud that no flow of a test asks for."""
        for protocol, _, stands in ROLES[:-1]:
            known = {name for fake in stands for name in dir(fake)}
            self.assertEqual(set(), _asked(protocol).keys() - known,
                             protocol.__name__)

    def test_without_a_cloud(self):
        """A step that asks a cloud all the same says what is missing."""
        tools = conductor_tools.Tools(power=nodes.NodePower())
        self.assertRaises(exception.CloudNotConfigured,
                          lambda: tools.nova.services())
