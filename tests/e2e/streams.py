# Copyright (C) the ngx_trading authors
# SPDX-License-Identifier: BSD-2-Clause

"""What tests of streams share: boards that rest or move as told, the
configurations that they need, and what a worker costs."""

import os
import re
import signal
import subprocess
from pathlib import Path

from stack import ROOT, Stack, wait_for

QUOTES = ROOT / 't' / 'fixtures' / 'quotes.tsv'
MKBOARD = ROOT / 'build' / 'mkboard'
TICK = os.sysconf('SC_CLK_TCK')


class Board:
    """mkboard, which serves a board in a stack's run directory for a while;
    the same program as marketd, but it does only what it is told."""

    def __init__(self, stack, *options, catalogue=None, quotes=QUOTES,
                 serve=300000):
        self.stack = stack
        stack.board.unlink(missing_ok=True)
        self.popen = subprocess.Popen(
            [str(MKBOARD), '--wake', '--serve', str(serve),
             *map(str, options), str(catalogue or stack.catalogue),
             str(quotes), str(stack.run)],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True,
            env={'PATH': os.environ['PATH']})
        try:
            wait_for(self.up, 'a board')
        except BaseException:
            self.end()
            raise

    def up(self):
        if self.popen.poll() is not None:
            raise AssertionError(self.popen.stderr.read())
        return self.stack.board.exists()

    def pause(self):
        self.popen.send_signal(signal.SIGSTOP)

    def go(self):
        self.popen.send_signal(signal.SIGCONT)

    def end(self):
        self.popen.kill()
        self.popen.wait()
        self.popen.stderr.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()


def directives(more_lines='', **streams):
    """edit= of a Stack: trading_stream_NAME set, and further lines put behind
    those of the location."""
    def edit(text):
        for name, value in streams.items():
            text, n = re.subn(rf'(\n +trading_stream_{name} +)[^;]+;',
                              rf'\g<1>{value};', text)
            assert n == 1, name
        if more_lines:
            text, n = re.subn(r'(location = /(?:ws|sse) \{)',
                              rf'\g<1>\n{more_lines}', text)
            assert n == 2
        return text
    return edit


def small_sockets(edit, *, sndbuf='8k'):
    """As edit, and the kernel keeps little of what a client does not read."""
    def both(text):
        old = ' backlog=4096;'
        assert old in text
        return edit(text.replace(old, f' backlog=4096 sndbuf={sndbuf};', 1))
    return both


def switches(pid):
    """How often a process has gone to sleep."""
    for line in Path(f'/proc/{pid}/status').read_text().splitlines():
        if line.startswith('voluntary_ctxt_switches'):
            return int(line.split()[1])
    raise AssertionError('no such line')


def cpu(pid):
    """Seconds that it has run."""
    fields = Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def resident(pid):
    """Bytes, without what is shared (the board)."""
    fields = Path(f'/proc/{pid}/statm').read_text().split()
    return (int(fields[1]) - int(fields[2])) * os.sysconf('SC_PAGE_SIZE')


def counted(stack, name, **labels):
    """A metric of streams."""
    label = ','.join(f'{k}="{v}"' for k, v in labels.items())
    return stack.metrics()[f'trading_stream_{name}'
                           + (f'{{{label}}}' if label else '')]


def updates(messages, channel, since=0):
    """Of a channel, as they came."""
    return [m for m in messages if m.get('channel') == channel
            and m['type'].endswith('_update') and m['seq'] > since]


__all__ = ['Board', 'Stack', 'counted', 'cpu', 'directives', 'resident',
           'small_sockets', 'switches', 'updates', 'wait_for']
