# SPDX-License-Identifier: Apache-2.0
"""Each case that a test stands for is defined in the documentation."""

import pathlib
import re

import cloudmanager
from cloudmanager.tests import base

PACKAGE = pathlib.Path(cloudmanager.__file__).parent
PAGE = PACKAGE.parent / 'doc' / 'source' / 'contributor' / 'cases.rst'
_ID = '[A-Z]{2}[1-9][0-9]?'
_ROW = re.compile(rf'^   \* - ({_ID})$', re.MULTILINE)
_AT_THE_BEGINNING = re.compile(rf'"""({_ID})\b')


def used(text, known):
    """Return the ids that a source names.

    :param known: ids; others of their families are looked for everywhere,
        those of other families only where docstrings begin
    """
    families = '|'.join(sorted({each[:2] for each in known}))
    # An address such as 2001:DB8::1 is none.
    return {*re.findall(rf'(?<!:)\b(?:{families})[1-9][0-9]?\b', text),
            *_AT_THE_BEGINNING.findall(text)}


class CasesTestCase(base.TestCase):

    def setUp(self):
        super().setUp()
        self.found = _ROW.findall(PAGE.read_text())

    def test_every_id_is_defined(self):
        known = set(self.found)
        unknown = {f'{path.name}: {each}'
                   for path in (PACKAGE / 'tests').rglob('*.py')
                   if path != pathlib.Path(__file__)
                   for each in used(path.read_text(), known) - known}
        self.assertEqual(set(), unknown)

    def test_no_id_is_defined_twice(self):
        self.assertEqual(len(set(self.found)), len(self.found))

    def test_what_is_seen(self):
        """The test does find what it is there for."""
        text = '"""ZZ3: a."""\n# as in DR99, of 2001:DB8::1 and FD00::1'
        self.assertEqual({'ZZ3', 'DR99'}, used(text, {'DR7', 'FD1', 'DB1'}))
