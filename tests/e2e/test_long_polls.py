#!/usr/bin/python3
# Copyright (C) the ngx_trading authors
# SPDX-License-Identifier: BSD-2-Clause

"""Protects: ?after_seq= ends with the next quote, and costs no more than that.

A feed that stands still until it is told decides when there is a new quote.
A broken build waits for its timeout although there is one, answers without
one, holds more requests than it may, keeps the places of clients that went
away, or keeps a worker that is to go.
"""

import json
import os
import resource
import select
import signal
import socket
import sys
import threading
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from stack import PATIENCE, Stack, crypto, wait_for             # noqa: E402

PLACES = 1024                   # that a worker has for those who wait
SOON = 2.0                      # of what is meant to be at once
LONG = 60000                    # ms: more than the test has


def roomy(text):
    """More connections than there are places."""
    old = 'worker_connections  1024;'
    if old not in text:
        raise AssertionError(f'{old!r} is not there')
    return text.replace(old, 'worker_connections  4096;')


class Waiter:
    """A request on a connection of its own, and its answer some time."""

    def __init__(self, port, seq, timeout_ms=LONG):
        self.socket = socket.create_connection(('127.0.0.1', port), 10)
        self.socket.sendall(
            f'GET /market/prices/BTC?after_seq={seq}&timeout_ms={timeout_ms} '
            f'HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'.encode())

    def answered(self, seconds=0):
        poll = select.poll()
        poll.register(self.socket, select.POLLIN)
        return bool(poll.poll(seconds * 1000))

    def answer(self, seconds=SOON):
        """(status, head, value); the connection ends with it."""
        self.socket.settimeout(seconds)
        data = b''
        while True:
            more = self.socket.recv(65536)
            if not more:
                break
            data += more
        self.socket.close()
        head, _, body = data.partition(b'\r\n\r\n')
        return int(head.split()[1]), head.decode().lower(), json.loads(body)

    def leave(self, rudely=False):
        if rudely:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                   b'\1\0\0\0\0\0\0\0')
        self.socket.close()


class LongPolls(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls.files = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE,
                           (min(4096, cls.files[1]), cls.files[1]))

    @classmethod
    def tearDownClass(cls):
        resource.setrlimit(resource.RLIMIT_NOFILE, cls.files)

    def setUp(self):
        self.waiters, failed = [], self.failed()
        rows = [row for row in crypto(stale_after_ms=3600000)
                if row['symbol'] in ('BTC', 'ETH')]
        self.stack = Stack(
            feed=['--synthetic', 'BTCUSDT,ETHUSDT', '--paused'],
            env={'BINANCE_STREAMS': 'trade,bookTicker,ticker',
                 'BINANCE_BACKFILL': 0, 'MAX_JUMP_BP': 0,
                 'FEED_MUTE_TIMEOUT_MS': 600000},
            catalogue=rows, edit=roomy)

        def over():
            for waiter in self.waiters:
                waiter.leave()
            if self.failed() > failed:
                self.stack.tell()
            self.stack.end()
            self.stack.judge()
        self.addCleanup(over)

        self.stack.feed.wait(lambda s: len(s['subscriptions']) == 6)
        wait_for(lambda: self.stack.get('/market/prices/BTC').status == 200,
                 'a quote')
        self.move()

    def failed(self):
        result = self._outcome.result
        return len(result.failures) + len(result.errors)

    def seq(self):
        return self.stack.json('/market/prices/BTC')['seq']

    def move(self):
        """Until BTC has another quote; when the feed was told for the last
        time."""
        before = self.seq()
        while True:
            told = time.monotonic()
            self.stack.feed.act('step')
            for _ in range(20):
                if self.seq() != before:
                    return told
                time.sleep(0.005)

    def wait(self, seq, **more):
        self.waiters.append(Waiter(self.stack.port, seq, **more))
        return self.waiters[-1]

    def test_a_new_quote_ends_the_wait_long_before_its_timeout(self):
        for _ in range(5):
            seq = self.seq()
            waiter = self.wait(seq)
            self.assertFalse(waiter.answered(0.15))
            got = []
            reader = threading.Thread(
                target=lambda w=waiter, g=got: g.extend(
                    [w.answer(10), time.monotonic()]))
            reader.start()
            told = self.move()
            reader.join()
            (status, head, quote), at = got
            self.assertEqual(status, 200)
            self.assertGreater(quote['seq'], seq)
            self.assertNotIn('x-timed-out', head)
            self.assertLess(at - told, SOON)

    def test_another_instruments_quote_does_not_end_it(self):
        waiter = self.wait(self.seq())
        before, eth = self.seq(), self.stack.json('/market/prices/ETH')['seq']
        while self.stack.json('/market/prices/ETH')['seq'] == eth:
            self.stack.feed.act('step')
            time.sleep(0.02)
        if self.seq() == before:
            self.assertFalse(waiter.answered(0.1))
            self.move()
        self.assertGreater(waiter.answer()[2]['seq'], before)

    def test_places_are_bounded_and_those_of_who_left_are_free_again(self):
        seq = self.seq()
        for _ in range(PLACES):
            self.wait(seq)

        def full():
            status, _, body = Waiter(self.stack.port, seq, 1).answer()
            self.assertIn(status, (200, 503))
            return status == 503 and body
        body = wait_for(full, 'all places are taken', PATIENCE)
        self.assertEqual(body['code'], 'too_many_waiters')
        # they cost nobody else anything
        self.assertEqual(self.stack.get('/market/prices/ETH').status, 200)
        self.assertEqual(self.stack.get('/health/ready').status, 200)
        # nor who need not wait
        status, _, quote = Waiter(self.stack.port, seq - 1).answer()
        self.assertEqual((status, quote['seq']), (200, seq))

        gone, self.waiters = self.waiters[:300], self.waiters[300:]
        for n, waiter in enumerate(gone):
            self.assertFalse(waiter.answered())
            waiter.leave(rudely=n % 2)
        # as many fit again as have left, and no more
        wait_for(lambda: not full(), 'a place is free', PATIENCE)
        for _ in range(len(gone)):
            self.wait(seq)
        wait_for(full, 'all places are taken again', PATIENCE)
        self.assertFalse(any(w.answered() for w in self.waiters))

        # one quote for all of them
        self.move()
        for waiter in self.waiters:
            status, head, quote = waiter.answer(PATIENCE)
            self.assertEqual(status, 200)
            self.assertNotIn('x-timed-out', head)
            self.assertGreater(quote['seq'], seq)
        self.assertFalse(full())

    def test_worker_that_is_to_go_keeps_nobody(self):
        waiter, old = self.wait(self.seq()), self.stack.worker_pids()
        self.assertFalse(waiter.answered(0.1))
        os.kill(self.stack.nginx.pid, signal.SIGHUP)
        status, head, _ = waiter.answer(PATIENCE)
        self.assertEqual(status, 200)
        self.assertIn('x-timed-out', head)
        wait_for(lambda: not any(Path(f'/proc/{pid}').exists()
                                 for pid in old), 'the old worker is gone')


if __name__ == '__main__':
    unittest.main()
