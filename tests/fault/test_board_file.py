#!/usr/bin/python3
# Copyright (C) the ngx_trading authors
# SPDX-License-Identifier: BSD-2-Clause

"""Protects: whatever happens to the board's file, nginx serves on.

The file is truncated, replaced by anything but a board, by an older layout, by
another board, removed, made unreadable, and written over at random places,
hundreds of times, while readers go on. No worker may die, every answer is
whole, or 503 with a problem document; marketd notices that its file was
damaged, leaves, and is started again; then everything is served as before.
"""

import os
import random
import shutil
import struct
import sys
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from load import PATHS, Load, intact                            # noqa: E402
from stack import Stack, instruments, note, wait_for            # noqa: E402

ROUNDS = int(os.environ.get('FAULT_ROUNDS', '300'))
SECTIONS = ('INSTRUMENTS', 'INDEX', 'QUOTES', 'ENTRY_PAGES', 'PAGES',
            'PAGE_DATA', 'JOURNAL', 'SOURCES', 'CANDLES', 'TRADES', 'DEPTH')
SIGBUS = -7


def sections(board):
    """{name: (offset, size)} as core/trd_board.h lays them out."""
    data = board.read_bytes()[:4096]
    assert data[:8] == b'TRDBOARD'
    found = {'HEADER': (0, 4096)}
    for number, name in enumerate(SECTIONS):
        offset, size = struct.unpack_from('<QQ', data, 56 + 24 * number)
        found[name] = (offset, size)
    return found


class Damage(unittest.TestCase):
    """A stack whose board is to be damaged."""

    WORKERS = 2

    def setUp(self):
        self.stack = Stack(env={'SIMULATOR_RATE': 300}, supervise=True,
                           workers=self.WORKERS, catalogue=instruments())
        self.failed = True
        self.addCleanup(self.finish)
        self.workers = self.stack.worker_pids()
        # a worker maps with its first request
        with Load(self.stack.port, intact, readers=8, pause=0,
                  lasting=False):
            wait_for(self.all_mapped, 'every worker has mapped the board')

    def finish(self):
        if self.failed:
            self.stack.tell()
        self.stack.end()
        self.stack.judge()

    def all_mapped(self):
        name = str(self.stack.board).encode()
        return all(name in Path(f'/proc/{pid}/maps').read_bytes()
                   for pid in self.workers)

    def all_good(self):
        """Every surface is served, fresh, from the writer that runs."""
        for path in PATHS:
            answer = self.stack.get(path)
            if answer.status != 200 or 'x-market-stale' in answer.headers:
                return False
        return True

    def recover(self, what, seconds=6):
        begun = time.monotonic()
        wait_for(self.all_good, f'recovery after {what}', seconds)
        return time.monotonic() - begun

    def check(self, load):
        self.assertEqual(load.wrong, [])
        self.assertEqual(load.broken, 0)
        self.assertEqual(self.stack.worker_pids(), self.workers,
                         'a worker died')
        self.assertLess(load.slowest, 2)
        self.assertLessEqual(set(load.codes),
                             {'board_unavailable', 'no_quote'})
        self.failed = False

    def replace(self, make):
        """Another file under the name, whole at once."""
        other = self.stack.run / 'other'
        make(other)
        os.rename(other, self.stack.board)

    def each(self, damages, codes, forward=True):
        with Load(self.stack.port, intact, forward=forward) as load:
            for what, damage in damages:
                before = len(self.stack.supervisor.exits)
                damage()
                wait_for(lambda: len(self.stack.supervisor.exits) > before,
                         f'marketd notices: {what}', 5)
                code = self.stack.supervisor.exits[before][1]
                self.assertIn(code, codes, what)
                took = self.recover(what)
                note(f'{what}: marketd left with {code}, all served again '
                     f'{took:.2f} s later')
        note(f'{load.count} reads: {load.statuses} {load.codes}')
        self.check(load)
        self.assertGreater(load.statuses[200], 10)


