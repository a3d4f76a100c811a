#!/usr/bin/python3
# Copyright (C) the ngx_trading authors
# SPDX-License-Identifier: BSD-2-Clause

"""Protects: candles and trades outlive what a stream may do to them.

REST answers before the WebSocket opens, ids begin anew after a reconnect or
leap in the middle of one, trades and klines are dated in the future, and a
kline overtakes the trade that it counts. A broken build shows as a minute that
is missing, as a candle that lacks trades and does not say so, as one of
tomorrow, or as an instrument whose trades and candles stand still.
"""

import json
import sys
import tempfile
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'e2e'))

from stack import Stack, crypto, wait_for                       # noqa: E402
from recording import Message, read_file                        # noqa: E402
from test_series import CF, MINUTE, PARTIAL, Series, aligned    # noqa: E402

DAY = 86400000
FEED = ['--synthetic', 'BTCUSDT,ETHUSDT', '--rate', '100',
        '--incoming-limit', 0]


def now_ms():
    return int(time.time() * 1000)


class LateStream(Series):

    def test_minutes_before_the_stream_opens_are_filled(self):
        """The WebSocket is refused while REST is up, until the minute that
        the candles were asked for in is over."""
        stack = Stack(feed=FEED, nginx=False, marketd=False, env={
            'BINANCE_STREAMS': 'trade,bookTicker,kline_1m', 'MAX_JUMP_BP': 0,
            'FEED_BACKOFF_MIN_MS': 20, 'FEED_BACKOFF_MAX_MS': 200},
            catalogue=[row for row in crypto(stale_after_ms=60000)
                       if row['symbol'] in ('BTC', 'ETH')])
        self.stack_ = stack
        self.addCleanup(self.finish, stack)
        feed = stack.feed
        feed.act('refuse', how='http', target='ws')
        # not at the end of a minute: the fill is to be of its middle
        wait_for(lambda: now_ms() % MINUTE < MINUTE - 6000, 'time', 10)
        stack.start_marketd()
        wait_for(stack.marketd_up, 'marketd has a board')
        wait_for(lambda: len(self.calls('klines')) >= 12, 'all was asked for')
        first = now_ms() // MINUTE * MINUTE
        wait_for(lambda: now_ms() >= first + MINUTE + 2000, 'a minute', 70)
        self.assertNotIn('event=feed_connected', stack.log('marketd'))
        feed.act('accept')
        feed.wait(lambda s: len(s['subscriptions']) == 6)
        row = wait_for(lambda: self.candles().get(first),
                       'the minute that nobody heard', 10)
        truth = {k[0]: k for k in feed.get_json(
            '/api/v3/klines?symbol=BTCUSDT&interval=1m')[1]}
        self.assertGreater(truth[first][8], 100)
        self.assertEqual(row[7], truth[first][8])
        # and the one that was heard from its middle on says so
        wait_for(lambda: self.candles().get(first + MINUTE), 'the next')
        self.assertTrue(self.candles()[first + MINUTE][8] & PARTIAL)
        five = self.candles('5m')[(first + MINUTE) // (5 * MINUTE)
                                  * 5 * MINUTE]
        self.assertTrue(five[8] & PARTIAL)


