# SPDX-License-Identifier: Apache-2.0
"""Every operation of the API can be called, with all that it takes."""

import json
import pathlib
import random
import re
import shlex
import string
from typing import Any
import uuid

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
import fixtures

from cloudmanagerclient.tests import base
from cloudmanagerclient.tests import operations

# What says that a request was not understood.
NOT_UNDERSTOOD = (400, 405, 413, 415, 500)
# Words that stand for values that only one object may have.
ONCE = ('number', 'hex', 'uuid')


def pattern(path: str) -> re.Pattern[str]:
    """Return what the paths of an operation match."""
    return re.compile(re.sub(r'\\{[^}]*\\}', '[^/]+', re.escape(path))
                      + '/?$')


class OperationsTestCase(base.ClientCase):
    """Each operation of the document is called by a method and a command."""

    def setUp(self) -> None:
        super().setUp()
        self.document = self.client.get_openapi()
        self.operations = {
            found['operationId']: (method.upper(), path, found)
            for path, methods in self.document['paths'].items()
            for method, found in methods.items()}

    def test_all_are_known(self):
        self.assertEqual(
            set(self.operations),
            set(operations.OPERATIONS) | set(operations.SAME))

    def test_all_commands_are_used(self):
        """A command that no operation needs is said to do something else."""
        used = {base.command_of(called.command.split())[0].name
                for called in operations.OPERATIONS.values()}
        others = {
            f'cloudmanager_{name}' for name in (
                'node_unset', 'node_reserve', 'node_export',
                'power_control_unset', 'audit_create', 'rack_show')}
        self.assertEqual({entry.name for entry in base.commands().values()},
                         used | others)

    def test_confirmations(self):
        """What is hard to take back asks first, and does nothing till then.

        The answer is what the command line names.
        """
        asking = {words for words, entry in base.commands().items()
                  if entry.load().question}
        self.assertEqual(set(), {
            words for words in base.commands()
            if words.split()[-1] in operations.DANGEROUS} - asking)
        words, asked = Words(self), set()
        for called in operations.OPERATIONS.values():
            if '--yes' not in called.command:
                continue
            line = self.filled(called.command, words).replace(' --yes', '')
            entry, rest = base.command_of(shlex.split(line))
            asked.add(entry.name.replace('_', ' ').removeprefix(
                'cloudmanager '))
            for typed, told in ((None, '--yes'), ('no\n', 'nothing was'),
                                ('\n', 'nothing was')):
                with base.Recorder() as recorder:
                    outcome = self.run_command(line, stdin=typed)
                self.assertIn(told, str(outcome.error), line)
                self.assertEqual([], recorder.requests, line)
            command = entry.load()(None, None)
            name = getattr(command.get_parser('').parse_args(rest),
                           command.asked)
            with base.Recorder() as recorder:
                self.run_command(line, stdin=(
                    name if isinstance(name, str) else ' '.join(name))
                    + '\n')
            self.assertNotEqual([], recorder.requests, line)
            words.forget()
        self.assertEqual(asking, asked)

    def test_methods(self):
        self.for_each(self.call_method)

    def test_commands(self):
        self.for_each(self.call_command)

    def for_each(self, call: Any) -> None:
        """Call all operations, then tell all that went wrong."""
        wrong = []
        words = Words(self)
        for name, called in operations.OPERATIONS.items():
            try:
                call(name, called, words)
                words.forget()
            except (AssertionError, LookupError, ValueError,
                    *base.ERRORS) as exc:
                wrong.append(f'{name}: {type(exc).__name__}: {exc}')
        self.assertEqual([], wrong, '\n'.join(wrong))

    def call_method(self, name: str, called: operations.Called,
                    words: 'Words') -> None:
        args = [self.filled(value, words) for value in called.args]
        kwargs = self.filled(called.kwargs, words)
        with base.Recorder() as recorder:
            try:
                found = getattr(self.client, called.method)(*args, **kwargs)
                if hasattr(found, '__next__'):
                    list(found)
            except base.ERRORS:
                # What the service says of it is checked below.
                pass
        self.check(name, called, recorder)

    def call_command(self, name: str, called: operations.Called,
                     words: 'Words') -> None:
        line = self.filled(called.command, words)
        with base.Recorder() as recorder:
            # What can be planned is planned before it is done.
            if 'dry_run' in self.fields(name) and '--dry-run' not in line:
                self.check_outcome(name, called, recorder,
                                   self.run_command(f'{line} --dry-run'))
            self.check_outcome(name, called, recorder,
                               self.run_command(line))
        self.check_all_sent(name, called, recorder)

    def check_outcome(self, name: str, called: operations.Called,
                      recorder: base.Recorder,
                      outcome: base.Outcome) -> None:
        """A command fails if its request does, and otherwise not."""
        request = self.check(name, called, recorder)
        if request.status < 400:
            self.assertIsNone(outcome.error, (name, outcome.error))
        else:
            self.assertIsNotNone(outcome.error, name)

    def check(self, name: str, called: operations.Called,
              recorder: base.Recorder) -> Any:
        """Return the request of the operation; it has to be a right one."""
        method, path, _ = self.operations[name]
        found = [request for request in recorder.requests
                 if request.method == method
                 and pattern(path).match(request.path)]
        self.assertTrue(found, (name, [
            (request.method, request.path, request.status, request.answer)
            for request in recorder.requests]))
        request = found[-1]
        told = (name, request.status, request.answer)
        self.assertNotIn(request.status, NOT_UNDERSTOOD, told)
        if not called.missing:
            self.assertNotEqual(404, request.status, told)
        return request

    def check_all_sent(self, name: str, called: operations.Called,
                       recorder: base.Recorder) -> None:
        """The command can send all that the operation takes."""
        method, path, found = self.operations[name]
        wanted = {each['name'] for each in found.get('parameters', ())
                  if each.get('in') == 'query'}
        wanted |= self.fields(name)
        sent = set()
        for request in recorder.requests:
            if request.method == method and pattern(path).match(
                    request.path):
                sent |= set(request.query)
                sent |= self.sent_in_body(request)
        self.assertEqual(set(), wanted - sent - set(called.unsent), name)

    def fields(self, name: str) -> set[str]:
        """Return the fields that the body of an operation may have."""
        content = self.operations[name][2].get('requestBody', {}).get(
            'content', {})
        schema = self.resolved(
            content.get('application/json', {}).get('schema', {}))
        fields = schema.get('properties', {})
        if len(fields) == 1:
            inner = self.resolved(next(iter(fields.values())))
            fields = inner.get('properties', fields)
        return set(fields)

    def sent_in_body(self, request: Any) -> set[str]:
        try:
            body = json.loads(request.body or '{}')
        except ValueError:
            return set()
        if len(body) == 1 and isinstance(next(iter(body.values())), dict):
            return set(body) | set(next(iter(body.values())))
        return set(body)

    def resolved(self, schema: dict[str, Any]) -> dict[str, Any]:
        if '$ref' in schema:
            return self.document['components']['schemas'][
                schema['$ref'].rpartition('/')[2]]
        return schema

    def filled(self, value: Any, words: 'Words') -> Any:
        """Return a value with objects for the words in braces."""
        if isinstance(value, str):
            whole = re.fullmatch(r'\{([a-z]+[0-9]?)\}', value)
            if whole:
                return words[whole.group(1)]
            return re.sub(r'\{([a-z]+[0-9]?)\}', lambda match: str(
                words[match.group(1)]), value).replace('{{', '{').replace(
                    '}}', '}')
        if isinstance(value, list):
            return [self.filled(each, words) for each in value]
        if isinstance(value, dict):
            return {key: self.filled(each, words)
                    for key, each in value.items()}
        return value


