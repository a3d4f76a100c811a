#!/usr/bin/python3
# Copyright (C) the ngx_trading authors
# SPDX-License-Identifier: BSD-2-Clause

"""Protects: a feed that fails makes quotes stale, and nothing worse.

Connections are cut, refused, muted, half dead and slow, while quotes must turn
stale within their limit, keep the last good values, name the reason in health
and metrics, and be fresh again soon after the feed is back, with pauses between
attempts that grow and vary. marketd must be the same process at the end.
test_feed_garbage.py is about what a living feed says.
"""

import re
import socket
import sys
import threading
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from load import Load, intact                                   # noqa: E402
from stack import Feed, Stack, crypto, note, wait_for           # noqa: E402

STALE_MS = 800
SETTINGS = {'FEED_MUTE_TIMEOUT_MS': 600, 'FEED_BACKOFF_MIN_MS': 40,
            'FEED_BACKOFF_MAX_MS': 640, 'FEED_CONNECT_TIMEOUT_MS': 500}
SYMBOLS = 'BTCUSDT,ETHUSDT'
SYNTHETIC = ['--synthetic', SYMBOLS, '--rate', 200, '--incoming-limit', 0]


def rows(stale_after_ms=STALE_MS):
    return [row for row in crypto(stale_after_ms=stale_after_ms)
            if row['exchange_symbol'] in SYMBOLS.split(',')]


