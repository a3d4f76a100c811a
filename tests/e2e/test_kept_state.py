#!/usr/bin/python3
# Copyright (C) the ngx_trading authors
# SPDX-License-Identifier: BSD-2-Clause

"""Protects: what must outlast marketd does, and nothing else passes for it.

The bits of /binary belong to their symbols over every change of the catalogue
and every restart, and old versions of the map can be told; a map is not given
up because few symbols are left, a damaged one is put aside, and a replay leaves
it alone. A broken build shows a symbol on another's bit, or a version that says
something else than it once did.

What past signals were worth is counted once: a market that is stopped, or
killed, and goes on has the same figures as one that never was. A broken build
shows as other counts, or as a confidence that begins at 50 again.
"""

import json
import random
import sys
import tempfile
import time
import unittest
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from stack import Stack, instruments, wait_for                  # noqa: E402


def listed(*symbols):
    rows = {row['symbol']: row for row in instruments()}
    return [rows[symbol] for symbol in symbols]


def made_up(n):
    """Instruments that differ in their names."""
    row = listed('BTC')[0]
    return [{**row, 'symbol': f'T{i}', 'base': f'T{i}',
             'exchange_symbol': f'T{i}USDT'} for i in range(n)]


def restart(stack, symbols=None, kill=False, rows=None, **env):
    """marketd again, with another catalogue or settings; nginx stays."""
    before = stack.json('/market/cache/stats')['board']['generation']
    if kill:
        stack.marketd.popen.kill()
        stack.marketd.popen.wait()
    else:
        assert stack.marketd.stop() == 0
    if symbols or rows:
        Path(stack.catalogue).write_text(
            json.dumps({'instruments': rows or listed(*symbols)}))
    stack.env.update(env)
    stack.start_marketd()
    wait_for(lambda: stack.json('/market/cache/stats')['board']['generation']
             != before, 'the next board')


