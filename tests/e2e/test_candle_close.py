#!/usr/bin/python3
# Copyright (C) the ngx_trading authors
# SPDX-License-Identifier: BSD-2-Clause

"""Protects: a candle that has closed is never shown as it was before.

Workers keep the text of all candles of an answer but the last one. The
simulator's virtual clock runs at full speed, so that minutes close many times
a second while candles are asked for over and over: long answers, which come
from kept texts, and short ones, which do not. A broken build shows a candle
open that was closed already, with other values than it closed with, or one
that long ones have and short ones do not.
"""

import json
import sys
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from stack import Stack, crypto, note, wait_for                 # noqa: E402

LONG, SHORT = 40, 3             # candles; texts are kept from 16 on
SECONDS = 5
MINUTE = 60000                  # ms
CLOSED = 12                     # candles that must have closed meanwhile


class CandleClose(unittest.TestCase):

    def setUp(self):
        self.final = {}         # open_time: the candle as it closed
        self.newest = ''

    def judge(self, rows):
        times = [row['open_time'] for row in rows]
        self.assertEqual(times, sorted(set(times)))
        # nor does the board go back
        self.assertGreaterEqual(times[-1], self.newest)
        self.newest = times[-1]
        for row in rows[:-1]:
            # the one before the last may wait for late trades
            if row is not rows[-2]:
                self.assertTrue(row['closed'], (row, times[-1]))
        for row in rows:
            known = self.final.get(row['open_time'])
            if known:
                self.assertEqual(row, known)
            elif row['closed']:
                self.final[row['open_time']] = row
        # nothing is left out between
        for known in self.final:
            if times[0] <= known <= times[-1]:
                self.assertIn(known, times)

    def test_closed_candles_stay_as_they_closed(self):
        with Stack(env={'SIMULATOR_RATE': 0,
                        'SIMULATOR_START': '2026-01-02T03:04:05Z'},
                   # the fewer there are, the faster goes their clock
                   catalogue=crypto()[:6], workers=2) as stack:
            def rows(client, limit):
                path = f'/market/candles/BTC?interval=1m&limit={limit}'
                answer = client.ask(path)
                self.assertEqual(answer.status, 200, answer)
                return answer.json()['candles']

            clients = [stack.client() for _ in range(4)]    # of both workers
            wait_for(lambda: len(rows(clients[0], LONG)) == LONG,
                     'enough minutes', interval=0.1)
            asked, begun = 0, time.monotonic()
            self.judge(rows(clients[0], LONG))
            before = len(self.final)
            while time.monotonic() < begun + SECONDS:
                client = clients[asked % len(clients)]
                self.judge(rows(client, LONG if asked % 3 else SHORT))
                asked += 1
            note(f'{asked} answers, {len(self.final) - before} candles '
                 'closed meanwhile')
            self.assertGreaterEqual(len(self.final) - before, CLOSED)
            self.assertGreater(asked, 10 * (len(self.final) - before))

    def kline(self, stack, minute_ms, number, close, closed):
        stack.feed.act('send', stream='btcusdt@kline_1m', data=json.dumps({
            'e': 'kline', 'E': int(time.time() * 1000), 's': 'BTCUSDT',
            'k': {'t': minute_ms, 'T': minute_ms + MINUTE - 1, 's': 'BTCUSDT',
                  'i': '1m', 'f': 10 * number, 'L': 10 * number + 8 + closed,
                  'o': '100.00', 'c': close, 'h': '200.00', 'l': '50.00',
                  'v': '1.00000', 'n': 9 + closed, 'x': closed,
                  'q': '100.00', 'V': '0.5', 'Q': '50.00', 'B': '0'}}))

    def test_candle_that_closes_late_is_not_taken_from_the_kept_text(self):
        path = f'/market/candles/BTC?interval=1m&limit={LONG // 2}'
        with Stack(feed=['--synthetic', 'BTCUSDT', '--paused'],
                   env={'BINANCE_STREAMS': 'kline_1m', 'BINANCE_BACKFILL': 0},
                   catalogue=[row for row in crypto()
                              if row['symbol'] == 'BTC'],
                   workers=2) as stack:
            stack.feed.wait(lambda s: len(s['subscriptions']) == 1)
            now = int(time.time() * 1000) // MINUTE * MINUTE
            begin = now - (LONG + 10) * MINUTE
            for n in range(LONG):
                self.kline(stack, begin + n * MINUTE, n + 1, '101.00', True)
            clients = [stack.client() for _ in range(8)]    # of both workers

            def closes(back, client):
                rows = client.ask(path).json()['candles']
                return rows[-back]['close'], rows[-back]['closed']

            # the first word of a minute, then of the next, then the last of
            # the first one: what is kept was written before that
            for n in range(5):
                number = LONG + 2 * n + 1
                at = begin + (LONG + n) * MINUTE
                self.kline(stack, at, number, '102.00', False)
                self.kline(stack, at + MINUTE, number + 1, '103.00', False)
                for client in clients * 4:
                    wait_for(lambda c=client: closes(2, c)[0] == '102.00',
                             'the first word')
                self.kline(stack, at, number, f'10{n}.50', True)
                for client in clients * 4:
                    wait_for(lambda c=client, n=n: closes(2, c)
                             == (f'10{n}.50', True), 'the last word', 3)


if __name__ == '__main__':
    unittest.main()
