#!/usr/bin/python3
# Copyright (C) the ngx_trading authors
# SPDX-License-Identifier: BSD-2-Clause

"""Protects: a replayed tape gives the board that was recorded, and every value
on a tape of a live source is proven by its messages.

marketd records, is asked over HTTP for quotes, candles of all intervals,
trades and books, and is stopped; another one replays the tape as fast as it
goes and is asked the same. A broken build shows as a route and a field that
differ, or as `tradingctl tape verify --raw` naming an entry that no message
says.
"""

import json
import os
import signal
import subprocess
import sys
import time
import unittest
from datetime import datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from stack import BUILD, Stack, crypto, instruments, wait_for  # noqa: E402
from test_polled_sources import FX, Polled, forex, metals      # noqa: E402

INTERVALS = ('1m', '5m', '15m', '1h', '4h', '1d')
START = '2026-01-05T15:28:00Z'
LATER = '2026-01-05T15:50:00Z'
# what a replay says of itself, and when a page was made
OTHER = {'source', 'simulated', 'sources'}


def ctl(*args):
    return subprocess.run([BUILD / 'tradingctl', *map(str, args)], text=True,
                          capture_output=True, timeout=60, check=False)


def verify(tape, code=0):
    done = ctl('tape', 'verify', tape, '--raw', '--json')
    if done.returncode != code:
        raise AssertionError(f'{done.stdout}{done.stderr}')
    return json.loads(done.stdout)


def values(answer):
    """Without what a replay says of itself."""
    if isinstance(answer, dict):
        return {k: values(v) for k, v in answer.items() if k not in OTHER}
    if isinstance(answer, list):
        return [values(v) for v in answer]
    return answer


def view(stack, symbols):
    """Every route of every symbol."""
    paths = []
    for symbol in symbols:
        name = symbol.replace('/', '%2F')
        paths.append(f'/market/prices/{name}')
        paths += [f'/market/candles/{name}?interval={i}&limit=500'
                  for i in INTERVALS]
        paths.append(f'/market/trades/{name}?limit=500')
        paths.append(f'/market/depth/{name}?levels=20')
    seen = {}
    for path in paths:
        answer = stack.get(path)
        # a problem names its request
        seen[path] = (answer.status, answer.status == 200
                      and values(answer.json()))
    listed = stack.json('/market/prices')
    seen['/market/prices'] = values({k: v for k, v in listed.items()
                                     if k not in ('timestamp', 'as_of')}
                                    if isinstance(listed, dict) else listed)
    return seen


def settled(stack, symbols):
    """The same twice: all pages were made."""
    def same():
        before = view(stack, symbols)
        time.sleep(0.3)
        return before == view(stack, symbols) and before
    return wait_for(same, 'nothing moves', interval=0.1)


class Tape(unittest.TestCase):

    def finish(self, stack):
        failed = self._outcome.result.errors + self._outcome.result.failures
        if any(test is self for test, _ in failed):
            stack.tell()
        stack.end()
        stack.judge()

    def stack(self, **options):
        stack = Stack(**options)
        self.addCleanup(self.finish, stack)
        stack.tape = stack.dir / 'tape'
        return stack

    def replay(self, recorder, **env):
        """Another marketd, when it has played what this one recorded."""
        self.assertEqual(recorder.marketd.stop(), 0)
        stack = self.stack(catalogue=recorder.catalogue, env={
            'TRADING_SOURCE': f'replay:{recorder.tape}', 'REPLAY_SPEED': 0,
            **env})
        line = wait_for(lambda: [
            line for line in stack.log('marketd').splitlines()
            if 'event=replay_finished' in line], 'it was played')[0]
        self.assertIn('unknown=0 differing=0 lost=0 error=0', line)
        return stack

    def compare(self, want, have):
        self.assertEqual(set(want), set(have))
        for path, seen in want.items():
            self.assertEqual(have[path], seen, path)

    def rich(self, seen, symbols, *routes):
        """There was something to compare."""
        for symbol in symbols:
            for route in routes:
                paths = [p for p in seen if f'/{route}/{symbol}' in p]
                self.assertTrue(paths, route)
                for path in paths:
                    self.assertEqual(seen[path][0], 200, (path, seen[path]))


