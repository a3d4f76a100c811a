#!/usr/bin/python3
# Copyright (C) the ngx_trading authors
# SPDX-License-Identifier: BSD-2-Clause

"""Protects: books, trades and candles on the board are the exchange's.

marketd runs against the feed server and the board is read by the readers' own
code (tests/tools/readseries.c). The oracle is the feed server's book and its
candles (feed_depth.py), which share no line with the C code. A broken build
shows as a level, a candle or a trade that differs, or as a book that does not
come back. Where recorded market data lies beside the repository
(../shared/data) real days are played as well; the rest makes its own feed.
"""

import gzip
import json
import os
import subprocess
import sys
import threading
import time
import unittest
from decimal import Decimal
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from stack import BUILD, PATIENCE, ROOT, Stack, crypto, wait_for  # noqa: E402
from recording import Message, read_file                          # noqa: E402

DATA = ROOT.parent / 'shared' / 'data'
WS, REST = DATA / 'binance-ws', DATA / 'binance-rest'
HFT = WS / 'hft-spot-btcusdt-20240808.log.gz'
CF = WS / 'cf-spot-btc-eth-dot-20210404.log.gz'
READER = BUILD / 'readseries'
MINUTE = 60000
OPEN, SOURCE, PARTIAL = 1, 2, 4
STOPS = 50


def e8(text):
    return int(Decimal(text).scaleb(8))


def levels(side):
    return [[e8(price), e8(quantity)] for price, quantity in side]


def candle(row):
    """A REST kline as readseries prints it, without flags."""
    return [row[0], *(e8(v) for v in row[1:6]), e8(row[7]), row[8]]


def json_of(path):
    with (gzip.open if path.suffix == '.gz' else open)(path) as file:
        return json.load(file)


def aligned(last_ms):
    """A shift that ends about now and leaves minutes whole."""
    return (int(time.time() * 1000) - last_ms) // MINUTE * MINUTE


class Series(unittest.TestCase):

    recorded, compared = False, 0

    def stack(self, feed, streams, symbols=('BTC', 'ETH'), **env):
        catalogue = crypto(stale_after_ms=60000)
        stack = Stack(feed=feed, nginx=False, env={
            'BINANCE_STREAMS': streams, 'MAX_JUMP_BP': 0,
            'FEED_BACKOFF_MIN_MS': 20, 'FEED_BACKOFF_MAX_MS': 200,
            'LOG_LEVEL': 'debug', **env},
            catalogue=[r for r in catalogue if r['symbol'] in symbols])
        self.stack_, self.kinds = stack, len(streams.split(','))
        self.addCleanup(self.finish, stack)
        stack.feed.wait(lambda s: len(s['subscriptions'])
                        == self.kinds * len(symbols))
        return stack

    def finish(self, stack):
        failed = self._outcome.result.errors + self._outcome.result.failures
        if any(test is self for test, _ in failed):
            stack.tell()
        stack.end()
        stack.judge()

    def read(self, what, symbol='BTC', *more):
        for _ in range(20):
            done = subprocess.run(
                [READER, self.stack_.board, what, symbol, *more],
                capture_output=True, text=True, timeout=20, check=False,
                env={**os.environ, 'ASAN_OPTIONS': 'detect_leaks=0'})
            if done.returncode != 4:        # the writer was faster
                break
        if done.returncode == 3:
            return None
        self.assertEqual(done.returncode, 0, (done.args, done.stderr))
        return json.loads(done.stdout)

    def candles(self, interval='1m', symbol='BTC'):
        return {row[0]: row for row in
                self.read('candles', symbol, interval) or ()}

    def truth(self, symbol='BTCUSDT'):
        return self.stack_.feed.act('book', symbol=symbol)['book']

    def agree(self, symbol='BTC', seconds=None):
        """Waits until the board's book is the exchange's."""
        def same():
            book, truth = self.read('depth', symbol), \
                self.truth(symbol + 'USDT')
            return book and truth and \
                book['last_id'] == truth['lastUpdateId'] and (book, truth)
        book, truth = wait_for(same, f'the book of {symbol}', seconds,
                               interval=0.03)
        for side in ('bids', 'asks'):
            want = levels(truth[side])
            # levels beyond the end of the recorded snapshot are not certain
            # and are left out: nobody knows what lies between them
            if self.recorded:
                want = want[:len(book[side])]
                self.compared += len(want)
            self.assertEqual(book[side], want, side)
        return book

    def stopped(self):
        """marketd's own account of its books, after it has been stopped."""
        self.assertEqual(self.stack_.marketd.stop(), 0)
        lines = [line for line in self.stack_.log('marketd').splitlines()
                 if 'event=books ' in line]
        self.assertEqual(len(lines), 1, lines)
        own = {k: int(v) for k, v in
               (word.split('=') for word in lines[0].split()
                if word.partition('=')[2].isdigit())}
        # as operators see it
        done = subprocess.run(
            [BUILD / 'tradingctl', 'board', '--json', '--run-dir',
             os.path.dirname(self.stack_.board)],
            capture_output=True, text=True, timeout=20, check=True,
            env={**os.environ, 'ASAN_OPTIONS': 'detect_leaks=0'})
        self.assertEqual(json.loads(done.stdout)['books'], own)
        return own

    def calls(self, path):
        return [call for call in self.stack_.feed.status()['rest_calls']
                if call['target'].startswith('/api/v3/' + path)]


