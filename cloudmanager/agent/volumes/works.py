# SPDX-License-Identifier: Apache-2.0
"""Changes of volumes that take longer than a request may.

Each change runs in a thread. LVM commits a change as a whole. So a change that
is interrupted by the end of the agent is either done or not begun, and the
next report shows which.
"""

from collections.abc import Callable
import dataclasses
import threading

from oslo_log import log as logging

from cloudmanager.agent import operations
from cloudmanager.common import clock
from cloudmanager.common import exception

LOG = logging.getLogger(__name__)
Key = tuple[str, str]


@dataclasses.dataclass
class Work:
    """A change.

    :ivar request: the request that began it
    :ivar is_running: whether its command has not ended yet
    :ivar error: why it failed, if it did
    :ivar seen: the progress of a move when it last changed
    :ivar seen_at: when that was, by the monotonic clock
    """

    request: str
    is_running: bool = True
    error: str | None = None
    seen: float | None = None
    seen_at: float = dataclasses.field(default_factory=clock.monotonic)

    def is_stalled(self, percent: float | None, seconds: float) -> bool:
        """Tell whether a move has made no progress for some time.

        :param percent: its progress now
        """
        if percent is not None and percent != self.seen:
            self.seen, self.seen_at = percent, clock.monotonic()
        return clock.monotonic() - self.seen_at > seconds


class Works:
    """The changes that this agent has begun, the last one of each volume."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._works: dict[Key, Work] = {}

    def look(self, key: Key, request: str) -> tuple[bool, str | None]:
        """Return whether a volume is being changed, and why it failed.

        :param request: only a failure of this request is returned
        """
        work = self._works.get(key)
        if work is None:
            return False, None
        # Read this first: the error is stored before the work ends.
        running = work.is_running
        return running, work.error if work.request == request else None

    def find(self, key: Key) -> Work | None:
        """Return the last change of a volume, if there was one.

        :param key: names of the volume group and the volume
        """
        return self._works.get(key)

    def begin(self, key: Key, request: str,
              change: Callable[[], object]) -> None:
        """Begin a change, unless a change of the volume is running.

        :param request: the request that the change is for
        :param change: makes the change; its error is stored
        """
        with self._lock:
            known = self._works.get(key)
            if known is not None and known.is_running:
                return
            work = self._works[key] = Work(request)
        self._start(key, work, change)

    def _start(self, key: Key, work: Work,
               change: Callable[[], object]) -> None:
        threading.Thread(target=self._run, args=(key, work, change),
                         daemon=True, name=f'lvm-{key[1]}').start()

    @staticmethod
    def _run(key: Key, work: Work, change: Callable[[], object]) -> None:
        try:
            change()
        except exception.CloudManagerException as exc:
            work.error = exc.message
            LOG.warning('Logical volume %(volume)s could not be changed: '
                        '%(why)s', {'volume': '/'.join(key),
                                    'why': exc.message})
        except Exception:
            # Boundary of the thread: the caller must not wait for ever.
            LOG.exception('Changing logical volume %s failed.',
                          '/'.join(key))
            work.error = operations.INTERNAL
        finally:
            work.is_running = False
