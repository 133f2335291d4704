# SPDX-License-Identifier: Apache-2.0
"""Changes of volumes that take longer than a request may.

Each runs in a thread. LVM commits a change as a whole, so one that ends with
the agent is either done or not begun, and the next report tells which.
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

    :ivar request: which request began it
    :ivar is_running: whether its command has not ended yet
    :ivar error: why it failed, if it did
    :ivar seen: how far a move was when it last went on
    :ivar seen_at: when that was, by the monotonic clock
    """

    request: str
    is_running: bool = True
    error: str | None = None
    seen: float | None = None
    seen_at: float = dataclasses.field(default_factory=clock.monotonic)

    def is_stalled(self, percent: float | None, seconds: float) -> bool:
        """Tell whether a move has not gone on for some time.

        :param percent: how far it is now
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

        :param request: only its own failure is told
        """
        work = self._works.get(key)
        if work is None:
            return False, None
        # In this order: the error is there before the work has ended.
        running = work.is_running
        return running, work.error if work.request == request else None

    def find(self, key: Key) -> Work | None:
        """Return the last change of a volume, if there was one.

        :param key: names of the volume group and the volume
        """
        return self._works.get(key)

    def begin(self, key: Key, request: str,
              change: Callable[[], object]) -> None:
        """Begin a change, unless one of the volume runs.

        :param request: names what it is done for
        :param change: does it; what it raises is kept
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
            # Boundary of the thread: whoever asks must not wait for ever.
            LOG.exception('Changing logical volume %s failed.',
                          '/'.join(key))
            work.error = operations.INTERNAL
        finally:
            work.is_running = False
