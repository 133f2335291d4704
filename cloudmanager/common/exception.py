# SPDX-License-Identifier: Apache-2.0
"""Errors of the service.

Each class carries the HTTP status that the API answers with (``code``), the
stable machine readable name (``error_code``) and a message template.
"""

from cloudmanager.common.json_types import JsonObject


def _plain(value: object) -> object:
    """Return a value as a message to another process can carry it.

    Anything else would take along all that it is made of, such as the
    password of a device, or could not be sent at all.
    """
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return str(value)


class CloudManagerException(Exception):
    """Base of all errors that may reach a user.

    One that is raised in a conductor reaches the API in a message: it is
    rebuilt there from its text and the values of its template. So no class
    has parameters of its own; one whose template needs more words than it
    gets makes them in ``_words``.

    :param message: the whole text, instead of the class's template
    :param kwargs: values for the template; a missing one fails here, in the
        test that raises it, rather than in production
    """

    code = 500
    error_code = 'cloudmanager.internal'
    template = 'An unknown error occurred.'

    def __init__(self, message: str | None = None, **kwargs: object) -> None:
        self.kwargs: JsonObject = {
            name: _plain(value) for name, value in kwargs.items()}
        self.message = message or self.template % self._words()
        super().__init__(self.message)

    @property
    def retry_after(self) -> int | None:
        """Seconds after which trying again may help, if it may."""
        return None

    def _words(self) -> dict[str, object]:
        """Return the words that the template is filled with."""
        return self.kwargs


class Invalid(CloudManagerException):
    code = 400
    error_code = 'cloudmanager.invalid'
    template = '%(reason)s'


class NotAuthenticated(CloudManagerException):
    code = 401
    error_code = 'cloudmanager.unauthorized'
    template = 'The request needs authentication.'


class Forbidden(CloudManagerException):
    code = 403
    error_code = 'cloudmanager.forbidden'
    template = 'Policy does not allow %(action)s to be performed.'


class NotFound(CloudManagerException):
    code = 404
    error_code = 'cloudmanager.not_found'
    template = 'The resource could not be found.'


class NodeNotFound(NotFound):
    error_code = 'cloudmanager.node.not_found'
    template = 'Node %(node)s could not be found.'


class NodeClassNotFound(NotFound):
    error_code = 'cloudmanager.node_class.not_found'
    template = 'Node class %(node_class)s could not be found.'


class NodeTypeNotFound(NotFound):
    error_code = 'cloudmanager.node_type.not_found'
    template = 'Node type %(node_type)s could not be found.'


class NodeImageNotFound(NotFound):
    error_code = 'cloudmanager.node_image.not_found'
    template = 'Node image %(image)s could not be found.'


class PowerControlNotFound(NotFound):
    error_code = 'cloudmanager.power_control.not_found'
    template = 'Power control %(power_control)s could not be found.'


class PowerActionNotFound(NotFound):
    error_code = 'cloudmanager.power_action.not_found'
    template = 'Power action %(power_action)s could not be found.'


class AssignmentNotFound(NotFound):
    error_code = 'cloudmanager.node.power_control_not_assigned'
    template = ('Power control %(power_control)s is not assigned to node '
                '%(node)s.')


class AvailabilityStorageNotFound(NotFound):
    error_code = 'cloudmanager.availability_storage.not_found'
    template = 'Availability storage %(storage)s could not be found.'


class StorageNotAssigned(NotFound):
    error_code = 'cloudmanager.node.storage_not_assigned'
    template = ('Availability storage %(storage)s is not assigned to node '
                '%(node)s.')


class TaskNotFound(NotFound):
    error_code = 'cloudmanager.task.not_found'
    template = 'Task %(task)s could not be found.'


class HostNotFound(NotFound):
    error_code = 'cloudmanager.host.not_found'
    template = 'Compute host %(host)s could not be found.'


class ServerNotFound(NotFound):
    error_code = 'cloudmanager.server.not_found'
    template = 'Server %(server)s could not be found.'


class VolumeNotFound(NotFound):
    error_code = 'cloudmanager.volume.not_found'
    template = 'Volume %(volume)s could not be found.'


class VolumeNotOnLVM(NotFound):
    error_code = 'cloudmanager.volume.not_on_lvm'
    template = 'Volume %(volume)s is no logical volume: %(reason)s.'


class VolumeGroupNotFound(NotFound):
    error_code = 'cloudmanager.volume_group.not_found'
    template = 'Volume group %(group)s could not be found.'


class LogicalVolumeNotFound(NotFound):
    error_code = 'cloudmanager.logical_volume.not_found'
    template = ('Logical volume %(volume)s could not be found in volume '
                'group %(group)s.')


