# Copyright (C) the ngx_trading authors
# SPDX-License-Identifier: BSD-2-Clause

"""What a client is owed, and what it may ask for: resuming faster than it can
read, news of what is missing before what follows it, tokens that claim no
more than was sent, and work that is refused without an end."""

import os
import re
import signal
import socket
import sys
import threading
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from stack import Stack, free_port, wait_for                    # noqa: E402
from streams import (Board, counted, directives,                # noqa: E402
                     small_sockets, updates)
from test_account_streams import (Accounts, Socket, Writer,      # noqa: E402
                                  follow)
from test_stream_defects import certificate                     # noqa: E402
from ws import PONG, Closed, Sse, Ws, any_tls, frame            # noqa: E402


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

    def test_trades_of_before_hold_up_no_price(self):
        with Stack(env={'SIMULATOR_RATE': 3000},
                   edit=small_sockets(directives(buffer='16k',
                                                 slow='60s'))) as stack:
            with Ws(stack.port) as ws:
                epoch, begun = ws.connected['epoch'], ws.connected['seq']
            time.sleep(8)
            ws = Ws(stack.port, rcvbuf=2048)
            ws.say('subscribe', channels=['prices'], symbols=['BTC'])
            ws.until('subscribed')
            ws.say('subscribe', channels=['trades'], seq=begun, epoch=epoch)
            end = time.monotonic() + 5
            while time.monotonic() < end:
                try:
                    ws.message(0.01)
                except TimeoutError:
                    pass
                time.sleep(0.02)
            self.assertGreater(len(updates(ws.messages, 'trades')), 50)
            self.assertGreater(len(updates(ws.messages, 'prices')), 2)
            ws.drop()

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


    def behind(self):
        """alice, amid 600 orders of hers that she has not read yet."""
        self.writer.end()
        self.writer = Writer(self.path, 8, 256 << 10)
        self.socket('bob', 'orders')        # somebody follows all the time
        self.writer.write(*(('alice', 'orders', {'i': i, 'fill': 'y' * 250})
                            for i in range(600)))
        wait_for(lambda: self.metric('trading_stream_events_total') >= 600,
                 'it was read')
        sock = self.socket('alice', receive=4096)
        sock.say(type='subscribe', channels=['orders'], seq=1, epoch=8)
        self.assertEqual(sock.hear()['recovered'], True)
        time.sleep(0.3)
        return sock

    def accounted(self, sock, number):
        """All up to that number came, or may have been missed."""
        got = sock.now() + sock.now()
        came = [m['seq'] for m in got if m['type'] == 'order_update']
        missed = [m for m in got if m['type'] == 'missed']
        self.assertEqual(came, sorted(set(came)))
        self.assertTrue(missed)
        self.assertGreaterEqual(len(came) + sum(m['missed'] for m in missed),
                                number - 1)
        self.assertGreaterEqual(missed[-1]['seq'], came[-1])

    def test_overwritten_while_it_did_not_read(self):
        sock = self.behind()
        for _ in range(8):
            self.writer.write(*(('carol', 'orders', {'fill': 'z' * 250})
                                for _ in range(150)))
            time.sleep(0.1)
        self.accounted(sock, 600)

    def test_overrun_while_it_did_not_read(self):
        sock = self.behind()
        pids = self.stack.worker_pids()
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        self.writer.write(*(('alice', 'orders', {'fill': 'z' * 250})
                            for _ in range(1500)))
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
        time.sleep(0.3)
        self.accounted(sock, 2100)


class Shared(unittest.TestCase):
    """Two streams of one account, of which one resumes through TLS."""

    def test_new_events_are_nobody_s_old_ones(self):
        port = free_port()
        stack = Stack(nginx=False)
        writer = None
        try:
            crt, key = certificate(stack.dir)

            def edit(text):
                text = follow(text)
                line = re.search(rf' *listen +127.0.0.1:{stack.port}.*\n',
                                 text)[0]
                return text.replace(
                    line, line + f'listen 127.0.0.1:{port} ssl sndbuf=32k;\n'
                    f'ssl_certificate {crt};\nssl_certificate_key {key};\n',
                    1)
            stack.edit = edit
            writer = Writer(stack.run / 'events', 7, 8 << 20)
            stack.start_nginx()
            bob = Socket(stack.port, '/ws?as=bob')
            bob.say(type='subscribe', channels=['orders'])
            bob.until('subscribed')         # so that all is read as it comes
            writer.write(*(('alice', 'orders', {'i': i, 'fill': 'y' * 3000})
                           for i in range(2400)))
            time.sleep(0.5)
            behind = Ws(port, '/ws?as=alice', tls=any_tls(), rcvbuf=4096)
            behind.say('subscribe', channels=['alerts'])
            behind.until('subscribed')
            behind.say('subscribe', channels=['orders'], seq=1, epoch=7)
            behind.until('subscribed', channel='orders')
            live = Socket(stack.port, '/ws?as=alice')
            live.hear()
            live.say(type='subscribe', channels=['alerts'])
            live.hear()
            stop = threading.Event()

            def read():
                behind.sock.settimeout(0.2)
                while not stop.is_set():
                    try:
                        behind.sock.recv(3000)
                    except TimeoutError:
                        pass
                    time.sleep(0.001)
            reader = threading.Thread(target=read)
            reader.start()
            try:
                for _ in range(120):
                    numbers = writer.write(*(('alice', 'alerts', {'k': k})
                                             for k in range(60)))
                    got = [live.hear() for _ in numbers]
                    self.assertEqual([m.get('seq') for m in got], numbers)
                    self.assertEqual({m['type'] for m in got}, {'alert'})
            finally:
                stop.set()
                reader.join()
            bob.close()
            live.close()
            behind.drop()
        finally:
            if writer:
                writer.end()
            stack.end()
            stack.judge()


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
