# Copyright (C) the ngx_trading authors
# SPDX-License-Identifier: BSD-2-Clause

"""Clients of streams that do not keep up, do not answer or do nothing at all:
what they get is counted to the last update, their memory is bounded, others
do not notice, and a worker that nobody listens to sleeps."""

import os
import signal
import struct
import sys
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from stack import ASAN, Stack, free_port, wait_for          # noqa: E402
from streams import (Board, counted, cpu, directives,       # noqa: E402
                     resident, small_sockets, switches, updates)
from ws import CLOSE, TEXT, Closed, Sse, Ws, frame          # noqa: E402


def slow_edit(**streams):
    streams = {'buffer': '16k', 'slow': '60s', **streams}
    return small_sockets(directives(**streams))


def told(messages, kind, channel):
    """The sum of the skipped or missed ones."""
    return sum(m[kind] for m in messages
               if m['type'] == kind and m['channel'] == channel)


class Counts(unittest.TestCase):
    """The writer is stopped while clients connect and while what they got is
    compared, so that nothing is at the edge of what is counted."""

    def check(self, make, seconds=5.0):
        port = free_port()              # whose sockets are not small

        def edit(text):
            return slow_edit()(text.replace(
                'server_name     _;',
                f'server_name _; listen 127.0.0.1:{port};', 1))
        with Stack(env={'SIMULATOR_RATE': 3000}, edit=edit) as stack:
            wait_for(lambda: stack.json('/market/trades/BTC')['trades'],
                     'trades')
            os.kill(stack.marketd.pid, signal.SIGSTOP)
            time.sleep(0.2)             # the workers tell what there is
            pid = stack.worker_pids()[0]
            channels = 'channels=prices,trades'
            fast = Ws(port, f'/ws?{channels}')
            slow = make(stack.port, channels)
            for client in (fast, slow):
                for channel in ('prices', 'trades'):
                    client.until('subscribed', channel=channel)
            begun = [len(fast.messages), slow.all(0.6)][0]
            os.kill(stack.marketd.pid, signal.SIGCONT)
            end = time.monotonic() + seconds
            memory = []
            while time.monotonic() < end:
                fast.message()
                if len(fast.messages) % 2000 == 0:
                    memory.append(resident(pid))
            os.kill(stack.marketd.pid, signal.SIGSTOP)
            fast.all(0.5)
            fast.alive()
            got = slow.all(1.0)
            metrics = (counted(stack, 'skipped_total'),
                       counted(stack, 'missed_total'))
            os.kill(stack.marketd.pid, signal.SIGCONT)
            self.judge(fast.messages[begun:], got)
            # the worker's batch and one buffer, and it does not grow
            if not ASAN:
                self.assertLess(max(memory) - memory[0], 3 << 20)
            self.assertEqual(metrics, (
                told(got, 'skipped', 'prices'),
                told(got, 'missed', 'trades')))
            fast.drop()
            slow.sock.close()

    def judge(self, whole, got):
        self.assertEqual(told(whole, 'skipped', 'prices'), 0)
        self.assertEqual(told(whole, 'missed', 'trades'), 0)
        prices, trades = updates(whole, 'prices'), updates(whole, 'trades')
        mine = updates(got, 'prices'), updates(got, 'trades')
        skipped = told(got, 'skipped', 'prices')
        missed = told(got, 'missed', 'trades')
        self.assertGreater(skipped, 100)
        self.assertGreater(missed, 20)
        self.assertEqual(len(mine[0]) + skipped, len(prices))
        self.assertEqual(len(mine[1]) + missed, len(trades))
        # what it got of trades are some of them, in order, none twice
        seqs = [m['seq'] for m in mine[1]]
        self.assertEqual(seqs, sorted(set(seqs)))
        every = {m['seq']: m for m in trades}
        for m in mine[1]:
            self.assertEqual(m, every[m['seq']])
        # and in the end it knows the latest of everything
        self.assertEqual(
            {m['data']['symbol']: m['data'] for m in mine[0]},
            {m['data']['symbol']: m['data'] for m in prices})

    def test_websocket(self):
        self.check(lambda port, channels: Ws(port, f'/ws?{channels}',
                                             rcvbuf=4096))

    def test_deflated(self):
        self.check(lambda port, channels: Ws(
            port, f'/ws?{channels}', rcvbuf=4096,
            deflate='permessage-deflate'))

    def test_sse(self):
        self.check(lambda port, channels: Sse(port, f'/sse?{channels}',
                                              rcvbuf=4096))

    def test_sse_through_filters(self):
        self.check(lambda port, channels: Sse(
            port, f'/sse?{channels}', version='HTTP/1.0', rcvbuf=4096))


