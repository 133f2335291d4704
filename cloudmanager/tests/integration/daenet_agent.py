#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The objects of a DAEnetIP2, for net-snmp's ``pass_persist``.

Run by snmpd as ``daenet_agent.py DIRECTORY``; the standard library is all
that it needs. The board is in ``state.json`` there, which the tests read
and change, and every write goes into the file ``log``.

Outputs P3.1 to P3.8 press the buttons of eight ATX machines, which drive the
inputs P6.1 to P6.8: a press switches on what is off; what is on is asked to
shut down by a short one and cut off by a long one.
"""

import json
import pathlib
import sys
import time

ROOT = (1, 3, 6, 1, 4, 1, 19865, 1, 2)
BUTTONS, OUTPUTS, INPUTS = 1, 2, 3
PINS = [(port, pin) for port in (BUTTONS, OUTPUTS, INPUTS)
        for pin in range(1, 9)]
HIGH, LOW = 1020, 3

#: ``refusal``: answer to every write; ``lag``: seconds until an output has
#: moved, ``None`` for never; ``override``: seconds of a press that cuts off;
#: ``shutdown``: seconds that an operating system takes, ``None`` if it does
#: not listen.
NEW = {'outputs': {}, 'due': {}, 'on': {}, 'pressed': {}, 'woken': {},
       'leaving': {}, 'refusal': None, 'lag': 0, 'override': 0.6,
       'shutdown': 0.3}


class Board:
    """A board and its machines, by the clock of the wall."""

    def __init__(self, directory):
        self._path = directory / 'state.json'
        self._log = directory / 'log'

    def __enter__(self):
        self.state = json.loads(self._path.read_text())
        self._now = time.time()
        self._settle()
        return self

    def __exit__(self, *exc_info):
        new = self._path.with_suffix('.new')
        new.write_text(json.dumps(self.state))
        new.replace(self._path)

    def _settle(self):
        for name, (value, when) in list(self.state['due'].items()):
            if when is not None and self._now >= when:
                del self.state['due'][name]
                self.state['outputs'][name] = value
        for name, since in self.state['pressed'].items():
            if self._now - since >= self.state['override']:
                self.state['on'][name] = False
        for name, when in list(self.state['leaving'].items()):
            if self._now >= when:
                del self.state['leaving'][name]
                self.state['on'][name] = False

    def read(self, port, pin):
        if port == INPUTS:
            return HIGH if self.state['on'].get(str(pin)) else LOW
        return self.state['outputs'].get(f'{port}.{pin}', 0)

    def write(self, port, pin, kind, value):
        if port == INPUTS:
            return 'not-writable'
        if kind != 'integer':
            return 'wrong-type'
        if value not in ('0', '1'):
            return 'wrong-value'
        with self._log.open('a') as log:
            log.write(f'{port}.{pin} {value}\n')
        if self.state['refusal']:
            return self.state['refusal']
        name, lag = f'{port}.{pin}', self.state['lag']
        if lag == 0:
            self.state['outputs'][name] = int(value)
        else:
            self.state['due'][name] = (
                int(value), None if lag is None else self._now + lag)
        if port == BUTTONS:
            self._press(str(pin), value == '1')
        return 'DONE'

    def _press(self, machine, down):
        pressed, on = self.state['pressed'], self.state['on']
        if down and machine not in pressed:
            pressed[machine] = self._now
            self.state['woken'][machine] = not on.get(machine)
            on[machine] = True
        elif not down and machine in pressed:
            del pressed[machine]
            shutdown = self.state['shutdown']
            if (on.get(machine) and not self.state['woken'][machine]
                    and shutdown is not None):
                self.state['leaving'][machine] = self._now + shutdown


def parse(text):
    """Return an identifier as numbers; without those of the root."""
    numbers = tuple(int(part) for part in text.split('.') if part)
    return numbers[len(ROOT):] if numbers[:len(ROOT)] == ROOT else ()


def show(board, port, pin):
    name = '.'.join(map(str, (*ROOT, port, pin, 0)))
    return f'.{name}\ninteger\n{board.read(port, pin)}'


def answer(board, command, below, value):
    pin = tuple(below[:2])
    if command == 'getnext':
        following = [each for each in PINS if (*each, 0) > tuple(below)]
        return show(board, *following[0]) if following else 'NONE'
    known = pin in PINS and below[2:] == (0,)
    if command == 'get':
        return show(board, *pin) if known else 'NONE'
    if not known:
        return 'not-writable'
    kind, _, number = value.partition(' ')
    return board.write(*pin, kind, number)


def main():
    directory = pathlib.Path(sys.argv[1])
    # snmpd writes an empty line after each "set".
    lines = filter(None, (line.strip() for line in sys.stdin))
    for command in lines:
        if command == 'PING':
            print('PONG', flush=True)
            continue
        below = parse(next(lines))
        value = next(lines) if command == 'set' else ''
        with Board(directory) as board:
            found = answer(board, command, below, value)
        # Whoever hears it may look at the file next.
        print(found, flush=True)


if __name__ == '__main__':
    main()
