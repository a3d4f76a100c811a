#!/usr/bin/python3
# Copyright (C) the ngx_trading authors
# SPDX-License-Identifier: BSD-2-Clause

"""Protects: each polled source outlives each fault, and says which it was.

The forex, ECB and metals services are cut, slow, full of garbage, limited,
redirected, of another type or not to be trusted, one after the other on a
source that had been well: the last good price must stay, the cause and the
counter of reconnects must be the fault's own, and the next good answer must be
taken. Further that being connected, being heard from and moving are told
apart, each by its own limit. tests/e2e/test_polled_sources.py has the values.
"""

import json
import sys
import threading
import time
import unittest
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'e2e'))

import test_polled_sources as polled                            # noqa: E402
from stack import Stack, crypto, instruments, wait_for          # noqa: E402

# fault, the source's state, its cause, the counter of reconnects
FAULTS = (
    ({'kind': 'cut'}, 'down', 'cut', 'lost'),
    ({'kind': 'rst'}, 'down', 'cut', 'lost'),
    ({'kind': 'slow', 'seconds': 6}, 'down', 'timeout', 'mute'),
    ({'kind': 'hang'}, 'down', 'timeout', 'mute'),
    ({'kind': 'garbage'}, 'stale', 'content', 'protocol'),
    ({'kind': 'garbage', 'body': ''}, 'stale', 'content', 'protocol'),
    ({'kind': 'huge'}, 'stale', 'content', 'protocol'),
    ({'kind': 'status', 'status': 429, 'retry_after': 1}, 'stale', 'limited',
     'limited'),
    ({'kind': 'status', 'status': 500}, 'stale', 'http_status', 'protocol'),
    ({'kind': 'status', 'status': 302, 'location': '/v4/latest/EUR'}, 'stale',
     'redirect', 'protocol'),
    ({'kind': 'type'}, 'stale', 'content_type', 'protocol'),
)


def ecb(usd):
    day = datetime.now(timezone.utc).date() - timedelta(days=1)
    return ('<gesmes:Envelope xmlns:gesmes="urn:g"><Cube>'
            f"<Cube time='{day}'><Cube currency='USD' rate='{usd}'/></Cube>"
            '</Cube></gesmes:Envelope>')


class Each(polled.Polled):

    def outlive(self, name, source, symbol, document, **env):
        """document(price): the service's, of that price of the symbol."""
        server = self.server()
        server.act('set', name=name, body=document('1.5'), etag=False)
        stack = self.start(server, instruments({symbol}), **env)
        self.quoted(stack, symbol, '1.5' if name != 'metals' else '1500')
        for number, (fault, state, cause, counter) in enumerate(FAULTS):
            with self.subTest(fault=fault):
                self.one(server, stack, name, source, symbol, document,
                         f'1.{600 + number}', fault, state, cause, counter)
        targets = {c['target'] for c in server.calls(name)}
        self.assertEqual(len(targets), 1, 'a redirect was followed')

    def one(self, server, stack, name, source, symbol, document, price, fault,
            state, cause, counter):
        path = symbol.replace('/', '%2F')
        known = stack.quote(path)['current_price']
        before = stack.source(source)['reconnects']
        server.act('fault', name=name, count=100000, **fault)
        seen = wait_for(lambda: stack.source(source)['cause'] == cause
                        and stack.source(source), cause)
        self.assertEqual(seen['state'], state)
        self.assertEqual(stack.quote(path)['current_price'], known)
        server.act('set', name=name, body=document(price), etag=False)
        server.act('clear')
        self.state(stack, source, 'connected')
        self.quoted(stack, symbol, price if name != 'metals'
                    else Decimal(price) * 1000)
        now = stack.source(source)
        self.assertIsNone(now['cause'])
        moved = {reason: count - before[reason] for reason, count
                 in now['reconnects'].items() if count > before[reason]}
        self.assertEqual(set(moved), {counter})
        name = ('trading_source_reconnects_total'
                f'{{source="{source}",reason="{counter}"}}')
        self.assertEqual(stack.metrics()[name], now['reconnects'][counter])

    def distrust(self, name, source, symbol, body, **env):
        server = self.server('--tls')
        server.act('set', name=name, body=body)
        stack = self.start(server, instruments({symbol}), **env)
        seen = wait_for(lambda: stack.source(source)['reconnects']['refused']
                        and stack.source(source), 'it is not trusted')
        self.assertEqual((seen['state'], seen['cause']),
                         ('down', 'unreachable'))
        self.assertEqual(server.calls(name), [])
        answer = stack.get('/market/prices/' + symbol.replace('/', '%2F'))
        self.assertEqual(answer.json()['code'], 'no_quote')

    def test_forex(self):
        self.outlive('forex', 'forex', 'USD/JPY', lambda price: polled.forex(
            {'USD': '1', 'JPY': price}))

    def test_ecb(self):
        self.outlive('ecb', 'forex', 'EUR/USD', ecb, FOREX_PROVIDER='ecb')

    def test_metals(self):
        self.outlive('metals', 'metals', 'XAU/USD', lambda price:
                     polled.metals({'XAU': Decimal(price) * 1000}))

    def test_ecb_of_nobody_we_trust(self):
        self.distrust('ecb', 'forex', 'EUR/USD', ecb('1.1'),
                      FOREX_PROVIDER='ecb')

    def test_metals_of_nobody_we_trust(self):
        self.distrust('metals', 'metals', 'XAU/USD',
                      polled.metals({'XAU': '1800'}))


