# SPDX-License-Identifier: Apache-2.0
"""A hypervisor with SSH and what virsh prints, as far as drivers see it."""

import asyncio
import shlex
import threading

import asyncssh
import fixtures

PREFIX = ['env', 'LC_ALL=C', 'timeout']
# What virsh says, with libvirt 9.0, and its exit status.
INACTIVE = 'Requested operation is not valid: domain is not running'


class Hypervisor(fixtures.Fixture):
    """Runs an SSH server in a thread of its own.

    :ivar asks: whether it asks for the password, as PAM does, instead of
        taking it unasked
    :ivar domains: state of each, as virsh names it
    :ivar commands: that were run, in words
    :ivar outcome: status and what is printed on both ways, instead
    :ivar behaviour: coroutine that gets the process, instead of all that
    :ivar logins: number of connections that got in
    """

    def __init__(self, password, user='operator', key=None, host_key=None,
                 asks=False, **options):
        super().__init__()
        self.user, self.password = user, password
        self.asks = asks
        self.key = key
        self.host_key = host_key or asyncssh.generate_private_key(
            'ssh-ed25519')
        self.domains = {'vm-1': 'running', 'vm-2': 'shut off'}
        self.commands = []
        self.outcome = self.behaviour = None
        self.logins = 0
        self._options = options

    @property
    def public_key(self):
        return self.host_key.export_public_key().decode().strip()

    @property
    def fingerprint(self):
        return self.host_key.get_fingerprint('sha256')

    def _setUp(self):
        self._loop = asyncio.new_event_loop()
        thread = threading.Thread(target=self._loop.run_forever,
                                  daemon=True)
        thread.start()
        self.addCleanup(thread.join, 10)
        self.addCleanup(self._loop.call_soon_threadsafe, self._loop.stop)
        self._server = self._run(self._listen())
        self.addCleanup(self._run, self._close)
        self.port = self._server.sockets[0].getsockname()[1]

    def _run(self, coroutine):
        if callable(coroutine):
            coroutine = coroutine()
        return asyncio.run_coroutine_threadsafe(
            coroutine, self._loop).result(20)

    async def _listen(self):
        hypervisor = self

        class Server(asyncssh.SSHServer):

            def begin_auth(self, username):
                return True

            def password_auth_supported(self):
                return (hypervisor.password is not None
                        and not hypervisor.asks)

            def kbdint_auth_supported(self):
                return hypervisor.asks

            def get_kbdint_challenge(self, username, lang, submethods):
                return '', '', '', [('Password: ', False)]

            def validate_kbdint_response(self, username, responses):
                return self.validate_password(username, responses[0])

            def validate_password(self, username, password):
                return (username, password) == (hypervisor.user,
                                                hypervisor.password)

            def public_key_auth_supported(self):
                return hypervisor.key is not None

            def validate_public_key(self, username, key):
                return (username == hypervisor.user
                        and key == hypervisor.key)

            def auth_completed(self):
                hypervisor.logins += 1

        return await asyncssh.listen(
            '127.0.0.1', 0, server_factory=Server,
            server_host_keys=[self.host_key], process_factory=self._process,
            encoding='utf-8', **self._options)

    async def _close(self):
        self._server.close()
        for task in asyncio.all_tasks():
            if task is not asyncio.current_task():
                task.cancel()
        await asyncio.sleep(0.05)

    async def _process(self, process):
        words = shlex.split(process.command or '')
        self.commands.append(words)
        if self.behaviour is not None:
            await self.behaviour(process)
            return
        status, output, errors = self.outcome or self._virsh(words)
        process.stdout.write(output)
        process.stderr.write(errors)
        process.exit(status)

    def _virsh(self, words):
        if words[:3] != PREFIX or words[4:7] != ['virsh', '--quiet',
                                                 '--connect']:
            return 127, '', 'sh: command not found\n'
        verb, *arguments = words[8:]
        if verb == 'list':
            return 0, ''.join(f'{name}\n' for name in self.domains), ''
        if arguments[0] != '--domain' or len(arguments) != 2:
            return 1, '', 'error: unexpected data\n'
        return self._domain(verb, arguments[1])

    def _domain(self, verb, name):
        state = self.domains.get(name)
        if state is None:
            return 1, '', f"error: failed to get domain '{name}'\n\n"
        if verb == 'domstate':
            return 0, f'{state}\n', ''
        if verb == 'start':
            if state != 'shut off':
                return 1, '', 'error: Domain is already active\n'
            self.domains[name] = 'running'
        elif state == 'shut off':
            return 1, '', (f"error: Failed to {verb} domain '{name}'\n"
                           f'error: {INACTIVE}\n')
        elif verb in ('destroy', 'shutdown'):
            self.domains[name] = 'shut off'
        return 0, '', ''
