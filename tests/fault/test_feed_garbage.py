#!/usr/bin/python3
# Copyright (C) the ngx_trading authors
# SPDX-License-Identifier: BSD-2-Clause

"""Protects: nothing that a feed says can spoil a quote or stop marketd.

Every kind of broken input that the feed server knows (tests/feed/faults.py) is
sent into a market that otherwise stands still, so that any effect shows: what
is to be ignored must leave the quote and the connection as they are and count
its reason, a violation of the protocol must cost the connection, nothing else,
what is unusual but right must be applied. REST answers are broken likewise.
"""

import sys
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'e2e'))

from stack import ROOT, Stack, crypto, note, wait_for           # noqa: E402
from expect import decimal                                      # noqa: E402
import faults                                                   # noqa: E402

BASIC = ROOT / 'tests' / 'feed' / 'fixtures' / 'stream-basic.log'
SETTINGS = {'FEED_MUTE_TIMEOUT_MS': 20000, 'FEED_BACKOFF_MIN_MS': 20,
            'FEED_BACKOFF_MAX_MS': 100, 'FEED_CONNECT_TIMEOUT_MS': 1000}

# the reason that must be counted; any of several where both are true
REASONS = {
    'not_json': 'parse', 'truncated_json': 'parse', 'empty_text': 'parse',
    'wrong_types': 'parse', 'missing_fields': 'parse',
    'deep_nesting': 'parse', 'nul_bytes': 'parse',
    'negative_price': 'negative', 'zero_price': 'zero',
    'negative_quantity': 'negative', 'empty_price': 'parse',
    'nan_price': 'parse', 'exponent_price': 'parse',
    'enormous_number': 'overflow parse', 'enormous_id': 'overflow parse',
    'jump_10x': 'jump', 'future_time': 'future', 'crossed_book': 'crossed',
    'negative_book': 'negative', 'zero_book': 'zero',
    'duplicate_trade': 'older', 'duplicate_id': 'older jump',
    'old_trade': 'older jump', 'old_book': 'older jump',
    'unknown_symbol': 'unknown_symbol',
}
# of a row of ticker/24hr; what stays as it was whatever REST says
KEPT = ('current_price', 'symbol', 'source')