class Snapshots(polled.Polled):

    def test_a_cross_is_never_of_two_snapshots(self):
        row = instruments({'EUR/USD'})[0]
        rows = [row, {**row, 'symbol': 'EUR/JPY', 'exchange_symbol': 'EURJPY',
                      'quote': 'JPY', 'price_tick': '0.001'}]
        server, now = self.server(), int(time.time())
        server.act('set', name='forex', body=polled.forex(
            {'EUR': '0.8', 'JPY': '120'}, at=now - 120))
        stack = self.start(server, rows)
        cross = self.quoted(stack, 'EUR/JPY', '150')
        self.assertEqual(cross['source'], 'forex-cross')
        self.quoted(stack, 'EUR/USD', '1.25')
        # the euro moves, of the yen nothing is said
        server.act('set', name='forex', body=polled.forex(
            {'EUR': '0.5', 'JPY_': '120'}, at=now - 60))
        self.assertEqual(self.quoted(stack, 'EUR/USD', '2')['source'],
                         'forex-inverse')
        later = stack.quote('EUR%2FJPY')
        self.assertEqual(later['current_price'], cross['current_price'])
        self.assertEqual(later['timestamp'], cross['timestamp'])
        self.assertGreater(
            stack.source('forex')['refused']['unknown_symbol'], 0)

    def test_what_changed_is_seen_by_if_modified_since(self):
        server = self.server()
        server.act('set', name='forex', body=polled.forex(), etag=False,
                   modified=True)
        stack = self.start(server, instruments({'USD/JPY'}))
        self.quoted(stack, 'USD/JPY', '143.27')
        server.wait(lambda s: any(c['status'] == 304 for c in s['calls']))
        asked = server.calls('forex')[-1]['headers']
        self.assertIn('if-modified-since', asked)
        self.assertNotIn('if-none-match', asked)
        server.act('set', name='forex', etag=False, modified=True,
                   date='Fri, 01 Jan 2100 00:00:00 GMT',
                   body=polled.forex({**polled.FX, 'JPY': '150.001'}))
        self.quoted(stack, 'USD/JPY', '150.001')
        server.wait(lambda s: s['calls'][-1]['headers'].get(
            'if-modified-since') == 'Fri, 01 Jan 2100 00:00:00 GMT'
            and s['calls'][-1]['status'] == 304)