class BinaryMap(unittest.TestCase):

    def check(self, stack, version, symbols):
        """What /binary says now, and each bit with its own symbol's."""
        binary = wait_for(lambda: (lambda b: b if None not in (
            bit for bit, s in zip(b['binary_array'], b['symbols']) if s)
            else None)(stack.json('/trading/binary')), 'all signals')
        self.assertEqual(binary['map_version'], version)
        self.assertEqual(binary['symbols'], symbols)
        self.assertEqual(
            [bit is None for bit in binary['binary_array']],
            [symbol is None for symbol in symbols])
        self.assertEqual(binary['binary_string'], ''.join(
            '-' if bit is None else str(bit)
            for bit in binary['binary_array']))
        self.assertEqual(
            stack.json('/market/cache/stats')['board']['map_version'],
            version)

    def maps(self, stack, *known):
        """Each version that there was is what it was; no other is known."""
        for version, symbols in enumerate(known, 1):
            answer = stack.get(f'/trading/binary/map/{version}')
            self.assertEqual(answer.status, 200)
            self.assertEqual(answer.json(), {'map_version': version,
                                             'symbols': symbols})
            again = stack.get(f'/trading/binary/map/{version}',
                              {'If-None-Match': answer.headers['etag']})
            self.assertEqual((again.status, again.body), (304, b''))
        for version in (0, len(known) + 1, 10 ** 30):
            answer = stack.get(f'/trading/binary/map/{version}')
            self.assertEqual((answer.status, answer.json()['code'],
                              answer.json()['map_version']),
                             (404, 'unknown_version', len(known)))

    def test_places_hold_over_restarts(self):
        first = ['BTC', 'ETH', 'BNB', 'EUR/USD']
        removed = ['BTC', None, 'BNB', 'EUR/USD']
        added = ['BTC', None, 'BNB', 'EUR/USD', 'SOL']
        back = ['BTC', 'ETH', 'BNB', 'EUR/USD', 'SOL']
        with Stack(catalogue=listed(*first),
                   env={'SIMULATOR_RATE': 500}) as stack:
            self.check(stack, 1, first)
            self.maps(stack, first)
            restart(stack)
            self.check(stack, 1, first)
            restart(stack, ('BTC', 'BNB', 'EUR/USD'))
            self.check(stack, 2, removed)
            self.maps(stack, first, removed)
            # a new one goes to the end, wherever the catalogue has it
            restart(stack, ('SOL', 'BTC', 'BNB', 'EUR/USD'), kill=True)
            self.check(stack, 3, added)
            restart(stack, kill=True)
            self.check(stack, 3, added)
            # one that comes back gets the place that it had
            restart(stack, ('SOL', 'EUR/USD', 'BNB', 'ETH', 'BTC'))
            self.check(stack, 4, back)
            self.maps(stack, first, removed, added, back)
            # the same catalogue in another order is no change
            restart(stack, ('BTC', 'ETH', 'BNB', 'SOL', 'EUR/USD'))
            self.check(stack, 4, back)
            self.maps(stack, first, removed, added, back)

    def test_damaged_file_is_refused_and_no_number_used_twice(self):
        first = ['BTC', 'ETH', 'BNB']
        with Stack(catalogue=listed(*first)) as stack:
            self.check(stack, 1, first)
            file = stack.dir / 'history' / 'binary-map'
            data = bytearray(file.read_bytes())
            data[-9] ^= 4
            file.write_bytes(data)
            restart(stack, ('ETH', 'BTC', 'BNB'))
            self.assertEqual(stack.log('marketd').count('event=map_ignored'),
                             1)
            version = stack.json('/trading/binary')['map_version']
            self.assertGreater(version, 10 ** 7)
            self.check(stack, version, ['ETH', 'BTC', 'BNB'])
            self.assertEqual(stack.get('/trading/binary/map/1').status, 404)
            self.assertEqual(file.with_name('binary-map.refused')
                             .read_bytes(), data)
            restart(stack)
            self.check(stack, version, ['ETH', 'BTC', 'BNB'])

    def test_a_catalogue_of_few_keeps_the_map_of_many(self):
        names = [f'T{i}' for i in range(120)]
        few = names[:5] + [None] * 115
        with Stack(catalogue=made_up(120),
                   env={'SIMULATOR_RATE': 500}) as stack:
            self.maps(stack, names)
            restart(stack, rows=made_up(5))
            self.check(stack, 2, few)
            self.maps(stack, names, few)
            restart(stack, rows=made_up(120))
            self.maps(stack, names, few, names)
            self.assertEqual(stack.log('marketd').count('event=map_ignored'),
                             0)

    def test_a_replay_reads_the_map_and_leaves_it(self):
        first = ['BTC', 'ETH', 'BNB']
        with Stack(catalogue=listed(*first), env={
                'TAPE_DIR': 'tape', 'SIMULATOR_RATE': 500}) as stack:
            self.check(stack, 1, first)
            restart(stack, ('BTC', 'BNB'))
            self.check(stack, 2, ['BTC', None, 'BNB'])
            file = stack.dir / 'history' / 'binary-map'
            sound = file.read_bytes()
            self.assertEqual(stack.marketd.stop(), 0)
            del stack.env['TAPE_DIR']
            for data in (sound, sound[:-3]):
                file.write_bytes(data)
                restart(stack, first, REPLAY_SPEED=0,
                        TRADING_SOURCE=f'replay:{stack.dir}/tape')
                self.assertEqual(stack.marketd.stop(), 0)
                self.assertEqual(file.read_bytes(), data)
                self.assertEqual([f.name for f in file.parent.glob(
                    'binary-map*')], ['binary-map'])


START = {'SIMULATOR_START': '2026-01-05T12:00:00Z', 'SIMULATOR_RATE': 0}
HOUR = 3600000                      # updates of one instrument at rate 0


