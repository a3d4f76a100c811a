# Copyright (C) the ngx_trading authors
# SPDX-License-Identifier: BSD-2-Clause

"""What the routes must say, worked out a second time.

quote() and signal() turn what the oracle holds of an instrument into the very
JSON values that the API promises: exact decimal strings with at least the
catalogue's places, times of RFC 3339. threshold() is the rule of docs/api.md in
fractions, read from its words and not from the C code.
"""

import json
import re
import time
from datetime import datetime, timezone
from decimal import Decimal
from fractions import Fraction

from recording import Message, read_merged

ORDER = ('symbol', 'exchange_symbol', 'asset_class', 'current_price', 'bid',
         'ask', 'price_change_24h', 'open_24h', 'high_24h', 'low_24h',
         'volume', 'quote_volume', 'timestamp', 'received_at', 'source',
         'simulated', 'stale', 'seq')
SIGNAL_ORDER = ('symbol', 'asset_class', 'current_price', 'price_change_24h',
                'signal', 'signal_strength', 'confidence', 'entry_price',
                'target_price', 'stop_loss', 'recommendation', 'timeframe',
                'timestamp', 'model', 'simulated', 'stale', 'seq')
TIME = re.compile(r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$')
E8 = Decimal('0.00000001')


def places(step):
    return len(step.partition('.')[2])


def decimal(value, least):
    """The wire form of an exact value: no more digits than it has, no fewer
    than `least`; None stays None."""
    if value is None:
        return None
    value = Decimal(value)
    whole, _, digits = f'{value:f}'.partition('.')
    digits = digits.rstrip('0').ljust(least, '0')
    return f'{whole}.{digits}' if digits else whole


def moment(ms):
    at = datetime.fromtimestamp(ms // 1000, timezone.utc)
    return f'{at:%Y-%m-%dT%H:%M:%S}.{ms % 1000:03}Z'


def ms_of(text):
    at = datetime.strptime(text[:19], '%Y-%m-%dT%H:%M:%S').replace(
        tzinfo=timezone.utc)
    return int(at.timestamp()) * 1000 + int(text[20:23])


def quote(instrument, held):
    """The fields that the feed decides; held is Oracle.expected()."""
    price, lot = places(instrument['price_tick']), places(
        instrument['lot_step'])
    at = held['timestamp']
    return {
        'symbol': instrument['symbol'],
        'exchange_symbol': instrument['exchange_symbol'],
        'asset_class': instrument['asset_class'],
        'current_price': decimal(held['last'], price),
        'bid': decimal(held['bid'], price),
        'ask': decimal(held['ask'], price),
        'price_change_24h': decimal(held['price_change_24h'], 2),
        'open_24h': decimal(held['open_24h'], price),
        'high_24h': decimal(held['high_24h'], price),
        'low_24h': decimal(held['low_24h'], price),
        'volume': decimal(held['volume'], lot),
        'quote_volume': decimal(held['quote_volume'], price),
        'timestamp': None if at is None else moment(int(at)),
        'source': 'binance', 'simulated': False, 'stale': False,
    }


def rounded(value):
    """A fraction at 10^-8, halves away from zero."""
    scaled = abs(value) * 10 ** 8
    whole = (2 * scaled.numerator + scaled.denominator) \
        // (2 * scaled.denominator)
    return Decimal(whole if value >= 0 else -whole) * E8


def threshold(price, change, volume):
    """The rule's words, in fractions."""
    c, p = Fraction(change), Fraction(price)
    a = abs(c)
    if a >= 5:
        kind, target, stop = ('STRONG_BUY' if c > 0 else 'STRONG_SELL'), 3, 2
    elif a >= 2:
        kind, target, stop = ('BUY' if c > 0 else 'SELL'), 2, Fraction(3, 2)
    else:
        kind, target, stop = ('UP' if c > 0 else 'DOWN'), 1, 1
    if a >= 5:
        strength = Fraction(100)
    elif a >= 2:
        strength = 80 + (a - 2) / 3 * 20
    elif a >= 1:
        strength = 50 + (a - 1) * 30
    elif a >= Fraction(1, 2):
        strength = 25 + (a - Fraction(1, 2)) / Fraction(1, 2) * 25
    else:
        strength = 10 + a / Fraction(1, 2) * 15
    confidence = 50
    confidence += 20 if volume is not None and Fraction(volume) > 1000000 \
        else 0
    confidence += 15 if a > 2 else 10 if a > 1 else 5 if a > Fraction(1, 2) \
        else 0
    confidence += 10 if p > 1000 else 5 if p > 100 else 0
    way = 1 if c > 0 else -1
    return {
        'signal': kind, 'signal_strength': rounded(strength),
        'confidence': min(confidence, 100), 'entry_price': Decimal(price),
        'target_price': rounded(p * (100 + way * target) / 100),
        'stop_loss': rounded(p * (100 - way * stop) / 100),
        'bullish': c > 0,
    }


def signal(instrument, of):
    """The whole signal of a served quote; None if there can be none."""
    if of['current_price'] is None or of['price_change_24h'] is None:
        return None
    price = places(instrument['price_tick'])
    rule = threshold(of['current_price'], of['price_change_24h'],
                     of['volume'])
    return {
        'symbol': of['symbol'], 'asset_class': of['asset_class'],
        'current_price': of['current_price'],
        'price_change_24h': of['price_change_24h'],
        'signal': rule['signal'],
        'signal_strength': rule['signal_strength'],
        'confidence': rule['confidence'],
        'entry_price': decimal(rule['entry_price'], price),
        'target_price': decimal(rule['target_price'], price),
        'stop_loss': decimal(rule['stop_loss'], price),
        'timeframe': '1D',
        'timestamp': of['timestamp'] or of['received_at'],
        'model': 'threshold', 'simulated': of['simulated'],
        'stale': of['stale'], 'seq': of['seq'],
    }


def _mean(changes):
    if not changes:
        return None
    mean = sum(map(Fraction, changes)) / len(changes)
    scaled = abs(mean) * 1000
    whole = (2 * scaled.numerator + scaled.denominator) \
        // (2 * scaled.denominator)
    return decimal(Decimal(whole if mean >= 0 else -whole) / 1000, 2)


def overview(quotes, catalogue):
    """What /overview says of these quotes, but for its time and seq."""
    known = [(symbol, q) for symbol, q in quotes.items()
             if q['price_change_24h'] is not None]
    changes = [Decimal(q['price_change_24h']) for _, q in known]

    def best(sign):
        moved = [(sign * Decimal(q['price_change_24h']), q)
                 for _, q in known
                 if sign * Decimal(q['price_change_24h']) > 0]
        if not moved:
            return None
        top = max(value for value, _ in moved)
        found = next(q for value, q in moved if value == top)
        return {key: found[key] for key in
                ('symbol', 'asset_class', 'current_price',
                 'price_change_24h', 'stale')}
    gainer, loser = best(1), best(-1)
    classes = dict.fromkeys(('CRYPTO', 'FOREX', 'METALS', 'COMMODITIES'), 0)
    for row in catalogue:
        classes[row['asset_class']] += 1
    return {
        'total_instruments': len(catalogue),
        'by_asset_class': classes,
        'market_stats': {
            'average_change_24h': _mean(changes),
            'max_gain_24h': gainer and gainer['price_change_24h'],
            'max_loss_24h': loser and loser['price_change_24h']},
        'top_performers': {'gainer': gainer, 'loser': loser},
        'breadth': {'advancing': sum(c > 0 for c in changes),
                    'declining': sum(c < 0 for c in changes),
                    'unchanged': sum(c == 0 for c in changes),
                    'unknown': len(catalogue) - len(changes)},
    }


def replay(oracle, record, symbols):
    """What feed_server.py --record wrote, into an oracle, in its order."""
    for item in read_merged([record], rest=True):
        if isinstance(item, Message):
            if item.stream.partition('@')[0].upper() in symbols:
                oracle.message(item.data, item.stream)
        elif '/ticker/24hr' in item.url:
            rows = json.loads(item.body)
            for row in rows if isinstance(rows, list) else [rows]:
                if row['symbol'] in symbols:
                    oracle.rest(row)
    return oracle


class Comparer:
    """Compares every surface of a running stack with an oracle. test: the
    TestCase; fresh_ms: how old received_at may be."""

    def __init__(self, test, stack, catalogue, oracle, fresh_ms=60000):
        self.test, self.stack, self.oracle = test, stack, oracle
        self.catalogue = {row['symbol']: row for row in catalogue}
        self.fresh_ms = fresh_ms
        self.fields = 0

    def held(self, symbol):
        return self.oracle.expected(self.catalogue[symbol]['exchange_symbol'])

    def quoted(self):
        return [symbol for symbol in self.catalogue
                if any(value is not None
                       for value in self.held(symbol).values())]

    def check_quote(self, symbol, got, where):
        test, want = self.test, quote(self.catalogue[symbol],
                                      self.held(symbol))
        test.assertEqual(tuple(got), ORDER, where)
        for key, value in want.items():
            test.assertEqual(got[key], value, f'{where}: {symbol} {key}')
            self.fields += 1
        test.assertRegex(got['received_at'], TIME, where)
        age = time.time() * 1000 - ms_of(got['received_at'])
        test.assertTrue(-50 <= age <= self.fresh_ms, f'{where}: {age} ms old')
        test.assertIs(type(got['seq']), int)
        test.assertGreater(got['seq'], 0)

    def check_signal(self, symbol, got, of, where):
        test = self.test
        want = signal(self.catalogue[symbol], of)
        test.assertEqual(tuple(got), SIGNAL_ORDER, where)
        for key, value in want.items():
            test.assertEqual(got[key], value, f'{where}: {symbol} {key}')
            self.fields += 1
        test.assertGreater(len(got['recommendation']), 10)

    def surfaces(self):
        """Every route that carries a quote or what is derived of it."""
        test, ask = self.test, self.stack.json
        quoted = self.quoted()
        prices = ask('/market/prices')
        test.assertEqual(list(prices), quoted)
        for symbol in quoted:
            self.check_quote(symbol, prices[symbol], '/market/prices')
        seqs = [q['seq'] for q in prices.values()]
        test.assertEqual(len(set(seqs)), len(seqs))

        for symbol in quoted:
            path = symbol.replace('/', '%2F')
            test.assertEqual(ask(f'/api/v1/market/prices/{path}'),
                             prices[symbol])
        test.assertEqual(ask('/market/prices/asset/CRYPTO'),
                         {s: q for s, q in prices.items()
                          if q['asset_class'] == 'CRYPTO'})
        named = quoted[:3][::-1]
        test.assertEqual(
            ask('/market/prices?symbols=' + ','.join(named)),
            {symbol: prices[symbol] for symbol in named})
        test.assertEqual(
            ask('/market/prices?fields=symbol,bid,ask,volume'),
            {symbol: {key: prices[symbol][key]
                      for key in ('symbol', 'bid', 'ask', 'volume')}
             for symbol in quoted})

        summary = ask('/market/summary')
        test.assertEqual(summary['market_data'], prices)
        self.check_overview(summary['overview'], prices)
        self.check_overview(ask('/market/overview'), prices)
        self.check_signals(prices)
        return prices

    def check_overview(self, got, prices):
        want = overview(prices, list(self.catalogue.values()))
        for key, value in want.items():
            self.test.assertEqual(got[key], value, f'overview {key}')
        self.test.assertEqual(got['quoted_instruments'], len(prices))

    def check_signals(self, prices):
        test, ask = self.test, self.stack.json
        signals = ask('/trading/signals')
        want = [s for s, q in prices.items()
                if signal(self.catalogue[s], q) is not None]
        test.assertEqual(list(signals), want)
        for symbol, got in signals.items():
            self.check_signal(symbol, got, prices[symbol], '/signals')
            path = symbol.replace('/', '%2F')
            test.assertEqual(ask(f'/api/v1/trading/signals/{path}'), got)
        test.assertEqual(ask('/trading/signals/asset/crypto'),
                         {s: g for s, g in signals.items()
                          if g['asset_class'] == 'CRYPTO'})
        bits = {s: int(g['signal'] in ('STRONG_BUY', 'BUY', 'UP'))
                for s, g in signals.items()}
        binary = ask('/trading/binary')
        test.assertEqual(binary['symbols'], list(self.catalogue))
        test.assertEqual(binary['binary_array'],
                         [bits.get(s) for s in self.catalogue])
        test.assertEqual(binary['binary_string'], ''.join(
            '-' if s not in bits else str(bits[s]) for s in self.catalogue))
        test.assertEqual((binary['total_signals'], binary['bullish_signals'],
                          binary['bearish_signals']),
                         (len(bits), sum(bits.values()),
                          len(bits) - sum(bits.values())))
        stream = ask('/trading/binary/stream')['stream']
        test.assertEqual({row['symbol']: row['binary_code']
                          for row in stream}, bits)
        for row in stream:
            for key in ('signal', 'current_price', 'price_change_24h',
                        'signal_strength', 'confidence', 'timestamp', 'seq'):
                test.assertEqual(row[key], signals[row['symbol']][key], key)
        lists = ask('/trading/recommendations')
        for key in ('strong_buy', 'buy', 'sell', 'strong_sell'):
            test.assertEqual(lists[key],
                             [g for g in signals.values()
                              if g['signal'] == key.upper()], key)
        analysis = ask('/trading/analysis')
        test.assertEqual(analysis['high_confidence_signals'],
                         [g for g in signals.values()
                          if g['confidence'] > 70])
        moves = [(Decimal(q['price_change_24h']), s)
                 for s, q in prices.items() if s in signals]
        test.assertEqual(
            [row['symbol'] for row in analysis['top_gainers']],
            [s for c, s in sorted(moves, key=lambda m: -m[0]) if c > 0][:5])
        test.assertEqual(
            [row['symbol'] for row in analysis['top_losers']],
            [s for c, s in sorted(moves, key=lambda m: m[0]) if c < 0][:5])
