#!/usr/bin/python3
# Copyright (C) the ngx_trading authors
# SPDX-License-Identifier: BSD-2-Clause

"""Test of the oracle and of the fixtures it is used with.

The rules are checked one by one with hand-made events; then a recorded session
must give what its source files give, and the fixtures must agree with each
other on ids and prices.
"""

import json
import subprocess
import sys
import tempfile
import unittest
from decimal import Decimal
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import oracle                                           # noqa: E402
import recording                                        # noqa: E402
from feed_client import Feed, WsClient                  # noqa: E402

BASIC = HERE / 'fixtures' / 'stream-basic.log'
TICKERS = HERE / 'fixtures' / 'ticker24hr.json'
ALL = '/stream?streams=' + '/'.join(
    f'{s}usdt@{k}' for s in ('btc', 'eth', 'bnb')
    for k in ('trade', 'bookTicker', 'ticker', 'miniTicker'))


class OracleTest(unittest.TestCase):

    def check(self, oracle_, symbol, **want):
        got = oracle_.expected(symbol)
        for key, value in want.items():
            self.assertEqual(None if got[key] is None else Decimal(got[key]),
                             None if value is None else Decimal(value), key)

    def test_rules_one_by_one(self):
        quote_ = oracle.Oracle()

        def trade(t, p, at):
            quote_.message({'e': 'trade', 'E': at, 's': 'A', 't': t, 'p': p,
                            'q': '1'})

        def mini(c, at, high='12'):
            quote_.message({'e': '24hrMiniTicker', 'E': at, 's': 'A', 'c': c,
                            'o': '8', 'h': high, 'l': '7', 'v': '1',
                            'q': '10'})

        def book(u, b, a):
            quote_.message({'u': u, 's': 'A', 'b': b, 'a': a})
        trade(10, '10', 1000)
        self.check(quote_, 'A', last='10', open_24h=None, timestamp=1000,
                   price_change_24h=None)
        trade(9, '99', 1001)
        self.check(quote_, 'A', last='10', timestamp=1000)
        mini('9', 900)
        self.check(quote_, 'A', last='10', open_24h='8', timestamp=1000,
                   price_change_24h='25')
        mini('9', 1001)
        self.check(quote_, 'A', last='9', price_change_24h='12.5')
        trade(11, '13', 1002)
        self.check(quote_, 'A', last='13', high_24h='13', low_24h='7')
        mini('1', 1000, '50')
        self.check(quote_, 'A', last='13', high_24h='13')
        book(5, '9', '11')
        book(5, '1', '2')
        book(4, '1', '2')
        book(6, '3', '2')
        book(6, '0', '2')
        book(6, '-1', '2')
        self.check(quote_, 'A', bid='9', ask='11')
        for bad in ('0', '-1', '1e3', '', '9' * 30, None, 5):
            trade(12, bad, 5000)
        self.check(quote_, 'A', last='13', timestamp=1002)
        row = {'symbol': 'A', 'lastPrice': '8', 'lastId': 10, 'closeTime': 1,
               'bidPrice': '1', 'askPrice': '2', 'openPrice': '3',
               'highPrice': '4', 'lowPrice': '1', 'volume': '0',
               'quoteVolume': '0'}
        quote_.rest(row)
        self.check(quote_, 'A', last='13', bid='9', open_24h='8')
        quote_.reconnect()
        quote_.rest({**row, 'lastId': 11, 'closeTime': 9000})
        self.check(quote_, 'A', last='8', bid='1', open_24h='3',
                   high_24h='8', timestamp=9000,
                   price_change_24h='166.667')

    def test_record_of_a_session_gives_what_the_files_give(self):
        with tempfile.TemporaryDirectory() as state:
            record = Path(state) / 'record.log'
            with Feed('--play', BASIC, '--speed', 'max', '--hold', '--limit',
                      300, '--start-on-client', '--record', record) as feed:
                feed.get('/api/v3/ticker/24hr')
                with WsClient(feed, ALL) as client:
                    client.texts(300)
            for symbol in ('BTCUSDT', 'ETHUSDT', 'SOLUSDT', 'MATICUSDT'):
                self.assertEqual(
                    oracle.expected(symbol, [record]),
                    oracle.expected(symbol, [BASIC], [TICKERS], limit=300))

    def test_fixtures_are_fresh_and_agree_with_each_other(self):
        subprocess.run([sys.executable, str(HERE / 'make_fixtures.py'),
                        '--check'], check=True)
        rows = {r['symbol']: r for r in json.loads(TICKERS.read_text())}
        ids = {s: r['lastId'] for s, r in rows.items()}
        final = oracle.from_files([BASIC], [TICKERS])
        refused = [name for name, _ in final.refused]
        self.assertEqual(refused, ['MATICUSDT'])
        for item in recording.read_file(BASIC):
            data = json.loads(item.data)
            if data.get('e') == 'trade':
                ids[data['s']] += 1
                self.assertEqual(data['t'], ids[data['s']])
            elif data.get('e') == '24hrTicker':
                self.assertEqual(data['L'], ids[data['s']])
        for symbol in ('BTCUSDT', 'ETHUSDT', 'BNBUSDT'):
            got = {k: Decimal(v) for k, v in final.expected(symbol).items()}
            self.assertLess(got['bid'], got['ask'])
            self.assertTrue(got['low_24h'] <= got['last']
                            <= got['high_24h'])


if __name__ == '__main__':
    unittest.main()
