#!/usr/bin/python3
# Copyright (C) the ngx_trading authors
# SPDX-License-Identifier: BSD-2-Clause

"""Protects: what is replayed from a file of bars or a recorded feed is what
the file says, at every route.

Bars: the candles of their interval are the file's, field by field at their
own times; longer ones are folded of them here anew, and partial where the file
lacks a bar. A feed: trades, candles of trades, klines and books are compared
with what the messages say. A broken build shows as a candle at a time that is
not in the file, a volume that is null, or a trade or level that differs.
Recordings beside the repository (../shared/data) are played where they are;
the rest makes files of its own.
"""

import gzip
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import unittest
from decimal import Decimal
from datetime import datetime, timezone
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from stack import BUILD, ROOT, Stack, crypto, wait_for           # noqa: E402
from test_tape import settled, verify                            # noqa: E402
from recording import RestAnswer, open_any, parse_line           # noqa: E402

DATA = ROOT.parent / 'shared' / 'data'
OHLCV, WS = DATA / 'ohlcv', DATA / 'binance-ws'
HFT = WS / 'hft-spot-btcusdt-20240808.log.gz'
CF = WS / 'cf-spot-btc-eth-dot-20210404.log.gz'
MINUTE = 60000
LENGTH = {'1m': MINUTE, '5m': 5 * MINUTE, '15m': 15 * MINUTE,
          '1h': 60 * MINUTE, '4h': 240 * MINUTE, '1d': 1440 * MINUTE}
BARE = re.compile(rb'\d+ (\{"lastUpdateId".*)')
PARTIAL = 4
DAY = 1704067200000                             # 2024-01-01


def stamp(ms):
    return datetime.fromtimestamp(ms / 1000, timezone.utc).strftime(
        '%Y-%m-%dT%H:%M:%S.') + f'{ms % 1000:03}Z'


def e8(text):
    return int(Decimal(text).scaleb(8))


def rows(path):
    """Bars as (ms, open, high, low, close, volume) in Decimals."""
    with (gzip.open if path.suffix == '.gz' else open)(path, 'rt') as file:
        return [(int(f[0]), *map(Decimal, f[1:6])) for f in
                (line.strip().split(',') for line in file)
                if f[0].isdigit()]


def items(path):
    """Messages, and snapshots that do not say of what."""
    with open_any(path) as lines:
        for line in lines:
            bare = BARE.match(line)
            item = RestAnswer(0, '', bare[1]) if bare else parse_line(line, 0)
            if item:
                yield item


def fold(bars, length):
    """What candles of that length are: those of a file's bars."""
    made = {}
    for ms, first, high, low, last, volume in bars:
        start = ms // length * length
        c = made.setdefault(start, [first, high, low, last, 0, 0])
        c[1], c[2], c[3] = max(c[1], high), min(c[2], low), last
        c[4] += volume
        c[5] += 1
    return made


class Replay(unittest.TestCase):

    def finish(self, stack):
        failed = self._outcome.result.errors + self._outcome.result.failures
        if any(test is self for test, _ in failed):
            stack.tell()
        stack.end()
        stack.judge()

    def play(self, path, symbols=('BTC', 'ETH'), **env):
        stack = Stack(env={
            'TRADING_SOURCE': f'replay:{path}', 'REPLAY_SPEED': 0,
            'MAX_JUMP_BP': 0, **env}, catalogue=[
                r for r in crypto(stale_after_ms=60000)
                if r['symbol'] in symbols])
        self.addCleanup(self.finish, stack)
        line = wait_for(lambda: [
            line for line in stack.log('marketd').splitlines()
            if 'event=replay_finished' in line], 'it was played', 60)[0]
        self.assertIn('differing=0 lost=0 error=0', line)
        self.played = line
        return stack

    def file(self, name, text):
        directory = tempfile.TemporaryDirectory(prefix='trading-e2e-',
                                                dir='/dev/shm')
        self.addCleanup(directory.cleanup)
        path = Path(directory.name) / name
        path.write_text(text)
        return path

    def flags(self, stack, symbol, interval):
        done = subprocess.run(
            [BUILD / 'readseries', stack.board, 'candles', symbol, interval],
            capture_output=True, text=True, timeout=20, check=False,
            env={**os.environ, 'ASAN_OPTIONS': 'detect_leaks=0'})
        self.assertIn(done.returncode, (0, 3), done.stderr)
        return {r[0]: r[8] for r in json.loads(done.stdout or '[]')}

    def candles(self, stack, symbol, interval):
        answer = stack.json(
            f'/market/candles/{symbol}?interval={interval}&limit=1000')
        return {c['open_time']: c for c in answer['candles']}