class AggregateNotFound(NotFound):
    error_code = 'cloudmanager.aggregate.not_found'
    template = 'Host aggregate %(aggregate)s could not be found.'


class AuditNotFound(NotFound):
    error_code = 'cloudmanager.audit.not_found'
    template = '%(where)s has no audit %(audit)s.'

    def _words(self) -> dict[str, object]:
        aggregate = self.kwargs.get('aggregate')
        return {**self.kwargs, 'where': 'The service' if aggregate is None
                else f'Host aggregate {aggregate}'}


class MetadataNotFound(NotFound):
    error_code = 'cloudmanager.server.metadata_not_found'
    template = 'Server %(server)s has no system metadata %(key)s.'


class DomainNotFound(NotFound):
    error_code = 'cloudmanager.domain.not_found'
    template = 'Domain %(domain)s could not be found.'


class Conflict(CloudManagerException):
    code = 409
    error_code = 'cloudmanager.conflict'
    template = '%(reason)s'


class NameTaken(Conflict):
    error_code = 'cloudmanager.name_taken'
    template = 'The %(field)s %(value)s is in use already.'


class PowerIsRead(Conflict):
    error_code = 'cloudmanager.node.power_is_read'
    template = ('The power state of node %(node)s is read from its power '
                'control; switch the node instead of setting it.')


class PlaceTaken(Conflict):
    error_code = 'cloudmanager.node.place_taken'
    template = ('Node %(node)s stands there already (%(place)s); with '
                'force=true both do.')


class InUse(Conflict):
    error_code = 'cloudmanager.in_use'
    template = '%(what)s is in use by %(by)s.'


class TaskConflict(Conflict):
    error_code = 'cloudmanager.task.conflict'
    template = 'Task %(task)s (%(name)s%(by)s) already acts on %(target)s.'

    def _words(self) -> dict[str, object]:
        user = self.kwargs.get('user')
        return {**self.kwargs, 'by': f' of user {user}' if user else ''}


class TaskFinished(Conflict):
    error_code = 'cloudmanager.task.finished'
    template = 'Task %(task)s has ended with status %(status)s.'


class HostNotFenced(Conflict):
    error_code = 'cloudmanager.host.not_fenced'
    template = ('Host %(host)s cannot be proven to be off: %(reason)s. '
                'Switch it off and send "fenced": true.')


class HostIsUp(Conflict):
    error_code = 'cloudmanager.host.is_up'
    template = ('Host %(host)s is not evacuated: the host is up; shut it '
                'down, or say `force`: %(reason)s.')


class AuditStale(Conflict):
    error_code = 'cloudmanager.audit.stale'
    template = ('The cloud has changed since audit %(audit)s was made: '
                '%(changes)s. Nothing was touched; execute another audit.')


class AuditNotApplicable(Conflict):
    error_code = 'cloudmanager.audit.not_applicable'
    template = 'Audit %(audit)s cannot be applied: %(reason)s.'


class TaskNotUndoable(Conflict):
    error_code = 'cloudmanager.task.not_undoable'
    template = 'Task %(task)s cannot be undone: %(reason)s.'


class NothingMeasured(Conflict):
    error_code = 'cloudmanager.audit.nothing_measured'
    template = ('Of aggregate %(aggregate)s no loads of the last %(hours)s '
                'hours are known to the source %(source)s of [drs] source.')


class NoPlace(Conflict):
    """Servers find no place; ``plan`` is the plan that shows it, as JSON."""

    error_code = 'cloudmanager.host.no_place'
    template = ('Host %(host)s cannot be emptied: no host can take %(servers)s'
                '. Nothing was touched; make room, or say `force`.')


class HostsOutOfUse(Conflict):
    error_code = 'cloudmanager.host.others_out_of_use'
    template = ('At most %(most)s host(s) may be out of use, and these are: '
                '%(hosts)s. Take them into use, or say how many may be '
                '(max_unavailable).')


class OpenMigrations(Conflict):
    error_code = 'cloudmanager.host.open_migrations'
    template = ('Host %(host)s has open migrations: %(migrations)s. Confirm, '
                'revert or await them, or send "wait": true.')


class HostHasVolumes(Conflict):
    error_code = 'cloudmanager.host.has_volumes'
    template = ('Volumes live on host %(host)s: %(volumes)s. Migrate them '
                'away first.')


class ServerState(Conflict):
    error_code = 'cloudmanager.server.state'
    template = 'Server %(server)s: %(reason)s.'


class QuotaExceeded(Conflict):
    error_code = 'cloudmanager.quota_exceeded'
    template = ('The quota of project %(project)s is too small: '
                '%(reason)s.')


class ProjectClosed(Conflict):
    error_code = 'cloudmanager.project_closed'
    template = ('The user of this service cannot work in project '
                '%(project)s, to which what it creates there has to belong. '
                'Give it the role member on that project. An application '
                'credential is good for its own project only.')