class Ends(unittest.TestCase):
    def test_closed_with_1013(self):
        """Clients that read again at different times: those who come in the
        two seconds of the goodbye learn why."""
        with Stack(env={'SIMULATOR_RATE': 3000},
                   edit=slow_edit(slow='1s')) as stack:
            fast = Ws(stack.port, '/ws?channels=prices')
            many = [Ws(stack.port, '/ws?channels=prices,trades,orderbook',
                       rcvbuf=4096) for _ in range(12)]
            begun = time.monotonic()
            codes = []
            for n, ws in enumerate(many):
                while time.monotonic() < begun + 1.5 + n * 0.5:
                    fast.message()
                try:
                    while True:
                        ws.message(0.3)
                        if len(ws.messages) > 20000:
                            break
                        if ws.messages[-1].get('seq', 0) > \
                                fast.messages[-1].get('seq', 0):
                            codes.append('goes on')
                            break
                except TimeoutError:
                    codes.append('goes on')
                except Closed as closed:
                    codes.append(closed.code)
                    if closed.code == 1013:
                        self.assertEqual(closed.reason, 'too slow')
                ws.sock.close()
            self.assertIn(1013, codes)
            self.assertIn(None, codes)
            self.assertLessEqual(set(codes), {1013, None, 'goes on'})
            wait_for(lambda: counted(stack, 'closed_total', reason='slow')
                     == sum(c != 'goes on' for c in codes), 'counted')
            fast.alive()
            fast.drop()

    def test_slow_sse_ends(self):
        with Stack(env={'SIMULATOR_RATE': 3000},
                   edit=slow_edit(slow='1s')) as stack:
            with Sse(stack.port, '/sse?channels=prices,trades,orderbook',
                     rcvbuf=4096):
                wait_for(lambda: counted(stack, 'closed_total',
                                         reason='slow') == 1, 'closed')
            self.assertEqual(counted(stack, 'connections', kind='sse'), 0)

    def test_slow_events_at_a_reload(self):
        """Who reads in time gets the drain and an orderly end; for who does
        not, no last chunk is put amid the one that was cut."""
        for late in (False, True):
            with self.subTest(late=late), \
                    Stack(env={'SIMULATOR_RATE': 3000},
                          edit=slow_edit(drain='1s')) as stack:
                sse = Sse(stack.port, '/sse?channels=prices,trades,orderbook',
                          rcvbuf=4096)
                time.sleep(1.5)
                os.kill(stack.nginx.pid, signal.SIGHUP)
                if late:
                    time.sleep(6)       # drain, goodbye, and some more
                with self.assertRaises(Closed) as caught:
                    while True:
                        sse.event()
                kinds = [kind for kind, _, _ in sse.events]
                if late:
                    self.assertIsNone(caught.exception.code)
                    self.assertFalse(sse.raw.endswith(b'0\r\n\r\n'))
                    self.assertGreater(len(sse.raw), 0)
                else:
                    self.assertEqual(caught.exception.code, 0)
                    self.assertIn('drain', kinds)
                sse.sock.close()

    def test_who_asks_and_does_not_read(self):
        """Replies are bounded, too."""
        with Stack(marketd=False, edit=slow_edit()) as stack, \
                Board(stack, '--fresh'):
            ws = Ws(stack.port, rcvbuf=4096)
            try:
                for n in range(99):
                    ws.say('subscribe', id=n, channels=[
                        'prices', 'trades', 'candles', 'signals'])
            except OSError:
                pass
            wait_for(lambda: counted(stack, 'closed_total',
                                     reason='slow') == 1, 'it is ended')
            self.assertLess(resident(stack.worker_pids()[0]), 64 << 20
                            if not ASAN else 1 << 40)
            ws.drop()

    def test_dead_peer(self):
        with Stack(marketd=False, edit=directives(heartbeat='2s')) as stack, \
                Board(stack, '--fresh'):
            with Ws(stack.port) as dead, Ws(stack.port) as living:
                dead.answer_pings = False
                begun = time.monotonic()
                ended = []
                while not ended:
                    try:
                        dead.message(0.2)
                    except TimeoutError:
                        pass
                    except Closed as closed:
                        ended.append((closed.code, closed.reason))
                    try:
                        living.message(0.05)
                    except TimeoutError:
                        pass
                    self.assertLess(time.monotonic() - begun, 15)
                self.assertEqual(ended, [(1001, 'no answer to a ping')])
                wait_for(lambda: counted(stack, 'closed_total',
                                         reason='dead') == 1, 'counted')
                self.assertGreater(time.monotonic() - begun, 3)
                living.alive()

    def test_who_talks_is_not_pinged(self):
        with Stack(marketd=False, edit=directives(heartbeat='1s')) as stack, \
                Board(stack, '--fresh'), Ws(stack.port) as ws:
            ws.answer_pings = False
            for _ in range(20):
                ws.alive()
                time.sleep(0.2)

    def test_heartbeat_of_sse(self):
        with Stack(marketd=False, edit=directives(heartbeat='1s')) as stack, \
                Board(stack, '--fresh'):
            for version in ('HTTP/1.1', 'HTTP/1.0'):
                with Sse(stack.port, '/sse?channels=prices',
                         version=version) as sse:
                    sse.until('subscribed')
                    with self.assertRaises(TimeoutError):
                        sse.event(3.5)
                    self.assertGreaterEqual(sse.comments, 2)

    def test_nothing_follows_a_close(self):
        """Also when the client was slow before: a close frame is the last."""
        with Stack(env={'SIMULATOR_RATE': 3000}, edit=slow_edit()) as stack:
            many = []
            for _ in range(6):
                ws = Ws(stack.port, '/ws?channels=prices,trades', rcvbuf=4096)
                many.append(ws)
            time.sleep(2.5)
            for n, ws in enumerate(many):
                if n % 2:
                    for _ in range(21):
                        ws.text('{')
                else:
                    ws.send(frame(CLOSE, struct.pack('>H', 1000)))
            time.sleep(0.2)
            for n, ws in enumerate(many):
                code, _ = ws.end()
                self.assertEqual(code, 1008 if n % 2 else 1000)


