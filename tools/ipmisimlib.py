# SPDX-License-Identifier: Apache-2.0
"""Simulated BMCs: OpenIPMI's ipmi_sim with a chassis script of ours.

Used by the tool ``ipmisim`` and by the integration tests. Standard library
only, so that it runs before anything is installed. Everything that a BMC
writes is below one directory; a BMC is a directory in it.
"""

import dataclasses
import json
import os
import pathlib
import re
import shlex
import shutil
import signal
import socket
import subprocess
import time

SIMULATOR = 'ipmi_sim'
# What the kernel says of a process that has fallen silent, or is gone.
STOPPED, ZOMBIE = 'T', 'Z'
NAME = re.compile('[A-Za-z0-9][A-Za-z0-9_.-]*')

# Get Channel Authentication Capabilities: what every client sends first and
# every BMC answers without a login.
PROBE = bytes.fromhex('0600ff07000000000000000000092018c88100388e04b5')

LAN_CONF = '''\
name "%(name)s"
startlan 1
  addr %(host)s %(port)d
  priv_limit admin
  allowed_auths_callback none md2 md5 straight
  allowed_auths_user none md2 md5 straight
  allowed_auths_operator none md2 md5 straight
  allowed_auths_admin none md2 md5 straight
  guid %(guid)s
endlan
chassis_control "%(script)s"
user 1 true "" "%(null_password)s" %(null_privilege)s 10 none md2 md5 straight
user 2 true "%(user)s" "%(password)s" admin 10 none md2 md5 straight
'''

# A management controller, its sensors and its event log; data bytes need
# their 0x. The reading of 12V is above its upper critical threshold, 240.
EMULATION = '''\
mc_setbmc 0x20
mc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x2a7c 0x0901
sel_enable 0x20 1000 0x0a
%(sensors)s
%(events)s
mc_enable 0x20
'''
THRESHOLD_SENSOR = '''\
sensor_add 0x20 0 %(number)d %(kind)d 1
sensor_set_threshold 0x20 0 %(number)d settable 111000 255 240 230 0 0 0
sensor_set_event_support 0x20 0 %(number)d enable scanning per-state \
000111111000000 000111111000000 000111111000000 000111111000000
sensor_set_value 0x20 0 %(number)d %(reading)d 0
main_sdr_add 0x20 %(record)s
'''
DISCRETE_SENSOR = '''\
sensor_add 0x20 0 %(number)d %(kind)d 0x6f
sensor_set_event_support 0x20 0 %(number)d enable scanning per-state \
000000000001111 000000000001111 000000000001111 000000000001111
sensor_set_bit 0x20 0 %(number)d %(reading)d 1 0
main_sdr_add 0x20 %(record)s
'''

# ipmi_sim runs it as "chassis get|set|check PARAMETER [VALUE]..." and waits.
# Files are replaced by rename, so that a reader never sees half of one. A
# delayed off is a time in the file off_at, looked at when the state is
# asked for: there is no process in the background that could be left.
CHASSIS = '''\
#!/bin/sh
cd %(directory)s || exit 1

put() { echo "$2" > "$1.$$" && mv "$1.$$" "$1"; }
value() { cat "$1" 2>/dev/null || echo "$2"; }
log() { echo "$(date +%%s.%%N) $*" >> log; }
# What hangs on the power is told of it; the BMC does not wait.
tell() { [ ! -x hook ] || ./hook "$1" </dev/null >>hook.log 2>&1 & }

settle() {
    [ -f off_at ] || return 0
    at=$(value off_at 0)
    [ "$(date +%%s%%N)" -ge "$at" ] || return 0
    # Whoever moves the file logs it, and nobody else.
    mv off_at "off_at.$$" 2>/dev/null || return 0
    put power 0
    rm -f "off_at.$$"
    tell off
    echo "${at%%?????????}.${at#??????????} power is 0" >> log
}

switch_off() {
    delay=$(value "$1" 0)
    if [ "$delay" = never ]; then
        log ignored "$1"
    elif [ "$delay" = 0 ]; then
        rm -f off_at
        put power 0
        tell off
        log power is 0
    elif [ ! -f off_at ] || [ "$1" = off_delay ]; then
        put off_at "$(($(date +%%s%%N) + delay * 1000000))"
        log power is 0 in "$delay" ms
    fi
}

operation=$1
shift
settle
case $operation in
get)
    for name in "$@"; do
        case $name in
        power) echo "power:$(value power 0)" ;;
        boot) echo "boot:$(value boot none)" ;;
        *) exit 1 ;;
        esac
    done ;;
set)
    if [ -f refuse ] || { [ -f refuse_off ] && [ "$*" = "power 0" ]; }
    then
        log refused "$*"
        exit 1
    fi
    while [ $# -gt 1 ]; do
        log set "$1" "$2"
        case $1=$2 in
        power=0) switch_off off_delay ;;
        power=1) rm -f off_at; put power 1; tell on; log power is 1 ;;
        shutdown=*) switch_off soft_delay ;;
        boot=*) put boot "$2" ;;
        reset=*) tell reset ;;
        identify=*) ;;
        *) exit 1 ;;
        esac
        shift 2
    done ;;
check) ;;
esac
exit 0
'''


