# SPDX-License-Identifier: Apache-2.0
"""What a process imports, and what it does not."""

import subprocess
import sys

from cloudmanager.tests import base

LATE = """
import sys
from cloudmanager.common import runtime
runtime.import_late('xml.dom.minidom')
from xml.dom import minidom
assert 'xml.dom.xmlbuilder' not in sys.modules
minidom.parseString
import xml.dom.minidom
assert xml.dom.minidom is minidom
print(minidom.parseString('<a>1</a>').documentElement.tagName)
"""
CONDUCTOR = """
import sys
import cloudmanager.cmd.conductor
from taskflow.persistence.backends import impl_sqlalchemy
print(sorted({'alembic', 'eventlet.patcher', 'pygments'} & set(sys.modules)))
impl_sqlalchemy.migration.db_sync
print('alembic' in sys.modules)
"""


class RuntimeTestCase(base.TestCase):

    def output(self, program):
        done = subprocess.run([sys.executable, '-W', 'error::UserWarning',
                               '-c', program], capture_output=True, text=True,
                              timeout=60, check=False)
        self.assertEqual((0, ''), (done.returncode, done.stderr))
        return done.stdout.splitlines()

    def test_import_late(self):
        self.assertEqual(['a'], self.output(LATE))

    def test_conductor(self):
        """TaskFlow's migrations come with their first use, eventlet never."""
        self.assertEqual(['[]', 'True'], self.output(CONDUCTOR))