class NoPowerControl(Conflict):
    error_code = 'cloudmanager.node.no_power_control'
    template = 'Node %(node)s has no power control.'


class NoNodeToSwitch(Conflict):
    error_code = 'cloudmanager.node.none_to_switch'
    template = 'None of the nodes can be switched. %(reasons)s'


class Unavailable(CloudManagerException):
    code = 503
    error_code = 'cloudmanager.unavailable'
    template = '%(reason)s'


class Later(CloudManagerException):
    """Trying again may help after so many ``seconds``."""

    @property
    def retry_after(self) -> int | None:
        found = self.kwargs.get('seconds')
        return found if isinstance(found, int) else None


class Busy(Later, Unavailable):
    """All threads that may wait for others are waiting."""

    error_code = 'cloudmanager.busy'
    template = ('%(limit)d requests wait for conductors or devices already. '
                'Try again in %(seconds)d s.')


class Misconfigured(Unavailable):
    """What an option says, or names, cannot be used."""

    error_code = 'cloudmanager.misconfigured'
    template = '%(setting)s cannot be used: %(reason)s.'


class ActionUnknown(Unavailable):
    error_code = 'cloudmanager.action_unknown'
    template = ('The conductor that answered has version %(version)s and '
                'does not know the action %(action)s: bring all conductors '
                'to the version of the API.')


class CloudNotConfigured(Unavailable):
    error_code = 'cloudmanager.cloud_not_configured'
    template = ('No cloud is configured: %(setting)s is missing.')


class DatabaseNotUsable(Unavailable):
    error_code = 'cloudmanager.database_not_usable'
    template = 'A database cannot be used: %(setting)s: %(reason)s.'


class CloudUnreachable(Unavailable):
    #: The status that the cloud answered with, if it answered.
    http_status: int | None = None
    error_code = 'cloudmanager.cloud_unreachable'
    template = '%(service)s did not answer: %(reason)s'


class CloudServiceMissing(CloudUnreachable):
    """The cloud's catalogue does not have a service."""

    error_code = 'cloudmanager.cloud_service_missing'
    template = ('%(service)s is not in the catalogue that the user of '
                '[cloud] gets: %(reason)s. Check project_name, region_name '
                'and valid_interfaces there.')


class CloudOutcomeUnknown(CloudUnreachable):
    """A request may have reached the cloud; its records tell."""


class CloudRequestRefused(Conflict):
    """The cloud understood a request and said no."""

    #: The status that the cloud answered with.
    http_status: int | None = None
    error_code = 'cloudmanager.cloud_refused'
    template = '%(service)s refused %(request)s: %(reason)s'


class AgentUnreachable(Unavailable):
    """The agent on a node is not enrolled, or does not answer."""

    error_code = 'cloudmanager.agent.unreachable'
    template = ('The agent on host %(host)s cannot be reached: %(reason)s. '
                'Last contact: %(last_contact)s.')


class AgentNotFound(NotFound):
    error_code = 'cloudmanager.agent.not_found'
    template = 'Host %(host)s has no agent that was enrolled.'


class AgentOperationUnknown(Unavailable):
    error_code = 'cloudmanager.agent.operation_unknown'
    template = ('The agent on host %(host)s does not know the operation '
                '%(operation)s: bring it to the version of the conductors.')


class CommandFailed(Unavailable):
    """A program on a node could not do what it should."""

    error_code = 'cloudmanager.agent.command_failed'
    template = 'Program %(program)s failed: %(reason)s'


class LogicalVolumeState(Conflict):
    """A logical volume cannot be changed as it is."""

    error_code = 'cloudmanager.logical_volume.state'
    template = 'Logical volume %(volume)s cannot be changed: %(reason)s.'


class LocksHeld(Conflict):
    """Locks of a volume group cannot be freed."""

    error_code = 'cloudmanager.locks.held'
    template = ('Locks of volume group %(group)s are not freed: '
                '%(reason)s.')


class LeaseLost(CloudManagerException):
    """Another conductor owns the task now; this one must stop at once."""

    error_code = 'cloudmanager.task.lease_lost'
    template = 'Task %(task)s is no longer owned by this conductor.'


class TaskCancelled(CloudManagerException):
    error_code = 'cloudmanager.task.cancelled'
    template = 'Task %(task)s was cancelled.'


class TaskFailed(CloudManagerException):
    error_code = 'cloudmanager.task.failed'
    template = '%(reason)s'


class SecretUnreadable(CloudManagerException):
    error_code = 'cloudmanager.secret_unreadable'
    template = ('A stored secret cannot be decrypted with the present keys; '
                'check [secrets] key_repository.')
