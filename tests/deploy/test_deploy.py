#!/usr/bin/python3
# Copyright (C) the ngx_trading authors
# SPDX-License-Identifier: BSD-2-Clause

"""Protects: one command installs, starts and watches, another stops.

deploy.sh itself, on a state directory and a port of its own: what it starts
answers and moves, is left alone when nothing has changed, is started again
when it is killed, and is gone after "down".  Meanwhile a proxy is set that
nobody listens at, as it may be on a machine behind one.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / 'tests' / 'e2e'))

from stack import free_port                                 # noqa: E402

DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Deploy(unittest.TestCase):

    def setUp(self):
        self.state = tempfile.mkdtemp(prefix='trading-deploy-',
                                      dir='/dev/shm')
        os.chmod(self.state, 0o755)
        self.port = free_port()
        self.addCleanup(shutil.rmtree, self.state, ignore_errors=True)
        self.addCleanup(self.deploy, 'down')

    def deploy(self, *args, **env):
        done = subprocess.run(
            [ROOT / 'deploy.sh', *args, '--state', self.state],
            env={**os.environ, 'http_proxy': 'http://127.0.0.1:9', **env},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, timeout=120)
        return done.returncode, done.stdout

    def up(self, *args, **env):
        code, said = self.deploy('up', '--port', str(self.port), *args, **env)
        self.assertEqual(code, 0, said)
        return said

    def get(self, path):
        with DIRECT.open(f'http://127.0.0.1:{self.port}{path}',
                         timeout=2) as answer:
            return json.load(answer)

    def pid(self, name):
        pid = Path(self.state, 'service', name, 'supervise', 'pid')
        return int(pid.read_text())

    def pids(self):
        return [self.pid(name) for name in ('marketd', 'nginx', 'rotate')]

    def test_a_whole_life(self):
        began = time.monotonic()
        said = self.up()
        self.assertLess(time.monotonic() - began, 10)
        self.assertIn(f'http://localhost:{self.port}/api/v1/market/prices',
                      said)

        first = self.get('/market/prices/BTC')
        self.assertEqual(first['source'], 'simulator')
        end = time.monotonic() + 5
        while self.get('/market/prices/BTC')['seq'] == first['seq']:
            self.assertLess(time.monotonic(), end, 'the market stands still')

        pids = self.pids()
        self.assertIn('nothing has changed', self.up())
        self.assertEqual(self.pids(), pids)

        code, said = self.deploy('status')
        self.assertEqual(code, 0, said)
        for name in ('supervisor', 'marketd', 'nginx', 'rotate'):
            self.assertRegex(said, rf'(?m)^{name} +pid \d+ ')

        # another one is told that the port is taken, and starts nothing
        with tempfile.TemporaryDirectory(dir='/dev/shm') as other:
            done = subprocess.run(
                [ROOT / 'deploy.sh', 'up', '--port', str(self.port),
                 '--state', other], stdin=subprocess.DEVNULL,
                capture_output=True, text=True, timeout=60)
            self.assertEqual(done.returncode, 1)
            self.assertIn(f'port {self.port} is taken', done.stderr)

        code, said = self.deploy('reload')
        self.assertEqual(code, 0, said)
        self.assertEqual(self.pids(), pids)

        self.killed()

        code, said = self.deploy('down')
        self.assertEqual(code, 0, said)
        with self.assertRaises(OSError):
            self.get('/health')
        for pid in self.pids_of_the_state():
            self.fail(f'process {pid} is left')
        self.assertEqual(self.deploy('status')[0], 3)

    def killed(self):
        """marketd and nginx's master, with kill -9."""
        # runit starts what lived for less than a second only after one
        time.sleep(1.2)

        was = self.get('/market/health')['generation']
        killed = time.monotonic()
        os.kill(self.pid('marketd'), signal.SIGKILL)
        while True:                         # no read may fail meanwhile
            health = self.get('/market/prices/BTC'), \
                self.get('/market/cache/stats')
            took = time.monotonic() - killed
            if (health[1]['board']['generation'] != was
                    and not health[0]['stale']):
                break
            self.assertLess(took, 5, 'no fresh quote')
        self.assertLess(took, 1)

        killed = time.monotonic()
        os.kill(self.pid('nginx'), signal.SIGKILL)
        while True:
            try:
                self.get('/market/prices/BTC')
                master = self.pid('nginx')
                break
            except (OSError, ValueError):
                self.assertLess(time.monotonic() - killed, 5)
        self.assertGreater(master, 0)

    def pids_of_the_state(self):
        found = []
        for proc in Path('/proc').glob('[0-9]*'):
            try:
                if os.readlink(proc / 'cwd').startswith(self.state):
                    found.append(proc.name)
            except OSError:
                pass
        return found

    def test_what_cannot_be_is_refused_by_name(self):
        for args, name in ((('--port', '0'), '--port'),
                           (('--port', '8o'), '--port'),
                           (('--source', 'magic'), 'magic'),
                           (('--sauce',), '--sauce')):
            code, said = self.deploy('up', *args)
            self.assertEqual(code, 1, said)
            self.assertIn(name, said)

        for name, value in (('TRADING_PORT', '80x'),
                            ('TRADING_SOURCE', 'magic'),
                            ('INSTRUMENTS_FILE', '/nowhere'),
                            ('CORS_ORIGINS', 'nobody')):
            code, said = self.deploy('up', **{name: value})
            self.assertEqual(code, 1, said)
            self.assertIn(name, said)
        self.assertEqual(self.pids_of_the_state(), [])

    def test_a_port_with_a_zero_before_it_is_not_octal(self):
        with socket.socket() as taken:
            for port in range(8089, 10000):
                try:
                    taken.bind(('127.0.0.1', port))
                    break
                except OSError:
                    continue
            taken.listen()
            code, said = self.deploy('up', TRADING_PORT=f'0{port}')
        self.assertEqual(code, 1, said)
        self.assertIn(f'port {port} is taken', said)
        self.assertNotIn('octal', said)

    def test_a_variable_that_is_unknown_stops_the_start_with_its_name(self):
        code, said = self.deploy('up', '--port', str(self.port),
                                 TRADING_PROT='8080')
        self.assertEqual(code, 1, said)
        self.assertIn('unknown_setting name=TRADING_PROT', said)
        self.assertIn('failed step: waiting until healthy', said)
        self.assertEqual(self.pids_of_the_state(), [])


if __name__ == '__main__':
    unittest.main()
