#!/usr/bin/python3
# Copyright (C) the ngx_trading authors
# SPDX-License-Identifier: BSD-2-Clause

"""Protects: nginx's own troubles are nobody else's.

Reloads under load lose no request; a worker that is killed takes only its own
connections with it and is replaced; a new generation of the board is mapped by
every worker without a reload, and the old mapping is given back.
"""

import http.client
import os
import signal
import sys
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from load import Load, intact                                   # noqa: E402
from stack import Stack, note, wait_for                         # noqa: E402

RELOADS = 20
BROKEN = (ConnectionError, http.client.RemoteDisconnected,
          http.client.BadStatusLine)


class Nginx(unittest.TestCase):

    def start(self, **options):
        self.stack = Stack(env={'SIMULATOR_RATE': 500}, **options)
        self.failed = True
        self.addCleanup(self.finish)
        return self.stack

    def finish(self):
        if self.failed:
            self.stack.tell()
        self.stack.end()
        self.stack.judge()

    def maps(self, pid):
        """Inodes of the boards that a process has mapped."""
        return {line.split()[4] for line in
                Path(f'/proc/{pid}/maps').read_text().splitlines()
                if str(self.stack.board) in line}

    def test_reload_under_load_loses_no_request(self):
        stack = self.start(workers=2)

        def closed(why):
            # the server may end an idle connection, between two requests
            return isinstance(why, BROKEN)
        with Load(stack.port, intact, readers=3, pause=0.001,
                  may_break=closed) as load:
            for number in range(RELOADS):
                old = set(stack.worker_pids())
                os.kill(stack.nginx.pid, signal.SIGHUP)
                wait_for(lambda o=old: len(
                    set(stack.worker_pids()) - o) == 2, 'new workers')
                time.sleep(0.15)
                if number % 5 == 4:
                    note(f'{number + 1} reloads, {load.count} reads')
        note(f'{load.count} reads: {load.statuses}, {load.broken} '
             f'connections ended, slowest {load.slowest * 1000:.0f} ms')
        self.assertEqual(load.wrong, [])
        self.assertEqual(set(load.statuses), {200})
        # a reader notices the end of its idle connection only by asking;
        # that is at most one a reload and reader, and none that was new
        self.assertLessEqual(load.broken, RELOADS * 3)
        self.assertGreater(load.count, 100 * RELOADS)
        # counters live through it
        total = sum(v for k, v in stack.metrics().items()
                    if k.startswith('trading_requests_total'))
        self.assertGreaterEqual(total, load.count)
        self.failed = False

    def test_reload_loses_no_new_connection(self):
        stack = self.start(workers=2)
        answers = []
        end = time.monotonic() + 4
        reloaded = time.monotonic()
        while time.monotonic() < end:
            answers.append(stack.get('/market/prices/BTC').status)
            if time.monotonic() - reloaded > 0.3:
                os.kill(stack.nginx.pid, signal.SIGHUP)
                reloaded = time.monotonic()
        self.assertEqual(set(answers), {200})
        note(f'{len(answers)} connections')
        self.failed = False

    def test_bad_configuration_at_reload_changes_nothing(self):
        stack = self.start(workers=2, alarms=[r'trading_nonsense'])
        pids = stack.worker_pids()
        conf = stack.dir / 'nginx.conf'
        good = conf.read_text()
        conf.write_text(good.replace('trading_stale ', 'trading_nonsense '))
        os.kill(stack.nginx.pid, signal.SIGHUP)
        wait_for(lambda: 'trading_nonsense' in stack.log('nginx'), 'refusal')
        self.assertEqual(stack.worker_pids(), pids)
        self.assertEqual(stack.get('/market/prices/BTC').status, 200)
        self.failed = False

    def test_killed_worker_is_replaced_and_others_go_on(self):
        stack = self.start(workers=3, alarms=[r'exited on signal 9'])
        with Load(stack.port, intact, readers=4,
                  may_break=lambda why: isinstance(why, BROKEN)) as load:
            for _ in range(10):
                time.sleep(0.1)
                pids = stack.worker_pids()
                os.kill(pids[0], signal.SIGKILL)
                wait_for(lambda p=pids: len(stack.worker_pids()) == 3
                         and p[0] not in stack.worker_pids(), 'a new one')
                self.assertTrue(set(pids[1:]) <= set(stack.worker_pids()))
        note(f'{load.count} reads, {load.broken} connections lost with '
             f'their workers')
        self.assertEqual(load.wrong, [])
        self.assertEqual(set(load.statuses), {200})
        # no more than the readers had with the worker that was killed
        self.assertLessEqual(load.broken, 4 * 10)
        self.assertGreater(load.count, 500)
        text = stack.get('/metrics').body
        self.assertIn(b'trading_requests_total', text)
        self.failed = False

    def test_new_generation_is_mapped_without_a_reload(self):
        stack = self.start(workers=3, supervise=True)
        pids = stack.worker_pids()
        # new connections all the time, so that every worker is asked
        with Load(stack.port, intact, readers=8, pause=0, lasting=False) \
                as load:
            wait_for(lambda: all(self.maps(pid) for pid in pids), 'mapped')
            generations = {stack.json('/market/health')['generation']}
            for _ in range(5):
                before = len(stack.supervisor.exits)
                old = str(stack.board.stat().st_ino)
                stack.marketd.popen.send_signal(signal.SIGTERM)
                wait_for(lambda b=before: len(stack.supervisor.exits) > b,
                         'marketd ends')

                def mapped(old=old):
                    inode = str(stack.board.stat().st_ino)
                    return inode != old and all(
                        self.maps(pid) == {inode} for pid in pids)
                wait_for(mapped, 'the new board in every worker, and no old',
                         3)
                generations.add(stack.json('/market/health')['generation'])
        self.assertEqual(load.wrong, [])
        self.assertEqual(set(load.statuses), {200})
        self.assertEqual(len(generations), 6)
        self.assertEqual(stack.worker_pids(), pids)
        self.failed = False

    def test_starts_without_a_board_and_finds_it(self):
        stack = self.start(marketd=False)
        answer = stack.get('/market/prices/BTC')
        self.assertEqual((answer.status, answer.json()['code'],
                          answer.headers['retry-after']),
                         (503, 'board_unavailable', '1'))
        for path in ('/market/prices', '/market/health', '/trading/binary',
                     '/health/ready', '/market/', '/market/cache/stats'):
            self.assertEqual(stack.get(path).status, 503, path)
        self.assertEqual(stack.get('/health').status, 200)
        self.assertEqual(stack.get('/').status, 200)
        self.assertEqual(stack.get('/metrics').status, 200)
        stack.start_marketd()
        begun = time.monotonic()
        wait_for(lambda: stack.get('/market/prices/BTC').status == 200,
                 'the board', 3)
        note(f'served {time.monotonic() - begun:.3f} s after the start')
        self.assertEqual(stack.get('/health/ready').status, 200)
        self.failed = False


if __name__ == '__main__':
    unittest.main()
