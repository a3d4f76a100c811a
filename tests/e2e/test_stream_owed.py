# Copyright (C) the ngx_trading authors
# SPDX-License-Identifier: BSD-2-Clause

"""What a client is owed, and what it may ask for: resuming faster than it can
read, news of what is missing before what follows it, tokens that claim no
more than was sent, and work that is refused without an end."""

import os
import signal
import socket
import sys
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from stack import Stack, wait_for                               # noqa: E402
from streams import (Board, counted, directives,                # noqa: E402
                     small_sockets, updates)
from test_account_streams import Accounts, Writer               # noqa: E402
from ws import PONG, Closed, Sse, Ws, frame                     # noqa: E402


class Resumed(unittest.TestCase):
    def test_more_trades_than_the_buffer_takes(self):
        """The reader of a small window gets what a fast one gets."""
        with Stack(env={'SIMULATOR_RATE': 3000},
                   edit=small_sockets(directives(buffer='16k'))) as stack:
            with Ws(stack.port) as ws:
                epoch, begun = ws.connected['epoch'], ws.connected['seq']
                time.sleep(6)
            os.kill(stack.marketd.pid, signal.SIGSTOP)
            try:
                got = {}
                for rcvbuf in (None, 4096):
                    with Ws(stack.port, '/ws?channels=trades&resume='
                            f'{epoch}-{begun}', rcvbuf=rcvbuf) as ws:
                        self.assertIs(ws.until('subscribed')['recovered'],
                                      True)
                        time.sleep(0.2 if rcvbuf else 0)
                        got[rcvbuf] = updates(ws.all(1), 'trades')
                        self.assertEqual([m for m in ws.messages
                                          if m['type'] == 'missed'], [])
            finally:
                os.kill(stack.marketd.pid, signal.SIGCONT)
            # far more than the buffer and the sockets hold
            self.assertGreater(len(got[None]), 200)
            self.assertEqual(got[4096], got[None])
            seqs = [m['seq'] for m in got[None]]
            self.assertEqual(seqs, sorted(set(seqs)))
            self.assertGreater(seqs[0], begun)

    def test_new_trades_wait_for_those_before(self):
        """Resuming slowly, while the market goes on; what is subscribed
        besides is not held up."""
        with Stack(env={'SIMULATOR_RATE': 2000},
                   edit=small_sockets(directives(buffer='16k',
                                                 slow='60s'))) as stack:
            fast = Ws(stack.port, '/ws?channels=trades')
            epoch = fast.connected['epoch']
            since = fast.until('subscribed')['seq']
            end = time.monotonic() + 3
            while time.monotonic() < end:
                fast.message()
            slow = Ws(stack.port, '/ws', rcvbuf=4096)
            slow.say('subscribe', channel='trades', symbols=['ETH'])
            slow.until('subscribed')
            slow.say('subscribe', channel='trades', symbols=['BTC'],
                     seq=since, epoch=epoch)
            self.assertIs(slow.until('subscribed', symbols=['BTC'])[
                'recovered'], True)
            end = time.monotonic() + 4
            while time.monotonic() < end:
                fast.message()
                try:
                    slow.message(0.001)
                except TimeoutError:
                    pass
            got = [m for m in updates(slow.messages, 'trades')
                   if m['data']['symbol'] == 'BTC']
            self.assertEqual([m for m in slow.messages
                              if m['type'] == 'missed'], [])
            last = got[-1]['seq']
            while fast.messages[-1].get('seq', 0) <= last:
                fast.message()
            self.assertEqual(got, [m for m in updates(fast.messages, 'trades',
                                                      since)
                                   if m['data']['symbol'] == 'BTC'
                                   and m['seq'] <= last])
            self.assertTrue([m for m in updates(slow.messages, 'trades')
                             if m['data']['symbol'] == 'ETH'])
            fast.drop()
            slow.drop()

    def test_what_is_missing_is_told_before_what_follows(self):
        with Stack(env={'SIMULATOR_RATE': 3000}, edit=small_sockets(
                directives(buffer='16k', slow='60s'))) as stack:
            fast = Ws(stack.port, '/ws?channels=trades')
            slow = Ws(stack.port, '/ws?channels=trades,prices,orderbook',
                      rcvbuf=4096)
            end = time.monotonic() + 30         # once it has missed some,
            slow.sock.settimeout(0.05)          # two seconds more
            while time.monotonic() < end:
                if counted(stack, 'missed_total'):
                    end = min(end, time.monotonic() + 2)
                try:
                    slow.buffer += slow.sock.recv(1500)
                except socket.timeout:
                    pass
                pause = time.monotonic() + 0.05
                while time.monotonic() < pause:
                    try:
                        fast.message(0.01)
                    except TimeoutError:
                        pass
            try:
                while True:
                    slow.message(0.001)
            except (TimeoutError, Closed):
                pass
            mine = [m for m in slow.messages if m['type'] == 'missed'
                    or m['type'] == 'trade_update']
            every = [m['seq'] for m in updates(fast.messages, 'trades')]
            first, told, got = every[0], 0, set()
            for message in mine:
                if message['type'] == 'missed':
                    told += message['missed']
                    continue
                seq = message['seq']
                lost = sum(first <= q < seq and q not in got for q in every)
                self.assertLessEqual(lost, told, seq)
                got.add(seq)
            self.assertGreater(told, 0)         # it was slow enough
            fast.drop()
            slow.drop()