class ThreeFacts(polled.Polled):
    """Connected, heard from, moving: three facts, three limits."""

    def feed(self, stack, name):
        return stack.json('/market/data-feeds')['sources'][name]

    def test_heard_from_and_not_connected(self):
        server = self.server()
        server.act('set', name='forex', body=polled.forex())
        stack = self.start(server, instruments({'USD/JPY'}))
        self.quoted(stack, 'USD/JPY', '143.27')
        server.act('fault', kind='status', status=500, count=100000)
        self.state(stack, 'forex', 'stale')
        before = self.feed(stack, 'forex')
        after = wait_for(lambda: self.feed(stack, 'forex')['last_heard']
                         > before['last_heard']
                         and self.feed(stack, 'forex'), 'it is heard')
        self.assertEqual(after['state'], 'stale')
        self.assertIs(after['mute'], False)
        self.assertEqual(after['last_update'], before['last_update'])
        self.assertFalse(stack.quote('USD%2FJPY')['stale'])

    def test_mute_beyond_its_limit_and_the_quote_is_good(self):
        server = self.server()
        server.act('set', name='forex', body=polled.forex())
        stack = self.start(server, instruments({'USD/JPY'}))
        self.quoted(stack, 'USD/JPY', '143.27')
        limit = self.feed(stack, 'forex')['heard_limit_ms']
        self.assertEqual(limit, 2 * 1000 + 1500)
        server.act('fault', kind='status', status=429, retry_after=60)
        self.state(stack, 'forex', 'stale')
        begun = time.monotonic()
        self.assertIs(self.feed(stack, 'forex')['mute'], False)
        wait_for(lambda: self.feed(stack, 'forex')['mute'], 'mute')
        self.assertGreater(time.monotonic() - begun, limit / 1000 - 0.5)
        self.assertEqual(self.feed(stack, 'forex')['cause'], 'limited')
        self.assertFalse(stack.quote('USD%2FJPY')['stale'])

    def test_connected_and_heard_and_nothing_moves(self):
        server = self.server()
        server.act('set', name='forex', body=polled.forex())
        stack = self.start(server, instruments({'USD/JPY'}))
        self.quoted(stack, 'USD/JPY', '143.27')
        before = self.feed(stack, 'forex')
        after = wait_for(lambda: self.feed(stack, 'forex')['not_modified'] > 1
                         and self.feed(stack, 'forex'), 'it is the same')
        self.assertEqual((after['state'], after['mute']),
                         ('connected', False))
        self.assertGreater(after['last_heard'], before['last_heard'])
        self.assertGreater(after['last_update'], before['last_update'])
        self.assertEqual(after['last_moved'], before['last_moved'])

    def test_a_quiet_instrument_of_a_feed_that_is_well(self):
        rows = [row for row in crypto(stale_after_ms=800)
                if row['symbol'] in ('BTC', 'ETH')]
        stack = Stack(feed=['--synthetic', 'BTCUSDT,ETHUSDT', '--rate', '200'],
                      catalogue=rows, env={'FEED_MUTE_TIMEOUT_MS': 2000,
                                           'BINANCE_STREAMS': 'trade',
                                           'BINANCE_BACKFILL': 0})
        self.addCleanup(self.finish, stack)
        last = stack.feed.wait(lambda s: 'btcusdt@trade' in s['last_sent'])
        stack.feed.act('pause')
        last = stack.feed.status()['last_sent']['btcusdt@trade']
        over = threading.Event()

        def speak():
            for number in range(1, 1000):
                at = int(time.time() * 1000)
                stack.feed.act('send', stream='btcusdt@trade',
                               data=json.dumps({**last, 'E': at, 'T': at,
                                                't': last['t'] + number}))
                if over.wait(0.1):
                    return
        speaker = threading.Thread(target=speak, daemon=True)
        speaker.start()
        try:
            wait_for(lambda: stack.quote('ETH')['stale'], 'ETH is quiet', 5)
            time.sleep(2.5)                 # longer than a mute feed lives
            seen = self.feed(stack, 'binance')
            self.assertEqual(seen['state'], 'connected')
            self.assertFalse(seen['mute'])
            self.assertEqual(sum(seen['reconnects'].values()), 0)
            self.assertFalse(stack.quote('BTC')['stale'])
            self.assertTrue(stack.quote('ETH')['stale'])
        finally:
            over.set()
            speaker.join()


if __name__ == '__main__':
    unittest.main()