class Bars(Replay):

    def walk(self, length, count, holes=(), start=DAY, seed=1):
        """Bars with two decimals, but those whose number is a hole."""
        rng, price, bars = random.Random(seed), Decimal(2000), []
        for n in range(count):
            if n in holes:
                continue
            ends = [price, price + Decimal(rng.randrange(-900, 900)) / 100]
            high = max(ends) + Decimal(rng.randrange(300)) / 100
            low = min(ends) - Decimal(rng.randrange(300)) / 100
            bars.append((start + n * length, ends[0], high, low, ends[1],
                         Decimal(rng.randrange(10**7)) / 10**4))
            price = ends[1]
        return bars

    def csv(self, bars, name='some-ETHUSDT.csv'):
        return self.file(name, 'open_time_ms,open,high,low,close,volume\n'
                         + ''.join(','.join(map(str, b)) + '\n'
                                   for b in bars))

    def one(self, path, bars, length, symbol='ETH', **env):
        """All intervals against the file."""
        stack = self.play(path, REPLAY_SYMBOL=f'{symbol}USDT', **env)
        end = bars[-1][0] + length
        # the candle that they become first shows when it is over
        base = min((ms for ms in LENGTH.values() if ms % length == 0))
        if end % base:
            end = bars[-1][0] // base * base
            bars = [b for b in bars if b[0] < end]
        own = {b[0] for b in bars}
        compared = partial = 0
        for interval, ms in LENGTH.items():
            want = fold(bars, ms)
            if ms < length or ms % length:
                self.assertEqual(self.candles(stack, symbol, interval), {},
                                 interval)
                continue
            kept = sorted(want)[-1000:]
            have = self.candles(stack, symbol, interval)
            flags = self.flags(stack, symbol, interval)
            self.assertEqual(sorted(have), [stamp(at) for at in kept],
                             interval)
            for at in kept:
                first, high, low, last, volume, n = want[at]
                got, closed = have[stamp(at)], at + ms <= end
                for key, value in (('open', first), ('high', high),
                                   ('low', low), ('close', last),
                                   ('volume', volume)):
                    self.assertEqual(Decimal(got[key]), value,
                                     (interval, key, got))
                self.assertIsNone(got['quote_volume'])
                self.assertIsNone(got['trades'])
                self.assertEqual(got['closed'], closed, (interval, got))
                # of an open one, as far as it has come
                lacks = any(t not in own for t in
                            range(at, min(at + ms, end), length))
                self.assertEqual(bool(flags[at] & PARTIAL), lacks,
                                 (interval, got))
                partial += lacks
            compared += len(kept)
        self.assertGreater(compared, 0)
        return stack, partial

    def test_5m_bars_with_holes(self):
        # in an hour, a quarter, a whole hour, and to the end of a day
        holes = {30, 31, 50, 51, 52, *range(96, 108), *range(250, 288)}
        bars = self.walk(5 * MINUTE, 700, holes, DAY + 40 * MINUTE)
        path = self.csv(bars)
        stack, partial = self.one(path, bars, 5 * MINUTE)
        self.assertGreater(partial, 8)
        quote = stack.quote('ETH')
        self.assertEqual(Decimal(quote['current_price']), bars[-1][4])
        self.assertEqual(quote['timestamp'],
                         stamp(bars[-1][0] + 5 * MINUTE))
        self.assertIsNone(quote['bid'])

    def test_1m_bars_with_holes(self):
        bars = self.walk(MINUTE, 900, {7, 8, *range(300, 420), 777})
        _, partial = self.one(self.csv(bars), bars, MINUTE)
        self.assertGreater(partial, 6)

    def test_one_whole_day_is_not_partial(self):
        bars = self.walk(15 * MINUTE, 96)
        _, partial = self.one(self.csv(bars), bars, 15 * MINUTE)
        self.assertEqual(partial, 0)

    def test_30m_bars_make_hours(self):
        for start in (DAY, DAY + 30 * MINUTE):
            bars = self.walk(30 * MINUTE, 301, {5, *range(20, 24)}, start)
            _, partial = self.one(self.csv(bars), bars, 30 * MINUTE)
            self.assertGreater(partial, 3)

    def test_a_week_is_no_interval_of_ours(self):
        bars = self.walk(7 * 1440 * MINUTE, 20)
        stack = self.play(self.csv(bars))
        for interval in LENGTH:
            self.assertEqual(self.candles(stack, 'ETH', interval), {})
        self.assertEqual(Decimal(stack.quote('ETH')['current_price']),
                         bars[-1][4])
        self.assertIn('event=replay_no_candles', stack.log('marketd'))

    def test_tape_of_a_replay_gives_the_same(self):
        bars = self.walk(5 * MINUTE, 400, {50, 51, *range(96, 110)})
        first, _ = self.one(self.csv(bars), bars, 5 * MINUTE, TAPE_DIR='tape')
        want = settled(first, ('ETH',))
        flags = {i: self.flags(first, 'ETH', i) for i in LENGTH}
        tape = first.dir / 'tape'
        self.assertEqual(first.marketd.stop(), 0)
        again = self.play(tape)
        self.assertEqual(settled(again, ('ETH',)), want)
        self.assertEqual({i: self.flags(again, 'ETH', i) for i in LENGTH},
                         flags)

    def test_bars_that_contradict_themselves_are_refused(self):
        bars = self.walk(MINUTE, 3)
        ms, first, high, low, last, volume = bars[1]
        for bad in ((ms, first, low, high, last, volume),
                    (ms, high + 1, high, low, last, volume),
                    (ms, first, high, 0, last, volume)):
            path = self.csv([bars[0], bad, bars[2]])
            stack = Stack(nginx=False, marketd=False, env={
                'TRADING_SOURCE': f'replay:{path}'})
            self.addCleanup(stack.end)
            stack.start_marketd()
            wait_for(lambda s=stack: 'line=3' in s.log('marketd'), 'refused')

    def recorded(self, name, minutes, symbol):
        path = OHLCV / name
        if not path.exists():
            self.skipTest(f'no {name}')
        return self.one(path, rows(path), minutes * MINUTE, symbol)

    def test_recorded_1m_of_a_day(self):
        _, partial = self.recorded('binance-BTCBUSD-1m-20221213.csv.gz', 1,
                                   'BTC')
        self.assertEqual(partial, 0)

    def test_recorded_1m_with_a_hole_of_hours(self):
        _, partial = self.recorded(
            'coinbase-BTCUSD-1m-20180404-20180406.csv.gz', 1, 'BTC')
        self.assertGreater(partial, 3)

    def test_recorded_5m(self):
        _, partial = self.recorded(
            'binanceus-ETHUSD-5m-20230313-20230315.csv', 5, 'ETH')
        self.assertEqual(partial, 2)            # 4h and 1d of the first hour

    def test_recorded_4h_of_years(self):
        self.recorded('coinbase-BTCUSD-4h-20160518-20221231.csv.gz', 240,
                      'BTC')

    def test_recorded_1d(self):
        _, partial = self.recorded(
            'binance-BTCUSDT-1d-20170817-20200831.csv', 1440, 'BTC')
        self.assertEqual(partial, 0)