class Words:
    """Objects by the words that stand for them; made when asked for.

    Those for new objects and for such as are deleted stand for another one
    after each operation.
    """

    def __init__(self, case: base.ClientCase) -> None:
        self._case = case
        self._client = case.client
        self._made: dict[str, Any] = {}

    def __getitem__(self, word: str) -> Any:
        if word not in self._made:
            self._made[word] = self._make(word)
        return self._made[word]

    def forget(self) -> None:
        """Let words that stand for one operation only stand for no more."""
        for word in list(self._made):
            if word.startswith(('new', 'old', *ONCE)):
                del self._made[word]

    def _make(self, word: str) -> Any:
        plain = word.rstrip(string.digits)
        if plain.startswith('new'):
            return self._case.name('new')
        return getattr(self, f'_{plain}')()

    def _node(self) -> Any:
        node = self._case.node()
        self._made['id'] = node.id
        self._made['control'] = control = self._case.control().id
        self._client.add_node_power_control(node, control, '1')
        return node.name

    def _control(self) -> Any:
        self['node']
        return self._made['control']

    def _id(self) -> Any:
        self['node']
        return self._made['id']

    def _other(self) -> Any:
        return self._with_control('othercontrol')

    def _othercontrol(self) -> Any:
        self['other']
        return self._made['othercontrol']

    def _third(self) -> Any:
        return self._with_control('thirdcontrol')

    def _thirdcontrol(self) -> Any:
        self['third']
        return self._made['thirdcontrol']

    def _fourth(self) -> Any:
        return self._case.powered().name

    _fifth = _sixth = _fourth

    def _with_control(self, word: str) -> Any:
        node = self._case.node()
        self._made[word] = self._case.control().id
        self._client.add_node_power_control(node, self._made[word], '1')
        return node.name

    def _old(self) -> Any:
        return self._case.node().name

    def _free(self) -> Any:
        return self._case.control().id

    _oldcontrol = _free

    def _ssh(self) -> Any:
        return self._case.control(control_type='SshDevice',
                                  protocol_type='ssh', port_number=22).id

    def _action(self) -> Any:
        self._client.wait_for_task(
            self._client.power_on_node(self['node']), interval=0.1)
        return next(self._client.node_power_actions(self['node'])).id

    def _task(self) -> Any:
        return self._client.power_on_node(self._case.powered()).id

    def _class(self) -> Any:
        return self._client.create_node_class(
            name=self._case.name('class')).id

    _otherclass = _oldclass = _typeclass = _class

    def _type(self) -> Any:
        return self._client.create_node_type(
            self['typeclass'], name=self._case.name('type')).id

    _oldtype = _type

    def _oldimage(self) -> Any:
        return self._client.create_node_image(
            image_name=self._case.name('image'), file_data='x').id

    def _storage(self) -> Any:
        path = f'/{self._case.name("storage")}'
        return self._client.create_storage(
            name=path[1:], compute_path=path, controller_path=path).id

    _oldstorage = _storage

    def _file(self) -> Any:
        return self._written(json.dumps({'name': self._case.name()}))

    def _key(self) -> Any:
        return self._written(ed25519.Ed25519PrivateKey.generate(
        ).private_bytes(serialization.Encoding.PEM,
                        serialization.PrivateFormat.OpenSSH,
                        serialization.NoEncryption()).decode())

    def _written(self, text: str) -> str:
        path = pathlib.Path(self._case.useFixture(
            fixtures.TempDir()).path) / 'file.jsonl'
        path.write_text(text)
        return str(path)

    def _options(self) -> str:
        return '{}'

    def _number(self) -> int:
        return random.randint(2, 99)

    _a = _b = lambda self: random.randint(1, 250)

    def _hex(self) -> str:
        return ':'.join(f'{random.randint(0, 255):02x}' for _ in range(3))

    def _uuid(self) -> str:
        return str(uuid.uuid4())