@dataclasses.dataclass(frozen=True)
class Sensor:
    """A sensor of a simulated BMC.

    :ivar kind: type of sensor, table 42-3 of the IPMI specification
    :ivar reading: raw; of one without ``unit`` the number of the bit that
        is set
    :ivar unit: type of unit, table 43-15
    :ivar factor: by which a reading is multiplied, times 10 to the power of
        ``exponent``
    """

    name: str
    kind: int
    reading: int
    unit: int = 0
    factor: int = 1
    exponent: int = 0

    def record(self, number: int) -> bytes:
        """Return its record for the repository, section 43.1 or 43.2."""
        common = bytes([0x20, 0, number, 3, 1, 0x7f, 0x68, self.kind])
        name = bytes([0xc0 | len(self.name)]) + self.name.encode()
        if self.unit:
            body = (common + bytes([1, 0x80, 0x0a, 0x80, 0x7a, 0x38, 0x38,
                                    0, self.unit, 0, 0])
                    + bytes([self.factor & 0xff, self.factor >> 2 & 0xc0,
                             0, 0, 0, (self.exponent & 0xf) << 4, 7])
                    + bytes(3) + bytes([0xff, 0, 255, 240, 230])
                    + bytes(8) + name)
            return bytes([0, 0, 0x51, 1, len(body)]) + body
        body = (common + bytes([0x6f, 0x0f, 0, 0x0f, 0, 0x0f, 0, 0xc0, 0, 0])
                + bytes(8) + name)
        return bytes([0, 0, 0x51, 2, len(body)]) + body

    def commands(self, number: int) -> str:
        """Return the commands that make it."""
        template = THRESHOLD_SENSOR if self.unit else DISCRETE_SENSOR
        return template % {
            'number': number, 'kind': self.kind, 'reading': self.reading,
            'record': ' '.join(f'0x{octet:02x}'
                               for octet in self.record(number))}


SENSORS = (Sensor('CPU Temp', 1, 35, 1), Sensor('FAN 1', 4, 42, 18, 100),
           Sensor('12V', 2, 245, 4, 59, -3), Sensor('PS1 Status', 8, 0))
# Time (of February 2026), generator, version, type and number of the sensor,
# type of event, and its data: CPU Temp went above its threshold.
EVENT = '0x00 0x20 0x8a 0x69 0x20 0x00 0x04 0x01 0x01 0x01 0x59 0x90 0x70'


class SimulatorError(Exception):
    """A simulated BMC cannot be started."""


