# SPDX-License-Identifier: Apache-2.0
"""Schemathesis on the OpenAPI document, against the service with a database.

It makes requests that the document allows, and such that it forbids. None may
be a 500, every answer must be one of the document's with nothing more in it,
what is forbidden must be refused, and what is allowed must not be refused for
its form. The examples are bounded and the same in every run.
"""

import os
import re
from typing import Any

import hypothesis
from hypothesis import strategies as st
import schemathesis
from schemathesis import checks
from schemathesis.core import failures
from schemathesis.generation import GenerationMode
from schemathesis.openapi import checks as openapi_checks
import webtest

from cloudmanager.api import app
from cloudmanager.api import openapi
from cloudmanager.api.filters import parameters
from cloudmanager.tests import base as tests_base
from cloudmanager.tests.functional.contract import base
from cloudmanager.tests.functional.contract import schemas

# Of each operation and of each kind, allowed and forbidden. With a number in
# the variable the examples differ from run to run.
VARIABLE = 'CLOUDMANAGER_TEST_FUZZ_EXAMPLES'
EXAMPLES = int(os.environ.get(VARIABLE, '12'))
SETTINGS = hypothesis.settings(
    max_examples=EXAMPLES, derandomize=VARIABLE not in os.environ,
    deadline=None, database=None,
    phases=[hypothesis.Phase.generate],
    suppress_health_check=list(hypothesis.HealthCheck))
# 501 and 503 are answers of the document; the test looks for 500 itself.
LEFT_OUT = [checks.not_a_server_error]
# What a document cannot say of a request: that things exist and belong
# together. Everything else must be told by it.
MEANING = re.compile('|'.join((
    'there is no', 'must be the id in the path', 'is not one of class',
    'for control_type', r'options\.', 'not for type hard', 'not be the same',
    'Field options must not contain', 'has no nodes', r'Line \d+', 'not UTF-8',
    'for a [A-Z]', 'ask for more than', 'metadata', 'printable', 'braces',
    r'\{number\}')))


def document() -> dict[str, Any]:
    """Return the document for a service that asks for no token."""
    found = schemas.strict(openapi.document())
    del found['security'], found['components']['securitySchemes']
    for path in found['paths'].values():
        for operation in path.values():
            # An answer with some of the fields is not the document's.
            operation['parameters'] = [
                parameter for parameter in operation['parameters']
                if parameter['name'] != parameters.CHOICE]
    return found


class FuzzCase(base.ContractTestCase):
    """Tries the operations of one part of the API."""

    alone = True
    auth_strategy = 'noauth'

    def setUp(self):
        super().setUp()
        config = schemathesis.Config.from_dict(
            {'generation': {'allow-x00': False}})
        self.schema = schemathesis.openapi.from_dict(document(),
                                                     config=config)
        self.wrong: list[Any] = []

    def make_app(self):
        self.application = app.build()
        return webtest.TestApp(self.application)

    def try_all(self, chosen):
        """Try all operations for which a function returns true."""
        tried = 0
        for result in self.schema.get_all_operations():
            operation = result.ok()
            if not chosen(operation):
                continue
            tried += 1
            self.tries(operation, GenerationMode.POSITIVE)
            if self.forbids(operation):
                self.tries(operation, GenerationMode.NEGATIVE)
        self.assertEqual([], self.wrong)
        self.assertLess(0, tried)

    def forbids(self, operation):
        """Tell whether the document forbids requests of an operation.

        Of bodies of lines it says only that they are texts.
        """
        if any(body.media_type != 'application/json'
               for body in operation.body):
            return False
        return (operation.query or operation.body
                or operation.path_parameters)

    def tries(self, operation, mode):
        """Send requests of one kind to an operation.

        Half of those that are allowed are about things that exist.
        """
        @SETTINGS
        @hypothesis.given(case=operation.as_strategy(generation_mode=mode),
                          exists=st.booleans())
        def send(case, exists):
            if exists and mode is GenerationMode.POSITIVE:
                case.path_parameters = {
                    name: type(value)(self.parameters.get(name, value))
                    for name, value in (case.path_parameters or {}).items()}
            self.check_answer(case, mode, case.call(app=self.application))

        send()

    def check_answer(self, case, mode, answer):
        """Remember what is wrong with an answer."""
        text = answer.content.decode()
        try:
            case.validate_response(answer, excluded_checks=LEFT_OUT)
        except failures.FailureGroup as group:
            for failure in group.exceptions:
                if not (isinstance(
                        failure, openapi_checks.RejectedPositiveData)
                        and MEANING.search(text)):
                    self.remember(case, mode, failure, text)
        if answer.status_code == 500:
            self.remember(case, mode, 'internal error', text)

    def remember(self, case, mode, failure, text):
        self.wrong.append((
            case.operation.label, mode.name, str(failure)[:400],
            {'path': case.path_parameters, 'query': case.query,
             'body': case.body}, text[:400]))


def reads(operation):
    return operation.method.upper() == 'GET'


def is_of_nodes(operation):
    return operation.path.startswith('/v1/node')


@tests_base.databases('mysql', sqlite=False)
class ReadingTestCase(FuzzCase):

    def test_operations(self):
        self.try_all(reads)


@tests_base.databases('mysql', sqlite=False)
class NodesTestCase(FuzzCase):

    def test_operations(self):
        self.try_all(lambda operation: not reads(operation)
                     and is_of_nodes(operation))


@tests_base.databases('mysql', sqlite=False)
class OthersTestCase(FuzzCase):

    def test_operations(self):
        self.try_all(lambda operation: not reads(operation)
                     and not is_of_nodes(operation))
