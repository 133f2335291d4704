# SPDX-License-Identifier: Apache-2.0
"""HTTP requests to one device that end in time, whatever it does.

A timeout of ``requests`` is one for each read: a device that sends a byte
now and then keeps its caller for ever. Here the sockets know the deadline,
and how much a device may send. They lead to one device only: no redirect,
no link, no proxy and no ``.netrc`` takes a request, or the credentials in
it, to another host.
"""

from collections.abc import Iterator
from collections.abc import Mapping
import contextlib
import functools
import hashlib
import http.client
import os
import re
import socket
import ssl
from typing import Any
from typing import Self
from urllib import parse

from oslo_config import cfg
import requests
from requests import adapters
from requests import auth as requests_auth
from urllib3 import connection
from urllib3 import connectionpool

from cloudmanager.power import base
from cloudmanager.power import exceptions
from cloudmanager.power import network
from cloudmanager.power import wording

CONF = cfg.CONF
REDIRECTS = 3
_REDIRECT_CODES = (301, 302, 303, 307, 308)
_PORTS = {'http': 80, 'https': 443}
# Devices are told apart by their sockets, so that a name in a URL, which
# could be anything, decides nothing.
_PLACEHOLDER = 'device.invalid'


class Limits:
    """What the requests of one call may take.

    :ivar most_bytes: that a device may send, all in all
    :ivar untrusted: why it did not prove that it is the device
    :ivar too_much: whether it sent more
    """

    def __init__(self, deadline: float, most_bytes: int) -> None:
        self.deadline = deadline
        self.most_bytes = most_bytes
        self.untrusted: str | None = None
        self.too_much = False
        self._received = 0

    def left(self) -> float:
        """Return the seconds left.

        :raises TimeoutError: there are none
        """
        return network.left(self.deadline)

    def count(self, received: int) -> None:
        """Count bytes.

        :raises OSError: they are more than allowed
        """
        self._received += received
        if self._received > self.most_bytes:
            self.too_much = True
            raise OSError('too many bytes')


class _Timed:
    """Lets no operation of a socket outlast its limits."""

    limits: Limits

    def recv_into(self, *arguments: Any) -> int:
        self.settimeout(self.limits.left())    # type: ignore[attr-defined]
        count: int = super().recv_into(        # type: ignore[misc]
            *arguments)
        self.limits.count(count)
        return count

    def send(self, *arguments: Any) -> int:
        self.settimeout(self.limits.left())    # type: ignore[attr-defined]
        sent: int = super().send(*arguments)   # type: ignore[misc]
        return sent

    def sendall(self, *arguments: Any) -> None:
        self.settimeout(self.limits.left())    # type: ignore[attr-defined]
        super().sendall(*arguments)            # type: ignore[misc]


class _TimedSocket(_Timed, socket.socket):
    pass


class _TimedTLSSocket(_Timed, ssl.SSLSocket):
    pass


class _Response(http.client.HTTPResponse):
    """An answer whose headers are never logged."""

    def begin(self) -> None:
        super().begin()
        # urllib3 would log what it does not understand of them.
        self.msg.defects.clear()
        self.msg.set_payload('')


class _Plain(connection.HTTPConnection):
    """A connection that keeps to the limits."""

    response_class = _Response

    def __init__(self, *arguments: Any, limits: Limits,
                 **values: Any) -> None:
        super().__init__(*arguments, **values)
        self.limits = limits

    def _new_conn(self) -> socket.socket:
        plain = network.connect(self.host, self.port or 0,
                                socket.SOCK_STREAM, self.limits.deadline)
        made = _TimedSocket(plain.family, plain.type, plain.proto,
                            fileno=plain.detach())
        made.limits = self.limits
        # Or the body of a request waits for a device to confirm its head.
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # For the handshake that may follow; it is one operation.
        made.settimeout(self.limits.left())
        return made


class _TLS(_Plain, connection.HTTPSConnection):
    """The same over TLS.

    :param fingerprint: SHA-256 of the only certificate that will do
    """

    def __init__(self, *arguments: Any, fingerprint: str | None = None,
                 **values: Any) -> None:
        super().__init__(*arguments, **values)
        self.fingerprint = fingerprint

    def connect(self) -> None:
        try:
            connection.HTTPSConnection.connect(self)
        except ssl.SSLCertVerificationError as exc:
            self.limits.untrusted = str(exc.verify_message)
            raise
        assert isinstance(self.sock, _TimedTLSSocket)  # noqa: S101
        self.sock.limits = self.limits
        if self.fingerprint is not None:
            found = hashlib.sha256(
                self.sock.getpeercert(True) or b'').hexdigest()
            if found != self.fingerprint:
                self.limits.untrusted = (
                    f'its certificate has the SHA-256 fingerprint {found}')
                raise OSError('another certificate')
        # Whether that is enough was decided with the options of the device.
        self.is_verified = True