class Account(Accounts):
    def test_more_events_than_the_buffer_takes(self):
        self.writer.end()
        self.writer = Writer(self.path, 8, 4 << 20)
        self.writer.write(*(('alice', ('orders', 'alerts')[i % 2],
                             {'i': i, 'fill': 'y' * 250})
                            for i in range(1000)))
        sock = self.socket('alice', receive=4096)
        sock.say(type='subscribe', channels=['orders', 'alerts'], seq=10,
                 epoch=8)
        for _ in range(2):
            self.assertEqual(sock.hear()['recovered'], True)
        time.sleep(0.3)
        # what comes meanwhile is behind it
        self.writer.write(*(('alice', 'orders', {'i': i})
                            for i in range(1000, 1003)))
        got = [sock.hear() for _ in range(993)]
        self.assertEqual([m.get('seq') for m in got],
                         list(range(11, 1004)))
        self.assertEqual({m['type'] for m in got}, {'order_update', 'alert'})
        self.assertEqual(sock.now(), [])


class Tokens(unittest.TestCase):
    def test_none_while_the_snapshot_is_owed(self):
        """One that was sent would let go of what was not."""
        with Stack(marketd=False, edit=small_sockets(
                directives(buffer='16k', slow='60s', drain='9s'))) as stack, \
                Board(stack, '--fresh', '--instruments', 2000):
            ws = Ws(stack.port, '/ws?channels=prices', rcvbuf=4096)
            self.assertGreater(ws.until('subscribed')['snapshot_count'], 1000)
            os.kill(stack.nginx.pid, signal.SIGHUP)
            time.sleep(1)                       # it does not read meanwhile
            drain = ws.until('drain')
            self.assertIsNone(drain['resume'])
            ws.drop()