@dataclasses.dataclass(frozen=True)
class BMC:
    """One simulated BMC; all that is changeable is in its directory."""

    name: str
    directory: pathlib.Path
    host: str
    port: int
    user: str
    password: str = dataclasses.field(repr=False)

    @property
    def state(self) -> str:
        """Return on or off as the chassis has it, without IPMI."""
        answer = subprocess.run(
            [str(self.directory / 'chassis'), 'get', 'power'],
            capture_output=True, text=True, check=True, timeout=10)
        return 'on' if answer.stdout.strip() == 'power:1' else 'off'

    @property
    def boot(self) -> str:
        return self._read('boot', 'none')

    @property
    def log(self) -> list[tuple[float, str]]:
        """Return what was asked of the chassis, with the time."""
        entries = []
        for line in self._read('log', '').splitlines():
            when, _, what = line.partition(' ')
            entries.append((float(when), what))
        return entries

    @property
    def pid(self) -> int | None:
        """Return the simulator's process, if it runs."""
        number, _, started = self._read('pid', '').partition(' ')
        found = process(number)
        # A number may be in use again, but not with the same start.
        if found is None or found[0] == ZOMBIE or found[1] != started:
            return None
        return int(number)

    @property
    def silent(self) -> bool:
        found = process(str(self.pid))
        return found is not None and found[0] == STOPPED

    def switch(self, power: bool) -> None:
        """Set the state behind the BMC's back."""
        (self.directory / 'off_at').unlink(missing_ok=True)
        self._write('power', '1' if power else '0')

    def set_off_delay(self, milliseconds: int | None) -> None:
        """Let power off take its time; None: it is never carried out."""
        self._write('off_delay', _delay(milliseconds))

    def set_soft_delay(self, milliseconds: int | None) -> None:
        """Let soft off take its time; None: the guest ignores it."""
        self._write('soft_delay', _delay(milliseconds))

    def set_refusing(self, refusing: bool) -> None:
        """Let every change be answered with an error."""
        self._mark('refuse', refusing)

    def set_refusing_off(self, refusing: bool) -> None:
        """Let power off be answered with an error, as if it were off."""
        self._mark('refuse_off', refusing)

    def set_hook(self, command: str) -> None:
        """Let a shell command follow each change of the power.

        :param command: it gets ``on``, ``off`` or ``reset`` as its last
            argument
        """
        hook = self.directory / 'hook'
        hook.write_text(f'#!/bin/sh\nexec {command} "$1"\n')
        hook.chmod(0o700)

    def start(self, timeout: float = 10.0) -> None:
        """Start the simulator and wait until it answers.

        :param timeout: seconds
        :raises SimulatorError: it is missing, or the port is taken
        """
        if self.pid is not None:
            return
        command = [require_simulator(),
                   '-c', str(self.directory / 'lan.conf'),
                   '-f', str(self.directory / 'bmc.emu'),
                   '-s', str(self.directory / 'state'), '-n']
        require_port(self.host, self.port)
        # The event log would grow from run to run.
        shutil.rmtree(self.directory / 'state', ignore_errors=True)
        (self.directory / 'state').mkdir()
        with open(self.directory / 'output', 'ab') as output:
            child = subprocess.Popen(
                command, cwd=self.directory, stdin=subprocess.DEVNULL,
                stdout=output, stderr=output, start_new_session=True)
        found = process(str(child.pid))
        self._write('pid', f'{child.pid} {found[1] if found else ""}')
        deadline = time.monotonic() + timeout
        # The process stays up with no port when its files have an error.
        while not answers(self.host, self.port):
            if child.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise SimulatorError(
                    f'{self.name} does not answer on port {self.port}: see '
                    f'{self.directory / "output"}')
        # It outlives this process on purpose; no warning about that.
        child.returncode = 0

    def stop(self) -> None:
        """Stop the simulator, if need be the hard way."""
        for number, patience in ((signal.SIGTERM, 2), (signal.SIGKILL, 5)):
            deadline = time.monotonic() + patience
            if not self.signal(number):
                break
            self.signal(signal.SIGCONT)
            while self.pid is not None and time.monotonic() < deadline:
                self._reap()
                time.sleep(0.02)
        self._reap()
        (self.directory / 'pid').unlink(missing_ok=True)

    def remove(self) -> None:
        """Stop it and forget everything about it."""
        self.stop()
        shutil.rmtree(self.directory)

    def pause(self) -> None:
        """Fall silent in the middle of whatever is going on."""
        self.signal(signal.SIGSTOP)

    def resume(self) -> None:
        self.signal(signal.SIGCONT)

    def signal(self, number: signal.Signals) -> bool:
        pid = self.pid
        if pid is None:
            return False
        os.kill(pid, number)
        return True

    def _reap(self) -> None:
        try:
            os.waitpid(int(self._read('pid', '').split(' ')[0]), os.WNOHANG)
        except (ValueError, ChildProcessError):
            pass    # stopped already, or started by another process

    def _mark(self, name: str, there: bool) -> None:
        if there:
            self._write(name, '1')
        else:
            (self.directory / name).unlink(missing_ok=True)

    def _read(self, name: str, default: str) -> str:
        try:
            return (self.directory / name).read_text().strip()
        except FileNotFoundError:
            return default

    def _write(self, name: str, value: str) -> None:
        new = self.directory / (name + '.new')
        new.write_text(value + '\n')
        new.replace(self.directory / name)


