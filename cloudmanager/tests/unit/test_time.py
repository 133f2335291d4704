# SPDX-License-Identifier: Apache-2.0
"""Who may use the time of the machine; all others ask the clock."""

import ast
import pathlib
import re

import cloudmanager
from cloudmanager.tests import base

ROOT = pathlib.Path(cloudmanager.__file__).parent
SOCKETS = 'deadlines of answers on sockets'
PRESSES = 'presses last as long as the device and its sockets say'
# What waits for something that another clock would not make come sooner.
ALLOWED = {
    'common/clock.py': 'is the clock',
    'api/connections.py': 'compares with times of Waitress',
    'api/server.py': 'compares with times of Waitress, waits for its threads',
    'common/memory_bus.py': 'time that a condition between threads may take',
    'conductor/engine/worker.py': 'waits for the end of its threads',
    'conductor/periodics/runner.py': 'waits for the end of its threads',
    'conductor/pxe/directory.py': 'compares with times of files',
    'power/deadline.py': 'waits for locks; ' + SOCKETS,
    'power/ipmi/health.py': SOCKETS,
    'power/ipmi/session.py': SOCKETS,
    'power/modbus/client.py': SOCKETS,
    'power/network.py': SOCKETS,
    'power/redfish/connector.py': SOCKETS,
    'power/redfish/session.py': 'closes sessions from a thread; ' + SOCKETS,
    'power/snmp/client.py': SOCKETS,
    'power/snmp/daenet.py': SOCKETS,
    'power/snmp/daenet_acpi.py': PRESSES,
}
_PATCHES = ('patch', 'object', 'setattr', 'MockPatch', 'MockPatchObject',
            'MonkeyPatch')
_TIME = re.compile(r'(^|\.)(time|datetime)(\.|$)')


def uses_time(source):
    """Tell whether a source has the time of the machine, or sleeps."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            if any(alias.name == 'time' for alias in node.names):
                return True
        elif isinstance(node, ast.ImportFrom):
            if (node.module == 'time' or node.module == 'oslo_utils' and any(
                    alias.name == 'timeutils' for alias in node.names)):
                return True
        elif (isinstance(node, ast.Attribute)
              and node.attr in ('now', 'utcnow', 'today')
              and ast.unparse(node.value) in ('datetime', 'datetime.date',
                                              'datetime.datetime')):
            return True
    return False


def patches_of_time(source):
    """Return the calls that put something in the place of time."""
    return [
        ast.unparse(node) for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func).rpartition('.')[2] in _PATCHES
        and any(_TIME.search(argument.value
                             if isinstance(argument, ast.Constant)
                             else ast.unparse(argument))
                for argument in node.args[:2]
                if isinstance(argument, ast.Name | ast.Attribute)
                or isinstance(argument, ast.Constant)
                and isinstance(argument.value, str))]


class TimeTestCase(base.TestCase):

    def test_modules(self):
        """No more than these, and no fewer, so that none is left over."""
        found = [str(path.relative_to(ROOT)) for path in ROOT.rglob('*.py')
                 if not path.is_relative_to(ROOT / 'tests')
                 and 'time' in (source := path.read_text())
                 and uses_time(source)]
        self.assertEqual(sorted(ALLOWED), sorted(found))

    def test_tests_patch_no_time(self):
        """They put a clock in the place of ``clock.source``."""
        found = {str(path.relative_to(ROOT)): calls
                 for path in (ROOT / 'tests').rglob('*.py')
                 if (calls := patches_of_time(path.read_text()))}
        self.assertEqual({}, found)

    def test_what_is_seen(self):
        """The rules do find what they are there for."""
        for source in ('def f():\n    import time', 'from time import sleep',
                       'import datetime\ndatetime.datetime.now()',
                       'from oslo_utils import timeutils'):
            self.assertTrue(uses_time(source), source)
        for source in ('from cloudmanager.common import clock\nclock.sleep(1)',
                       'import datetime\ndatetime.timedelta(seconds=1)'):
            self.assertFalse(uses_time(source), source)
        for source in ('mock.patch("a.b.time.sleep")',
                       'mock.patch.object(a, "time")',
                       'fixtures.MonkeyPatch("time.time", f)',
                       'fixtures.MockPatchObject(time, "sleep")',
                       'self.patch(session, "time", self)'):
            self.assertEqual(1, len(patches_of_time(source)), source)
        for source in ('self.patch(session, "IDLE_SECONDS", 0.1)',
                       'fixtures.MockPatchObject(clock, "source", f)'):
            self.assertEqual([], patches_of_time(source))