class Recorded(Series):
    """The recorded days."""

    recorded = True

    def setUp(self):
        if not HFT.exists() or not CF.exists():
            self.skipTest('no recordings in ../shared/data')

    def test_book_is_the_exchanges_at_fifty_stops(self):
        messages = list(read_file(HFT))
        best, places = {}, []
        for message in messages:
            if message.stream.endswith('@bookTicker'):
                ticker = json.loads(message.data)
                best[ticker['u']] = (e8(ticker['b']), e8(ticker['a']))
        for at, message in enumerate(messages):
            if message.stream.endswith('@depth@100ms') \
                    and json.loads(message.data)['u'] in best:
                places.append(at + 1)
        stops = places[2::len(places) // STOPS]
        self.assertGreaterEqual(len(stops), STOPS)
        self.stack(['--play', HFT, '--paused', '--speed', 'max', '--hold'],
                   'trade,bookTicker,depth@100ms', symbols=('BTC',),
                   BINANCE_BACKFILL=0)
        feed, sent, checked = self.stack_.feed, 0, 0
        for stop in [*stops, len(messages)]:
            feed.act('step', count=stop - sent)
            sent = stop
            book = self.agree()
            if book['last_id'] in best and book['bids'] and book['asks']:
                self.assertEqual((book['bids'][0][0], book['asks'][0][0]),
                                 best[book['last_id']], stop)
                checked += 1
        self.assertEqual(feed.status()['played'], len(messages))
        self.assertGreaterEqual(checked, STOPS)
        self.assertGreater(self.compared, 20 * 2 * STOPS * 0.5)
        own = self.stopped()
        print(f'{self.compared} levels and {checked} bookTickers compared '
              f'at {len(stops) + 1} stops, by marketd itself '
              f'{own["checked"]}', file=sys.stderr)
        # every bookTicker of an id that the book had was compared
        self.assertEqual((own['lost'], own['synced'], own['wrong']), (0, 1, 0))
        self.assertGreaterEqual(own['checked'], len(places) * 0.9)

    def test_candles_of_trades_are_the_sums_of_the_trades(self):
        last = max(json.loads(m.data)['T'] for m in read_file(HFT)
                   if m.stream.endswith('@trade'))
        self.stack(['--play', HFT, '--paused', '--speed', 'max', '--hold',
                    '--shift', aligned(last)],
                   'trade,bookTicker', symbols=('BTC',), BINANCE_BACKFILL=0)
        feed = self.stack_.feed
        feed.act('resume')
        feed.wait(lambda s: s['done'], 60)
        rows = feed.get_json('/api/v3/klines?symbol=BTCUSDT&interval=1m')[1]
        self.assertGreaterEqual(len(rows), 6)
        want = {row[0]: candle(row) for row in rows}

        def same():
            have = self.candles()
            return set(have) == set(want) and all(
                have[at][:8] == want[at] for at in want) and have
        have = wait_for(same, 'candles of all trades', 10, interval=0.1)
        # the first one lacks what was before the recording, the rest nothing
        for n, at in enumerate(sorted(have)):
            self.assertEqual(bool(have[at][8] & PARTIAL), n == 0, have[at])
        five = {row[0]: candle(row) for row in feed.get_json(
            '/api/v3/klines?symbol=BTCUSDT&interval=5m')[1]}
        for at, row in self.candles('5m').items():
            self.assertEqual(row[:8], five[at])
        trades = self.read('trades')
        played = [json.loads(m.data) for m in read_file(HFT)
                  if m.stream.endswith('@trade')][-len(trades):]
        self.assertEqual(len(trades), 1000)
        self.assertEqual(
            [(t[0], t[1], t[2], t[4] & 1) for t in trades],
            [(t['t'], e8(t['p']), e8(t['q']), int(t['m'])) for t in played])

    def test_built_candles_equal_the_recorded_klines_on_the_way(self):
        messages = list(read_file(CF))
        last = max(json.loads(m.data)['T'] for m in messages
                   if m.stream.endswith('@aggTrade'))
        shift = aligned(last)
        symbols = ('BTC', 'ETH', 'DOT')
        self.stack(['--play', CF, '--paused', '--speed', 'max', '--hold',
                    '--shift', shift], 'aggTrade,bookTicker',
                   symbols=symbols, BINANCE_BACKFILL=0)
        feed, sent, newest, compared = self.stack_.feed, 0, {}, 0
        for at, message in enumerate(messages):
            symbol, _, kind = message.stream.partition('@')
            if kind == 'aggTrade':
                newest[symbol] = json.loads(message.data)['l']
            if kind != 'kline_1m':
                continue
            k = json.loads(message.data)['k']
            # whole from its first trade on, and the trades are all there
            if k['L'] != newest.get(symbol) or k['x'] \
                    or k['t'] // MINUTE * MINUTE < last // MINUTE * MINUTE:
                continue
            feed.act('step', count=at - sent)
            sent = at
            want = [k['t'] + shift, *(e8(k[x]) for x in 'ohlcvq'), k['n']]
            wait_for(lambda: self.candles(
                symbol=symbol.upper().removesuffix('USDT')).get(
                    want[0], ())[:8] == want, f'kline {want}', 5,
                interval=0.02)
            compared += 1
        self.assertGreater(compared, 20)

    def test_klines_of_the_stream_take_the_place_of_what_was_built(self):
        messages = [m for m in read_file(CF) if m.stream.endswith('kline_1m')]
        closed = {}
        for message in messages:
            k = json.loads(message.data)['k']
            if k['x']:
                closed[k['s']] = k
        self.assertEqual(len(closed), 3)
        last = max(json.loads(m.data)['E'] for m in messages)
        shift = aligned(last)
        self.stack(['--play', CF, '--paused', '--speed', 'max', '--hold',
                    '--shift', shift], 'aggTrade,kline_1m',
                   symbols=('BTC', 'ETH', 'DOT'), BINANCE_BACKFILL=0)
        self.stack_.feed.act('resume')
        self.stack_.feed.wait(lambda s: s['done'], 30)
        for symbol, k in closed.items():
            want = [k['t'] + shift, *(e8(k[x]) for x in 'ohlcvq'), k['n']]
            have = wait_for(lambda: self.candles(
                symbol=symbol.removesuffix('USDT')).get(want[0]), 'it', 5)
            self.assertEqual(have[:8], want)
            self.assertTrue(have[8] & SOURCE)

    def back_filled(self, interval, *names):
        rows = {}
        for name in names:
            rows.update((row[0], row) for row in json_of(REST / name))
        self.stack(['--synthetic', 'BTCUSDT', '--paused', '--klines',
                    *(f'BTCUSDT:{interval}={REST / n}' for n in names)],
                   'bookTicker', symbols=('BTC',))
        want = [candle(rows[at]) for at in sorted(rows)][-1000:]
        have = wait_for(lambda: len(self.candles(interval)) >= len(want)
                        and self.candles(interval), 'candles', 10)
        for row in want:
            self.assertEqual(have[row[0]][:8], row)
            self.assertEqual(have[row[0]][8], SOURCE)
        return have

    def test_back_filled_1m_are_the_files_digits(self):
        self.back_filled('1m', 'gct-klines-BTCUSDT-1m-20200506.json')

    def test_back_filled_5m_are_the_files_digits(self):
        self.back_filled('5m', 'gct-klines-BTCUSDT-5m-20200415.json')

    def test_back_filled_1h_are_the_files_digits_and_gaps_stay(self):
        have = self.back_filled(
            '1h', 'gct-klines-BTCUSDT-1h-page1-20200501.json.gz',
            'gct-klines-BTCUSDT-1h-page2-20200611.json.gz')
        hours = sorted(have)
        holes = [(b - a) // 3600000 - 1 for a, b in zip(hours, hours[1:])
                 if b - a > 3600000]
        self.assertEqual(holes, [3])

    def test_back_filled_1d_are_the_files_digits(self):
        self.back_filled('1d', 'gct-klines-BTCUSDT-1d-2019.json.gz')

    def test_gap_of_a_cut_is_filled_and_nothing_else_is_asked_for(self):
        messages = [m for m in read_file(HFT) if isinstance(m, Message)]
        last = max(json.loads(m.data)['T'] for m in messages
                   if m.stream.endswith('@trade'))
        self.stack(['--play', HFT, '--paused', '--speed', 'max', '--hold',
                    '--shift', aligned(last)],
                   'trade,bookTicker,depth@100ms', symbols=('BTC',))
        feed = self.stack_.feed
        part = len(messages) // 6
        feed.act('step', count=2 * part)
        self.agree()
        wait_for(lambda: len(self.calls('klines')) >= 6, 'all was asked for')
        feed.act('cut', refuse=True)
        feed.act('step', count=part)            # nobody hears of it
        wait_for(lambda: self.read('depth')['bids'] == [],
                 'no book without a connection')
        before = len(self.calls('klines'))
        feed.act('accept')
        feed.wait(lambda s: len(s['subscriptions']) == self.kinds)
        wait_for(lambda: len(self.calls('klines')) > before, 'the gap')
        feed.act('step', count=1000)
        self.agree()
        asked = self.calls('klines')[before]['target']
        self.assertIn('startTime=', asked)
        self.assertIn('interval=1m', asked)
        broken = max(self.candles())            # played in the past: half
        feed.act('step', count=len(messages))
        self.agree()
        rows = feed.get_json('/api/v3/klines?symbol=BTCUSDT&interval=1m')[1]
        for row in map(candle, rows[1:]):
            if row[0] != broken:
                wait_for(lambda row=row: self.candles()[row[0]][:8] == row,
                         f'candle {row}', 5)
        own = self.stopped()
        self.assertEqual((own['lost'], own['synced'], own['wrong']), (1, 2, 0))


class Faults(Series):
    """A feed of its own, and what goes wrong with it."""

    FEED = ['--synthetic', 'BTCUSDT,ETHUSDT', '--rate', '200']
    STREAMS = 'trade,bookTicker,depth@100ms'
    STREAM = 'btcusdt@depth@100ms'

    def start(self, streams=STREAMS, **env):
        self.stack(self.FEED, streams, BINANCE_BACKFILL=0, **env)
        wait_for(lambda: (self.read('depth') or {}).get('bids'), 'a book')

    def quiet(self, symbol='BTC'):
        """Everything agrees once nothing moves."""
        self.stack_.feed.act('pause')
        book = self.agree(symbol, 10)
        self.stack_.feed.act('resume')
        return book

    def asked(self, status=None):
        """How many snapshots were asked for: each loss of a book is one.
        (The log says why, but not each time.)"""
        return sum(status is None or call['status'] == status
                   for call in self.calls('depth'))

    def lost_and_back(self, act, seconds=5):
        before = self.asked()
        begun = time.monotonic()
        act()
        wait_for(lambda: self.asked() > before, 'a new snapshot', 10)
        wait_for(lambda: (self.read('depth') or {}).get('bids'),
                 'the book is back', seconds)
        took = time.monotonic() - begun
        self.quiet()
        self.quiet('ETH')
        return took

    def fault(self, how, count=1):
        self.stack_.feed.act('stream_fault', stream=self.STREAM, how=how,
                             count=count)

    def test_lost_difference_is_noticed_and_the_book_taken_anew(self):
        self.start()
        self.quiet()
        self.assertLess(self.lost_and_back(lambda: self.fault('drop')), 3)
        self.lost_and_back(lambda: self.fault('drop', 7))
        self.assertIn('symbol=BTCUSDT reason=gap', self.stack_.log('marketd'))
        own = self.stopped()
        self.assertEqual((own['lost'], own['synced'], own['wrong']), (2, 4, 0))

    def test_hole_in_what_is_kept_while_the_snapshot_is_fetched(self):
        """A snapshot that comes late, and differences kept meanwhile of which
        one is missing: they must not be applied one after the other."""
        self.start()
        feed = self.stack_.feed
        feed.act('pause')
        at = self.agree()['last_id']
        true, seen, over = {at: self.truth()}, [], threading.Event()

        def watch():
            while not over.is_set():
                seen.append(self.read('depth'))

        def step(what):
            """Until one more difference of BTC happened."""
            begun = max(true)
            while max(true) == begun:
                feed.act('step')
                now = self.truth()
                true[now['lastUpdateId']] = now
            self.assertLess(len(true), 300, what)

        watcher = threading.Thread(target=watch)
        watcher.start()
        self.addCleanup(watcher.join)
        self.addCleanup(over.set)

        # made at once, on its way for long
        before = self.asked()
        feed.act('rest_delay', seconds=1.5, path='/api/v3/depth', made=True)
        self.fault('drop')
        step('lost')
        step('noticed')
        wait_for(lambda: self.asked() == before + 1, 'a snapshot')
        for _ in range(5):
            step('kept')
        # it changes nothing, so that only its ids tell that one is missing
        feed.act('send', stream=self.STREAM, data=json.dumps(
            {'e': 'depthUpdate', 'E': int(time.time() * 1000),
             's': 'BTCUSDT', 'U': max(true) + 2, 'u': max(true) + 3,
             'b': [], 'a': []}))
        self.assertEqual(self.asked(), before + 1)
        self.assertEqual(self.read('depth')['bids'], [])

        # the next one finds nothing kept, so it takes a difference to ask
        wait_for(lambda: self.stack_.log('marketd').count('reason=gap') == 2,
                 'the hole is found')
        step('the next')
        wait_for(lambda: self.asked() == before + 2, 'another snapshot')
        step('it fits')
        self.agree()
        over.set()
        watcher.join()
        books = [book for book in seen if book['bids'] or book['asks']]
        self.assertTrue(books)
        for book in books:
            for side in ('bids', 'asks'):
                self.assertEqual(book[side],
                                 levels(true[book['last_id']][side]))
        own = self.stopped()
        self.assertEqual((own['lost'], own['synced'], own['wrong']), (1, 3, 0))

    def test_reordered_differences_are_a_gap(self):
        self.start()
        self.lost_and_back(lambda: self.fault('reorder'))
        self.assertGreaterEqual(self.stopped()['lost'], 1)

    def test_doubled_differences_change_nothing(self):
        self.start()
        self.fault('duplicate', 20)
        time.sleep(1)
        self.quiet()
        self.assertEqual(self.stopped()['lost'], 0)

    def test_no_book_is_shown_while_the_snapshot_is_refused(self):
        self.start()
        feed = self.stack_.feed
        for status, retry in ((429, 1), (500, None), (418, 1)):
            # refused for as long as it is looked at
            feed.act('rest_status', status=status, retry_after=retry,
                     path='/api/v3/depth', count=100000)
            self.fault('drop')
            wait_for(lambda s=status: self.asked(s), status)
            for _ in range(5):
                book = self.read('depth')
                self.assertEqual((book['bids'], book['asks']), ([], []))
            feed.act('rest_reset')
            wait_for(lambda: self.read('depth')['bids'], 'it is back')
            self.quiet()

    def test_unreadable_snapshots_are_tried_again(self):
        self.start()
        for kind in ('cut_json', 'not_json', 'empty', 'object', 'truncated'):
            self.stack_.feed.act('rest_body', kind=kind, count=1,
                                 path='/api/v3/depth')
            self.lost_and_back(lambda: self.fault('drop'), 10)

    def test_book_that_contradicts_a_book_ticker_is_given_up(self):
        self.start()
        self.stack_.feed.act('pause')
        book = self.agree()
        bid, ask = book['bids'][0][0], book['asks'][0][0]
        # an id further on, by both: the difference says nothing changed
        at = self.truth()['lastUpdateId']
        self.stack_.feed.act('send', stream=self.STREAM, data=json.dumps(
            {'e': 'depthUpdate', 'E': int(time.time() * 1000),
             's': 'BTCUSDT', 'U': at + 1, 'u': at + 5, 'b': [], 'a': []}))
        self.stack_.feed.act(
            'send', stream='btcusdt@bookTicker', data=json.dumps(
                {'u': at + 5, 's': 'BTCUSDT', 'b': f'{(bid - 10 ** 8) / 1e8}',
                 'B': '1.0', 'a': f'{ask / 1e8}', 'A': '1.0'}))
        wait_for(lambda: self.read('depth')['bids'] == [], 'it is gone')
        own = self.stopped()
        self.assertEqual((own['lost'], own['wrong']), (1, 1))

    def test_difference_that_overlaps_what_is_known_is_applied(self):
        """Two links of a renewal need not cut a stream at the same ids."""
        self.start()
        self.stack_.feed.act('pause')
        book = self.agree()
        at, price = book['last_id'], book['bids'][0][0]
        self.stack_.feed.act('send', stream=self.STREAM, data=json.dumps(
            {'e': 'depthUpdate', 'E': int(time.time() * 1000),
             's': 'BTCUSDT', 'U': at - 3, 'u': at + 5,
             'b': [[f'{price / 1e8:.8f}', '77.00000000']], 'a': []}))
        have = wait_for(lambda: self.read('depth')['last_id'] == at + 5
                        and self.read('depth'), 'it is applied')
        self.assertEqual(have['bids'][0], [price, 77 * 10 ** 8])
        self.assertEqual(have['asks'], book['asks'])
        self.assertEqual(self.stopped()['lost'], 0)

    def test_cut_and_back(self):
        self.start()
        feed = self.stack_.feed
        for how in ('rst', 'fin'):
            feed.act('cut', how=how, refuse=True)
            wait_for(lambda: self.read('depth')['bids'] == [],
                     'no book without a connection')
            time.sleep(0.2)
            feed.act('accept')
            wait_for(lambda: self.read('depth')['bids'], 'it is back', 10)
            self.quiet()

    def test_renewal_of_the_connection_loses_no_trade_and_no_book(self):
        self.start(FEED_MAX_AGE_S=2)
        wait_for(lambda: self.stack_.log('marketd').count('feed_renewed') >= 2,
                 'renewals', 15)
        self.quiet()
        ids = [t[0] for t in self.read('trades')]
        self.assertEqual(ids, list(range(ids[0], ids[0] + len(ids))))
        self.assertEqual(self.stopped()['lost'], 0)

    def test_partial_books_are_the_cheap_way(self):
        self.start('trade,bookTicker,depth20@100ms')
        self.quiet()
        self.assertEqual(self.calls('depth'), [])
        self.stack_.feed.act('stream_fault', how='drop', count=3,
                             stream='btcusdt@depth20@100ms')
        time.sleep(0.3)
        self.quiet()

    def test_trades_are_counted_once_where_both_kinds_are_subscribed(self):
        self.start('trade,aggTrade,depth20@100ms')
        feed = self.stack_.feed
        wait_for(lambda: self.read('trades'), 'trades')
        feed.act('pause')
        time.sleep(0.3)
        trade = feed.status()['last_sent']['btcusdt@trade']
        before = self.read('trades')[-1]
        self.assertEqual(before[0], trade['t'])
        feed.act('send', stream='btcusdt@aggTrade', data=json.dumps({
            'e': 'aggTrade', 'E': trade['E'] + 1, 's': 'BTCUSDT', 'a': 1,
            'p': trade['p'], 'q': '9.0', 'f': trade['t'] + 1,
            'l': trade['t'] + 1, 'T': trade['T'], 'm': True, 'M': True}))
        time.sleep(0.3)
        self.assertEqual(self.read('trades')[-1], before)

    def test_many_books_are_asked_for_one_after_the_other(self):
        symbols = [row['symbol'] for row in crypto()]
        names = ','.join(row['exchange_symbol'] for row in crypto())
        stack = self.stack(['--synthetic', names, '--rate', '400'],
                           'bookTicker,depth@100ms', symbols=symbols,
                           BINANCE_BACKFILL=0)
        wait_for(lambda: all((self.read('depth', s) or {}).get('bids')
                             for s in symbols), 'all books', PATIENCE)
        calls = self.calls('depth')
        self.assertEqual(len(calls), len(symbols))
        # a tenth of the minute's weight at once, the rest as it accrues
        first = [c['time'] for c in calls]
        self.assertGreater(first[-1] - first[11],
                           0.7 * (len(calls) - 12) * 50 / 60)
        self.assertLess(stack.feed.status()['weight'], 6000 * 0.8)

    def test_candles_are_asked_for_without_delaying_the_market(self):
        symbols = [row['symbol'] for row in crypto()]
        names = ','.join(row['exchange_symbol'] for row in crypto())
        self.stack(['--synthetic', names, '--rate', '400'],
                   'trade,bookTicker,ticker,kline_1m,depth20@100ms',
                   symbols=symbols)
        wait_for(lambda: len(self.calls('klines')) == 6 * len(symbols),
                 'all candles were asked for', PATIENCE)
        kinds = [c['target'].split('interval=')[1].split('&')[0]
                 for c in self.calls('klines')]
        order = ['1m', '5m', '15m', '1h', '4h', '1d']
        self.assertEqual(kinds, [k for k in order for _ in symbols])
        tickers = self.calls('ticker/24hr')
        self.assertLess(tickers[0]['time'], self.calls('klines')[0]['time'])
        wait_for(lambda: self.read('trades'), 'trades')
        self.stack_.feed.act('rest_status', status=500, count=3,
                             path='/api/v3/klines')
        time.sleep(0.5)
        self.assertEqual(len(self.calls('klines')), 6 * len(symbols))


if __name__ == '__main__':
    unittest.main()