def _delay(milliseconds: int | None) -> str:
    return 'never' if milliseconds is None else str(milliseconds)


def answers(host: str, port: int, timeout: float = 0.2) -> bool:
    """Tell whether a BMC answers at an address."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(timeout)
        try:
            client.connect((host, port))
            client.send(PROBE)
            return bool(client.recv(256))
        except ConnectionRefusedError:
            time.sleep(0.02)    # nobody there yet
            return False
        except TimeoutError:
            return False


def free_port(host: str = '127.0.0.1') -> int:
    """Return a UDP port that nobody has."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def require_port(host: str, port: int) -> None:
    """Fail if somebody has a UDP port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((host, port))
        except OSError as exc:
            raise SimulatorError(
                f'UDP port {port} of {host}: {exc.strerror}.') from exc


def require_simulator() -> str:
    """Return the path of ipmi_sim."""
    found = shutil.which(SIMULATOR)
    if found is None:
        raise SimulatorError(
            f'{SIMULATOR} is missing; it is in the Debian package openipmi: '
            f'apt-get install openipmi.')
    return found


def process(number: str) -> tuple[str, str] | None:
    """Return the state letter and the start time of a process."""
    try:
        text = (pathlib.Path('/proc') / number / 'stat').read_text()
    except OSError:
        return None
    # The name in parentheses may hold anything.
    fields = text.rpartition(')')[2].split()
    return fields[0], fields[19]


def create(directory: pathlib.Path, name: str, port: int, *,
           user: str = 'admin', password: str = 'secret',
           host: str = '127.0.0.1', power: bool = True,
           events: int = 1, null_password: str = '',
           null_privilege: str = 'user') -> BMC:
    """Write the files of a BMC; it is not started.

    :param events: length of its event log
    :param null_password: password of user 1, whose name is empty
    :param null_privilege: what that user may be, such as ``admin``

    :raises SimulatorError: ipmi_sim could not work with the values
    """
    if not NAME.fullmatch(name):
        raise SimulatorError(f'{name!r} is no name of a BMC.')
    where = (directory / name).resolve()
    # ipmi_sim hands the script's path to a shell, inside quotes of its own.
    if shlex.quote(str(where)) != str(where):
        raise SimulatorError(f'The path {where} has characters that '
                             f'ipmi_sim does not take.')
    if any(mark in user + password + null_password for mark in '"\\\n'):
        raise SimulatorError('ipmi_sim takes no quotes in a user or a '
                             'password.')
    where.mkdir(parents=True, exist_ok=True)
    bmc = BMC(name, where, host, port, user, password)
    script = where / 'chassis'
    script.write_text(CHASSIS % {'directory': where})
    script.chmod(0o755)
    (where / 'bmc.emu').write_text(EMULATION % {
        'sensors': '\n'.join(sensor.commands(number) for number, sensor
                             in enumerate(SENSORS, 1)),
        'events': f'sel_add 0x20 2 {EVENT}\n' * events})
    configuration = where / 'lan.conf'
    configuration.touch(mode=0o600)
    configuration.write_text(LAN_CONF % {
        'name': name, 'host': host, 'port': port, 'user': user,
        'password': password, 'script': script,
        'null_password': null_password, 'null_privilege': null_privilege,
        'guid': '%032x' % (0x10000 + port)})
    bmc.switch(power)
    parameters = where / 'bmc.json'
    parameters.touch(mode=0o600)
    parameters.write_text(json.dumps({
        'host': host, 'port': port, 'user': user, 'password': password}))
    return bmc


def load(directory: pathlib.Path) -> list[BMC]:
    """Return the BMCs that a directory holds, by name."""
    found = []
    for parameters in sorted(directory.glob('*/bmc.json')):
        where = parameters.parent.resolve()
        found.append(BMC(name=where.name, directory=where,
                         **json.loads(parameters.read_text())))
    return found
