# SPDX-License-Identifier: Apache-2.0
"""Each operation, with the request that is its sample."""

from cloudmanager.api import routing
from cloudmanager.tests import base as tests_base
from cloudmanager.tests.functional.contract import base
from cloudmanager.tests.functional.contract import operations


class AnswersTestCase(base.ContractTestCase):
    """A test for each operation is added below."""

    def check_answer(self, promise):
        """The sample request gets an answer like the sample."""
        answer = self.call(
            promise.method, self.fill(promise) + promise.sample_query,
            self.body(promise))
        self.check(promise, answer)
        self.assertEqual(promise.success, answer.status_int, answer.text)
        if promise.success == 202:
            self.assertRegex(answer.headers['Location'], '^/v1/tasks/')
        if promise.sample_answer is None:
            self.assertEqual(b'', answer.body)
            return
        self.assertEqual([], operations.differences(promise.sample_answer,
                                                    answer.json))
        self.check_fields(promise, answer.json)

    def check_fields(self, promise, document):
        """Fields that must be there are, and have their types."""
        found = operations.inner(document)
        if not isinstance(found, dict):
            return
        found = found | (document if isinstance(document, dict) else {})
        for name, text in promise.answer.items():
            allowed, optional = operations.types(text)
            if name not in found:
                self.assertTrue(optional, f'{name} is missing')
            elif found[name] is not None:
                kind = operations.JSON_TYPES[type(found[name])]
                self.assertIn(kind, allowed, name)


class PathsTestCase(tests_base.TestCase):

    def test_slashes(self):
        """Both forms of a path are one resource, without a redirect."""
        for promise in operations.promises():
            path = promise.path.rstrip('/')
            found = [routing.TABLE.find(promise.method, f'{path}{end}')[0]
                     for end in ('', '/')]
            self.assertEqual([promise.route] * 2, found)


def _add(promise):
    def test(self):
        self.check_answer(promise)
    name = promise.path.strip('/').removeprefix('v1/').replace('/', '_')
    test.__doc__ = promise.operation
    setattr(AnswersTestCase, f'test_{promise.method}_{name}', test)


for _promise in operations.promises():
    _add(_promise)
