# SPDX-License-Identifier: Apache-2.0
"""The policy enforcer.

Rules come into force as a whole or not at all: files that cannot be used
keep the service from starting, and leave a running one with the rules it
has.
"""

from collections.abc import Callable
from collections.abc import Iterator
import functools
import inspect
import os
import stat
import threading
import types
from typing import Any

from oslo_config import cfg
from oslo_log import log as logging
from oslo_policy import _checks
from oslo_policy import opts as policy_opts
from oslo_policy import policy

from cloudmanager import policies
from cloudmanager.common import clock
from cloudmanager.common import context as cm_context
from cloudmanager.common import exception

CONF = cfg.CONF
LOG = logging.getLogger(__name__)
_ENFORCER: '_Enforcer | None' = None
RELOAD_SECONDS = 1
# Between lines of the log that say that old rules are in force.
REMIND_SECONDS = 60
# The check that admits nobody, as it is written. Whatever else cannot be
# read is made the same by oslo.policy.
_NOBODY = '!'

_signature = functools.cache(inspect.getfullargspec)


def _remembered(method: Callable[..., object]) -> inspect.FullArgSpec:
    # Not by the method itself, which would keep checks of old rules.
    return _signature(getattr(method, '__func__', method))


# oslo.policy looks at the signature of each check whenever it is made, which
# takes longer than the check. All else of the module stays as it is, for
# versions that may ask for it.
setattr(_checks, 'inspect', types.SimpleNamespace(
    **{**vars(inspect), 'getfullargspec': _remembered}))

#: Path, change time in nanoseconds, and size of a file.
_File = tuple[str, int, int]


def _stat(path: str) -> _File:
    found = os.stat(path)
    if not stat.S_ISREG(found.st_mode):
        raise OSError(f'{path} is no file')
    return path, found.st_mtime_ns, found.st_size


def _files(conf: cfg.ConfigOpts) -> tuple[_File, ...]:
    """Return the policy files that there are.

    :raises OSError: one vanished meanwhile, or cannot be looked at
    """
    found = []
    path = conf.find_file(conf.oslo_policy.policy_file)
    if path:
        found.append(_stat(path))
    for name in conf.oslo_policy.policy_dirs:
        directory = conf.find_file(name)
        if directory and os.path.isdir(directory):
            found += [_stat(os.path.join(directory, file))
                      for file in sorted(os.listdir(directory))
                      if not file.startswith('.')]
    return tuple(found)


def _with_content(files: tuple[_File, ...]) -> set[str]:
    return {path for path, _changed, size in files if size}


def _leaves(check: Any) -> Iterator[Any]:
    """Yield the simple checks that a check is composed of."""
    if isinstance(check, policy.NotCheck):
        yield from _leaves(check.rule)
    elif isinstance(check, (policy.AndCheck, policy.OrCheck)):
        for part in check.rules:
            yield from _leaves(part)
    else:
        yield check


def _is_readable(rule: policy.RuleDefault) -> bool:
    """Tell whether each word of a rule was understood."""
    asked = [word.strip('()') for word in rule.check_str.split()]
    made = [str(leaf) for leaf in _leaves(rule.check)]
    return made.count(_NOBODY) == asked.count(_NOBODY)


def _mistakes(enforcer: policy.Enforcer) -> Iterator[str]:
    """Yield the mistakes in the rules of files that are valid YAML."""
    rules = enforcer.rules
    used = {leaf.match for check in rules.values()
            for leaf in _leaves(check) if isinstance(leaf, policy.RuleCheck)}
    for name, rule in enforcer.file_rules.items():
        if not isinstance(rule.check_str, str):
            yield f'rule "{name}" is no text'
        elif not _is_readable(rule):
            yield f'rule "{name}" cannot be read: {rule.check_str}'
        if (name not in enforcer.registered_rules and name not in used
                and name != enforcer.default_rule):
            yield (f'there is no rule "{name}", and no other rule refers to '
                   'it')
    missing = sorted(used - set(rules))
    for name in missing:
        yield f'a rule refers to "{name}", which does not exist'
    if not missing and not enforcer.check_rules():
        yield 'rules refer to each other in a circle'


