# Copyright (C) the ngx_trading authors
# SPDX-License-Identifier: BSD-2-Clause

"""The whole product in a private directory, for end-to-end and fault tests.

Stack starts what a test asks for: a feed server, marketd and nginx, the last
from nginx.conf.example itself with the values on its "# deploy:" lines
replaced, all on free ports and on tmpfs. It waits for conditions with
deadlines, ends only processes that it started, and at the end judges the logs:
an [alert], [emerg] or [crit] of nginx, or a sanitizer's word in any log, fails
the test that caused it.

TRADING_BUILD says which binaries: build (the default) or build/asan, whose
module gets libasan preloaded into the system's nginx.
"""

import http.client
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from decimal import Decimal
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / 'tests' / 'feed'))

from feed_client import Feed            # noqa: E402  (after the path is set)

NGINX = os.environ.get('TEST_NGINX', '/usr/sbin/nginx')
BUILD = ROOT / os.environ.get('TRADING_BUILD', 'build')
ASAN = BUILD.name == 'asan'
CATALOGUE = ROOT / 'instruments.json'
MODULE = BUILD / 'ngx_http_trading_module.so'
MARKETD = BUILD / 'marketd'
DOCS = ROOT / 'build' / 'web' / 'docs'

# how long anything may take; sanitizers and a busy machine are slow
PATIENCE = 60 if ASAN else 20
ALARMING = re.compile(r'\[(alert|emerg|crit)\]')
SANITIZER = re.compile(r'Sanitizer|runtime error:|SUMMARY: ')


def note(text):
    """Progress of a long step."""
    print(f'    {text}', file=sys.stderr, flush=True)


def wait_for(condition, what, seconds=None, interval=0.01):
    """The first true value of condition(), or AssertionError."""
    end = time.monotonic() + (seconds or PATIENCE)
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f'not within {seconds or PATIENCE} s: {what}')
        time.sleep(interval)


def free_port():
    """Below those that the kernel gives to clients, one of which might have
    it before the server does that it is for."""
    while True:
        port = random.randrange(12000, 32000)
        with socket.socket() as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                sock.bind(('127.0.0.1', port))
                return port
            except OSError:
                continue


class Response:
    """One answer; headers by lower-case name, repeated ones joined by ", "."""

    def __init__(self, status, headers, body):
        self.status, self.body = status, body
        self.headers = {}
        for name, value in headers:
            name = name.lower()
            self.headers[name] = f'{self.headers[name]}, {value}' \
                if name in self.headers else value

    def json(self):
        """Strict: no NaN, no key twice; numbers exact."""
        def unique(pairs):
            keys = [key for key, _ in pairs]
            if len(set(keys)) != len(keys):
                raise ValueError(f'a key twice: {keys}')
            return dict(pairs)

        def refuse(word):
            raise ValueError(word)
        return json.loads(self.body.decode(), parse_float=Decimal,
                          parse_constant=refuse, object_pairs_hook=unique)

    def __repr__(self):
        return f'<{self.status} {self.headers} {self.body[:300]!r}>'


class Client:
    """One persistent connection, made anew when the server ended it."""

    def __init__(self, port, timeout=10):
        self.connection = http.client.HTTPConnection('127.0.0.1', port,
                                                     timeout=timeout)

    def ask(self, path, method='GET', headers=None, body=None):
        connection = self.connection
        # an idle connection that the server has closed says nothing of it
        connection.request(method, path, body=body, headers=headers or {})
        answer = connection.getresponse()
        return Response(answer.status, answer.getheaders(), answer.read())

    def close(self):
        self.connection.close()


class Process:
    """A child with its output in a file."""

    def __init__(self, args, log, env, cwd):
        self.log = log
        with open(log, 'ab') as out:
            self.popen = subprocess.Popen(
                args, stdin=subprocess.DEVNULL, stdout=out,
                stderr=subprocess.STDOUT, env=env, cwd=cwd)
        self.pid = self.popen.pid

    def alive(self):
        return self.popen.poll() is None

    def stop(self, sig=signal.SIGTERM, seconds=15):
        """Its exit code."""
        if self.alive():
            self.popen.send_signal(sig)
        try:
            return self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()
            raise AssertionError(f'{self.popen.args[0]} did not stop')


