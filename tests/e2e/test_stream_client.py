#!/usr/bin/python3
# Copyright (C) the ngx_trading authors
# SPDX-License-Identifier: BSD-2-Clause

"""Protects: the JavaScript client with many subscriptions goes on within
seconds when nginx is reloaded or a worker dies, and no trade is lost or told
twice. It once asked for more than the server gives, was closed for it, and
asked again, for ever."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from stack import PATIENCE, ROOT, Stack, instruments, wait_for  # noqa: E402
from streams import directives                                  # noqa: E402

NODE = shutil.which('node')
CHANNELS = ('prices', 'candles', 'trades', 'orderbook')
SYMBOLS = [row['symbol'] for row in instruments()][:20]
SOON = PATIENCE / 8             # seconds


class Client(threading.Thread):
    """A client in node, and what it has told, with the time of each event."""

    def __init__(self, port, symbols=SYMBOLS):
        super().__init__(daemon=True)
        self.events = []
        self.popen = subprocess.Popen(
            [NODE, '--no-warnings', '--experimental-websocket',
             str(ROOT / 'tests' / 'e2e' / 'stream_client.mjs'),
             f'ws://127.0.0.1:{port}/ws', ','.join(CHANNELS), *symbols],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.start()

    def run(self):
        for line in self.popen.stdout:
            self.events.append({**json.loads(line), 'at': time.monotonic()})

    def of(self, kind, since=0.0):
        return [e for e in list(self.events)
                if e['type'] == kind and e['at'] > since]

    def all_move(self, since):
        """Every instrument's price."""
        return {e['symbol'] for e in self.of('price_update', since)} >= \
            set(SYMBOLS)

    def trades(self, since):
        return len(self.of('trade_update', since)) > 40

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.popen.stdin.close()
        try:
            self.popen.wait(10)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()
            raise
        finally:
            self.join(10)
            self.popen.stdout.close()


@unittest.skipUnless(NODE, 'no node here')
class Reconnects(unittest.TestCase):
    def test_many_subscriptions(self):
        self.assertEqual(len(SYMBOLS), 20)
        for what in ('reload', 'kill'):
            with self.subTest(what), \
                    Stack(env={'SIMULATOR_RATE': 400},
                          alarms=['exited on signal 9'],
                          edit=directives(drain='1s')) as stack, \
                    Client(stack.port) as client:
                self.follow(stack, client, what)

    def follow(self, stack, client, what):
        subscriptions = len(SYMBOLS) * len(CHANNELS)
        wait_for(lambda: len(client.of('subscribed')) == subscriptions
                 and client.all_move(0) and client.trades(0),
                 'all prices move')
        for _ in range(2):
            old = stack.worker_pids()[0]
            connected = len(client.of('connected'))
            if what == 'reload':
                os.kill(stack.nginx.pid, signal.SIGHUP)
            else:
                os.kill(old, signal.SIGKILL)
            wait_for(lambda: len(client.of('connected')) > connected,
                     'another connection')
            since = client.of('connected')[-1]['at']
            wait_for(lambda: client.all_move(since), 'all prices move again',
                     SOON)
            wait_for(lambda: client.trades(since), 'trades')
            wait_for(lambda: not Path(f'/proc/{old}').exists(), 'it leaves')
        self.assertEqual(client.of('error') + client.of('missed'), [])
        self.assertEqual({e['recovered'] for e in client.of('recovered')},
                         {True})
        self.assertEqual({e['channel'] for e in client.of('recovered')},
                         set(CHANNELS))
        self.assertNotIn(1008, [e.get('code') for e in client.of('state')])
        self.check_trades(client)

    def check_trades(self, client):
        """Their numbers go up by one."""
        last, count = {}, 0
        for event in client.of('trade_update'):
            before = last.get(event['symbol'])
            if before is not None:
                self.assertEqual(event['id'], before + 1, event)
                count += 1
            last[event['symbol']] = event['id']
        self.assertGreater(count, 60)


if __name__ == '__main__':
    unittest.main()