class BoardFile(Damage):

    def test_truncated(self):
        # marketd writes into what is gone, so SIGBUS may be its word for it
        board, size = self.stack.board, self.stack.board.stat().st_size
        self.each([(f'truncated to {length}',
                    lambda length=length: os.truncate(board, length))
                   for length in (0, size // 2, 4096, size - 4096, 100, 1)],
                  {1, SIGBUS})

    def test_grown(self):
        size = self.stack.board.stat().st_size
        self.each([('grown', lambda: os.truncate(self.stack.board,
                                                 size + 4096))], {1})

    def test_replaced(self):
        good = self.stack.board.read_bytes()
        rng = random.Random(1)

        def patched(at, data):
            return good[:at] + data + good[at + len(data):]
        files = {
            'garbage': rng.randbytes(len(good)),
            'nothing': b'', 'a byte': b'T', 'text': b'hello\n' * 1000,
            'zeros': bytes(len(good)),
            'a header alone': good[:4096],
            'half a board': good[:len(good) // 2],
            'an older layout': patched(8, struct.pack('<I', 0)),
            'a newer layout': patched(8, struct.pack('<I', 99)),
            'another magic': patched(0, b'TRDKEYS!'),
            'a size that lies': patched(16, struct.pack('<Q', 1 << 40)),
        }
        self.each([(f'replaced by {name}',
                    lambda data=data: self.replace(
                        lambda other: other.write_bytes(data)))
                   for name, data in files.items()], {1})
        log = self.stack.log('nginx')
        self.assertIn('file is refused', log)

    def test_replaced_by_what_is_no_file(self):
        stack = self.stack

        def directory(other):
            stack.board.unlink()
            other.mkdir()
        self.each([
            ('a link to nowhere', lambda: self.replace(
                lambda other: other.symlink_to('/nonexistent'))),
            ('a link to itself', lambda: self.replace(
                lambda other: other.symlink_to(stack.board))),
            ('a pipe that nobody writes', lambda: self.replace(os.mkfifo)),
            ('/dev/zero', lambda: self.replace(
                lambda other: other.symlink_to('/dev/zero'))),
            ('removed', lambda: stack.board.unlink()),
        ], {1})

    def test_replaced_by_a_directory(self):
        # nobody but an operator can mend this: reads go on meanwhile
        stack = self.stack
        with Load(stack.port, intact, forward=False) as load:
            stack.board.unlink()
            stack.board.mkdir()
            wait_for(lambda: stack.supervisor.exits, 'marketd notices', 5)
            time.sleep(1)
            stack.board.rmdir()
            self.recover('the directory is gone')
        self.check(load)

    def test_another_board(self):
        with Stack(env={'SIMULATOR_RATE': 100, 'SIMULATOR_SEED': 99},
                   nginx=False) as foreign:
            time.sleep(0.3)
            copy = self.stack.dir / 'foreign'
            shutil.copy(foreign.board, copy)
        # until marketd notices it is served, and its seqs are its own
        self.each([('another board', lambda: self.replace(
            lambda other: shutil.copy(copy, other)))], {1}, forward=False)

    def test_corrupted_at_random_places(self):
        rng = random.Random(1720)
        stack = self.stack
        names = ('HEADER', 'INSTRUMENTS', 'INDEX', 'QUOTES', 'ENTRY_PAGES',
                 'PAGES', 'PAGE_DATA', 'PAGE_DATA', 'JOURNAL', 'SOURCES',
                 'QUOTES', 'ENTRY_PAGES', 'PAGES')
        worst, begun, done = 0, time.monotonic(), 0
        with Load(stack.port, intact, forward=False, pause=0.003) as load:
            while done < ROUNDS and time.monotonic() - begun < 75:
                places = sections(stack.board)
                for _ in range(10):
                    name = rng.choice(names)
                    offset, size = places[name]
                    at = offset + rng.randrange(size)
                    length = rng.choice((1, 8, 64, 4096))
                    data = rng.choice((rng.randbytes(length), bytes(length),
                                       b'\xff' * length))
                    with open(stack.board, 'r+b') as file:
                        file.seek(at)
                        file.write(data[:places['DEPTH'][0] - at])
                    time.sleep(0.01)
                    done += 1
                worst = max(worst, self.recover(
                    f'corrupted {name} at {at} with {length}'))
                if done % 50 == 0:
                    note(f'{done} corruptions, {load.count} reads')
        exits = [code for _, code in stack.supervisor.exits]
        note(f'{done} corruptions, {load.count} reads: {load.statuses} '
             f'{load.codes}; marketd left {len(exits)} times with '
             f'{sorted(set(exits))}; worst recovery {worst:.2f} s')
        self.check(load)
        self.failed = True
        self.assertGreaterEqual(done, min(ROUNDS, 100))
        self.assertEqual(set(exits), {1})
        self.failed = False



class Unreadable(Damage):

    WORKERS = 1                         # which has mapped the board

    def test_permission_denied(self):
        if os.geteuid() != 0:
            self.skipTest('workers run as the owner of the file')
        stack = self.stack
        with Load(stack.port, intact, forward=False) as load:
            stack.board.chmod(0)
            time.sleep(0.5)
            # what is mapped stays readable
            self.assertTrue(self.all_good())
            # a new board that nobody may read
            self.replace(lambda other: (
                other.write_bytes(stack.board.read_bytes()),
                other.chmod(0)))
            wait_for(lambda: stack.supervisor.exits, 'marketd notices', 5)
            self.recover('permissions')
        self.check(load)


if __name__ == '__main__':
    unittest.main()
