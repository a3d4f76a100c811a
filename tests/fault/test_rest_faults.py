#!/usr/bin/python3
# Copyright (C) the ngx_trading authors
# SPDX-License-Identifier: BSD-2-Clause

"""Protects: no fault of REST leaves the market without books and candles.

Each fault that an HTTP service can have is given to depth and to klines, which
must be asked again until they are right: what one call refuses must not keep
another from being asked, and nothing wrong may be shown meanwhile. A broken
build shows as a book or a candle that does not come, or as an order book that
is served although nobody keeps it.
"""

import sys
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'e2e'))

from stack import Stack, crypto, wait_for                       # noqa: E402

SYMBOLS = ('BTC', 'ETH')
FEED = ['--synthetic', 'BTCUSDT,ETHUSDT', '--rate', '200',
        '--incoming-limit', 0]
DEPTH, KLINES = '/api/v3/depth', '/api/v3/klines'
TICKER = '/api/v3/ticker/24hr'
BODIES = ('truncated', 'cut_json', 'not_json', 'html', 'empty', 'object',
          'wrong_types', 'deep', 'huge')
STATUSES = ((500, None), (503, None), (302, None), (404, None), (429, 1),
            (418, 1))


class Rest(unittest.TestCase):

    def start(self, streams, feed=FEED, **env):
        self.stack = Stack(feed=feed, env={
            'BINANCE_STREAMS': streams, 'MAX_JUMP_BP': 0,
            'FEED_BACKOFF_MIN_MS': 20, 'FEED_BACKOFF_MAX_MS': 100,
            'FEED_MUTE_TIMEOUT_MS': 20000, **env},
            catalogue=[row for row in crypto(stale_after_ms=60000)
                       if row['symbol'] in SYMBOLS])
        self.addCleanup(self.finish)
        self.feed = self.stack.feed

    def finish(self):
        failed = self._outcome.result.errors + self._outcome.result.failures
        if any(test is self for test, _ in failed):
            self.stack.tell()
        alive = self.stack.marketd.alive()
        self.stack.end()
        self.stack.judge()
        self.assertTrue(alive)

    def depth(self, symbol='BTC'):
        """The served book, or None while there is none."""
        answer = self.stack.get(f'/market/depth/{symbol}')
        if answer.status == 503:
            self.assertEqual(answer.json()['code'], 'no_depth')
            return None
        self.assertEqual(answer.status, 200)
        return answer.json()

    def book(self, seconds=None):
        return wait_for(self.depth, 'a book', seconds)

    def calls(self, path):
        return [call for call in self.feed.status()['rest_calls']
                if call['target'].startswith(path)]


class Depth(Rest):

    def test_a_partial_book_ends_with_its_connection(self):
        self.start('bookTicker,depth20@100ms', BINANCE_BACKFILL=0)
        self.book()
        self.feed.act('cut', refuse=True)
        wait_for(lambda: self.depth() is None,
                 'no book without a connection', 5)
        self.feed.act('accept')
        self.book(5)


if __name__ == '__main__':
    unittest.main()
