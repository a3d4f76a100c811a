#!/usr/bin/python3
# Copyright (C) the ngx_trading authors
# SPDX-License-Identifier: BSD-2-Clause

"""Protects: a simulated market is reproducible, moves, and never poses as real.

The same seed, start and number of updates must give the same bytes in every
run, through marketd and nginx; another seed must not. Only `seq` may differ: it
counts candles, too, each time they are put on the board, which has its own
pace. A virtual clock shows in every time that is served. Every surface that
names a source says simulator, and a scenario is in sight.
"""

import re
import sys
import time
import unittest
from decimal import Decimal
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from stack import Stack, instruments, wait_for                  # noqa: E402
import expect                                                   # noqa: E402

START = '2026-01-02T03:04:05Z'
UPDATES = 1150                      # fifty rounds of 23
ROUTES = ('/market/prices', '/market/prices/BTC', '/market/prices/XAU%2FUSD',
          '/market/prices/asset/FOREX', '/market/prices?symbols=ETH,EURUSD',
          '/market/overview', '/market/summary', '/trading/signals',
          '/trading/signals/BTC', '/trading/binary', '/trading/binary/BTC',
          '/trading/binary/stream', '/trading/analysis',
          '/trading/recommendations')


def virtual(**env):
    return {'SIMULATOR_SEED': 7, 'SIMULATOR_START': START,
            'SIMULATOR_RATE': 1000, 'SIMULATOR_UPDATES': UPDATES, **env}


def wait_updates(stack, updates):
    wait_for(lambda: stack.json('/market/health')['sources']['simulator']
             ['updates'] == updates, 'all updates')
    time.sleep(0.1)


def bodies(env, updates=UPDATES):
    """What is served when the last update is out."""
    with Stack(env=env) as stack:
        wait_updates(stack, updates)
        return {route: re.sub(rb'"seq":\d+', b'"seq":0',
                              stack.get(route).body) for route in ROUTES}


class Candles(unittest.TestCase):

    def complete(self, start):
        """{interval: [complete, ...]} of BTC after 100 s, oldest first."""
        env = virtual(SIMULATOR_START=start, SIMULATOR_RATE=0,
                      SIMULATOR_UPDATES=100000)
        with Stack(env=env, catalogue=instruments()[:1]) as stack:
            wait_updates(stack, 100000)
            return {i: [row['complete'] for row in stack.json(
                f'/market/candles/BTC?interval={i}')['candles']]
                for i in ('1m', '5m', '15m', '1d')}

    def test_those_that_began_before_the_start_are_not_complete(self):
        self.assertEqual(self.complete('2026-01-02T03:04:17Z'), {
            '1m': [False, True], '5m': [False, True], '15m': [False],
            '1d': [False]})
        self.assertEqual(self.complete('2026-01-02T03:05:00Z'), {
            '1m': [True, True], '5m': [True], '15m': [False], '1d': [False]})


class Determinism(unittest.TestCase):

    def test_same_seed_is_the_same_market_byte_for_byte(self):
        first, second = bodies(virtual()), bodies(virtual())
        for route in ROUTES:
            self.assertEqual(first[route], second[route], route)
        other = bodies(virtual(SIMULATOR_SEED=8))
        for route in ROUTES[:4]:
            self.assertNotEqual(first[route], other[route], route)

    def test_rate_zero_too(self):
        env = virtual(SIMULATOR_RATE=0)
        self.assertEqual(bodies(env), bodies(env))

    def test_order_of_the_catalogue_does_not_move_prices(self):
        rows = instruments()
        env = virtual(SIMULATOR_RATE=0, SIMULATOR_UPDATES=23)
        with Stack(env=env, catalogue=rows) as stack:
            first = stack.json('/market/prices')
        with Stack(env=env, catalogue=rows[::-1]) as stack:
            second = stack.json('/market/prices')
        for symbol, quote in first.items():
            self.assertEqual(quote['open_24h'], second[symbol]['open_24h'])

    def test_more_updates_go_on_from_where_fewer_ended(self):
        short = bodies(virtual())
        with Stack(env=virtual(SIMULATOR_UPDATES=UPDATES * 2)) as stack:
            wait_updates(stack, UPDATES * 2)
            body = re.sub(rb'"seq":\d+', b'"seq":0', stack.get(ROUTES[0]).body)
            self.assertNotEqual(body, short[ROUTES[0]])