class Garbage(unittest.TestCase):

    def setUp(self):
        self.stack = Stack(
            feed=['--play', BASIC, '--speed', 'max', '--shift', 'now',
                  '--hold', '--paused', '--incoming-limit', 0],
            env=dict(SETTINGS, BINANCE_STREAMS='trade,bookTicker,ticker',
                     BINANCE_BACKFILL=0), catalogue=[
                row for row in crypto(stale_after_ms=120000)
                if row['symbol'] in ('BTC', 'ETH', 'BNB')])
        self.failed = True
        self.addCleanup(self.finish)
        self.feed = self.stack.feed
        self.pid = self.stack.marketd.pid
        self.feed.wait(lambda s: len(s['subscriptions']) == 9)
        wait_for(lambda: self.stack.json('/market/overview')
                 ['quoted_instruments'] == 3, 'the snapshot')
        self.feed.wait(lambda s: len(s['rest_calls']) >= 2)
        self.feed.act('step', count=300)
        self.settle()

    def finish(self):
        if self.failed:
            self.stack.tell()
        self.stack.end()
        self.stack.judge()

    def settle(self):
        """Everything sent is heard: a ping's pong comes behind it."""
        self.feed.act('ping')
        time.sleep(0.03)

    def quotes(self):
        return self.stack.json('/market/prices')

    def connected(self):
        status = self.feed.status()
        return status['clients'] == 1 and \
            len(status['subscriptions']) == 9

    def send(self, kind, symbol='BTCUSDT'):
        return self.feed.act('garbage', kind=kind, symbol=symbol)['sent'][0]

    def counted(self, before, after):
        return {reason for reason in before
                if after[reason] > before[reason]}

    def test_what_is_to_be_ignored(self):
        total = self.feed.status()['connections_total']
        quotes = self.quotes()
        kinds = [k for k, (expect, _) in faults.KINDS.items()
                 if expect == 'ignore']
        for kind in kinds:
            refused = self.stack.source()['refused']
            self.send(kind)
            self.settle()
            self.assertEqual(self.quotes(), quotes, kind)
            self.assertEqual(self.feed.status()['connections_total'], total,
                             f'{kind} cost the connection')
            got = self.counted(refused, self.stack.source()['refused'])
            want = set(REASONS.get(kind, '').split())
            if want:
                self.assertTrue(got and got <= want,
                                f'{kind}: counted as {got or "nothing"}')
            else:
                self.assertLessEqual(got, {'parse', 'unknown_symbol'}, kind)
        metrics = self.stack.metrics()
        for reason, count in self.stack.source()['refused'].items():
            name = ('trading_source_refused_total{source="binance",'
                    f'reason="{reason}"}}')
            self.assertEqual(metrics[name], count, name)
        # and good news is still news
        self.feed.act('step', count=102)
        self.settle()
        self.assertNotEqual(self.quotes(), quotes)
        note(f'{len(kinds)} kinds ignored')
        self.over()

    def test_what_breaks_the_protocol(self):
        kinds = [k for k, (expect, _) in faults.KINDS.items()
                 if expect == 'drop']
        for kind in kinds:
            before = self.stack.source()['reconnects']
            total = self.feed.status()['connections_total']
            quotes = self.quotes()
            self.send(kind)
            self.feed.wait(lambda s: s['connections_total'] > total, 3)
            wait_for(self.connected, f'connected after {kind}', 3)
            self.settle()
            for symbol, quote in self.quotes().items():
                for key in KEPT:
                    self.assertEqual(quote[key], quotes[symbol][key], kind)
            after = self.stack.source()['reconnects']
            got = self.counted(before, after)
            self.assertLessEqual(got, {'protocol', 'closed'}, kind)
            self.assertTrue(got, kind)
        note(f'{len(kinds)} violations survived')
        self.over()

    def test_what_is_unusual_and_right(self):
        for kind, (expect, _) in faults.KINDS.items():
            if expect != 'valid':
                continue
            want = self.send(kind)['last']
            wait_for(lambda w=want: self.quotes()['BTC']['current_price']
                     == decimal(w, 2), kind, 3)
        self.assertEqual(self.feed.status()['connections_total'], 1)
        self.over()

    def test_what_may_go_either_way(self):
        for kind, (expect, _) in faults.KINDS.items():
            if expect != 'either':
                continue
            prices = {s: q['current_price']
                      for s, q in self.quotes().items()}
            self.send(kind)
            time.sleep(0.2)
            wait_for(self.connected, f'connected after {kind}', 3)
            time.sleep(0.1)
            got = {s: q['current_price'] for s, q in self.quotes().items()}
            if kind == 'long_form_length':      # a right trade, badly framed
                got['BTC'] = prices['BTC']
            self.assertEqual(got, prices, kind)
        self.over()

    def test_all_kinds_at_once_on_every_symbol(self):
        for symbol in ('BTCUSDT', 'ETHUSDT', 'BNBUSDT') * 2:
            for kind, (expect, _) in faults.KINDS.items():
                if expect != 'valid':
                    self.feed.act('garbage', kind=kind, symbol=symbol)
            wait_for(self.connected, 'connected', 5)
        self.assertEqual(set(self.quotes()), {'BTC', 'ETH', 'BNB'})
        self.over()

    # ---- REST

    def reconnect(self):
        """A new connection, which asks REST anew."""
        total = self.feed.status()['rest_total']
        self.feed.act('cut')
        self.feed.wait(lambda s: s['rest_total'] > total, 5)

    def test_rest_bodies(self):
        for kind in faults.REST_BODIES:
            if kind == 'slow':
                continue
            prices = {s: q['current_price']
                      for s, q in self.quotes().items()}
            refused = self.stack.source()['refused']
            self.feed.act('rest_body', kind=kind, delay_ms=0,
                          path='/api/v3/ticker/24hr')
            calls = self.feed.status()['rest_total']
            self.reconnect()
            if kind not in ('chunked', 'content_type', 'negative', 'object',
                            'bad_row'):
                # it is asked again, after a pause
                self.feed.wait(lambda s: s['rest_total'] >= calls + 2, 5)
            wait_for(self.connected, kind, 5)
            time.sleep(0.1)
            got = {s: q['current_price'] for s, q in self.quotes().items()}
            self.assertEqual(got, prices, kind)
            if kind == 'negative':
                self.assertIn('negative', self.counted(
                    refused, self.stack.source()['refused']))
        self.over()

    def test_rest_statuses_and_limits(self):
        for status, after in ((500, None), (503, None), (302, None),
                              (404, None), (429, 1), (418, 1)):
            self.feed.act('rest_reset')
            self.feed.act('rest_status', status=status, retry_after=after)
            before = self.feed.status()['rest_total']
            self.reconnect()
            if after:
                # what the exchange asks for is waited for
                time.sleep(0.8)
                self.assertEqual(self.feed.status()['rest_total'],
                                 before + 1, f'{status}: too soon')
            self.feed.wait(lambda s: s['rest_total'] >= before + 2, 5)
            paths = [str(call) for call in self.feed.status()['rest_calls']]
            self.assertFalse(any('redirected' in path for path in paths))
        self.assertEqual(set(self.quotes()), {'BTC', 'ETH', 'BNB'})
        self.over()

    def over(self):
        self.assertTrue(self.stack.marketd.alive())
        self.assertEqual(self.stack.marketd.pid, self.pid)
        self.failed = False


if __name__ == '__main__':
    unittest.main()