class _PlainPool(connectionpool.HTTPConnectionPool):
    ConnectionCls = _Plain


class _TLSPool(connectionpool.HTTPSConnectionPool):
    ConnectionCls = _TLS


class _Adapter(adapters.HTTPAdapter):
    """Sends everything to one device, wherever a URL points to."""

    def __init__(self, pool: connectionpool.HTTPConnectionPool) -> None:
        super().__init__()
        self._pool = pool

    def get_connection_with_tls_context(
            self, *arguments: Any,
            **values: Any) -> connectionpool.HTTPConnectionPool:
        return self._pool

    def cert_verify(self, *arguments: Any, **values: Any) -> None:
        """Leave the pool as it is: its context has what it needs."""

    def build_response(self, request: Any, answer: Any) -> Any:
        # Compressed bytes can expand to any size; we asked for none.
        if answer.headers.get('Content-Encoding',
                              'identity').lower() != 'identity':
            raise http.client.HTTPException('an encoded answer')
        return super().build_response(request, answer)

    def close(self) -> None:
        self._pool.close()
        super().close()


@functools.lru_cache(maxsize=256)
def _context(verify: bool, ca: str | None, ca_file: str | None,
             changed_at: int) -> ssl.SSLContext:
    """Return a TLS context; reading a bundle of CAs takes a while.

    :param changed_at: of the file, so that a new one is read
    :raises OSError: the file or the CA cannot be used
    :raises ValueError: the CA is no text in ASCII
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.sslsocket_class = _TimedTLSSocket
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif ca:
        context.load_verify_locations(cadata=ca)
    elif ca_file:
        context.load_verify_locations(cafile=ca_file)
    else:
        context.load_default_certs()
    return context


class Client:
    """Speaks HTTP with one device; closes its connections at the end.

    :param options: ``verify``, ``ca`` and ``fingerprint`` for https
    :param deadline: monotonic time at which everything has to be over
    :param most_bytes: that the device may send, all in all
    :raises PowerError: its options cannot be used
    """

    def __init__(self, device: base.Device, scheme: str,
                 options: Mapping[str, Any], deadline: float,
                 most_bytes: int) -> None:
        self.device = device
        self.scheme = scheme
        self.limits = Limits(deadline, most_bytes)
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers.update({'Accept-Encoding': 'identity',
                                      'User-Agent': 'cloudmanager'})
        self._session.mount(f'{scheme}://', _Adapter(self._pool(options)))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._session.close()

    def _pool(self, options: Mapping[str, Any]
              ) -> connectionpool.HTTPConnectionPool:
        host, port = self.device.host, self.device.port
        if ':' in host:
            # Without them an address with a zone is no host to urllib3.
            host = f'[{host}]'
        if self.scheme == 'http':
            return _PlainPool(host, port, limits=self.limits)
        fingerprint = options.get('fingerprint')
        verify = bool(options.get('verify', True)) and not fingerprint
        ca_file = CONF.power.ca_file
        try:
            context: ssl.SSLContext | None = _context(
                verify, options.get('ca'), ca_file,
                os.stat(ca_file).st_mtime_ns if ca_file else 0)
        except (OSError, ValueError):
            context = None
        if context is None:
            raise exceptions.PowerError(
                device=self.device,
                reason='the certificates of its CA cannot be read')
        return _TLSPool(host, port, ssl_context=context, limits=self.limits,
                        fingerprint=_hexadecimal(fingerprint))

    def request(self, what: str, method: str, path: str, *,
                headers: Mapping[str, str] | None = None,
                body: bytes | None = None,
                auth: requests_auth.AuthBase | None = None
                ) -> requests.Response:
        """Send a request once and return the answer, whatever its status.

        Redirects of a GET are followed on the device.

        :param what: for errors, such as ``power off``
        :param path: absolute, with its query
        :raises PowerUnresolvable: its name does not resolve
        :raises PowerUnreachable: no answer came in time
        :raises PowerUntrusted: it has a certificate that does not do
        :raises PowerStrange: it leads elsewhere, or sends too much
        :raises PowerProtocol: it answered nonsense
        """
        for _ in range(REDIRECTS + 1):
            answer = self._send(what, method, path, headers, body, auth)
            if answer.status_code not in _REDIRECT_CODES:
                return answer
            if method != 'GET':
                break
            path = self.path_of(what, answer.headers.get('Location', ''),
                                path)
        raise exceptions.PowerStrange(
            device=self.device, request=what,
            reason=f'a redirect (HTTP status {answer.status_code})')

    def path_of(self, what: str, link: object,
                base_path: str = '/') -> str:
        """Return the path that a link of the device means.

        :param link: absolute or relative to ``base_path``, as a string
        :raises PowerStrange: it leads to another host
        :raises PowerProtocol: it is none
        """
        if isinstance(link, str):
            with contextlib.suppress(ValueError):
                parts = parse.urlsplit(parse.urljoin(base_path, link))
                if (self._is_here(parts) if parts.netloc
                        else not parts.scheme) and parts.path[:1] == '/':
                    return parse.urlunsplit(
                        ('', '', parts.path, parts.query, ''))
                if parts.netloc or parts.scheme:
                    raise exceptions.PowerStrange(
                        device=self.device, request=what,
                        reason='a link that does not lead to the device')
        raise exceptions.PowerProtocol(
            device=self.device, request=what, reason='a malformed link')

    def _is_here(self, parts: parse.SplitResult) -> bool:
        if parts.scheme != self.scheme:
            return False
        return (parts.hostname == self.device.host.lower()
                and (parts.port or _PORTS[self.scheme]) == self.device.port)

    def _send(self, what: str, method: str, path: str,
              headers: Mapping[str, str] | None, body: bytes | None,
              auth: requests_auth.AuthBase | None) -> requests.Response:
        try:
            answer = self._session.request(
                method, f'{self.scheme}://{_PLACEHOLDER}{path}',
                headers={'Host': self._host(), **(headers or {})},
                data=body, auth=auth, allow_redirects=False,
                timeout=self.limits.left())
            # Or it is guessed at length, and what is guessed is logged.
            answer.encoding = 'utf-8-sig'
            return answer
        # What a damaged answer makes the libraries raise cannot be listed.
        except Exception as exc:
            error = self._translate(what, exc)
        # Not raised above: the frames of the cause hold the credentials.
        raise error

    def _host(self) -> str:
        host = self.device.host
        if ':' in host:
            host = f'[{host.partition("%")[0]}]'
        if self.device.port == _PORTS[self.scheme]:
            return host
        return f'{host}:{self.device.port}'

    def _translate(self, what: str,
                   exc: Exception) -> exceptions.PowerError:
        """Return our error for a failure, without a reference to its cause."""
        causes = list(_causes(exc))
        if self.limits.untrusted:
            return exceptions.PowerUntrusted(
                device=self.device,
                reason=wording.quote(self.device, self.limits.untrusted))
        if self.limits.too_much:
            return exceptions.PowerStrange(
                device=self.device, request=what,
                reason=f'more than {self.limits.most_bytes} bytes')
        lost = [each for each in causes if _is_unreachable(each)]
        if lost:
            return network.trouble(self.device, min(lost, key=_vagueness))
        reason = next((f'TLS failed ({each.reason})' for each in causes
                       if isinstance(each, ssl.SSLError)),
                      type(causes[-1]).__name__)
        return exceptions.PowerProtocol(device=self.device, request=what,
                                        reason=reason)


def _hexadecimal(fingerprint: str | None) -> str | None:
    if fingerprint is None:
        return None
    return re.sub('[^0-9a-f]', '', fingerprint.lower())


def _causes(exc: BaseException) -> Iterator[BaseException]:
    """Return an error and all that it was made of, the innermost last."""
    seen: set[int] = set()
    waiting = [exc]
    while waiting:
        one = waiting.pop(0)
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        waiting += [each for each in (
            *one.args, getattr(one, 'reason', None), one.__cause__,
            one.__context__) if isinstance(each, BaseException)]


def _vagueness(exc: BaseException) -> int:
    """Rank an error among all that tell of one failure."""
    kinds = (socket.gaierror, network.NoConnection, TimeoutError)
    return next((rank for rank, kind in enumerate(kinds)
                 if isinstance(exc, kind)), len(kinds))


def _is_unreachable(exc: BaseException) -> bool:
    """Tell whether an error means that nobody answered, or not to the end.

    Errors of requests are OSErrors too, and say nothing by themselves.
    """
    if isinstance(exc, ssl.SSLError):
        return isinstance(exc, ssl.SSLEOFError | ssl.SSLZeroReturnError)
    return (isinstance(exc, OSError | http.client.IncompleteRead)
            and not isinstance(exc, requests.RequestException))
