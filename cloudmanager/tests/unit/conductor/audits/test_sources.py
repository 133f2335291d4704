# SPDX-License-Identifier: Apache-2.0

from oslo_config import cfg

from cloudmanager.common import exception
from cloudmanager.conductor.audits import sources
from cloudmanager.planning.cloud import model
from cloudmanager.planning.drs import load
from cloudmanager.tests import base


class SourcesTestCase(base.TestCase):

    def test_none(self):
        """The default is installed, and knows nothing."""
        source = sources.get(cfg.CONF.drs.source)
        self.assertIsInstance(source, sources.Allocations)
        self.assertEqual(load.Use(), sources.read(
            'none', model.Cloud.of([]), (), lambda seconds: ()))

    def test_unknown(self):
        error = self.assertRaises(exception.Unavailable, sources.get,
                                  'oracle')
        self.assertIn('oracle', str(error))
