# SPDX-License-Identifier: Apache-2.0
"""Servers that stand for devices: real ones, that misbehave on demand."""

import datetime
import functools
import http.server
import ipaddress
import pathlib
import socket
import ssl
import threading
import time

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import oid
import fixtures


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    timeout = 30
    disable_nagle_algorithm = True

    def setup(self):
        super().setup()
        with self.server.lock:
            self.server.connections += 1

    def _serve(self):
        length = int(self.headers.get('Content-Length') or 0)
        self.body = self.rfile.read(length)
        with self.server.lock:
            self.server.seen.append(
                (self.command, self.path, dict(self.headers), self.body))
        answer = self.server.answer(self)
        if answer is not None:
            self.reply(*answer)

    do_GET = do_POST = do_PATCH = do_DELETE = do_PUT = _serve

    def reply(self, status, headers=None, body=b''):
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def drip(self, head, pause=0.05):
        """Send something, and then a byte now and then, for ever."""
        self.close_connection = True
        try:
            self.wfile.write(head)
            while not self.server.stopping.wait(pause):
                self.wfile.write(b'x')
        except OSError:
            pass    # the other side has had enough, which is the point

    def log_message(self, *arguments):
        pass


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, answer, context):
        super().__init__(('127.0.0.1', 0), _Handler)
        self.answer = answer
        self.context = context
        self.lock = threading.Lock()
        self.stopping = threading.Event()
        self.seen = []
        self.connections = 0

    def finish_request(self, request, client_address):
        # Here, in the thread of the connection: a client that is silent in
        # its handshake must not hold the others up.
        if self.context is not None:
            request.settimeout(30)
            request = self.context.wrap_socket(request, server_side=True)
        super().finish_request(request, client_address)

    def handle_error(self, request, client_address):
        pass    # clients leave in the middle here


class HTTPPeer(fixtures.Fixture):
    """A device that speaks HTTP.

    :param answer: gets the handler of a request; returns status, headers
        and body, or None when it has answered in its own way
    """

    def __init__(self, answer, context=None):
        super().__init__()
        self._answer = answer
        self._context = context

    def _setUp(self):
        self.server = _Server(self._answer, self._context)
        thread = threading.Thread(
            target=functools.partial(self.server.serve_forever, 0.02),
            daemon=True)
        thread.start()
        self.addCleanup(thread.join, 10)
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)
        self.addCleanup(self.server.stopping.set)
        self.port = self.server.server_address[1]

    @property
    def seen(self):
        """Return method, path, headers and body of all requests."""
        with self.server.lock:
            return list(self.server.seen)

    @property
    def asked(self):
        return [f'{method} {path}' for method, path, _, _ in self.seen]

    @property
    def connections(self):
        return self.server.connections


class RawPeer(fixtures.Fixture):
    """A device that does with a connection what a function does.

    :param host: 0.0.0.0 for one that has all addresses of this machine
    """

    def __init__(self, function, host='127.0.0.1'):
        super().__init__()
        self._function = function
        self._host = host
        self.connections = []
        self.stopping = threading.Event()

    def _setUp(self):
        self._listener = socket.create_server((self._host, 0))
        self.port = self._listener.getsockname()[1]
        thread = threading.Thread(target=self._accept, daemon=True)
        thread.start()
        self.addCleanup(thread.join, 10)
        self.addCleanup(self._close)

    def _close(self):
        self.stopping.set()
        # A close alone does not wake up the thread in accept.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections.append(connection)
            threading.Thread(target=self._serve, args=(connection,),
                             daemon=True).start()

    def _serve(self, connection):
        with connection:
            connection.settimeout(30)
            try:
                self._function(connection)
            except OSError:
                pass    # the other side has gone

    def silence(self, connection):
        self.stopping.wait(30)

    def drip(self, connection, head=b'', pause=0.05):
        connection.sendall(head)
        while not self.stopping.wait(pause):
            connection.sendall(b'x')


