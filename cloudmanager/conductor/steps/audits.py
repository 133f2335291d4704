# SPDX-License-Identifier: Apache-2.0
"""Makes audits of aggregates, and carries out their moves."""

import dataclasses
from typing import Any

from oslo_config import cfg
from oslo_log import log as logging
from taskflow.types import failure

from cloudmanager.common import clock
from cloudmanager.common import exception
from cloudmanager.conductor.audits import application
from cloudmanager.conductor.audits import continuous
from cloudmanager.conductor.audits import picture
from cloudmanager.conductor.moves import budgets
from cloudmanager.conductor.records.audits import AuditMemory
from cloudmanager.conductor.records.moves import MoveItem
from cloudmanager.conductor.steps import base
from cloudmanager.conductor.steps import staged
from cloudmanager.db import audits as db_audits
from cloudmanager.db.models import Row
from cloudmanager.domain.audit_states import AuditStatus
from cloudmanager.domain.audit_states import MoveState
from cloudmanager.domain.audit_states import OPEN
from cloudmanager.domain.audit_states import UNMADE
from cloudmanager.domain.task_states import ItemState
from cloudmanager.planning.drs import audit as drs_audit
from cloudmanager.planning.drs import recheck

CONF = cfg.CONF
LOG = logging.getLogger(__name__)


class AuditStep(base.Step):
    """A step on the audit that the task makes or applies."""

    @property
    def owner(self) -> db_audits.Owner:
        return db_audits.Owner(self.run.task_id, self.run.generation)

    def find(self) -> Row | None:
        """Return the audit, or ``None`` while the task has made none."""
        audit_id = self.run.params.get('audit_id')
        if audit_id is None:
            return db_audits.find_of_task(self.run.context,
                                          self.run.task_id)
        return db_audits.get_audit(self.run.context, audit_id)

    def save(self, audit: Row, **values: Any) -> None:
        """Write to the audit."""
        db_audits.update(self.run.context, self.owner, audit['id'], values)


class RunAudit(AuditStep):
    """Find the moves that balance an aggregate; nothing is moved."""

    def do(self) -> None:
        aggregate_id = self.run.params['aggregate_id']
        audit = db_audits.ensure(
            self.run.context, aggregate_id, self.run.task_id,
            bool(self.run.params.get('continuous')))
        if audit['status'] not in UNMADE:
            # It was made, and only the end of the task is missing.
            self.run.result = audit['conclusion']
            return
        self.run.checkpoint()
        self.save(audit, status=AuditStatus.ONGOING)
        seen = picture.look(self.tools, aggregate_id)
        found = seen.audit(self.tools)
        if audit['continuous']:
            warning = continuous.foreign(self.run.context, self.tools,
                                         aggregate_id, seen.hosts)
            found = dataclasses.replace(found, warnings=(
                *found.warnings, *filter(None, [warning])))
            self.run.recall(AuditMemory).foreign = warning
            self.run.keep(self.run.recall(AuditMemory))
        self.run.checkpoint()
        db_audits.finish(self.run.context, self.owner, audit['id'],
                         _values(seen, found), map(_move, found.moves))
        self.run.result = found.conclusion

    def undo(self, causes: list[failure.Failure]) -> None:
        audit = self.find()
        if audit is not None and audit['status'] in UNMADE:
            self.save(audit, status=AuditStatus.FAILED,
                      conclusion=_why(causes), finished_at=clock.utcnow())


