#!/usr/bin/python3
# Copyright (C) the ngx_trading authors
# SPDX-License-Identifier: BSD-2-Clause

"""Protects: real recordings of Binance come out as they went in.

Where recorded market data lies beside the repository (../shared/data), whole
minutes of two symbols at full speed, ten thin pairs with odd quotes, and the
24-hour tickers of 786 symbols go through the product, and every served field is
compared with the oracle; once over TLS. Without the data these are skipped.
"""

import gzip
import json
import sys
import tempfile
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from stack import ROOT, Stack, crypto, note, wait_for           # noqa: E402
import expect                                                   # noqa: E402
from oracle import Oracle                                       # noqa: E402

DATA = ROOT.parent / 'shared' / 'data'
WS, REST = DATA / 'binance-ws', DATA / 'binance-rest'
HFT = [WS / f'hft-spot-{s}usdt-20240808.log.gz' for s in ('btc', 'eth')]


def read(path):
    data = path.read_bytes()
    return json.loads(gzip.decompress(data) if path.suffix == '.gz' else data)


def row(name, info=None, number=0):
    """An instrument of the catalogue for an exchange symbol."""
    tick, lot, base, quote = '0.00000001', '0.00000001', name, 'X'
    if info:
        base, quote = info['baseAsset'], info['quoteAsset']
        for rule in info['filters']:
            if rule['filterType'] == 'PRICE_FILTER':
                tick = rule['tickSize'].rstrip('0').rstrip('.')
            elif rule['filterType'] == 'LOT_SIZE':
                lot = rule['stepSize'].rstrip('0').rstrip('.')
    return {'symbol': name, 'exchange_symbol': name, 'asset_class': 'CRYPTO',
            'base': base, 'quote': quote, 'price_tick': tick or '1',
            'lot_step': lot or '1', 'min_notional': '0.00000001',
            'source': 'binance', 'stale_after_ms': 600000}


@unittest.skipUnless(DATA.is_dir(), 'no ../shared/data')
class Recordings(unittest.TestCase):

    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix='trading-e2e-',
                                                dir='/dev/shm')
        self.addCleanup(directory.cleanup)
        self.tmp = Path(directory.name)

    def play(self, catalogue, feed, streams, rest=(), patience=60):
        """Plays to the end; a Comparer, and how long it took."""
        record = self.tmp / 'record.log'
        stack = Stack(feed=['--shift', 'now', '--hold', '--record', record,
                            '--incoming-limit', 0, *rest, *feed],
                      env={'BINANCE_STREAMS': streams, 'MAX_JUMP_BP': 0,
                           'MAX_FUTURE_MS': 3600000},
                      catalogue=catalogue, marketd=False)
        self.addCleanup(stack.end)
        self.stack = stack
        stack.start_marketd()
        wait_for(stack.marketd_up, 'a board')
        kinds = len(streams.split(','))
        stack.feed.wait(lambda s: len(s['subscriptions'])
                        == kinds * len(catalogue), 20)
        stack.feed.wait(lambda s: any('exchangeInfo' in str(c)
                                      for c in s['rest_calls']), 20)
        begun = time.monotonic()
        if '--play' in feed:
            stack.feed.act('resume')
            status = stack.feed.wait(lambda s: s['done'], patience)
            wait_for(lambda: stack.source()['messages']
                     >= status['messages_sent'], 'all was heard', 30)
            took = time.monotonic() - begun
            note(f'{status["messages_sent"]} messages in {took:.1f} s')
        time.sleep(0.4)
        stack.feed.status()                     # flushes the record
        # a side of the book that is empty is told as zero, and unknown
        oracle = expect.replay(Oracle('absent'), record, {
            r['exchange_symbol'] for r in catalogue})
        return expect.Comparer(self, stack, catalogue, oracle, 600000)

    def done(self, stack):
        self.assertEqual(stack.source()['state'], 'connected')
        stack.end()
        stack.judge()

    def test_two_symbols_of_a_busy_minute(self):
        for path in HFT:
            if not path.exists():
                self.skipTest(f'no {path.name}')
        catalogue = crypto(stale_after_ms=600000)[:2]
        c = self.play(catalogue, ['--play', *HFT, '--speed', 'max',
                                  '--paused'], 'trade,bookTicker')
        prices = c.surfaces()
        self.assertEqual(set(prices), {'BTC', 'ETH'})
        # of August 2024, not of the fixture's REST
        self.assertTrue(59000 < float(prices['BTC']['current_price'])
                        < 63000, prices['BTC'])
        self.assertGreater(c.oracle.seen, 60000)
        self.done(self.stack)

    def test_over_tls(self):
        if not HFT[0].exists():
            self.skipTest(f'no {HFT[0].name}')
        catalogue = crypto(stale_after_ms=600000)[:2]
        c = self.play(catalogue, ['--play', *HFT, '--speed', 'max', '--limit',
                                  8000, '--paused', '--tls'],
                      'trade,bookTicker')
        c.surfaces()
        self.assertTrue(self.stack.feed.ws.startswith('wss://'))
        self.assertTrue(self.stack.feed.api.startswith('https://'))
        self.done(self.stack)

    def thin(self, name):
        path = WS / name
        if not path.exists():
            self.skipTest(f'no {name}')
        tickers = REST / 'gct-ticker24hr-all-20200415.json.gz'
        info = REST / 'gct-exchangeInfo-20200415.json.gz'
        infos = {r['symbol']: r for r in read(info)['symbols']}
        names = set()
        for line in gzip.open(path, 'rt'):
            at = line.find('{"stream":"')
            if at >= 0 and '@bookTicker' in line:
                names.add(line[at + 11:].partition('@')[0].upper())
        self.assertGreaterEqual(len(names), 3)
        catalogue = [row(n, infos.get(n)) for n in sorted(names)]
        c = self.play(catalogue, ['--play', path, '--speed', 'max',
                                  '--paused'], 'trade,bookTicker',
                      ['--ticker24hr', tickers, '--exchange-info', info])
        prices = c.surfaces()
        self.assertGreaterEqual(len(prices), len(names) - 1)
        self.done(self.stack)

    def test_ten_thin_pairs_with_odd_quotes(self):
        self.thin('cf-spot-10symbols-20210417.log.gz')

    def test_four_thin_pairs(self):
        self.thin('cf-spot-4symbols-20211012.log.gz')

    def test_tickers_of_every_symbol(self):
        tickers = REST / 'gct-ticker24hr-all-20200415.json.gz'
        info = REST / 'gct-exchangeInfo-20200415.json.gz'
        if not tickers.exists():
            self.skipTest(f'no {tickers.name}')
        infos = {r['symbol']: r for r in read(info)['symbols']}
        names = [r['symbol'] for r in read(tickers)]
        catalogue = [row(n, infos[n]) for n in names]
        for r in catalogue:         # as Binance splits them, all different
            r['symbol'] = r['exchange_symbol']
        c = self.play(catalogue, [], 'trade,bookTicker',
                      ['--ticker24hr', tickers, '--exchange-info', info])
        quoted = c.quoted()
        wait_for(lambda: self.stack.json('/market/overview')
                 ['quoted_instruments'] >= len(quoted), 'all quotes', 20)
        time.sleep(0.3)
        prices = c.surfaces()
        # 128 never traded; a zero bid or ask is refused as well
        note(f'{len(prices)} of {len(names)} symbols have a quote, '
             f'{c.fields} fields compared')
        self.assertGreater(len(prices), 500)
        for name, quote in prices.items():
            self.assertIsNotNone(quote['open_24h'], name)
        self.done(self.stack)


if __name__ == '__main__':
    unittest.main()
