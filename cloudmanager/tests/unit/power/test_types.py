# SPDX-License-Identifier: Apache-2.0
import jsonschema
import testtools

from cloudmanager.domain import power_types
from cloudmanager.power import registry


class TypesTestCase(testtools.TestCase):

    def test_every_driver_has_its_kind(self):
        """The options are described in ``power.types``, once."""
        kinds = power_types.all_types()
        for name, driver in registry.drivers().items():
            self.assertEqual(dict(kinds[name].options_schema),
                             dict(driver.options_schema), name)

    def test_schemas(self):
        for name, kind in power_types.all_types().items():
            for schema in kind.options_schema.values():
                jsonschema.Draft202012Validator.check_schema(schema)
                self.assertIn('type', schema, name)