class Supervisor(threading.Thread):
    """Starts marketd again at once when it has died, as runit does."""

    def __init__(self, stack):
        super().__init__(daemon=True)
        self.stack, self.ending = stack, threading.Event()
        self.exits = []         # (time, exit code)

    def run(self):
        while not self.ending.is_set():
            process = self.stack.marketd
            begun = time.monotonic()
            code = process.popen.wait()
            if self.ending.is_set():
                return
            self.exits.append((time.monotonic(), code))
            if time.monotonic() - begun < 0.02:
                time.sleep(0.05)        # it cannot start: do not spin
            self.stack.start_marketd()


class Stack:
    """feed: arguments of feed_server.py, or None. env: settings of marketd.
    catalogue: a path, or a list of instruments. alarms: patterns of alarming
    lines of nginx that the test provokes. edit: function of the
    configuration's text."""

    def __init__(self, feed=None, env=None, catalogue=None, workers=1,
                 nginx=True, marketd=True, supervise=False, alarms=(),
                 edit=None, feed_seconds=300):
        self.dir = Path(tempfile.mkdtemp(prefix='trading-e2e-',
                                         dir='/dev/shm'))
        self.dir.chmod(0o755)
        self.run = self.dir / 'run'
        self.board = self.run / 'board'
        self.env, self.workers, self.edit = dict(env or {}), workers, edit
        self.alarms = [re.compile(a) for a in alarms]
        self.feed = self.marketd = self.nginx = self.supervisor = None
        self.port = free_port()
        self.clients = []
        self.catalogue = CATALOGUE if catalogue is None else catalogue
        if isinstance(catalogue, list):
            self.catalogue = self.dir / 'instruments.json'
            self.catalogue.write_text(json.dumps({'instruments': catalogue}))
        try:
            self.run.mkdir()
            (self.dir / 'tmp').mkdir()
            if os.geteuid() == 0:
                shutil.chown(self.dir / 'tmp', 'www-data')
            if feed is not None:
                state = self.dir / 'feed'
                state.mkdir()
                self.feed = Feed('--state', state, *feed,
                                 max_seconds=feed_seconds)
                self.env.setdefault('TRADING_SOURCE', 'live')
                self.env.setdefault('BINANCE_API_URL', self.feed.api)
                self.env.setdefault('BINANCE_WS_URL', self.feed.ws)
                if self.feed.ca:
                    self.env.setdefault('TLS_CA_FILE', self.feed.ca)
            if marketd:
                self.start_marketd()
                wait_for(self.marketd_up, 'marketd has a board')
            if supervise:
                self.supervisor = Supervisor(self)
                self.supervisor.start()
            if nginx:
                self.start_nginx()
        except BaseException:
            self.end()
            raise

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind:
            self.tell()
        self.end()
        if kind is None:
            self.judge()

    # ---- processes

    def settings(self):
        """marketd's environment: nothing of the caller's but the path."""
        env = {'PATH': os.environ['PATH'], 'TRADING_RUN_DIR': str(self.run),
               'INSTRUMENTS_FILE': str(self.catalogue),
               'HISTORY_DIR': str(self.dir / 'history'),
               # no test asks the world: nobody listens there
               'FOREX_API_URL': 'http://127.0.0.1:1',
               'TRADING_SOURCE': 'simulator', 'LOG_LEVEL': 'info'}
        if ASAN:
            # to write into a file that was cut short ends a writer: its due
            env.update(UBSAN_OPTIONS='print_stacktrace=1',
                       ASAN_OPTIONS='handle_sigbus=0')
        env.update((k, str(v)) for k, v in self.env.items())
        return env

    def start_marketd(self):
        self.marketd = Process([str(MARKETD)], self.dir / 'marketd.log',
                               self.settings(), self.dir)

    def marketd_up(self):
        if not self.marketd.alive():
            raise AssertionError(f'marketd ended: {self.log("marketd")}')
        return self.board.exists()

    def configuration(self):
        """nginx.conf.example as deploy.sh instantiates it, on our paths."""
        root = os.geteuid() == 0
        values = {
            'module': ('/usr/lib/nginx/modules/ngx_http_trading_module.so',
                       str(MODULE)),
            'pid': ('/run/nginx.pid', f'{self.dir}/nginx.pid'),
            'nofile': ('65536', '4096'),
            'connections': ('16384', '1024'),
            'run': ('/run/trading', str(self.run)),
            'log': ('/var/log/nginx/trading.log', f'{self.dir}/access.log'),
            'tmp': ('/var/lib/nginx', f'{self.dir}/tmp'),
            'port': ('8080', f'127.0.0.1:{self.port}'),
            'user': ('', '') if root else ('user', '# user'),
            'port6': ('listen', '# listen'),
            'cors': ('', ''),
            'docs': ('/usr/share/trading/docs', str(self.docs())),
            'demo': ('/usr/share/trading/demo', str(self.demo())),
        }
        seen, lines = set(), []
        for line in (ROOT / 'nginx.conf.example').read_text().splitlines():
            found = re.search(r' *# deploy: ([a-z0-9]+)$', line)
            if found:
                seen.add(found[1])
                old, new = values[found[1]]
                if old not in line:
                    raise AssertionError(f'{old!r} is not in {line!r}')
                line = line[:found.start()].replace(old, new, 1)
            lines.append(line)
        missing = set(values) - seen
        if missing:
            raise AssertionError(f'nginx.conf.example lacks marks: {missing}')
        text = '\n'.join(lines) + '\n'
        text = re.sub(r'(worker_processes +)auto;', rf'\g<1>{self.workers};',
                      text)
        return self.edit(text) if self.edit else text

    def demo(self):
        """The live page with its client, as deploy.sh puts them together."""
        to = self.dir / 'demo'
        if not to.exists():
            shutil.copytree(ROOT / 'web' / 'stream', to)
            (to / 'lib').mkdir()
            for file in (ROOT / 'web' / 'lib').glob('*.js'):
                shutil.copy(file, to / 'lib')
        return to

    def docs(self):
        """The documentation, where nginx's workers can look: the checkout
        may lie in root's home, and they are not root."""
        if os.geteuid() or not DOCS.exists() or all(
                folder.stat().st_mode & 0o001
                for folder in (DOCS, *DOCS.parents)):
            return DOCS
        to = self.dir / 'docs'
        if not to.exists():
            shutil.copytree(DOCS, to)
        return to

    def nginx_env(self):
        env = {'PATH': os.environ['PATH']}
        if ASAN:
            lib = subprocess.run(['gcc', '-print-file-name=libasan.so'],
                                 capture_output=True, text=True, check=True)
            env.update(LD_PRELOAD=lib.stdout.strip(),
                       ASAN_OPTIONS='detect_leaks=0:abort_on_error=0',
                       UBSAN_OPTIONS='print_stacktrace=1')
        return env

    def nginx_args(self, conf):
        return [NGINX, '-p', str(self.dir), '-c', str(conf),
                '-e', 'stderr', '-g', 'daemon off;']

    def start_nginx(self):
        conf = self.dir / 'nginx.conf'
        conf.write_text(self.configuration())
        self.nginx = Process(self.nginx_args(conf), self.dir / 'nginx.log',
                             self.nginx_env(), self.dir)

        def up():
            if not self.nginx.alive():
                raise AssertionError(f'nginx ended: {self.log("nginx")}')
            try:
                socket.create_connection(('127.0.0.1', self.port), 1).close()
                return len(self.worker_pids()) == self.workers
            except OSError:
                return False
        wait_for(up, 'nginx answers')

    def worker_pids(self):
        """The master's children; "shutting down" ones are not counted."""
        path = Path(f'/proc/{self.nginx.pid}/task/{self.nginx.pid}/children')
        pids = []
        for pid in map(int, path.read_text().split()):
            try:
                title = Path(f'/proc/{pid}/cmdline').read_bytes()
            except OSError:
                continue
            if b'worker process' in title and b'shutting' not in title:
                pids.append(pid)
        return sorted(pids)

    # ---- what tests ask

    def client(self, timeout=10):
        client = Client(self.port, timeout)
        self.clients.append(client)
        return client

    def get(self, path, headers=None, method='GET', body=None):
        """One request on a connection of its own."""
        client = Client(self.port)
        try:
            return client.ask(path, method, {'Connection': 'close',
                                             **(headers or {})}, body)
        finally:
            client.close()

    def json(self, path, status=200):
        answer = self.get(path)
        if answer.status != status:
            raise AssertionError(f'{path}: {answer}')
        return answer.json()

    def raw(self, data, timeout=5):
        """Bytes out, all bytes back until the server closes or is silent."""
        with socket.create_connection(('127.0.0.1', self.port),
                                      timeout) as sock:
            got = b''
            try:
                sock.sendall(data)
                while True:
                    more = sock.recv(65536)
                    if not more:
                        break
                    got += more
            except (socket.timeout, ConnectionError):
                pass
            return got

    def quote(self, symbol):
        return self.json(f'/market/prices/{symbol}')

    def source(self, name='binance'):
        """What /market/health says of a source."""
        answer = self.get('/market/health')
        return answer.json()['sources'][name]

    def metrics(self):
        """{'name{labels}': value}"""
        text = self.get('/metrics').body.decode()
        return {line.rpartition(' ')[0]: float(line.rpartition(' ')[2])
                for line in text.splitlines()
                if line and not line.startswith('#')}

    def log(self, name):
        path = self.dir / f'{name}.log'
        return path.read_text(errors='replace') if path.exists() else ''

    # ---- the end

    def tell(self):
        """The tails of the logs, for a test that failed."""
        for path in sorted(self.dir.glob('*.log')):
            if path.name != 'access.log':
                tail = path.read_text(errors='replace').splitlines()[-25:]
                print(f'--- {path.name}', *tail, sep='\n', file=sys.stderr)

    def end(self):
        failures = []
        for client in self.clients:
            client.close()
        if self.supervisor:
            self.supervisor.ending.set()
        for process in (self.nginx, self.marketd):
            try:
                if process:
                    process.stop()
            except AssertionError as failure:
                failures.append(str(failure))
        if self.supervisor:
            self.supervisor.join(10)
            if self.marketd.alive():        # started as it was told to end
                self.marketd.stop()
        if self.feed:
            self.feed.stop()
        self.logs = {path.name: path.read_text(errors='replace')
                     for path in self.dir.glob('*.log')
                     if path.name != 'access.log'}
        if not os.environ.get('KEEP_STACK'):
            shutil.rmtree(self.dir, ignore_errors=True)
        if failures:
            raise AssertionError('; '.join(failures))

    def judge(self):
        """AssertionError for what no test may leave behind."""
        for name, text in self.logs.items():
            for line in text.splitlines():
                if SANITIZER.search(line):
                    raise AssertionError(f'{name}: {text[-4000:]}')
                if name == 'nginx.log' and ALARMING.search(line) \
                        and not any(a.search(line) for a in self.alarms):
                    raise AssertionError(f'{name}: {line}')


def instruments(only=None, **changes):
    """The product's catalogue as a list, fields changed."""
    rows = json.loads(CATALOGUE.read_text())['instruments']
    return [{**row, **changes} for row in rows
            if only is None or row['symbol'] in only]


def crypto(**changes):
    return [row for row in instruments(**changes)
            if row['asset_class'] == 'CRYPTO']
