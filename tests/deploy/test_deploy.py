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
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.error
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

    def pages(self, said):
        """All that "up" has printed answers; what was printed."""
        paths = re.findall(rf'(?m)^ +http://localhost:{self.port}(/\S*)$',
                           said)
        self.assertIn('/demo/', paths)
        self.assertIn('/openapi.json', paths)
        for path in paths:
            with DIRECT.open(f'http://127.0.0.1:{self.port}{path}',
                             timeout=5) as answer:
                self.assertEqual(answer.status, 200, path)
        return paths

    @unittest.skipUnless(os.geteuid() == 0, 'workers run as we do')
    def test_a_state_where_the_workers_cannot_look(self):
        """In root's home, for instance: pages, history, a reload."""
        os.chmod(self.state, 0o700)
        self.state = str(Path(self.state, 'state'))
        self.pages(self.up())
        self.assertTrue(Path(self.state, 'history', 'binary-map').exists())
        self.assertNotIn('denied', Path(self.state, 'log', 'marketd',
                                        'current').read_text())
        self.assertEqual(self.deploy('reload')[0], 0)
        self.pages(self.deploy('restart')[1])

    @unittest.skipUnless(os.geteuid() == 0, 'marketd runs as we do')
    def test_a_replay_that_marketd_cannot_read(self):
        with tempfile.TemporaryDirectory(dir='/dev/shm') as closed:
            file = Path(closed, 'file')
            file.touch()
            code, said = self.deploy('up', '--port', str(self.port),
                                     '--source', f'replay:{file}')
        self.assertEqual(code, 1, said)
        self.assertIn('marketd runs as www-data, who cannot read', said)
        self.assertEqual(self.pids_of_the_state(), [])

    def test_without_npm_the_market_comes_up_and_says_what_to_do(self):
        with tempfile.TemporaryDirectory(dir='/dev/shm') as other:
            # the same checkout, but for the pages and an npm that reaches
            # nobody
            os.chmod(other, 0o755)
            root, bin = Path(other, 'root'), Path(other, 'bin')
            for folder in (bin, root, root / 'build'):
                folder.mkdir()
            for file in ROOT.iterdir():
                if file.name not in ('build', 'var', '.env'):
                    (root / file.name).symlink_to(file)
            for file in (ROOT / 'build').iterdir():
                if file.name != 'web':
                    (root / 'build' / file.name).symlink_to(file)
            npm = bin / 'npm'
            npm.write_text('#!/bin/sh\necho "npm ERR! request to '
                           'https://nowhere failed, reason: none" >&2\n'
                           'exit 1\n')
            npm.chmod(0o755)
            done = subprocess.run(
                [root / 'deploy.sh', 'up', '--port', str(self.port),
                 '--state', self.state], stdin=subprocess.DEVNULL,
                env={**os.environ, 'PATH': f'{bin}:{os.environ["PATH"]}'},
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                timeout=120)
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertIn('request to https://nowhere failed', done.stdout)
        self.assertIn('/docs and /redoc are missing: npm', done.stdout)
        paths = self.pages(done.stdout)
        self.assertNotIn('/docs', paths)
        self.assertNotIn('/redoc', paths)

        for path in ('/docs', '/redoc', '/market/docs', '/trading/redoc'):
            with self.assertRaises(urllib.error.HTTPError) as refused:
                self.get(path)
            with refused.exception as answer:
                self.assertEqual(answer.code, 404)
                self.assertEqual(answer.headers['content-type'],
                                 'application/problem+json')
                self.assertTrue(answer.headers['x-request-id'])
                detail = json.load(answer)['detail']
            self.assertIn('not built', detail)
            self.assertIn('npm', detail)
        with self.assertRaises(urllib.error.HTTPError) as refused:
            self.get('/docs/assets/none.js')
        with refused.exception as answer:
            self.assertNotIn('npm', json.load(answer)['detail'])

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
