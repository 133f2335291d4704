# SPDX-License-Identifier: Apache-2.0
"""What each operation refuses, and how."""

import re

from cloudmanager.api import routing
from cloudmanager.tests.functional.contract import base
from cloudmanager.tests.functional.contract import operations

UNKNOWN = {'integer': '987654321',
           'string': '5f0c4d8e-1111-4222-8333-944455556666'}
# What no id looks like, by the type of the id.
STRANGE = ('x', '-1', '0', '1.5', '99999999999999999999', '%00',
           "1'--", '%D9%A1')
METHODS = ('GET', 'POST', 'PUT', 'DELETE', 'PATCH')
# Any text may be the name of a compute host; the conductor asks the cloud.
ELSEWHERE = ('host_name',)
# The cloud knows these; where nothing is done yet, it is not asked.
OF_THE_CLOUD = ('aggregate_id', 'server_id', 'volume_id')
WRONG = {'integer': 'x', 'string': {'a': 1}, 'boolean': 'yes',
         'array': 'x', 'object': [1], 'number': 'x'}


class RefusalsTestCase(base.ContractTestCase):

    def setUp(self):
        super().setUp()
        self.wrong = []

    def tearDown(self):
        self.assertEqual([], self.wrong)
        super().tearDown()

    def each(self, *methods):
        for promise in operations.promises():
            if not methods or promise.method in methods:
                yield promise

    def refused(self, promise, status, *args, **kwargs):
        """Send a request that must be refused; remember if it was not."""
        path, body = args
        answer = self.call(promise.method, path, body, **kwargs)
        if answer.status_int != status:
            self.wrong.append((promise.operation, body, answer.status_int))
            return {}
        self.check(promise, answer)
        return answer.json['errors'][0]

    def names(self, error, word, promise):
        if error and word not in error['detail']:
            self.wrong.append((promise.operation, word, error['detail']))

    def test_without_a_token(self):
        for promise in self.each():
            self.refused(promise, 401, self.fill(promise),
                         self.body(promise), user=None)

    def test_stranger(self):
        """SE4: a stranger sees nothing."""
        for promise in self.each():
            error = self.refused(promise, 403, self.fill(promise),
                                 self.body(promise), user='stranger')
            self.names(error, promise.route.rule, promise)

    def test_reader(self):
        """SE4: a reader can change nothing, whatever is asked."""
        before = self.everything()
        for promise in self.each():
            if promise.method != 'GET' and (
                    promise.route.path not in base.READING):
                self.refused(promise, 403, self.fill(promise),
                             self.body(promise), user='reader')
        self.assertEqual(before, self.everything())
        self.assertEqual([], self.conductor.posted)

    def everything(self):
        """Return what all operations show that do not change anything."""
        answers = {promise.path: self.call('GET', self.fill(promise))
                   for promise in self.each('GET')}
        return {path: answer.json for path, answer in answers.items()
                if answer.status_int == 200}

    def test_unknown_ids(self):
        """AP1: what is not there is a 404, never a 500."""
        for promise in self.each():
            for name in re.findall(r'{(\w+)}', promise.path):
                if name not in ELSEWHERE:
                    self.missing(promise, name)

    def kind(self, promise, name):
        described = self.schemas.document['paths'][promise.route.path][
            promise.method.lower()]
        return next(parameter['schema']['type']
                    for parameter in described['parameters']
                    if parameter['name'] == name)

    def missing(self, promise, name):
        """Check that a thing of a path is not found."""
        value = UNKNOWN[self.kind(promise, name)]
        answer = self.call(promise.method,
                           self.fill(promise, **{name: value}),
                           self.body(promise))
        if answer.status_int != 404 and not (
                answer.status_int == 501 and name in OF_THE_CLOUD):
            self.wrong.append((promise.operation, name, answer.status_int))

    def test_ids_that_are_none(self):
        for promise in self.each():
            for name in re.findall(r'{(\w+)}', promise.path):
                if name in ELSEWHERE:
                    continue
                for text in STRANGE:
                    answer = self.call(promise.method, self.fill(
                        promise, **{name: text}), self.body(promise))
                    if answer.status_int != 404:
                        self.wrong.append((promise.operation, text,
                                           answer.status_int))

    def test_unknown_parameter(self):
        for promise in self.each():
            error = self.refused(
                promise, 400, f'{self.fill(promise)}?no_such_name=1',
                self.body(promise))
            self.names(error, 'no_such_name', promise)

    def test_content_type(self):
        for promise in self.each('POST', 'PUT'):
            for kind in ('text/xml', 'text/plain',
                         'application/x-www-form-urlencoded'):
                self.refused(promise, 415, self.fill(promise), b'{}',
                             headers={'Content-Type': kind})

    def test_malformed(self):
        for promise in self.each('POST', 'PUT'):
            for body in (b'{', b'[]', b'null', b'{"a": NaN}',
                         b'{"a": 1, "a": 2}', b'\xff'):
                self.refused(promise, 400, self.fill(promise), body)

    def test_unknown_field(self):
        """AP1: an unknown field is named."""
        for promise in self.each('POST', 'PUT'):
            for body in self.spoiled(promise, 'no_such_name', 1):
                error = self.refused(promise, 400, self.fill(promise), body)
                self.names(error, 'no_such_name', promise)

    def envelope(self, promise):
        body = promise.route.body
        return body.about().envelope if body else ''

    def spoiled(self, promise, name, value):
        """Return the sample with a field set, at its place or outside."""
        sample = self.body(promise)
        envelope = self.envelope(promise)
        if not envelope:
            return [{**sample, name: value}]
        return [{envelope: {**sample[envelope], name: value}}] + (
            [{**sample, name: value}] if name not in promise.request else [])

    def test_wrong_types(self):
        """AP1: a value of a wrong type is refused, with the field named."""
        for promise in self.each('POST', 'PUT'):
            for name, text in promise.request.items():
                for kind in set(WRONG) - operations.types(text)[0]:
                    if {kind} | operations.types(text)[0] == {'integer',
                                                              'number'}:
                        continue
                    (body, *_) = self.spoiled(promise, name, {
                        'integer': 1, 'string': 'x', 'boolean': True,
                        'array': [], 'object': {}, 'number': 1.5}[kind])
                    error = self.refused(promise, 400, self.fill(promise),
                                         body)
                    self.names(error, name, promise)

    def test_null(self):
        """AP3: null is no value for a field that is required."""
        for promise in self.each('POST', 'PUT'):
            for name, text in promise.request.items():
                if text.endswith('?') or (promise.operation,
                                          name) in base.NULLABLE:
                    continue
                (body, *_) = self.spoiled(promise, name, None)
                error = self.refused(promise, 400, self.fill(promise), body)
                self.names(error, name, promise)

    def test_missing_field(self):
        """AP3: what is required must be there."""
        for promise in self.each('POST', 'PUT'):
            for name, text in promise.request.items():
                if text.endswith('?'):
                    continue
                (body, *_) = self.spoiled(promise, name, None)
                envelope = self.envelope(promise)
                del (body[envelope] if envelope else body)[name]
                error = self.refused(promise, 400, self.fill(promise), body)
                self.names(error, name, promise)

    def test_nothing_was_done(self):
        """No request that was refused has begun anything."""
        self.test_wrong_types()
        self.test_unknown_field()
        self.assertEqual([], self.conductor.posted)

    def test_methods(self):
        """A method that a path has not is 405, with those that it has."""
        for promise in self.each():
            allowed = {route.method for route in routing.TABLE
                       if operations.key('', route.path)
                       == operations.key('', promise.path)}
            for method in METHODS:
                if method in allowed:
                    continue
                answer = self.call(method, self.fill(promise))
                named = set(answer.headers.get('Allow', '').split(', '))
                if answer.status_int != 405 or (
                        named - {'HEAD'} != allowed):
                    self.wrong.append((method, promise.path,
                                       answer.status_int, named))

    def test_head(self):
        for promise in self.each('GET'):
            path = self.fill(promise)
            self.assertEqual(self.call('GET', path).status_int,
                             self.call('HEAD', path).status_int,
                             promise.operation)