class Stream(Series):

    def begin(self, streams='trade,bookTicker'):
        self.stack(FEED, streams, BINANCE_BACKFILL=0)
        wait_for(lambda: self.read('trades'), 'trades')
        self.feed = self.stack_.feed
        self.feed.act('pause')
        self.streams = 2 * len(streams.split(','))
        time.sleep(0.3)
        trade = self.read('trades')[-1]
        self.price = f'{trade[1] / 1e8:.2f}'
        return trade[0]

    def trade(self, ident, at=None):
        now = now_ms()
        self.feed.act('send', stream='btcusdt@trade', data=json.dumps({
            'e': 'trade', 'E': now, 's': 'BTCUSDT', 't': ident,
            'p': self.price, 'q': '0.5', 'T': at or now, 'm': True,
            'M': True}))

    def kline(self, start, last, number, closed):
        start = start // MINUTE * MINUTE
        self.feed.act('send', stream='btcusdt@kline_1m', data=json.dumps({
            'e': 'kline', 'E': now_ms(), 's': 'BTCUSDT', 'k': {
                't': start, 'T': start + MINUTE - 1, 's': 'BTCUSDT',
                'i': '1m', 'f': 1, 'L': last, 'o': self.price,
                'c': self.price, 'h': self.price, 'l': self.price,
                'v': '1', 'n': number, 'x': closed, 'q': '1', 'V': '1',
                'Q': '1', 'B': '0'}}))

    def newest(self):
        return self.candles()[max(self.candles())]

    def refused(self, reason):
        return self.stack_.log('marketd').count(f'reason={reason} ')

    def go_on(self, first, number=5):
        """Trades from this id on reach board and candles."""
        before = sum(row[7] for row in self.candles().values())
        for ident in range(first, first + number):
            self.trade(ident)
        wait_for(lambda: self.read('trades')[-1][0] == first + number - 1,
                 'the last of them')
        self.assertEqual([t[0] for t in self.read('trades')[-number:]],
                         list(range(first, first + number)))
        wait_for(lambda: sum(row[7] for row in self.candles().values())
                 == before + number, 'they are in the candles')
        self.assertLessEqual(max(self.candles()), now_ms())

    def reconnect(self):
        total = self.feed.status()['connections_total']
        self.feed.act('cut')
        self.feed.wait(lambda s: s['connections_total'] > total
                       and len(s['subscriptions']) == self.streams, 5)

    def test_first_trade_after_candles_of_rest_begins_a_half_minute(self):
        """REST answers before anything is traded: until a kline tells the
        beginning of the minute it is not whole."""
        wait_for(lambda: now_ms() % MINUTE < MINUTE - 6000, 'time', 10)
        minute = now_ms() // MINUTE * MINUTE
        with tempfile.NamedTemporaryFile('w', suffix='.json') as file:
            json.dump([[at, '9', '9', '9', '9', '1', at + MINUTE - 1, '9', 4,
                        '1', '9', '0'] for at in (minute - 2 * MINUTE,
                                                  minute - MINUTE)], file)
            file.flush()
            self.stack([*FEED, '--paused', '--klines',
                        f'BTCUSDT:1m={file.name}'],
                       'trade,bookTicker,kline_1m')
        self.feed, self.price = self.stack_.feed, '9.00'
        wait_for(lambda: len(self.candles()) == 2, 'candles of REST', 10)
        self.trade(41, minute)
        row = wait_for(lambda: self.candles().get(minute), 'a candle')
        self.assertTrue(row[8] & PARTIAL)
        self.kline(minute, 41, 40, False)
        wait_for(lambda: self.newest()[7] == 40, 'it is repaired')
        self.assertFalse(self.newest()[8] & PARTIAL)

    def test_ids_that_begin_anew_after_a_reconnect(self):
        self.begin()
        self.reconnect()
        self.go_on(1)
        self.assertTrue(self.newest()[8] & PARTIAL)
        # and once more, from ids that are had already
        self.reconnect()
        self.go_on(3)

    def test_one_id_far_ahead_changes_nothing(self):
        last = self.begin()
        self.trade(2 ** 62)
        wait_for(lambda: self.refused('implausible'), 'it is refused')
        self.assertEqual(self.read('trades')[-1][0], last)
        self.go_on(last + 1)

    def test_wrong_first_id_of_a_connection_is_outlived(self):
        last = self.begin()
        self.reconnect()
        self.trade(2 ** 62)
        wait_for(lambda: self.read('trades')[-1][0] == 2 ** 62, 'it came')
        time.sleep(5.1)
        self.go_on(last + 1)

    def test_trade_of_tomorrow_is_refused(self):
        last = self.begin()
        self.trade(last + 1, now_ms() + DAY)
        wait_for(lambda: self.refused('future'), 'it is refused')
        self.assertEqual(self.read('trades')[-1][0], last)
        self.go_on(last + 1)

    def test_kline_of_tomorrow_is_refused(self):
        last = self.begin('trade,bookTicker,kline_1m')
        for start, closed in ((now_ms() + DAY, True),
                              (now_ms() + DAY, False),
                              (now_ms() + MINUTE, True)):
            self.kline(start, last, 1, closed)
        time.sleep(0.3)
        self.assertLessEqual(max(self.candles()), now_ms())
        self.assertTrue(self.refused('future'))
        self.go_on(last + 1)

    def test_trade_that_a_kline_has_overtaken_is_on_the_board(self):
        last = self.begin('trade,bookTicker,kline_1m')
        # both of one minute
        wait_for(lambda: now_ms() % MINUTE < MINUTE - 3000, 'time', 5)
        at = now_ms()
        self.trade(last + 1, at)
        self.kline(at, last + 2, 77, False)
        wait_for(lambda: self.newest()[7] == 77, 'the kline is taken')
        self.trade(last + 2, at)
        self.trade(last + 2, at)
        self.trade(last + 3, at)
        wait_for(lambda: self.newest()[7] == 78, 'the next one counts')
        self.assertEqual([t[0] for t in self.read('trades')[-4:]],
                         [last, last + 1, last + 2, last + 3])

    def test_recorded_trades_are_all_on_the_board(self):
        if not CF.exists():
            self.skipTest('no recordings in ../shared/data')
        messages = [m for m in read_file(CF) if isinstance(m, Message)]
        last = max(json.loads(m.data)['T'] for m in messages
                   if m.stream.endswith('@aggTrade'))
        self.stack(['--play', CF, '--paused', '--speed', 'max', '--hold',
                    '--shift', aligned(last)],
                   'aggTrade,bookTicker,kline_1m',
                   symbols=('BTC', 'ETH', 'DOT'), BINANCE_BACKFILL=0)
        self.stack_.feed.act('resume')
        self.stack_.feed.wait(lambda s: s['done'], 60)
        for symbol in ('BTC', 'ETH', 'DOT'):
            want = [json.loads(m.data)['l'] for m in messages
                    if m.stream == f'{symbol.lower()}usdt@aggTrade']
            self.assertGreater(len(want), 100)
            wait_for(lambda s=symbol, w=want:
                     [t[0] for t in self.read('trades', s)] == w[-1000:],
                     f'all of {symbol}', 5)


if __name__ == '__main__':
    unittest.main()