class Calibration(unittest.TestCase):

    def updates(self, stack):
        return (stack.json('/market/health')['sources']['simulator']
                ['updates'])

    def finished(self, stack, updates):
        wait_for(lambda: self.updates(stack) == updates, 'all updates',
                 180)
        time.sleep(1.5)         # the candles' clock, and the last pages

    def figures(self, stack, timeframes=('1M', '5M')):
        past = {(row['model'], row['timeframe']): row for row in
                stack.json('/trading/performance')['past_signals']}
        signals = {}
        for timeframe in timeframes:
            signal = stack.json('/trading/signals/BTC?model=technical'
                                f'&timeframe={timeframe}')
            self.sentence(signal)
            signals[timeframe] = {
                key: signal[key] for key in
                ('signal', 'confidence', 'samples', 'score', 'entry_price',
                 'target_price', 'stop_loss', 'timestamp')}
        return past, signals

    def sentence(self, signal):
        """No more than is known, and the confidence as what it is."""
        if signal['samples'] < 4 * 30:
            words = ('too few past signals of this score are known to say '
                     'how often they come true.')
        else:
            percent = Decimal(signal['confidence']).quantize(
                Decimal('0.1'), ROUND_HALF_UP)
            words = ('that this comes true is estimated at '
                     f'{float(percent):g} %, from {signal["samples"]} past '
                     'signals of this score.')
        self.assertEqual(signal['recommendation'].split('; ')[1], words)

    def file(self, stack, mode='simulator'):
        return stack.dir / 'history' / f'calibration-{mode}'

    def simulator(self, hours, **env):
        return Stack(catalogue=listed('BTC'), env={
            **START, 'SIMULATOR_UPDATES': hours * HOUR, **env})

    def test_stopped_and_started_is_counted_once(self):
        with self.simulator(4) as stack:
            self.finished(stack, 4 * HOUR)
            whole = self.figures(stack)
        self.assertGreater(whole[0]['technical', '1M']['count'], 150)
        with self.simulator(3) as stack:
            self.finished(stack, 3 * HOUR)
            half = self.figures(stack)
            self.assertNotEqual(half[0], whole[0])
            # the same hours again: nothing is counted twice
            restart(stack)
            self.finished(stack, 3 * HOUR)
            self.assertEqual(self.figures(stack), half)
            self.assertIn('event=calibration ', stack.log('marketd'))
            # and it goes on
            restart(stack, SIMULATOR_UPDATES=4 * HOUR)
            # from the first moment on, hours before the clock gets there
            self.assertEqual(self.figures(stack), half)
            self.finished(stack, 4 * HOUR)
            self.assertEqual(self.figures(stack), whole)

    def test_a_sample_is_what_is_independent(self):
        """Signals that share a horizon, and instruments that close together,
        make many signals and few outcomes."""
        minutes, symbols = 41, [row['symbol'] for row in instruments()][:12]
        with Stack(catalogue=listed(*symbols), env={
                **START, 'SIMULATOR_UPDATES':
                12 * minutes * HOUR // 60}) as stack:
            self.finished(stack, 12 * minutes * HOUR // 60)
            page = stack.json('/trading/performance')
            self.assertEqual(page['minimum_sample'], 30)
            past = {(row['model'], row['timeframe']): row
                    for row in page['past_signals']}
            row = past['technical', '1M']
            # from the 34th candle on, and four more judge it
            self.assertGreater(row['count'], 30)
            self.assertLessEqual(row['count'], 12 * (minutes - 33 - 4))
            for rates in past.values():
                self.assertEqual(
                    [rates[key] for key in ('hit_rate', 'mean_return',
                                            'brier_score')], [None] * 3)
            self.assertLessEqual(row['independent'], (minutes - 33 - 4) // 4)

    def test_killed_is_counted_once(self):
        with self.simulator(12) as stack:
            self.finished(stack, 12 * HOUR)
            whole = self.figures(stack)
            row = whole[0]['technical', '1M']
            self.assertLessEqual(row['independent'], row['count'] // 4)
            self.assertGreater(row['independent'], 30)
            self.assertIsNotNone(row['hit_rate'])
        with self.simulator(12) as stack:
            wait_for(self.file(stack).exists, 'the first save', 60)
            restart(stack, kill=True)
            self.finished(stack, 12 * HOUR)
            log = stack.log('marketd')
            self.assertIn('event=calibration ', log)
            self.assertNotIn('calibration_ignored', log)
            self.assertEqual(self.figures(stack), whole)

    def test_what_is_another_s_is_refused(self):
        with self.simulator(1) as stack:
            self.finished(stack, HOUR)
            restart(stack)
            self.finished(stack, HOUR)
            # what it saves as it ends is the last word
            self.assertEqual(stack.marketd.stop(), 0)
            good = self.file(stack).read_bytes()
            refused = 0

            def begins_anew(reason, **env):
                nonlocal refused
                refused += 1
                restart(stack, SIMULATOR_UPDATES=1, **env)
                lines = [line for line in
                         stack.log('marketd').splitlines()
                         if 'event=calibration_ignored' in line]
                self.assertEqual(len(lines), refused)
                self.assertIn(reason, lines[-1])
                rows = stack.json('/trading/performance')['past_signals']
                self.assertEqual({row['count'] for row in rows}, {0})

            begins_anew('of another market', SIMULATOR_SEED=5)
            self.assertEqual(
                self.file(stack).with_suffix('.refused').read_bytes(), good)
            for name, data in {
                    'damaged': good[:999] + b'x' + good[1000:],
                    'damaged, or': good[:-8],
                    'another layout': good[:8] + b'\0' + good[9:]}.items():
                self.assertEqual(stack.marketd.stop(), 0)
                self.file(stack).write_bytes(data)
                begins_anew(name, SIMULATOR_SEED=1)

    def test_a_replay_neither_reads_nor_writes(self):
        with self.simulator(1, TAPE_DIR='tape') as stack:
            self.finished(stack, HOUR)
            self.assertEqual(stack.marketd.stop(), 0)
            good = self.file(stack).read_bytes()
            del stack.env['TAPE_DIR']
            restart(stack, TRADING_SOURCE=f'replay:{stack.dir}/tape',
                    REPLAY_SPEED=0)
            self.assertEqual(stack.marketd.stop(), 0)
            self.assertEqual(self.file(stack).read_bytes(), good)
            self.assertNotIn('calibration', ''.join(
                line for line in stack.log('marketd').splitlines()
                if 'event=calibration' in line))


SPANS = {'1m': 60, '5m': 300, '15m': 900, '1h': 3600, '4h': 14400,
         '1d': 86400}
# of 1,000 candles: from the 34th on, and four more judge it
JUDGED = 1000 - 33 - 4


def klines(span, seed):
    """A random walk that ends with the newest candle that is over."""
    rng, price, rows = random.Random(seed), 50000_00, []
    last = int(time.time()) // span * span - span
    for at in range(last - 999 * span, last + 1, span):
        close = price + rng.randrange(-9999, 10000)
        high, low = max(price, close) + 7, min(price, close) - 7
        text = [f'{v // 100}.{v % 100:02}' for v in (price, high, low, close)]
        rows.append([at * 1000, *text, '1.00000000',
                     (at + span) * 1000 - 1, text[3], 9, '0.50000000',
                     text[3], '0'])
        price = max(close, 1000_00)
    return rows


class History(unittest.TestCase):
    """Candles of before the start count, in their order, and once."""

    def counts(self, stack):
        return {row['timeframe'].lower(): row['count'] for row in
                stack.json('/trading/performance')['past_signals']
                if row['model'] == 'technical'}

    def all_of(self, stack, instruments_):
        """A candle that is over meanwhile adds one an instrument."""
        def there():
            counts = self.counts(stack)
            return all(n >= instruments_ * JUDGED for n in counts.values()) \
                and counts
        for timeframe, n in wait_for(there, 'the history').items():
            self.assertLessEqual(n, instruments_ * (JUDGED + 3), timeframe)

    def test_back_filled_candles_are_counted_once(self):
        symbols = ('BTCUSDT', 'ETHUSDT')
        with tempfile.TemporaryDirectory() as folder:
            files = []
            for symbol in symbols:
                for name, span in SPANS.items():
                    file = Path(folder) / f'{symbol}-{name}.json'
                    file.write_text(json.dumps(klines(span, symbol + name)))
                    files.append(f'{symbol}:{name}={file}')
            with Stack(feed=['--synthetic', ','.join(symbols), '--paused',
                             '--klines', *files],
                       catalogue=listed('BTC', 'ETH'),
                       env={'BINANCE_STREAMS': 'trade,bookTicker,ticker',
                            'FEED_BACKOFF_MIN_MS': 20}) as stack:
                self.all_of(stack, 2)
                for timeframe in SPANS:
                    signal = wait_for(lambda t=timeframe: (
                        lambda a: a.json() if a.status == 200 else None)(
                            stack.get('/trading/signals/ETH?model=technical'
                                      f'&timeframe={t}')), 'a signal')
                    self.assertNotEqual(signal['samples'], 0)
                file = stack.dir / 'history' / 'calibration-live'
                wait_for(file.exists, 'the first save', 60)
                for kill in (True, False, True):
                    restart(stack, kill=kill)
                    now = stack.json('/trading/signals/ETH?model=technical'
                                     '&timeframe=1d')
                    self.assertEqual(now, signal | {
                        k: now[k] for k in ('seq', 'stale', 'current_price',
                                            'price_change_24h')})
                    wait_for(lambda: len([
                        c for c in stack.feed.status()['rest_calls']
                        if 'klines' in c['target']]) % 12 == 0,
                        'the history again')
                    time.sleep(0.5)
                    self.all_of(stack, 2)
                log = stack.log('marketd')
                self.assertEqual(log.count('event=calibration '), 3)
                self.assertNotIn('calibration_ignored', log)
                # the simulator's is another market
                restart(stack, TRADING_SOURCE='simulator',
                        SIMULATOR_UPDATES=4)
                self.assertEqual(set(self.counts(stack).values()), {0})
                # and one instrument less counts for that much less
                restart(stack, ('ETH',), TRADING_SOURCE='live')
                self.all_of(stack, 1)


if __name__ == '__main__':
    unittest.main()