class FeedFaults(unittest.TestCase):

    def start(self, feed=SYNTHETIC, env=None, **options):
        self.stack = Stack(feed=feed, env={**SETTINGS, **(env or {})},
                           catalogue=rows(), **options)
        self.addCleanup(self.finish)
        self.feed = self.stack.feed
        self.failed = True
        self.pid = self.stack.marketd.pid
        self.fresh()

    def finish(self):
        if self.failed:
            self.stack.tell()
        self.stack.end()
        self.stack.judge()

    def btc(self):
        answer = self.stack.get('/market/prices/BTC')
        return answer.json() if answer.status == 200 else None

    def fresh(self, seconds=5):
        def good():
            quote = self.btc()
            return quote and not quote['stale'] and \
                self.stack.source()['state'] == 'connected'
        begun = time.monotonic()
        wait_for(good, 'fresh quotes', seconds)
        return time.monotonic() - begun

    def stale(self, grace=0.6, state=True):
        """Turns stale within the limit, and keeps the last good quote."""
        begun = time.monotonic()
        wait_for(lambda: self.btc()['stale'], 'stale quotes',
                 STALE_MS / 1000 + grace)
        took = time.monotonic() - begun
        asked = len(self.feed.status()['rest_calls'])
        last = self.btc()
        time.sleep(0.2)
        later = self.btc()
        # a snapshot that came meanwhile is good, newer data; otherwise
        # nothing may have moved
        if len(self.feed.status()['rest_calls']) == asked:
            self.assertEqual(later, last)
        last = later
        self.assertEqual(last['source'], 'binance')
        self.assertNotIn('x-market-stale',
                         self.stack.get('/market/prices/BTC').headers)
        self.assertEqual(
            self.stack.json('/market/overview')['stale_instruments'], 2)
        health = self.stack.get('/market/health')
        if state:
            self.assertNotEqual(
                health.json()['sources']['binance']['state'], 'connected')
        self.assertIn(health.status, (200, 503))
        self.assertEqual(self.stack.json('/trading/signals/BTC')['stale'],
                         True)
        return took

    def over(self):
        self.assertTrue(self.stack.marketd.alive())
        self.assertEqual(self.stack.marketd.pid, self.pid)
        self.failed = False

    def reconnects(self, reason):
        count = self.stack.source()['reconnects'][reason]
        metric = next(v for k, v in self.stack.metrics().items()
                      if k.startswith('trading_source_reconnects_total')
                      and f'reason="{reason}"' in k)
        self.assertGreaterEqual(metric, count)
        return count

    def pauses(self):
        return [int(ms) for ms in re.findall(
            r'event=feed_retry source=binance in_ms=(\d+)',
            self.stack.log('marketd'))]

    def outage(self, begin, end, reason, seconds=0.0, state=True):
        before = self.reconnects(reason)
        begin()
        took = self.stale(state=state)
        time.sleep(seconds)
        end()
        back = self.fresh()
        after = self.reconnects(reason)
        self.assertGreater(after, before, reason)
        note(f'{self._testMethodName}: stale after {took:.2f} s, fresh '
             f'{back:.2f} s after it was back, {after - before} times '
             f'"{reason}"')

    # ---- the connection

    def test_cut_and_refused_backs_off_with_jitter(self):
        self.start()
        first = len(self.pauses())
        self.outage(lambda: self.feed.act('cut', how='rst', refuse=True),
                    lambda: self.feed.act('accept'), 'refused', 4)
        pauses = self.pauses()[first:]
        self.assertGreaterEqual(len(pauses), 5, pauses)
        for number, ms in enumerate(pauses):
            bound = min(640, 40 << number)
            self.assertLessEqual(ms, bound, pauses)
        # full jitter: anything up to the bound, so not all alike, and the
        # later ones longer than the first could ever be
        self.assertGreater(len(set(pauses)), len(pauses) // 2)
        self.assertGreater(max(pauses), 160)
        self.over()

    def test_cut_comes_back_at_once(self):
        self.start()
        for how in ('rst', 'fin'):
            before = self.reconnects('lost') + self.reconnects('closed')
            total = self.feed.status()['connections_total']
            self.feed.act('cut', how=how)
            self.feed.wait(lambda s: s['connections_total'] > total, 2)
            self.fresh(2)
            self.assertGreater(self.reconnects('lost')
                               + self.reconnects('closed'), before, how)
        total = self.feed.status()['connections_total']
        closed = self.reconnects('closed')
        self.feed.act('close', code=1001)
        self.feed.wait(lambda s: s['connections_total'] > total, 2)
        self.assertGreater(self.reconnects('closed'), closed)
        self.fresh(2)
        self.over()

    def test_announced_shutdown_leaves_no_gap(self):
        self.start()
        self.feed.act('shutdown', after=1.0)
        end = time.monotonic() + 1.8
        while time.monotonic() < end:
            self.assertIs(self.btc()['stale'], False)
            time.sleep(0.01)
        self.fresh(2)
        self.over()

    def test_refusing_in_other_ways(self):
        self.start()
        for how, reasons in (('close', ('lost', 'refused', 'closed')),
                             ('http', ('protocol', 'refused')),
                             ('hang', ('mute', 'refused', 'lost'))):
            before = sum(self.reconnects(r) for r in reasons)
            self.feed.act('refuse', how=how)
            self.feed.act('cut')
            self.stale()
            wait_for(lambda: sum(self.reconnects(r) for r in reasons)
                     > before + 1, f'reconnects after {how}', 5)
            self.feed.act('accept')
            note(f'{how}: back after {self.fresh(5):.2f} s')
        self.over()

    def test_mute_but_alive(self):
        # pings come and are answered, only quotes do not: a dead subscription
        self.start(env={'FEED_MUTE_TIMEOUT_MS': 700})
        self.outage(lambda: self.feed.act('mute'),
                    lambda: self.feed.act('unmute'), 'mute', 1.5)
        self.over()

    def test_mute_although_it_says_that_we_are_subscribed(self):
        # what REST tells of trades that the stream did not gives it away
        self.start(env={'FEED_MUTE_TIMEOUT_MS': 700})
        # its state is good until that has been asked
        self.outage(lambda: self.feed.act('mute', listed=True),
                    lambda: self.feed.act('unmute'), 'mute', 1.5, state=False)
        self.assertIn('text="trades elsewhere, none here"',
                      self.stack.log('marketd'))
        self.over()

    def test_quiet_market_is_not_cut(self):
        # nothing is traded, everything is answered
        self.start()
        total = self.feed.status()['connections_total']
        self.feed.act('pause')
        self.stale(state=False)
        time.sleep(8 * SETTINGS['FEED_MUTE_TIMEOUT_MS'] / 1000)
        status = self.feed.status()
        self.assertEqual(status['connections_total'], total)
        self.assertTrue(any('LIST_SUBSCRIPTIONS' in r
                            for r in status['requests']))
        self.assertEqual(self.stack.source()['state'], 'connected')
        self.assertEqual(self.reconnects('mute'), 0)
        self.feed.act('resume')
        self.fresh()
        self.assertEqual(self.feed.status()['connections_total'], total)
        self.over()

    def test_half_dead(self):
        # the peer's machine is gone: nothing comes at all, nobody says so
        self.start()

        def begin():
            self.feed.act('rest_status', status=503, count=100000)
            self.feed.act('mute', pings=False, pongs=False)

        def end():
            self.feed.act('rest_reset')
            self.feed.act('unmute')
        # in between it connects again, to a peer that says nothing
        self.outage(begin, end, 'mute', 1, state=False)
        self.over()

    def test_slow_bytes_are_bytes(self):
        self.start()
        total = self.feed.status()['connections_total']
        self.feed.act('slow', on=True, delay_ms=0)
        time.sleep(1)
        self.assertIsNotNone(self.btc())
        self.feed.act('slow', on=False)
        self.fresh()
        self.assertLessEqual(self.feed.status()['connections_total'],
                             total + 2)
        self.over()

    def test_disconnected_again_and_again(self):
        self.start(feed=[*SYNTHETIC, '--disconnect-after', 0.5])
        with Load(self.stack.port, intact, readers=1) as load:
            self.feed.wait(lambda s: s['connections_total'] >= 7, 15)
        self.assertEqual(load.wrong, [])
        self.assertEqual(set(load.statuses), {200})
        self.over()

    def test_renews_before_the_exchange_cuts(self):
        self.start(env={'FEED_MAX_AGE_S': 1})
        end, stale = time.monotonic() + 3.5, 0
        while time.monotonic() < end:
            stale += self.btc()['stale']
            time.sleep(0.005)
        self.assertEqual(stale, 0)
        self.assertGreaterEqual(self.reconnects('age'), 2)
        self.assertGreaterEqual(self.feed.status()['connections_total'], 3)
        self.over()

    def test_feed_that_lags_is_stale_though_it_speaks(self):
        self.start(feed=SYNTHETIC)
        status = self.feed.wait(lambda s: 'btcusdt@trade' in s['last_sent'])
        self.feed.act('pause')
        status = self.feed.status()['last_sent']['btcusdt@trade']
        quote = self.btc()
        at = int(time.time() * 1000) - 5 * STALE_MS
        stop = threading.Event()

        def speak():
            number = status['t']
            while not stop.is_set():
                number += 1
                self.feed.act('send', stream='btcusdt@trade', data={
                    **status, 't': number, 'E': at + number - status['t'],
                    'T': at})
                time.sleep(0.05)
        speaker = threading.Thread(target=speak, daemon=True)
        speaker.start()
        try:
            wait_for(lambda: self.btc()['stale'], 'lag is stale', 2)
            self.assertGreater(self.btc()['seq'], quote['seq'])
        finally:
            stop.set()
            speaker.join()
        self.feed.act('resume')
        self.fresh()
        self.over()

    def test_load_during_an_outage_sees_whole_answers_only(self):
        self.start()
        with Load(self.stack.port, intact, paths=(
                '/market/prices/BTC', '/market/prices', '/market/summary',
                '/trading/signals/BTC', '/market/overview')) as load:
            for _ in range(3):
                self.feed.act('cut', refuse=True)
                time.sleep(1.2)
                self.feed.act('accept')
                self.fresh()
        self.assertEqual(load.wrong, [])
        self.assertEqual(set(load.statuses), {200}, load.codes)
        self.over()


class Handshake(unittest.TestCase):
    """A server that answers the handshake with something else."""

    def serve(self, answer):
        """Accepts for ever and answers with these bytes; times of it."""
        listener = socket.create_server(('127.0.0.1', 0))
        self.addCleanup(listener.close)
        times = []

        def run():
            while True:
                try:
                    sock, _ = listener.accept()
                except OSError:
                    return
                times.append(time.monotonic())
                with sock:
                    sock.settimeout(2)
                    try:
                        sock.recv(65536)
                        sock.sendall(answer)
                        sock.shutdown(socket.SHUT_WR)
                        sock.recv(1)
                    except OSError:
                        pass
        threading.Thread(target=run, daemon=True).start()
        return listener.getsockname()[1], times

    def answered(self, head, reason, seconds=2.0, body=b'no'):
        port, times = self.serve(
            f'HTTP/1.1 {head}\r\nContent-Length: {len(body)}\r\n\r\n'
            .encode() + body)
        with Stack(feed=SYNTHETIC, catalogue=rows(60000),
                   env={**SETTINGS,
                        'BINANCE_WS_URL': f'ws://127.0.0.1:{port}'}) as stack:
            wait_for(lambda: stack.source()['reconnects'][reason],
                     f'{reason} after {head}', 5)
            time.sleep(seconds)
            self.assertTrue(stack.marketd.alive())
            self.assertNotEqual(stack.source()['state'], 'connected')
            self.assertEqual(stack.get('/market/prices/BTC').status, 200)
            return times

    def test_limits_are_respected(self):
        for status in ('429 Too Many Requests', '418 I am a teapot'):
            times = self.answered(f'{status}\r\nRetry-After: 1', 'limited',
                                  3.2)
            gaps = [b - a for a, b in zip(times, times[1:])]
            self.assertGreaterEqual(len(times), 2, status)
            self.assertGreaterEqual(min(gaps), 1.0, status)

    def test_no_retry_after_waits_longer_than_a_back_off(self):
        times = self.answered('429 Too Many Requests', 'limited', 3)
        self.assertEqual(len(times), 1)

    def test_other_answers(self):
        for head, reason in (
                ('500 Internal Server Error', 'refused'),
                ('503 Service Unavailable', 'refused'),
                ('302 Found\r\nLocation: ws://127.0.0.1:1/', 'refused'),
                ('200 OK', 'refused'),
                ('101 Switching Protocols\r\nUpgrade: websocket\r\n'
                 'Connection: Upgrade\r\nSec-WebSocket-Accept: bm9wZQ==',
                 'protocol')):
            times = self.answered(head, reason, 0.5)
            self.assertGreaterEqual(len(times), 2, head)
            self.assertLess(len(times), 40, head)


class Tls(unittest.TestCase):

    def test_wrong_authority_is_refused_and_nothing_is_believed(self):
        with Feed('--tls', '--play', str(Path(__file__).resolve().parents[1]
                  / 'feed/fixtures/stream-basic.log')) as other, \
                Stack(feed=[*SYNTHETIC, '--tls'], catalogue=rows(),
                      env={**SETTINGS, 'TLS_CA_FILE': other.ca}) as stack:
            wait_for(lambda: sum(
                stack.source()['reconnects'].values()) > 2, 'refusals', 5)
            self.assertEqual(stack.feed.status()['connections_total'], 0)
            self.assertEqual(stack.feed.status()['rest_total'], 0)
            answer = stack.get('/market/prices/BTC')
            self.assertEqual((answer.status, answer.json()['code']),
                             (503, 'no_quote'))
            self.assertTrue(stack.marketd.alive())

    def test_plain_where_tls_is_expected(self):
        with Feed() as plain, Stack(
                marketd=True, catalogue=rows(),
                env={**SETTINGS, 'TRADING_SOURCE': 'live',
                     'BINANCE_API_URL': plain.api.replace('http', 'https'),
                     'BINANCE_WS_URL': plain.ws.replace('ws', 'wss')}) \
                as stack:
            wait_for(lambda: sum(
                stack.source()['reconnects'].values()) > 2, 'refusals', 5)
            self.assertTrue(stack.marketd.alive())


if __name__ == '__main__':
    unittest.main()