class ApplyAudit(AuditStep, staged.StagedMoves):
    """Carry out the moves of an audit, stage by stage."""

    def do(self) -> None:
        audit = self.audit()
        if not self.items():
            if self._has_nothing(audit):
                return
            why = self._why_not(audit)
            if why:
                self._leave(audit, why)
                return
            self._begin(audit)
        self.move_all()
        self._end(audit)

    def undo(self, causes: list[failure.Failure]) -> None:
        audit = self.find()
        if audit is None or audit['apply_task_id'] != self.run.task_id:
            return
        cancelled = any(cause.check(exception.TaskCancelled)
                        for cause in causes)
        self._settle(audit, AuditStatus.DONE if cancelled
                     else AuditStatus.FAILED)

    def audit(self) -> Row:
        """Return the audit.

        :raises AuditNotFound: it was removed
        """
        found = self.find()
        if found is None:
            raise exception.AuditNotFound(audit=self.run.task_id)
        return found

    def _has_nothing(self, audit: Row) -> bool:
        """Tell whether an audit that this task has made moves nothing."""
        return (audit['task_id'] == self.run.task_id
                and not db_audits.moves(self.run.context, audit['id']))

    def _why_not(self, audit: Row) -> str:
        """Return why nothing may be moved now, or ''."""
        if not audit['continuous'] or audit['task_id'] != self.run.task_id:
            return ''
        moves = db_audits.moves(self.run.context, audit['id'])
        return (continuous.why_not(self.run.context, audit)
                or self.run.recall(AuditMemory).foreign
                or ('' if continuous.within_cap(
                    self.run.context, audit, moves)
                    else 'the moves of a day are used up'))

    def _leave(self, audit: Row, why: str) -> None:
        """Leave the moves of an audit to an operator."""
        text = f'Its moves are not made: {why}.'
        self.run.result = f'{audit["conclusion"]} {text}'
        if text not in (audit['warnings'] or []):
            self.save(audit, warnings=[*(audit['warnings'] or []), text])

    def _begin(self, audit: Row) -> None:
        """Write down what is to be moved.

        :raises AuditStale: that does not fit the cloud any more
        """
        self.run.checkpoint()
        seen, moves = application.check_stored(
            self.run.context, self.tools, audit, self.run.params,
            self.run.task_id)
        if audit['task_id'] == self.run.task_id:
            moves = continuous.within_cap(self.run.context, audit, moves)
        self.save(audit, status=AuditStatus.APPLYING,
                  apply_task_id=self.run.task_id)
        self.plan([
            application.item_of(row, seen.cloud.servers[row['server_id']])
            for row in moves])

    def hold_back(self, items: list[MoveItem]) -> None:
        """Begin no moves that the policy no longer allows.

        The window may have ended, or the mode was changed.
        """
        audit = self.audit()
        if audit['task_id'] != self.run.task_id:
            return
        why = continuous.why_not(self.run.context, audit)
        for item in items:
            if why and item.state == ItemState.PENDING:
                item.state = ItemState.SKIPPED
                item.error = f'{application.HELD}: {why}'
                self.run.save(item)

    def problems(self, items: list[MoveItem]) -> dict[str, str]:
        seen = picture.look(self.tools, self.audit()['aggregate_id'])
        return seen.problems(map(application.as_planned, items))

    def _end(self, audit: Row) -> None:
        """Record the outcome of the audit.

        :raises TaskFailed: some moves were not made
        """
        items = self.items()
        failed = [item for item in items if item.state == ItemState.FAILED]
        self._settle(audit, AuditStatus.FAILED if failed
                     else AuditStatus.APPLIED)
        done = sum(item.state == ItemState.DONE for item in items)
        text = (f'{done} of {len(items)} servers were moved'
                f'{budgets.told(items)}')
        if failed:
            named = '; '.join(f'{item.name} ({item.object_id}): {item.error}'
                              for item in failed)
            raise exception.TaskFailed(reason=f'{text}. Not moved: {named}.')
        self.run.result = f'{text}.'

    def _settle(self, audit: Row, status: AuditStatus) -> None:
        ends = application.ends(self.items())
        left = MoveState.PLANNED, None
        if status == AuditStatus.APPLIED and any(
                row['state'] in OPEN
                and ends.get(row['server_id'], left)[0] == MoveState.PLANNED
                for row in db_audits.moves(self.run.context, audit['id'])):
            # Some were not chosen or not begun, and may be yet.
            status = AuditStatus.DONE
        values: Row = {'status': status}
        if any(state == MoveState.DONE for state, _ in ends.values()):
            values['reached'] = self._reached(audit)
            values.update(applied_at=clock.utcnow(), measured_at=None)
        db_audits.settle(self.run.context, self.owner, audit['id'], values,
                         ends)

    def _reached(self, audit: Row) -> Row | None:
        """Return how unequal the loads are now, if the cloud tells."""
        try:
            return dataclasses.asdict(picture.look(
                self.tools, audit['aggregate_id']).state)
        except exception.CloudManagerException as exc:
            LOG.warning('What audit %(audit)s has reached is not known: '
                        '%(why)s', {'audit': audit['id'], 'why': exc})
            return None


def _values(seen: picture.Seen, found: drs_audit.Audit) -> Row:
    """Return what is stored of an audit."""
    shown = seen.picture
    return {
        'source': CONF.drs.source, 'conclusion': found.conclusion,
        'before': dataclasses.asdict(found.before),
        'after': dataclasses.asdict(found.after), 'hot': found.hot,
        'warnings': list(found.warnings), 'picture': shown,
        'fingerprint': recheck.fingerprint(shown)}


def _move(move: drs_audit.Move) -> Row:
    return {
        'server_id': move.server_id, 'server_name': move.name,
        'source': move.source, 'destination': move.target,
        'action': move.action.value, 'stage': move.stage,
        'reason': move.reason, 'gain': move.gain, 'seconds': move.seconds,
        'size_mb': move.size_mb, 'group_id': move.group_id}


def _why(causes: list[failure.Failure]) -> str:
    """Return why a flow failed; texts of inner errors are not for users."""
    for cause in causes:
        if cause.check(exception.CloudManagerException):
            return str(cause.exception_str)
    return 'It was not made because of an internal error; see its task.'