class TCPRelay(fixtures.Fixture):
    """Stands before a server and falls silent as it is told.

    Nothing that was begun is cut: the connection stays open and dead, as
    when a device hangs in the middle of an answer.
    """

    def __init__(self, host, port):
        super().__init__()
        self._target = (host, port)
        self._limit = None
        self.answered = 0
        self._lock = threading.Lock()

    def _setUp(self):
        self._peer = self.useFixture(RawPeer(self._relay))
        self.port = self._peer.port

    def silence_after(self, count):
        """Let so many bytes of answers pass from now on; None is all."""
        with self._lock:
            self.answered, self._limit = 0, count

    def _relay(self, client):
        with socket.create_connection(self._target, 10) as server:
            server.settimeout(60)
            client.settimeout(60)
            thread = threading.Thread(target=self._copy_requests,
                                      args=(client, server), daemon=True)
            thread.start()
            while data := server.recv(4096):
                with self._lock:
                    passes = (len(data) if self._limit is None else
                              max(0, self._limit - self.answered))
                    self.answered += min(len(data), passes)
                client.sendall(data[:passes])
                if passes < len(data):
                    self._peer.stopping.wait(60)
                    return
            client.shutdown(socket.SHUT_WR)
            thread.join(60)

    @staticmethod
    def _copy_requests(client, server):
        try:
            while data := client.recv(4096):
                server.sendall(data)
            server.shutdown(socket.SHUT_WR)
        except OSError:
            pass    # the test is over


def free_port():
    """Return a TCP port at which nobody listens."""
    with socket.create_server(('127.0.0.1', 0)) as probe:
        return probe.getsockname()[1]


class Authority:
    """A CA of its own, and certificates signed by it.

    :param directory: where certificates are put
    """

    def __init__(self, directory):
        self._directory = pathlib.Path(directory)
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(
            oid.NameOID.COMMON_NAME, 'CA of the tests')])
        self.certificate = self._sign(self._name, self._key, True)
        self.pem = self.certificate.public_bytes(
            serialization.Encoding.PEM).decode()

    def _sign(self, subject, key, is_ca, address=None):
        now = datetime.datetime.now(datetime.UTC)
        builder = x509.CertificateBuilder(
            issuer_name=self._name, subject_name=subject,
            public_key=key.public_key(),
            serial_number=x509.random_serial_number(),
            not_valid_before=now - datetime.timedelta(days=1),
            not_valid_after=now + datetime.timedelta(days=1))
        builder = builder.add_extension(
            x509.BasicConstraints(is_ca, None), critical=True)
        builder = builder.add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(
                self._key.public_key()), critical=False)
        builder = builder.add_extension(
            x509.SubjectKeyIdentifier.from_public_key(key.public_key()),
            critical=False)
        if is_ca:
            builder = builder.add_extension(x509.KeyUsage(
                True, False, False, False, False, True, True, False,
                False), critical=True)
        if address:
            builder = builder.add_extension(x509.SubjectAlternativeName(
                [x509.IPAddress(ipaddress.ip_address(address))]),
                critical=False)
        return builder.sign(self._key, hashes.SHA256())

    def context(self, address='127.0.0.1'):
        """Return a server's TLS context with a certificate of its own."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.issue(address))
        return context

    def issue(self, address='127.0.0.1'):
        """Return the path of a new key with its certificate.

        Its SHA-256 fingerprint is in ``fingerprint`` afterwards.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._sign(x509.Name([x509.NameAttribute(
            oid.NameOID.COMMON_NAME, 'device')]), key, False, address)
        self.fingerprint = certificate.fingerprint(hashes.SHA256()).hex(':')
        path = self._directory / f'{time.monotonic_ns()}.pem'
        path.write_bytes(key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption()) + certificate.public_bytes(
                serialization.Encoding.PEM))
        return path
