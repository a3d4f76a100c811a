# Copyright (C) the ngx_trading authors
# SPDX-License-Identifier: BSD-2-Clause

"""A program on a pseudo-terminal, and what a person would see of it.

The screen understands what tradingctl uses and fails on anything else, so
that a sequence that no terminal knows does not pass unseen.
"""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

SEQUENCE = re.compile(rb'\x1b\[(\??)([0-9;]*)([A-Za-z])')


class Screen:
    def __init__(self, cols, rows):
        self.cols, self.rows = cols, rows
        self.cells = {}
        self.row = self.col = 0
        self.alternate = False
        self.cursor = self.wrap = True
        self.styles = set()
        self.overflow = []

    def resize(self, cols, rows):
        self.cols, self.rows, self.cells = cols, rows, {}

    def lines(self):
        return [''.join(self.cells.get((r, c), ' ')
                        for c in range(self.cols)).rstrip()
                for r in range(self.rows)]

    def text(self):
        return '\n'.join(self.lines())

    def feed(self, data):
        """Bytes that are left: the begin of something."""
        while data:
            if data[0] == 0x1b:
                found = SEQUENCE.match(data)
                if not found:
                    if len(data) < 16:
                        return data
                    raise AssertionError(f'no sequence: {data[:16]!r}')
                self.sequence(*(part.decode() for part in found.groups()))
                data = data[found.end():]
            elif data[:1] in b'\r\n':
                self.row += data[0] == 10
                self.col = 0
                data = data[1:]
            else:
                size = 1 if data[0] < 0x80 else 3 if data[0] < 0xf0 else 4
                if len(data) < size:
                    return data
                if self.col >= self.cols or self.row >= self.rows:
                    self.overflow.append((self.row, self.col))
                self.cells[self.row, self.col] = data[:size].decode()
                self.col += 1
                data = data[size:]
        return b''

    def sequence(self, private, numbers, what):
        values = [int(n) for n in numbers.split(';') if n]
        if private:
            for value in values:
                on = what == 'h'
                if value == 1049:
                    self.alternate = on
                elif value == 25:
                    self.cursor = on
                elif value == 7:
                    self.wrap = on
                else:
                    raise AssertionError(f'?{value}{what}')
        elif what == 'H':
            row, col = values or (1, 1)
            self.row, self.col = row - 1, col - 1
        elif what in 'JK':
            for r, c in list(self.cells):
                here = r == self.row and c >= self.col
                if here or what == 'J' and (r > self.row or values == [2]):
                    del self.cells[r, c]
        elif what == 'm':
            self.styles.update(values)
        else:
            raise AssertionError(f'a sequence that is not known: {what}')


class Terminal:
    """args on a terminal of cols x rows."""

    def __init__(self, args, cols=80, rows=24, env=None):
        self.master, self.slave = pty.openpty()
        self.screen = Screen(cols, rows)
        self.size(cols, rows)
        self.rest = self.all = b''
        self.before = termios.tcgetattr(self.slave)
        self.process = subprocess.Popen(
            [str(arg) for arg in args], stdin=self.slave, stdout=self.slave,
            stderr=self.slave, start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
            env={'PATH': os.environ['PATH'], 'TERM': 'xterm-256color',
                 'LC_ALL': 'C.UTF-8', **(env or {})})

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.master)
        os.close(self.slave)

    def size(self, cols, rows):
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ,
                    struct.pack('HHHH', rows, cols, 0, 0))

    def resize(self, cols, rows):
        self.read(0.05)
        self.screen.resize(cols, rows)
        self.size(cols, rows)
        os.kill(self.process.pid, signal.SIGWINCH)

    def send(self, keys):
        os.write(self.master, keys if isinstance(keys, bytes)
                 else keys.encode())

    def read(self, seconds):
        """What comes until there is nothing for a while, or time is up."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            ready, _, _ = select.select([self.master], [], [], 0.02)
            if ready:
                data = os.read(self.master, 65536)
                self.all += data
                self.rest = self.screen.feed(self.rest + data)
            elif self.process.poll() is not None:
                return

    def until(self, condition, what, seconds=20):
        """The text of the screen as soon as condition(text)."""
        end = time.monotonic() + seconds
        while True:
            self.read(0.05)
            text = self.screen.text()
            if condition(text):
                return text
            if time.monotonic() > end:
                raise AssertionError(f'not on the screen: {what}\n{text}')

    def sees(self, *words, without=()):
        return self.until(lambda text: all(w in text for w in words)
                          and not any(w in text for w in without),
                          f'{words} without {without}')

    def ends(self, seconds=10):
        """Its exit code; the terminal must be what it was before."""
        end = time.monotonic() + seconds
        while self.process.poll() is None and time.monotonic() < end:
            self.read(0.05)
        self.read(0.1)
        if self.process.poll() is None:
            raise AssertionError('it did not end')
        return self.process.returncode

    def restored(self):
        return termios.tcgetattr(self.slave) == self.before \
            and not self.screen.alternate and self.screen.cursor \
            and self.screen.wrap