class Simulator(Tape):
    """Virtual time as fast as it goes: five minutes, and a halt in them."""

    SYMBOLS = [row['symbol'] for row in crypto()[:3]]

    def simulated(self, scenario, **env):
        return self.stack(catalogue=crypto()[:3], env={
            'TAPE_DIR': 'tape', 'TAPE_RAW': 1, 'SIMULATOR_START': START,
            'SIMULATOR_SCENARIO': scenario, 'SIMULATOR_RATE': 0,
            'SIMULATOR_UPDATES': 900000, **env})

    def one(self, scenario):
        recorder = self.simulated(scenario)
        wait_for(lambda: 'event=simulator_finished'
                 in recorder.log('marketd'), 'it ends')
        want = settled(recorder, self.SYMBOLS)
        self.rich(want, self.SYMBOLS, 'prices', 'candles', 'trades', 'depth')
        self.compare(want, settled(self.replay(recorder), self.SYMBOLS))
        verdict = verify(recorder.tape)
        self.assertEqual(verdict['derived'], 0)
        self.assertGreater(verdict['prints'], 100)
        self.assertGreater(verdict['books'], 100)
        self.assertEqual(verdict['updates'] + verdict['prints']
                         + verdict['books'], verdict['underived'])

    def test_a_time_is_the_market_s(self):
        recorder = self.simulated('calm', TAPE_SEGMENT_BYTES=262144,
                                  SIMULATOR_START='2030-01-01T00:00:00Z')
        wait_for(lambda: 'event=simulator_finished'
                 in recorder.log('marketd'), 'it ends')
        self.assertEqual(recorder.marketd.stop(), 0)
        times = [json.loads(line)['received_at'] for line in ctl(
            'tape', 'cat', recorder.tape).stdout.splitlines()]
        at = times[len(times) // 3]
        ms = round(datetime.fromisoformat(at).timestamp() * 1000)
        done = ctl('tape', 'cat', recorder.tape, '--time', ms)
        self.assertEqual(len(done.stdout.splitlines()),
                         sum(t >= at for t in times))
        self.assertGreater(json.loads(ctl(
            'tape', 'info', recorder.tape, '--json').stdout)['files'], 3)
        with open('/dev/full', 'w') as full:
            for what in ('info', 'cat', 'verify'):
                done = subprocess.run([BUILD / 'tradingctl', 'tape', what,
                                       recorder.tape], stdout=full,
                                      stderr=subprocess.PIPE, timeout=60)
                self.assertEqual(done.returncode, 1, what)

    def test_normal(self):
        self.one('normal')

    def test_calm(self):
        self.one('calm')

    def test_rally(self):
        self.one('rally')

    def test_crash(self):
        self.one('crash')

    def test_gap(self):
        self.one('gap')

    def test_halt(self):
        self.one('halt')

    def test_of_the_wall_clock(self):
        recorder = self.stack(catalogue=crypto()[:3], env={
            'TAPE_DIR': 'tape', 'SIMULATOR_RATE': 1000,
            'SIMULATOR_UPDATES': 3000})
        wait_for(lambda: 'event=simulator_finished'
                 in recorder.log('marketd'), 'it ends')
        want = settled(recorder, self.SYMBOLS)
        self.compare(want, settled(self.replay(recorder), self.SYMBOLS))

    def test_restart_forgets_candles_trades_and_books(self):
        recorder = self.simulated('normal')
        ended = 'event=simulator_finished'
        wait_for(lambda: ended in recorder.log('marketd'), 'it ends')
        first = settled(recorder, self.SYMBOLS)
        self.assertEqual(recorder.marketd.stop(), 0)
        recorder.env.update(SIMULATOR_START=LATER, SIMULATOR_UPDATES=200000)
        recorder.start_marketd()
        wait_for(lambda: recorder.log('marketd').count(ended) == 2, 'again')
        want = settled(recorder, self.SYMBOLS)
        self.assertNotEqual(first, want)
        self.compare(want, settled(self.replay(recorder), self.SYMBOLS))

    def test_killed_while_it_writes(self):
        recorder = self.stack(catalogue=crypto()[:3], env={
            'TAPE_DIR': 'tape', 'SIMULATOR_RATE': 20000})
        for _ in range(3):
            time.sleep(1.5)
            recorder.marketd.stop(signal.SIGKILL)
            recorder.start_marketd()
            wait_for(recorder.marketd_up, 'it is back')
        time.sleep(0.5)
        self.assertEqual(recorder.marketd.stop(), 0)
        verdict = verify(recorder.tape)
        self.assertGreater(verdict['books'], 50)
        self.assertGreater(verdict['files'], 1)

    def test_journal_is_the_same_at_any_pace_of_rendering(self):
        ends = []
        for interval in (100, 300000):
            recorder = self.simulated('normal', PAGE_INTERVAL_US=interval)
            wait_for(lambda r=recorder: 'event=simulator_finished'
                     in r.log('marketd'), 'it ends')
            ends.append(settled(recorder, self.SYMBOLS))
        self.compare(*ends)


class Binance(Tape):
    """The loopback exchange, with a connection that is cut and books that are
    lost on the way."""

    SYMBOLS = ('BTC', 'ETH')

    def record(self, streams, **env):
        recorder = self.stack(
            feed=['--synthetic', 'BTCUSDT,ETHUSDT', '--rate', '300'],
            catalogue=[row for row in crypto(stale_after_ms=60000)
                       if row['symbol'] in self.SYMBOLS],
            env={'TAPE_DIR': 'tape', 'TAPE_RAW': 1, 'BINANCE_STREAMS': streams,
                 'FEED_BACKOFF_MIN_MS': 20, 'FEED_BACKOFF_MAX_MS': 200,
                 **env})
        kinds = 2 * len(streams.split(','))
        feed = recorder.feed
        feed.wait(lambda s: len(s['subscriptions']) == kinds)
        time.sleep(2)
        if 'depth@100ms' in streams:
            feed.act('stream_fault', stream='btcusdt@depth@100ms', how='drop',
                     count=1)
            time.sleep(1)
        feed.act('cut')
        feed.wait(lambda s: len(s['subscriptions']) == kinds)
        time.sleep(2)
        feed.act('pause')
        self.invent(recorder, streams)
        return recorder

    def invent(self, recorder, streams):
        """What the feed server does not make up by itself."""
        price = recorder.quote('BTC')['current_price']
        start = int(time.time() * 1000) // 60000 * 60000
        for n in range(1, 41):
            now = int(time.time() * 1000)
            if 'aggTrade' in streams:
                # some overlap, some are missing
                first = 10 * n + (n % 7 == 0) - (n % 5 == 0)
                recorder.feed.act('send', stream='btcusdt@aggTrade',
                                  data=json.dumps({
                    'e': 'aggTrade', 'E': now, 's': 'BTCUSDT', 'a': n,
                    'p': price, 'q': f'0.0{n + 10}', 'f': first,
                    'l': 10 * n + 9, 'T': now, 'm': n % 2 == 0, 'M': True}))
            if 'kline' in streams:
                recorder.feed.act('send', stream='ethusdt@kline_1m',
                                  data=json.dumps({
                    'e': 'kline', 'E': now, 's': 'ETHUSDT', 'k': {
                        't': start, 'T': start + 59999, 's': 'ETHUSDT',
                        'i': '1m', 'f': 1, 'L': n, 'o': price, 'c': price,
                        'h': price, 'l': price, 'v': f'{n}.5', 'n': n,
                        'x': n % 9 == 0, 'q': f'{n}00.25', 'V': '1',
                        'Q': '1', 'B': '0'}}))

    def proven(self, recorder, *kinds):
        verdict = verify(recorder.tape)
        self.assertEqual(verdict['underived'], 0)
        self.assertEqual(verdict['derived'], sum(
            verdict[k] for k in ('updates', 'prints', 'candles', 'books',
                                 'carried')))
        for kind in kinds:
            self.assertGreater(verdict[kind], 20, verdict)
        print({k: v for k, v in verdict.items() if isinstance(v, int)},
              file=sys.stderr)

    def one(self, streams, *kinds):
        recorder = self.record(streams)
        want = settled(recorder, self.SYMBOLS)
        self.rich(want, self.SYMBOLS, 'prices', 'candles')
        self.compare(want, settled(self.replay(recorder), self.SYMBOLS))
        self.proven(recorder, 'updates', *kinds)

    def test_trades_klines_and_differences(self):
        self.one('trade,bookTicker,ticker,kline_1m,depth@100ms', 'prints',
                 'candles', 'books')

    def test_aggregates_and_partial_books(self):
        self.one('aggTrade,bookTicker,miniTicker,depth20@100ms', 'prints',
                 'books')


    def test_ids_anew_and_times_to_come(self):
        """What was refused then is refused again, and what was believed."""
        recorder = self.record('trade,bookTicker,kline_1m')
        feed, price = recorder.feed, recorder.quote('BTC')['current_price']

        def trade(ident, ahead=0):
            now = int(time.time() * 1000)
            feed.act('send', stream='btcusdt@trade', data=json.dumps({
                'e': 'trade', 'E': now, 's': 'BTCUSDT', 't': ident,
                'p': price, 'q': '0.25', 'T': now + ahead, 'm': True,
                'M': True}))

        def kline(ahead, last, closed):
            now = int(time.time() * 1000)
            start = (now + ahead) // 60000 * 60000
            feed.act('send', stream='btcusdt@kline_1m', data=json.dumps({
                'e': 'kline', 'E': now, 's': 'BTCUSDT', 'k': {
                    't': start, 'T': start + 59999, 's': 'BTCUSDT',
                    'i': '1m', 'f': 1, 'L': last, 'o': price, 'c': price,
                    'h': price, 'l': price, 'v': '1', 'n': 9, 'x': closed,
                    'q': '1', 'V': '1', 'Q': '1', 'B': '0'}}))

        last = feed.status()['last_sent']['btcusdt@trade']['t']
        trade(last + 1, ahead=86400000)
        trade(2 ** 62)
        for ahead, closed in ((86400000, True), (86400000, False), (0, True)):
            kline(ahead, last, closed)
        trade(last + 1)
        trade(last + 5)
        kline(0, last + 6, False)
        trade(last + 6)                         # which counts it
        feed.act('cut')
        feed.wait(lambda s: len(s['subscriptions']) == 6)
        for ident in (1, 2, 2, 3):
            trade(ident)
        want = settled(recorder, self.SYMBOLS)
        ids = [row['id'] for row in want['/market/trades/BTC?limit=500'][1][
            'trades']]
        self.assertEqual(sorted(map(int, ids[:6] + ids[-6:]))[:3], [1, 2, 3])
        self.compare(want, settled(self.replay(recorder), self.SYMBOLS))
        self.proven(recorder, 'updates', 'prints')

    def test_restarts_crashes_stops_and_silence_are_proven(self):
        recorder = self.stack(
            feed=['--synthetic', 'BTCUSDT,ETHUSDT', '--rate', '300'],
            catalogue=[row for row in crypto(stale_after_ms=1500)
                       if row['symbol'] in self.SYMBOLS],
            env={'TAPE_DIR': 'tape', 'TAPE_RAW': 1,
                 'BINANCE_STREAMS': 'trade,bookTicker,depth@100ms',
                 'FEED_BACKOFF_MIN_MS': 20, 'FEED_BACKOFF_MAX_MS': 200})
        feed = recorder.feed

        def live():
            return recorder.marketd_up() and not any(
                recorder.quote(symbol)['stale'] for symbol in self.SYMBOLS)

        def again():
            said = 'event=feed_connected'
            before = recorder.log('marketd').count(said)
            recorder.start_marketd()
            wait_for(lambda: recorder.log('marketd').count(said) > before
                     and live(), 'it is back')

        wait_for(live, 'quotes')
        feed.act('pause')               # silence, of which is told
        wait_for(lambda: recorder.quote('BTC')['stale'], 'stale')
        feed.act('resume')
        wait_for(live, 'it goes on')

        os.kill(recorder.marketd.pid, signal.SIGSTOP)
        time.sleep(3)                   # nobody was there to tell
        os.kill(recorder.marketd.pid, signal.SIGCONT)
        time.sleep(1)

        self.assertEqual(recorder.marketd.stop(), 0)
        verdict = verify(recorder.tape)
        self.assertEqual(verdict['underived'], 0)
        again()
        self.assertEqual(recorder.marketd.stop(), 0)
        verdict = verify(recorder.tape)
        self.assertEqual(verdict['carried'], 2)
        self.assertEqual(verdict['underived'], 0)

        for _ in range(3):
            again()
            time.sleep(1.5)             # a block is written by then
            recorder.marketd.stop(signal.SIGKILL)
        again()
        self.assertEqual(recorder.marketd.stop(), 0)
        verdict = verify(recorder.tape)
        self.assertEqual(verdict['carried'], 10)
        self.assertLessEqual(verdict['underived'], 6)
        self.assertEqual(
            verdict['derived'] + verdict['underived'], sum(
                verdict[k] for k in ('updates', 'prints', 'candles', 'books',
                                     'carried')))
        events = [json.loads(line)['event'] for line in ctl(
            'tape', 'cat', recorder.tape).stdout.splitlines()]
        self.assertGreaterEqual(events.count('stale'), 3)
        self.assertEqual(events.count('start'), 6)


class Rates(Tape, Polled):
    """Forex and metals."""

    def test_forex_and_metals_are_proven(self):
        server = self.server()
        server.act('set', name='forex', body=forex(), etag=True)
        server.act('set', name='metals', body=metals(
            {'XAU': '0.00041', 'XAG': '31.5'}))
        stack = self.start(server, TAPE_DIR='tape', TAPE_RAW=1,
                           catalogue=instruments(
                               {'EUR/USD', 'USD/JPY', 'GBP/USD', 'XAU/USD',
                                'XAG/USD'}))
        self.quoted(stack, 'USD/JPY', '143.27')
        server.wait(lambda s: sum(c['status'] == 304 for c in s['calls']) > 1)
        server.act('set', name='forex', etag=True,
                   body=forex({**FX, 'JPY': '150.001'}))
        self.quoted(stack, 'USD/JPY', '150.001')
        symbols = ('EUR/USD', 'USD/JPY', 'XAU/USD')
        server.stop()                   # nothing is heard again
        want = settled(stack, symbols)
        self.rich(want, ('EUR%2FUSD', 'USD%2FJPY'), 'prices', 'candles')
        stack.tape = stack.dir / 'tape'
        self.compare(want, settled(self.replay(stack), symbols))
        verdict = verify(stack.tape)
        self.assertEqual(verdict['underived'], 0)
        self.assertGreater(verdict['updates'], 12)
        self.assertEqual(verdict['derived'], verdict['updates'])


if __name__ == '__main__':
    unittest.main(verbosity=2)