class VirtualClock(unittest.TestCase):

    def test_times_are_the_virtual_clock_s(self):
        with Stack(env=virtual()) as stack:
            wait_updates(stack, UPDATES)
            start = expect.ms_of(START[:-1] + '.000Z')
            newest = 0
            for symbol, quote in stack.json('/market/prices').items():
                for key in ('timestamp', 'received_at'):
                    offset = expect.ms_of(quote[key]) - start
                    self.assertTrue(0 <= offset < UPDATES, (symbol, key))
                    newest = max(newest, offset)
                self.assertIs(quote['stale'], False)
            # update k stands at k / rate
            self.assertEqual(newest, UPDATES - 1)


class Scenarios(unittest.TestCase):

    def test_the_scenario_is_in_sight(self):
        for name in ('normal', 'crash'):
            with Stack(env=virtual(SIMULATOR_SCENARIO=name)) as stack:
                source = stack.json('/market/health')['sources']['simulator']
                self.assertEqual(source['scenario'], name)

    def test_a_halt_is_silent_and_turns_quotes_stale(self):
        # the halt began a minute before the start: 10 s are over, 2 h not
        env = virtual(SIMULATOR_SCENARIO='halt', SIMULATOR_UPDATES=23000,
                      SIMULATOR_START='2026-01-05T00:31:00Z')
        with Stack(env=env) as stack:
            for symbol, quote in stack.json('/market/prices').items():
                self.assertEqual(quote['timestamp'],
                                 '2026-01-05T00:30:00.000Z')
                self.assertIs(quote['stale'], quote['asset_class']
                              == 'CRYPTO', symbol)
            time.sleep(1)
            source = stack.json('/market/health')['sources']['simulator']
            self.assertEqual(source['updates'], 23)
            self.assertEqual(source['state'], 'connected')


class Honest(unittest.TestCase):

    def test_everything_says_simulator_and_adds_up(self):
        rows = instruments()
        with Stack(env={'SIMULATOR_RATE': 2000}) as stack:
            sources = stack.get('/market/health').json()['sources']
            self.assertEqual(list(sources), ['simulator'])
            for row in stack.json('/market/instruments')['instruments']:
                self.assertEqual(row['source'], 'simulator')
            by_symbol = {row['symbol']: row for row in rows}
            for _ in range(20):
                summary = stack.json('/market/summary')
                quotes = summary['market_data']
                self.assertEqual(list(quotes), list(by_symbol))
                for quote in quotes.values():
                    self.assertEqual((quote['source'], quote['simulated']),
                                     ('simulator', True))
                    self.sound(quote)
                # of one moment, though written 2,000 times a second
                want = expect.overview(quotes, rows)
                for key, value in want.items():
                    self.assertEqual(summary['overview'][key], value, key)
                for symbol, got in stack.json('/trading/signals').items():
                    self.assertIs(got['simulated'], True, symbol)
                    # the rule from the signal's own words
                    rule = expect.threshold(got['current_price'],
                                            got['price_change_24h'], None)
                    self.assertEqual(got['signal'], rule['signal'])
                    self.assertEqual(got['signal_strength'],
                                     rule['signal_strength'])

    def sound(self, quote):
        last, bid, ask, low, high, opened = (
            Decimal(quote[key]) for key in (
                'current_price', 'bid', 'ask', 'low_24h', 'high_24h',
                'open_24h'))
        self.assertTrue(0 < bid <= ask, quote)
        self.assertTrue(low <= last <= high, quote)
        self.assertTrue(low <= opened <= high, quote)
        change = (last - opened) / opened * 100
        self.assertLess(abs(change - Decimal(quote['price_change_24h'])),
                        Decimal('0.00051'))

    def test_market_moves_and_seq_counts_every_update(self):
        with Stack(env={'SIMULATOR_RATE': 500}) as stack:
            client = stack.client()
            seen = []
            end = time.monotonic() + 2
            while time.monotonic() < end:
                seen.append(client.ask('/market/prices/BTC').json())
            seqs = [quote['seq'] for quote in seen]
            self.assertEqual(seqs, sorted(seqs))
            self.assertGreater(len(set(seqs)), 20)
            self.assertGreater(len({q['current_price'] for q in seen}), 5)
            seq = stack.json('/market/overview')['seq']
            self.assertTrue(700 < seq < 2500, seq)


if __name__ == '__main__':
    unittest.main()