class Asked(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stack = Stack(env={'SIMULATOR_RATE': 200})

    @classmethod
    def tearDownClass(cls):
        cls.stack.end()
        cls.stack.judge()

    def heard(self, ws):
        """Frames up to the end."""
        got = []
        try:
            while True:
                got.append(ws.frame()[:2])
        except Closed:
            return got

    def test_the_last_error_within_a_resume(self):
        """An error too many ends the stream amid the channels of a message:
        the worker went on with what it had no more."""
        pids = self.stack.worker_pids()
        for channels in (['prices', 'signals'], ['trades', 'signals'],
                         ['prices', 'trades', 'signals', 'orderbook']):
            ws = Ws(self.stack.port)
            ws.say('subscribe', channels=['signals'])
            ws.until('subscribed')
            for _ in range(20):
                ws.text('x')
            ws.say('resume', channels=channels, seq=1)
            got = self.heard(ws)
            self.assertEqual([op for op, _ in got].count(8), 1)
            self.assertEqual(got[-1][0], 8, 'a frame behind the close')
            ws.drop()
        self.assertEqual(self.stack.worker_pids(), pids)

    def test_much_work_is_refused_but_ends_nothing(self):
        with Ws(self.stack.port) as ws:
            ws.say('subscribe', channels=['prices', 'trades', 'orderbook',
                                          'signals'])
            ws.until('subscribed', channel='signals')
            for n in range(45):
                ws.say('resume', id=n, channels=['prices', 'trades',
                                                 'orderbook', 'signals'],
                       seq=1)
            ws.say('ping', id='behind')
            ws.until('pong', id='behind')
            refused = [m for m in ws.messages if m['type'] == 'error']
            self.assertEqual({m['code'] for m in refused},
                             {'too_many_messages'})
            self.assertGreater(len(refused), 15)
            self.assertLess(len(refused), 25)
            time.sleep(0.6)                     # and can be asked for later
            ws.say('resume', id='later', channel='prices', seq=1)
            ws.until('resumed', id='later')

    def test_pongs_that_nobody_asked_for(self):
        before = counted(self.stack, 'closed_total', reason='limit')
        ws = Ws(self.stack.port)
        ws.send(frame(PONG) * 90)
        ws.say('ping')
        ws.until('pong')
        with self.assertRaises(Closed) as caught:
            ws.send(frame(PONG) * 300)
            while True:
                ws.message()
        self.assertEqual(caught.exception.code, 1008)
        ws.drop()
        wait_for(lambda: counted(self.stack, 'closed_total', reason='limit')
                 == before + 1, 'counted')

    def test_frames_are_counted(self):
        with Ws(self.stack.port) as ws:
            ws.say('ping')
            ws.until('pong')
            time.sleep(1.2)                     # they are added up each second
            before = counted(self.stack, 'frames_total')
            for _ in range(10):
                ws.say('ping')
                ws.until('pong')
            wait_for(lambda: counted(self.stack, 'frames_total')
                     == before + 10, 'counted')


class Boards(unittest.TestCase):
    def test_a_symbol_left_out_stays_so(self):
        """Of a class, also when another board comes."""
        with Stack(marketd=False) as stack:
            board = Board(stack, '--fresh')
            ws = Ws(stack.port)
            ws.say('subscribe', channels=['prices'], asset_class='CRYPTO')
            ws.until('subscribed')
            ws.say('unsubscribe', channels=['prices'], symbols=['BTC'])
            ws.until('unsubscribed')
            board.end()
            time.sleep(0.1)
            with Board(stack, '--fresh'):
                ws.until('resync')
                ws.say('list')
                symbols = ws.until('subscriptions')['subscriptions'][0][
                    'symbols']
                self.assertNotIn('BTC', symbols)
                self.assertIn('ETH', symbols)
            ws.drop()

    def test_bits_beyond_the_buffer(self):
        """Of more symbols than the buffer has room for, by all ways."""
        with Stack(marketd=False, edit=directives(buffer='16k')) as stack, \
                Board(stack, '--fresh', '--instruments', 2000):
            page = stack.json('/trading/binary')
            want = {s for s, bit in zip(page['symbols'],
                                        page['binary_array'])
                    if bit is not None}
            for version in ('HTTP/1.1', 'HTTP/1.0'):
                with Sse(stack.port, '/trading/binary/stream',
                         version=version) as sse:
                    got = set()
                    while got < want:
                        kind, _, message = sse.event()
                        self.assertEqual(kind, 'binary_update')
                        got.add(message['data']['symbol'])
                    self.assertEqual(got, want)


class Drained(unittest.TestCase):
    def test_heartbeats_go_on(self):
        with Stack(marketd=False,
                   edit=directives(drain='30s', heartbeat='1s')) as stack, \
                Board(stack, '--fresh'):
            with Sse(stack.port, '/sse?channels=prices') as sse:
                sse.until('subscribed')
                os.kill(stack.nginx.pid, signal.SIGHUP)
                delay = sse.until('drain')['delay_ms'] / 1000
                with self.assertRaises((TimeoutError, Closed)):
                    sse.event(min(delay, 3.5))
                if delay > 3.5:
                    self.assertGreaterEqual(sse.comments, 2)


if __name__ == '__main__':
    unittest.main()