class _Enforcer(policy.Enforcer):
    """Takes over changed policy files when they are good.

    oslo.policy looks for changes at every check, in every directory where
    the file might be, which takes longer than the check; this one looks once
    in a second.

    :ivar problem: why the files are not in force, if they are not
    """

    def __init__(self, conf: cfg.ConfigOpts,
                 defaults: list[policy.RuleDefault]) -> None:
        super().__init__(conf)
        self._defaults = defaults
        self.register_defaults(defaults)
        self.problem: str | None = None
        self._looking = threading.Lock()
        self._looked = self._reminded = float('-inf')
        self._seen: tuple[_File, ...] | None = None
        self._loaded = False

    def load_rules(self, force_reload: bool = False) -> None:
        """Look for changed files, unless that was done just now.

        :raises Misconfigured: they cannot be used, and there are no rules
            that could stay in force
        """
        if not self._loaded or force_reload:
            with self._looking:
                self._look(force_reload)
        elif (clock.monotonic() >= self._looked + RELOAD_SECONDS
                and self._looking.acquire(blocking=False)):
            # Others need not wait: they go by the rules there are.
            try:
                self._look()
            finally:
                self._looking.release()

    def _look(self, again: bool = False) -> None:
        now = clock.monotonic()
        try:
            files = _files(self.conf)
            if again or files != self._seen:
                self._take(files)
        except exception.Misconfigured as exc:
            self._refuse(exc)
        except OSError as exc:
            self._refuse(self._misconfigured(exc))
        self._looked = now
        if self.problem and now >= self._reminded + REMIND_SECONDS:
            LOG.error('The policy files cannot be used; the rules of before '
                      'stay in force. %s', self.problem)
            self._reminded = now

    def _take(self, files: tuple[_File, ...]) -> None:
        """Put the rules of files into force.

        :raises Misconfigured: they cannot be used
        """
        gone = _with_content(self._seen or ()) - _with_content(files)
        if gone:
            # Many programs move the old file away, or empty it, before they
            # write the new one.
            raise self._misconfigured(
                f'{", ".join(sorted(gone))} is gone or empty; if it is meant '
                'to be, restart the service')
        fresh = policy.Enforcer(self.conf)
        fresh.register_defaults(self._defaults)
        try:
            fresh.load_rules(True)
        except Exception as exc:
            # Whatever is in a file, it fails in a way of its own in oslo.
            raise self._misconfigured(exc) from exc
        mistakes = list(_mistakes(fresh))
        if files != _files(self.conf):
            mistakes.append('files change while they are read')
        if mistakes:
            raise self._misconfigured('; '.join(mistakes))
        self.rules, self.file_rules = fresh.rules, fresh.file_rules
        self._seen, self._loaded = files, True
        if self.problem:
            LOG.info('The policy files are in force again.')
        self.problem = None

    def _misconfigured(self, reason: object) -> exception.Misconfigured:
        return exception.Misconfigured(
            setting='[oslo_policy] policy_file '
                    f'{self.conf.oslo_policy.policy_file}',
            reason=' '.join(str(reason).split()))

    def _refuse(self, problem: exception.Misconfigured) -> None:
        """Keep the rules there are.

        :raises Misconfigured: there are none
        """
        if not self._loaded:
            raise problem
        if problem.message != self.problem:
            self._reminded = float('-inf')
        self.problem = problem.message


def init(rules: list[policy.RuleDefault]) -> _Enforcer:
    """Build the enforcer with the service's documented rules.

    :param rules: what ``cloudmanager.policies.list_rules`` returns
    """
    global _ENFORCER
    policy_opts.set_defaults(CONF, policy_file='policy.yaml')
    _ENFORCER = _Enforcer(CONF, rules)
    return _ENFORCER


def load() -> None:
    """Build the enforcer, and read the policy files at once.

    :raises Misconfigured: they cannot be used
    """
    init(policies.list_rules()).load_rules()


def problem() -> str | None:
    """Return why the policy files are not in force, if they are not."""
    enforcer = _enforcer()
    enforcer.load_rules()
    return enforcer.problem


def _enforcer() -> _Enforcer:
    return _ENFORCER or init(policies.list_rules())


def get_enforcer() -> policy.Enforcer:
    """Return the enforcer, for oslo.policy's own tools."""
    return _enforcer()


def authorize(context: cm_context.RequestContext, action: str) -> None:
    """Check that a context may do something.

    What the service manages belongs to no project, so a rule that compares
    with the project of the target admits nobody.

    :param action: name of a registered rule
    :raises Forbidden: it may not
    :raises InvalidScope: its token is not one of a project
    """
    get_enforcer().authorize(action, {}, context, do_raise=True,
                             exc=exception.Forbidden, action=action)