class Quiet(unittest.TestCase):
    def quiet(self, measure, times=6):
        """Some window of 2 s of a few in which nothing was counted; the log's
        buffer and a late close may fall into the first."""
        seen = []
        for _ in range(times):
            before = measure()
            time.sleep(2)
            seen.append(measure() - before)
            if seen[-1] == 0:
                return
        self.fail(f'it never rested: {seen}')

    def test_nobody_listens(self):
        """The market moves, and the worker sleeps."""
        with Stack(env={'SIMULATOR_RATE': 500}) as stack:
            pid = stack.worker_pids()[0]
            clients = [Ws(stack.port, '/ws?channels=prices,trades'),
                       Sse(stack.port, '/sse?channels=prices')]
            for client in clients:
                client.until('price_update')
                client.sock.close()
            wait_for(lambda: counted(stack, 'connections', kind='websocket')
                     + counted(stack, 'connections', kind='sse') == 0,
                     'they have gone')
            self.quiet(lambda: switches(pid))

    def test_idle_clients_cost_nothing(self):
        """A silent board and a hundred clients: a timer a second."""
        with Stack(marketd=False) as stack, Board(stack, '--fresh'):
            pid = stack.worker_pids()[0]
            many = [Ws(stack.port, '/ws?channels=prices,trades')
                    for _ in range(100)]
            for ws in many:
                ws.until('subscribed', channel='trades')
            time.sleep(1)
            before = switches(pid), cpu(pid)
            time.sleep(3)
            after = switches(pid), cpu(pid)
            self.assertLessEqual(after[0] - before[0], 12)
            self.assertLessEqual(after[1] - before[1], 0.05)
            for ws in many:
                ws.drop()

    def test_memory_comes_back(self):
        """Clients that come, subscribe and go in any state leave nothing."""
        with Stack(env={'SIMULATOR_RATE': 500}) as stack:
            pid = stack.worker_pids()[0]

            def some():
                many = [Ws(stack.port, '/ws?channels=prices,trades,candles',
                           deflate='permessage-deflate' if n % 2 else None,
                           rcvbuf=4096 if n % 3 else None)
                        for n in range(60)]
                for n, ws in enumerate(many):
                    ws.text('{"type":"list"}')
                    ws.send(frame(TEXT, b'{"type":', fin=0)[:n % 12])
                time.sleep(0.3)
                for n, ws in enumerate(many):
                    ws.reset() if n % 2 else ws.drop()
                wait_for(lambda: counted(stack, 'connections',
                                         kind='websocket') == 0, 'gone')
            for _ in range(4):
                some()
            before = resident(pid)
            for _ in range(8):
                some()
            if not ASAN:
                self.assertLess(resident(pid) - before, 1 << 20)


if __name__ == '__main__':
    unittest.main()
