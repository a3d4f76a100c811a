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
TICKER, INFO = '/api/v3/ticker/24hr', '/api/v3/exchangeInfo'
BODIES = ('truncated', 'cut_json', 'not_json', 'html', 'empty', 'object',
          'wrong_types', 'deep', 'huge')
STATUSES = ((500, None), (503, None), (302, None), (404, None), (429, 1),
            (418, 1))


class Rest(unittest.TestCase):

    def start(self, streams, feed=FEED, marketd=True, stale_after_ms=60000,
              **env):
        self.stack = Stack(feed=feed, marketd=marketd, env={
            'BINANCE_STREAMS': streams, 'MAX_JUMP_BP': 0,
            'FEED_BACKOFF_MIN_MS': 20, 'FEED_BACKOFF_MAX_MS': 100,
            'FEED_MUTE_TIMEOUT_MS': 20000, **env},
            catalogue=[row for row in crypto(stale_after_ms=stale_after_ms)
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

    def test_books_come_although_tickers_are_refused(self):
        self.start('bookTicker,depth@100ms', BINANCE_BACKFILL=0)
        self.book()
        self.feed.act('rest_status', status=500, count=100000, path=TICKER)
        self.feed.act('cut')
        wait_for(lambda: len(self.calls(TICKER)) > 4, 'tickers are refused')
        self.book(5)

    def test_books_come_back_although_candles_are_refused(self):
        # with pauses so long that one of them would keep a book away
        self.start('trade,bookTicker,depth@100ms', marketd=False,
                   FEED_BACKOFF_MIN_MS=30000, FEED_BACKOFF_MAX_MS=30000)
        self.feed.act('rest_status', status=500, count=100000, path=KLINES)
        self.stack.start_marketd()
        wait_for(lambda: self.calls(KLINES) and self.calls(DEPTH), 'calls')
        self.book(5)
        for _ in range(4):
            before = len(self.calls(DEPTH))
            self.feed.act('stream_fault', stream='btcusdt@depth@100ms',
                          how='drop', count=1)
            wait_for(lambda b=before: len(self.calls(DEPTH)) > b,
                     'a snapshot is asked for', 4)
            self.book(4)

    def lost(self, ask, path=DEPTH):
        """The connection is cut and back; how often path was asked then."""
        before = len(self.calls(path))
        ask()
        self.feed.act('cut')
        wait_for(lambda: len(self.calls(path)) > before, 'it is asked for')
        return before

    def test_every_fault_is_outlived_and_none_is_shown(self):
        self.start('bookTicker,depth@100ms', BINANCE_BACKFILL=0)
        self.book()
        for kind in BODIES:
            before = self.lost(lambda k=kind: self.feed.act(
                'rest_body', kind=k, count=2, path=DEPTH))
            self.feed.wait(lambda _, b=before: len(self.calls(DEPTH))
                           >= b + 3, 10)
            self.book(10)
        for status, after in STATUSES:
            before = self.lost(lambda s=status, a=after: self.feed.act(
                'rest_status', status=s, retry_after=a, path=DEPTH))
            self.book(10)
            calls = self.calls(DEPTH)[before:]
            self.assertEqual(calls[0]['status'], status)
            if after:
                self.assertGreaterEqual(calls[1]['time'] - calls[0]['time'],
                                        after)
        self.followed_nowhere()

    def followed_nowhere(self):
        self.assertFalse(any('redirected' in call['target'] for call
                             in self.feed.status()['rest_calls']))

    def test_slow_and_of_another_type_is_as_good(self):
        self.start('bookTicker,depth@100ms', BINANCE_BACKFILL=0)
        self.book()
        for kind in ('slow', 'content_type', 'chunked'):
            before = self.lost(lambda k=kind: self.feed.act(
                'rest_body', kind=k, delay_ms=0.1, path=DEPTH))
            self.book(20)
            # one that was under way already is no reason to fail
            self.assertIn(kind, [call.get('body')
                                 for call in self.calls(DEPTH)[before:]])


class Mute(Rest):
    """One stream of an instrument dies, and all others go on."""

    def source(self):
        return self.stack.source()

    def kill(self, stream):
        self.feed.act('stream_fault', stream=stream, how='drop',
                      count=10 ** 9)

    def dead_depth(self, kind):
        self.start(f'trade,bookTicker,{kind}', BINANCE_BACKFILL=0,
                   FEED_MUTE_TIMEOUT_MS=1000)
        self.book()
        lost = self.stack.json('/market/data-feeds')['books']['lost']
        self.kill(f'btcusdt@{kind}')
        wait_for(lambda: self.depth() is None, 'no book', 5)
        self.assertIsNotNone(self.depth('ETH'))
        self.assertIn('event=book_lost source=binance symbol=BTCUSDT '
                      'reason=mute', self.stack.log('marketd'))
        self.assertEqual(self.stack.json('/market/data-feeds')['books']
                         ['lost'], lost + 1)
        # a connection of its own might bring it
        wait_for(lambda: self.source()['reconnects']['mute'], 'a renewal', 5)
        self.feed.act('stream_reset')
        self.assertFalse(self.book(5)['stale'])

    def test_dead_differences_are_found(self):
        self.dead_depth('depth@100ms')

    def test_dead_partial_books_are_found(self):
        self.dead_depth('depth20@100ms')

    def test_dead_best_prices_are_found(self):
        self.start('trade,bookTicker,depth@100ms', BINANCE_BACKFILL=0,
                   FEED_MUTE_TIMEOUT_MS=1000)
        self.book()
        self.kill('btcusdt@bookTicker')
        wait_for(lambda: self.source()['reconnects']['mute'], 'a renewal', 5)
        self.assertIn('event=best_mute source=binance symbol=BTCUSDT',
                      self.stack.log('marketd'))
        self.assertIsNotNone(self.depth())

    def test_nothing_is_found_where_all_is_well(self):
        self.start('trade,bookTicker,depth@100ms', BINANCE_BACKFILL=0,
                   FEED_MUTE_TIMEOUT_MS=400)
        self.book()
        time.sleep(4)
        self.feed.act('pause')
        time.sleep(2)
        self.feed.act('resume')
        time.sleep(1)
        self.assertIsNotNone(self.depth())
        self.assertEqual(self.source()['reconnects']['mute'], 0)
        self.assertEqual(self.stack.json('/market/data-feeds')['books']
                         ['lost'], 0)

    def test_a_book_that_nothing_came_for_is_stale(self):
        self.start('depth20@100ms', BINANCE_BACKFILL=0,
                   stale_after_ms=500)
        book = self.book()
        self.assertFalse(book['stale'])
        self.feed.act('pause')
        wait_for(lambda: self.depth()['stale'], 'a stale book', 5)
        last = self.depth()
        tag = self.stack.get('/market/depth/BTC').headers['etag']
        self.feed.act('resume')
        wait_for(lambda: not self.depth()['stale'], 'a fresh book', 5)
        self.assertGreater(self.depth()['received_at'], last['received_at'])
        answer = self.stack.get('/market/depth/BTC',
                                headers={'If-None-Match': tag})
        self.assertEqual(answer.status, 200)


class Tickers(Rest):
    """REST alone says what the last 24 hours were."""

    def day(self, symbol):
        answer = self.stack.get(f'/market/prices/{symbol}')
        return answer.status == 200 and answer.json()['open_24h']

    def begin(self, kind):
        """The fault is there before the first request."""
        self.start('bookTicker', marketd=False, BINANCE_BACKFILL=0)
        self.feed.act('rest_body', kind=kind, count=100000, path=TICKER)
        self.stack.start_marketd()
        wait_for(lambda: self.calls(TICKER), 'it is asked for')

    def test_a_bad_row_is_refused_alone(self):
        self.begin('bad_row')
        wait_for(lambda: self.day('ETH'), 'the row that is good')
        wait_for(lambda: self.calls(INFO), 'what comes after it')
        self.assertEqual(self.stack.source()['refused']['parse'], 1)
        self.assertIn('event=ticker_rows_refused source=binance taken=1 of=2',
                      self.stack.log('marketd'))
        time.sleep(1)           # ten times the longest back-off
        self.assertEqual(len(self.calls(TICKER)), 1)
        self.assertFalse(self.day('BTC'))
        # and is taken when it has become good
        self.feed.act('rest_reset')
        self.feed.act('cut')
        wait_for(lambda: self.day('BTC'), 'a good one')

    def test_what_is_refused_for_ever_holds_up_no_other_request(self):
        self.begin('wrong_types')
        wait_for(lambda: self.calls(INFO), 'exchangeInfo')
        wait_for(lambda: len(self.calls(TICKER)) > 4, 'it is tried again')
        self.feed.act('rest_reset')
        wait_for(lambda: self.day('BTC') and self.day('ETH'), 'good ones')


class Candles(Rest):

    def start(self, streams='trade,bookTicker', **env):
        super().start(streams, **env)
        wait_for(lambda: len(self.calls(KLINES)) >= 12, 'all at the start')

    def asked(self, symbol):
        return [call for call in self.calls(KLINES)
                if f'symbol={symbol}&interval=1m' in call['target']]

    def gap(self):
        total = self.feed.status()['connections_total']
        self.feed.act('cut')
        self.feed.wait(lambda s: s['connections_total'] > total, 5)

    def test_one_that_is_refused_does_not_stop_the_others(self):
        self.start()
        for first, other in (('BTCUSDT', 'ETHUSDT'), ('ETHUSDT', 'BTCUSDT')):
            self.feed.act('rest_reset')
            self.feed.act('rest_status', status=500, count=100000,
                          path=KLINES, query=f'symbol={first}')
            refused, fine = len(self.asked(first)), len(self.asked(other))
            self.gap()
            wait_for(lambda n=fine, o=other: len(self.asked(o)) > n,
                     f'{other} is asked for', 5)
            wait_for(lambda n=refused, f=first: len(self.asked(f)) > n + 3,
                     f'{first} is tried again', 5)

    def test_every_fault_is_tried_again(self):
        self.start()
        for kind in BODIES:
            before = len(self.asked('BTCUSDT'))
            refused = self.stack.source()['refused']['parse']
            self.feed.act('rest_body', kind=kind, count=1, path=KLINES,
                          query='symbol=BTCUSDT')
            self.gap()
            wait_for(lambda b=before: len(self.asked('BTCUSDT')) >= b + 2,
                     f'again after {kind}', 10)
            self.assertEqual(self.asked('BTCUSDT')[before]['body'], kind)
            if kind not in ('truncated', 'huge'):
                self.assertGreater(self.stack.source()['refused']['parse'],
                                   refused, kind)
        for status, after in STATUSES:
            before = len(self.asked('BTCUSDT'))
            self.feed.act('rest_status', status=status, retry_after=after,
                          path=KLINES, query='symbol=BTCUSDT')
            self.gap()
            wait_for(lambda b=before: len(self.asked('BTCUSDT')) >= b + 2,
                     f'again after {status}', 10)
            calls = self.asked('BTCUSDT')[before:]
            self.assertEqual(calls[0]['status'], status)
            if after:
                self.assertGreaterEqual(calls[1]['time'] - calls[0]['time'],
                                        after)


if __name__ == '__main__':
    unittest.main()
