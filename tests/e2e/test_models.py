#!/usr/bin/python3
# Copyright (C) the ngx_trading authors
# SPDX-License-Identifier: BSD-2-Clause

"""Protects: what the technical model says of the whole market is what it says
of each instrument, over every timeframe, plain and compressed, and it says it
within a second or so of the market's last word.

The pages of the whole market are rendered apart from those of instruments, so
a broken build shows two answers that differ at the same seq, a bit that moved
to another instrument, or a page that stays behind.
"""

import gzip
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from stack import Stack, instruments, wait_for                  # noqa: E402

TIMEFRAMES = ('1M', '5M', '15M', '1H', '4H', '1D')
PAGES = ('binary', 'binary/stream', 'analysis', 'analysis/trends',
         'recommendations')
BULLISH = ('STRONG_BUY', 'BUY', 'UP')
LISTS = {'strong_buy': 'STRONG_BUY', 'buy': 'BUY', 'sell': 'SELL',
         'strong_sell': 'STRONG_SELL'}
SYMBOLS = ('BTC', 'ETH', 'EUR/USD', 'XAU/USD')
UPDATES = 3600000 * len(SYMBOLS)    # an hour: each is updated every ms


def without_seq(signal):
    """When it was rendered is no part of what it says."""
    return {key: value for key, value in signal.items() if key != 'seq'}


class Technical(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        rows = [r for r in instruments() if r['symbol'] in SYMBOLS]
        cls.stack = Stack(catalogue=rows,
                          env={'SIMULATOR_START': '2026-01-05T12:00:00Z',
                               'SIMULATOR_RATE': 0,
                               'SIMULATOR_UPDATES': UPDATES})
        cls.addClassCleanup(cls.finish)
        wait_for(lambda: cls.stack.json('/market/health')['sources']
                 ['simulator']['updates'] == UPDATES, 'the hour is over',
                 300)

    @classmethod
    def finish(cls):
        cls.stack.end()
        cls.stack.judge()

    def path(self, page, timeframe):
        return f'/trading/{page}?model=technical&timeframe={timeframe}'

    def newest(self, page, timeframe):
        """The page when it shows the board's last seq."""
        def current():
            seq = self.stack.json('/trading/binary')['seq']
            body = self.stack.json(self.path(page, timeframe))
            return body if body['seq'] == seq else None
        return wait_for(current, f'{page} of {timeframe} catches up', 20)

    def signals(self, timeframe):
        return self.stack.json(self.path('signals', timeframe))

    def test_bits_agree_position_by_position(self):
        known = {}
        for timeframe in TIMEFRAMES:
            page = self.newest('binary', timeframe)
            signals = self.signals(timeframe)
            known[timeframe] = len(signals)
            self.assertEqual(page['symbols'],
                             self.stack.json('/trading/binary')['symbols'])
            want = []
            for symbol in page['symbols']:
                signal = signals.get(symbol)
                want.append(None if signal is None
                            else int(signal['signal'] in BULLISH))
                if signal:
                    self.assertEqual(signal['binary_code'], want[-1])
            self.assertEqual(page['binary_array'], want, timeframe)
            self.assertEqual(page['binary_string'], ''.join(
                '-' if bit is None else str(bit) for bit in want))
            self.assertEqual(page['total_signals'], len(signals))
            self.assertEqual(page['bullish_signals'], want.count(1))
            self.assertEqual(page['bearish_signals'], want.count(0))
            self.assertEqual((page['model'], page['timeframe']),
                             ('technical', timeframe))
        # minutes are known to all, days to nobody: or nothing was compared
        self.assertEqual(known['1M'], len(SYMBOLS))
        self.assertEqual(known['1D'], 0)

    def test_lists_hold_the_same_signals(self):
        for timeframe in TIMEFRAMES:
            stream = self.newest('binary/stream', timeframe)
            advice = self.newest('recommendations', timeframe)
            analysis = self.newest('analysis', timeframe)
            signals = {symbol: without_seq(signal) for symbol, signal
                       in self.signals(timeframe).items()}
            self.assertEqual([without_seq(s) for s in stream['stream']],
                             list(signals.values()))
            self.assertEqual(
                [without_seq(s) for s in analysis['high_confidence_signals']],
                [s for s in signals.values() if s['confidence'] > 70])
            for key, kind in LISTS.items():
                self.assertEqual([without_seq(s) for s in advice[key]],
                                 [s for s in signals.values()
                                  if s['signal'] == kind])
                self.assertEqual(advice['summary'][key], len(advice[key]))
            for name, part in analysis['asset_class_analysis'].items():
                of = [s for s in signals.values() if s['asset_class'] == name]
                up = [s for s in of if s['signal'] in BULLISH]
                self.assertEqual((part['bullish'], part['bearish']),
                                 (len(up), len(of) - len(up)))

    def test_one_bit_is_the_signal_of_the_instrument(self):
        for symbol in ('BTC', 'eurusd', 'XAU%2FUSD'):
            bit = self.stack.get(self.path(f'binary/{symbol}', '1M'))
            signal = self.stack.get(self.path(f'signals/{symbol}', '1M'))
            self.assertEqual(bit.status, 200)
            self.assertEqual(bit.body, signal.body)
        self.assertEqual(self.stack.get(self.path('binary/BTC', '1D')).json()
                         ['code'], 'no_signal')

    def test_plain_and_compressed_are_one_and_have_their_tags(self):
        for page in PAGES:
            path = self.path(page, '1M')
            self.newest(page, '1M')
            plain = self.stack.get(path)

            def packed(path=path, plain=plain):
                answer = self.stack.get(path, {'Accept-Encoding': 'gzip'})
                same = gzip.decompress(answer.body) == plain.body
                return answer if same else None

            answer = wait_for(packed, f'{page}, compressed, catches up', 20)
            tags = [plain.headers['etag'], answer.headers['etag']]
            self.assertEqual(tags[1], tags[0][:-1] + '-gz"')
            for tag, encoding in zip(tags, ('identity', 'gzip')):
                again = self.stack.get(path, {'If-None-Match': tag,
                                              'Accept-Encoding': encoding})
                self.assertEqual((again.status, again.body), (304, b''))
                again = self.stack.get(path, {'If-None-Match': tag}, 'HEAD')
                self.assertEqual(again.status, 304 if tag == tags[0] else 200)


class Moving(unittest.TestCase):

    def test_pages_follow_the_market(self):
        """Once a second or so, however many updates there are."""
        with Stack(env={'SIMULATOR_RATE': 2000}) as stack:
            for timeframe in TIMEFRAMES:
                path = f'/trading/binary?model=technical&timeframe={timeframe}'
                first = stack.json(path)['seq']
                wait_for(lambda path=path, first=first:
                         stack.json(path)['seq'] > first + 1000,
                         f'{timeframe} goes on', 20)


if __name__ == '__main__':
    unittest.main(verbosity=2)