class Feed(Replay):
    """Recorded messages, and what they say of each route."""

    def read(self, path):
        """Trades, closed klines and the last books that the messages make, by
        their rules alone."""
        self.trades, self.klines, self.books = {}, {}, {}
        waiting, counted = {}, {}
        for item in items(path):
            if isinstance(item, RestAnswer):
                self.snapshot(json.loads(item.body), item.url, waiting)
                continue
            data, kind = json.loads(item.data), item.stream.split('@')[1]
            symbol = item.stream.split('@')[0].upper()
            if kind in ('trade', 'aggTrade'):
                ids = (data['t'], data['t']) if kind == 'trade' \
                    else (data['f'], data['l'])
                if ids[0] > counted.get(symbol, 0):
                    counted[symbol] = ids[1]
                    self.trades.setdefault(symbol, []).append((*ids, data))
            elif kind == 'kline_1m' and data['k']['x']:
                self.klines.setdefault(symbol, {})[data['k']['t']] = data['k']
            elif kind.startswith('depth'):
                waiting.setdefault(symbol, []).append(data)
                if symbol in self.books:
                    self.difference(self.books[symbol], data)
        return self

    def snapshot(self, body, url, waiting):
        symbol = url.split('symbol=')[1].split('&')[0] if 'symbol=' in url \
            else next(iter(waiting))
        self.assertNotIn(symbol, self.books)
        book = {'id': body['lastUpdateId'], 'bids': dict(map(tuple,
                body['bids'])), 'asks': dict(map(tuple, body['asks']))}
        self.books[symbol] = book
        for data in waiting.get(symbol, ()):
            self.difference(book, data)

    def difference(self, book, data):
        if data['u'] <= book['id']:
            return
        self.assertLessEqual(data['U'], book['id'] + 1)
        book['id'] = data['u']
        for side, key in (('bids', 'b'), ('asks', 'a')):
            for price, quantity in data[key]:
                if Decimal(quantity):
                    book[side][price] = quantity
                else:
                    book[side].pop(price, None)

    def compare_trades(self, stack, symbol):
        name = symbol.removesuffix('USDT')
        want = self.trades[symbol][-1000:]
        have = stack.json(f'/market/trades/{name}?limit=1000')['trades']
        self.assertEqual(
            [(int(t['id']), Decimal(t['price']), Decimal(t['quantity']),
              t['timestamp'], t['side']) for t in have],
            [(last, Decimal(t['p']), Decimal(t['q']), stamp(t['T']),
              'sell' if t['m'] else 'buy') for _, last, t in want])

    def compare_candles(self, stack, symbol, interval):
        """Of all trades, exact; returns the flags."""
        name, made = symbol.removesuffix('USDT'), {}
        for first, last, t in self.trades[symbol]:
            p, q = Decimal(t['p']), Decimal(t['q'])
            at = t['T'] // LENGTH[interval] * LENGTH[interval]
            c = made.setdefault(at, [p, p, p, p, 0, 0, 0])
            c[1], c[2], c[3] = max(c[1], p), min(c[2], p), p
            c[4], c[5], c[6] = c[4] + q, c[5] + p * q, c[6] + last - first + 1
        have = self.candles(stack, name, interval)
        self.assertEqual(sorted(have), [stamp(at) for at in sorted(made)])
        for at, c in made.items():
            got = have[stamp(at)]
            self.assertEqual([Decimal(got[k]) for k in (
                'open', 'high', 'low', 'close', 'volume')], c[:5], got)
            self.assertEqual(got['trades'], c[6], got)
            self.assertLess(abs(Decimal(got['quote_volume']) - c[5]),
                            Decimal('0.0000001'), got)
        return self.flags(stack, name, interval)

    def compare_book(self, stack, symbol):
        name, book = symbol.removesuffix('USDT'), self.books[symbol]
        have = stack.json(f'/market/depth/{name}?levels=20')
        self.assertEqual(int(have['last_update_id']), book['id'])
        for side in ('bids', 'asks'):
            want = sorted(((Decimal(p), Decimal(q))
                           for p, q in book[side].items()),
                          reverse=side == 'bids')[:20]
            self.assertEqual([tuple(map(Decimal, level))
                              for level in have[side]], want)

    def books_of(self, stack):
        return stack.json('/market/data-feeds')['books']

    def made(self):
        """A feed of two symbols, of every kind of message."""
        rng, lines, now = random.Random(3), [], DAY + 5 * MINUTE - 20000
        trade, update, open_ = 1000, 5000, {}
        book = {'bids': {f'{99 - n}.00000000': '1.50000000'
                         for n in range(40)},
                'asks': {f'{101 + n}.00000000': '2.50000000'
                         for n in range(40)}}

        def say(stream, data):
            lines.append(f'{now * 1000000 + 7} ' + json.dumps(
                {'stream': stream, 'data': data}, separators=(',', ':')))

        for n in range(2000):
            now += rng.randrange(150)
            price = f'{rng.randrange(10000, 10100) / 100:.8f}'
            quantity = f'{rng.randrange(1, 10**6) / 10**5:.8f}'
            update += 1
            side = rng.choice(('b', 'a'))
            level = rng.choice((99, 98, 97, 60))
            level = f'{200 - level if side == "a" else level}.00000000'
            amount = rng.choice((quantity, '0.00000000'))
            if level in ('99.00000000', '101.00000000'):
                amount = quantity
            say('btcusdt@depth@100ms', {
                'e': 'depthUpdate', 'E': now, 's': 'BTCUSDT', 'U': update,
                'u': update, 'b': [[level, amount]] if side == 'b' else [],
                'a': [[level, amount]] if side == 'a' else []})
            at = book['bids' if side == 'b' else 'asks']
            at.pop(level, None)
            if amount != '0.00000000':
                at[level] = amount
            if n == 30:
                lines.append(f'{now * 1000000 + 9} ' + json.dumps({
                    'lastUpdateId': update, **{
                        side: sorted(([p, q] for p, q in book[side].items()),
                                     key=lambda l: float(l[0]),
                                     reverse=side == 'bids')
                        for side in ('bids', 'asks')}}))
            trade += 1
            data = {'e': 'trade', 'E': now, 's': 'BTCUSDT', 't': trade,
                    'p': price, 'q': quantity, 'T': now, 'm': n % 3 == 0,
                    'M': True}
            if n % 400 != 399:
                say('btcusdt@trade', data)
            else:
                open_['missing'] = now
            say('btcusdt@bookTicker', {
                'u': update, 's': 'BTCUSDT', 'b': '99.00000000',
                'B': '1.00000000', 'a': '101.00000000', 'A': '1.00000000'})
            say('ethusdt@aggTrade', {
                'e': 'aggTrade', 'E': now, 's': 'ETHUSDT', 'a': n + 1,
                'p': price, 'q': quantity, 'f': 3 * n + 1, 'l': 3 * n + 3,
                'T': now, 'm': n % 2 == 0, 'M': True})
        return '\n'.join(lines) + '\n'

    def test_trades_of_two_symbols(self):
        """aggTrade does not count where there are trades, so ETH has none
        in this feed; alone it does."""
        text = self.made()
        for symbol, drop in (('BTCUSDT', 'aggTrade'), ('ETHUSDT', '@trade')):
            path = self.file('feed.log', ''.join(
                line + '\n' for line in text.splitlines()
                if drop not in line.split(',')[0]))
            self.read(path)
            stack = self.play(path)
            self.compare_trades(stack, symbol)
            flags = self.compare_candles(stack, symbol, '1m')
            first = min(flags)
            self.assertTrue(flags[first] & PARTIAL)
            holes = {at for at in flags if at != first
                     and flags[at] & PARTIAL}
            self.assertEqual(bool(holes), symbol == 'BTCUSDT')
            # heard from its last minutes on
            for interval in ('5m', '1d'):
                flags = self.compare_candles(stack, symbol, interval)
                self.assertTrue(flags[min(flags)] & PARTIAL)
            self.compare_book(stack, 'BTCUSDT')
            books = self.books_of(stack)
            self.assertEqual((books['lost'], books['wrong']), (0, 0))
            self.assertGreater(books['checked'], 100)

    def test_tape_of_a_replay_gives_the_same_and_is_proven(self):
        path = self.file('feed.log', self.made())
        first = self.play(path, TAPE_DIR='tape', TAPE_RAW=1)
        want = settled(first, ('BTC', 'ETH'))
        tape = first.dir / 'tape'
        flags = {i: self.flags(first, 'BTC', i) for i in LENGTH}
        self.assertEqual(first.marketd.stop(), 0)
        verdict = verify(tape)
        self.assertEqual(verdict['derived'],
                         verdict['updates'] + verdict['prints'])
        self.assertGreater(verdict['prints'], 1900)
        self.assertEqual(verdict['underived'], verdict['books'])
        self.assertGreater(verdict['books'], 100)
        again = self.play(tape)
        self.assertIn('unknown=0', self.played)
        self.assertEqual(settled(again, ('BTC', 'ETH')), want)
        self.assertEqual({i: self.flags(again, 'BTC', i) for i in LENGTH},
                         flags)

    def test_the_same_at_any_speed(self):
        text = self.made().splitlines(keepends=True)
        path = self.file('feed.log', ''.join(text[:2000]))
        seen = [settled(self.play(path, REPLAY_SPEED=speed),
                        ('BTC', 'ETH')) for speed in (0, 50)]
        self.assertEqual(seen[0], seen[1])

    def test_lost_difference_takes_the_book_away(self):
        lines = self.made().splitlines(keepends=True)
        depth = [n for n, line in enumerate(lines) if 'depthUpdate' in line]
        del lines[depth[1000]]
        stack = self.play(self.file('feed.log', ''.join(lines)))
        self.assertEqual(stack.get('/market/depth/BTC?levels=20').status, 503)
        books = self.books_of(stack)
        self.assertEqual((books['synced'], books['lost']), (1, 1))

    def test_recorded_trades_and_differences(self):
        if not HFT.exists():
            self.skipTest(f'no {HFT.name}')
        self.read(HFT)
        stack = self.play(HFT)
        self.compare_trades(stack, 'BTCUSDT')
        flags = self.compare_candles(stack, 'BTCUSDT', '1m')
        self.assertEqual([bool(flags[at] & PARTIAL) for at in sorted(flags)],
                         [True] + [False] * (len(flags) - 1))
        for interval in ('5m', '15m', '1h', '4h', '1d'):
            flags = self.compare_candles(stack, 'BTCUSDT', interval)
            self.assertTrue(flags[min(flags)] & PARTIAL, interval)
        self.compare_book(stack, 'BTCUSDT')
        books = self.books_of(stack)
        self.assertEqual((books['synced'], books['lost'], books['wrong']),
                         (1, 0, 0))
        self.assertGreater(books['checked'], 300)

    def test_recorded_klines_and_aggregates(self):
        if not CF.exists():
            self.skipTest(f'no {CF.name}')
        self.read(CF)
        symbols = ('BTC', 'ETH', 'DOT')
        stack = self.play(CF, symbols)
        self.assertIn('unknown=0', self.played)
        self.assertEqual(len(self.klines), 3)
        for name in symbols:
            symbol = f'{name}USDT'
            have = self.candles(stack, name, '1m')
            for at, k in self.klines[symbol].items():
                got = have[stamp(at)]
                self.assertEqual(
                    [Decimal(got[key]) for key in (
                        'open', 'high', 'low', 'close', 'volume',
                        'quote_volume')],
                    [Decimal(k[key]) for key in 'ohlcvq'])
                self.assertEqual((got['trades'], got['closed']),
                                 (k['n'], True))
                self.assertFalse(self.flags(stack, name, '1m')[at] & PARTIAL)
            self.compare_trades(stack, symbol)
            self.compare_book(stack, symbol)
        books = self.books_of(stack)
        self.assertEqual((books['synced'], books['lost']), (3, 0))


if __name__ == '__main__':
    unittest.main(verbosity=2)
