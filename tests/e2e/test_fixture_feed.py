#!/usr/bin/python3
# Copyright (C) the ngx_trading authors
# SPDX-License-Identifier: BSD-2-Clause

"""Protects: what Binance said is what a client reads, every field of it.

The repository's fixtures are played by the feed server, with their times moved
to now; marketd and nginx run as deployed; every served field on every route is
compared with oracle.py, which knows the rules but no line of the C code. A
broken build shows as a field, a symbol and a route in the assertion. Each
stream is left out once: what is then unknown must be null, never guessed.
"""

import sys
import tempfile
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from stack import ROOT, Stack, crypto, instruments, wait_for    # noqa: E402
import expect                                                   # noqa: E402
from oracle import Oracle                                       # noqa: E402

FIXTURES = ROOT / 'tests' / 'feed' / 'fixtures'
BASIC = FIXTURES / 'stream-basic.log'
END_MS = 1750000020000         # of the recording; its REST is 20 s older
# long enough that nothing turns stale while it is compared
CATALOGUE = crypto(stale_after_ms=60000)


class FixtureFeed(unittest.TestCase):

    def play(self, streams, feed=(), before=None, rest=True, env=None,
             catalogue=None):
        """Plays the recording to the given streams; a Comparer of the end."""
        catalogue = catalogue or CATALOGUE
        record = Path(self.directory()) / 'record.log'
        stack = Stack(
            feed=['--play', BASIC, '--speed', 'max', '--shift',
                  int(time.time() * 1000) - END_MS - 500, '--hold',
                  '--paused', '--record', record, *feed],
            env={'BINANCE_STREAMS': streams, 'MAX_JUMP_BP': 0, **(env or {})},
            catalogue=catalogue, marketd=False)
        self.stack = stack
        self.addCleanup(self.finish, stack)
        if before:
            before(stack.feed)
        stack.start_marketd()
        wait_for(stack.marketd_up, 'a board')
        kinds = len(streams.split(','))
        n = sum(row['source'] == 'binance' for row in catalogue)
        stack.feed.wait(lambda s: len(s['subscriptions']) == kinds * n)
        if rest:
            stack.feed.wait(lambda s: any(
                'ticker/24hr' in str(call) for call in s['rest_calls']))
            wait_for(lambda: stack.get('/market/overview').status == 200
                     and stack.json('/market/overview')
                     ['quoted_instruments'] == 13, 'the snapshot')
        stack.feed.act('resume')
        status = stack.feed.wait(lambda s: s['done'])
        wait_for(lambda: stack.source()['messages']
                 >= status['messages_sent'], 'all was heard')
        time.sleep(0.3)                     # and rendered
        oracle = expect.replay(
            Oracle(), record, {row['exchange_symbol'] for row in catalogue})
        self.assertGreaterEqual(oracle.seen, 60)
        return expect.Comparer(self, stack, catalogue, oracle)

    def directory(self):
        directory = tempfile.TemporaryDirectory(prefix='trading-e2e-',
                                                dir='/dev/shm')
        self.addCleanup(directory.cleanup)
        return directory.name

    def finish(self, stack):
        failed = self._outcome.result.errors + self._outcome.result.failures
        if any(test is self for test, _ in failed):
            stack.tell()
        stack.end()
        stack.judge()

    def test_every_field_with_trade_book_and_ticker(self):
        c = self.play('trade,bookTicker,ticker')
        prices = c.surfaces()
        self.assertEqual(len(prices), 13)
        self.assertNotIn('MATIC', prices)
        self.assertGreater(c.fields, 13 * 15)
        # the recording moved all three, away from the snapshot
        calls = [row for row in prices.values() if row['bid']]
        self.assertEqual(len(calls), 13)
        self.assertEqual(self.stack.source()['state'], 'connected')
        health = self.stack.get('/market/health')
        self.assertEqual(health.status, 200)

    def test_never_traded_instrument_has_no_quote_and_says_so(self):
        self.play('trade,bookTicker,ticker')
        answer = self.stack.get('/market/prices/MATIC')
        self.assertEqual((answer.status, answer.json()['code']),
                         (503, 'no_quote'))
        self.assertIn('MATIC', answer.json()['detail'])
        self.assertEqual(self.stack.json('/trading/binary')['binary_array']
                         [[row['symbol'] for row in CATALOGUE]
                          .index('MATIC')], None)

    def test_without_trade(self):
        self.play('bookTicker,ticker').surfaces()

    def test_without_book_ticker(self):
        self.play('trade,ticker').surfaces()

    def test_without_ticker(self):
        self.play('trade,bookTicker').surfaces()

    def test_mini_ticker_instead_of_ticker(self):
        self.play('trade,bookTicker,miniTicker').surfaces()

    def test_mini_ticker_alone(self):
        self.play('miniTicker').surfaces()

    def no_rest(self, feed):
        feed.act('rest_status', status=503, count=10000)

    def test_trades_alone_leave_null_what_they_do_not_say(self):
        c = self.play('trade', before=self.no_rest, rest=False)
        prices = c.surfaces()
        self.assertEqual(set(prices), {'BTC', 'ETH', 'BNB'})
        for quote in prices.values():
            for key in ('bid', 'ask', 'open_24h', 'high_24h', 'low_24h',
                        'volume', 'quote_volume', 'price_change_24h'):
                self.assertIsNone(quote[key], key)
            self.assertIsNotNone(quote['current_price'])
        # without a change there is no signal, and nothing shifts
        self.assertEqual(self.stack.json('/trading/signals'), {})
        self.assertEqual(self.stack.json('/trading/binary')['binary_string'],
                         '-' * len(CATALOGUE))

    def test_books_alone_have_no_price_and_no_time(self):
        c = self.play('bookTicker', before=self.no_rest, rest=False)
        prices = c.surfaces()
        self.assertEqual(set(prices), {'BTC', 'ETH', 'BNB'})
        for quote in prices.values():
            self.assertIsNone(quote['current_price'])
            self.assertIsNone(quote['timestamp'])
            self.assertIsNotNone(quote['bid'])

    def test_classes_without_a_provider_are_empty_and_not_made_up(self):
        c = self.play('trade,bookTicker,ticker',
                      catalogue=instruments(stale_after_ms=60000))
        prices = c.surfaces()
        self.assertEqual({q['asset_class'] for q in prices.values()},
                         {'CRYPTO'})
        self.assertEqual(self.stack.json('/market/prices/asset/FOREX'), {})
        self.assertEqual(
            self.stack.get('/market/prices/EUR%2FUSD').json()['code'],
            'no_quote')


if __name__ == '__main__':
    unittest.main()
