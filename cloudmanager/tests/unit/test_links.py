# SPDX-License-Identifier: Apache-2.0
"""What the documentation points to is there."""

import pathlib
import re

from cloudmanager.tests import base

ROOT = pathlib.Path(__file__).resolve().parents[3]
DOCS = ROOT / 'doc/source'
READMES = ('README.md', 'cloudmanager-tempest-plugin/README.md',
           'python-cloudmanagerclient/README.md')
_ROLE = re.compile(r':(doc|ref):`(?:[^`<]*<)?([^`<>]+)>?`')
_LABEL = re.compile(r'^\.\. _([^:]+):$', re.MULTILINE)
_FILE = re.compile(r'`{1,2}((?:\.?[a-z][\w.-]*/)+[\w.-]*)`{1,2}')
_LINK = re.compile(r'\]\((?!https?:)([^)#\s]+)|<(https?://[^>\s]+)>`_')
# Directories at the top of the repository. Kolla has one of our name, too.
_TOP = re.compile(r'cloudmanager/.*\.py$|(doc|devstack|etc|kolla|tools|api-ref'
                  r'|releasenotes|python-cloudmanagerclient'
                  r'|cloudmanager-tempest-plugin)/')


class LinksTestCase(base.TestCase):

    def broken(self, page, text):
        """Return what a page points to that is not there."""
        labels = {label for path in DOCS.rglob('*.rst')
                  for label in _LABEL.findall(path.read_text())}
        found = []
        for role, target in _ROLE.findall(text):
            where = DOCS if target.startswith('/') else page.parent
            there = (target in labels if role == 'ref' else
                     (where / f'{target.lstrip("/")}.rst').exists())
            if not there:
                found.append(f'{page.name}: {role} {target}')
        for relative, address in _LINK.findall(text):
            if address.startswith('http:'):
                found.append(f'{page.name}: {address} is not https')
            if relative and not (page.parent / relative).exists():
                found.append(f'{page.name}: {relative}')
        found += [f'{page.name}: {name}' for name in _FILE.findall(text)
                  if _TOP.match(name) and not (ROOT / name).exists()]
        return found

    def test_links(self):
        pages = [*DOCS.rglob('*.rst'), *(ROOT / name for name in READMES)]
        self.assertEqual([], [
            broken for page in pages
            for broken in self.broken(page, page.read_text())])

    def test_what_is_seen(self):
        """Each kind of link that leads nowhere."""
        page = DOCS / 'index.rst'
        for text in (':doc:`nowhere`', ':doc:`A page </nowhere>`',
                     ':ref:`nowhere`', ':ref:`A part <nowhere>`',
                     '[a file](nowhere.md)', '``tools/nowhere``',
                     '`tools/nowhere.py`', '`A <http://example.org>`_'):
            self.assertEqual(1, len(self.broken(page, text)), text)
        self.assertEqual([], self.broken(
            page, ':doc:`/admin/agent` `A <https://example.org>`_ '
                  '``tools/bench``'))
