# Copyright (C) the ngx_trading authors
# SPDX-License-Identifier: BSD-2-Clause

"""Faults that a second reading of the streams found, each with the client
that met it: TLS and slow readers, floods, bodies, resuming, heartbeats, and
reload of a single process."""

import re
import subprocess
import sys
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from stack import Stack, free_port, wait_for                # noqa: E402
from ws import (PONG, TEXT, Sse, Ws, any_tls, dial,         # noqa: E402
                frame, handshake, read_head)


def certificate(folder):
    """Of nobody in particular, beside the stack's files."""
    crt, key = folder / 'tls.crt', folder / 'tls.key'
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'rsa:2048',
                    '-nodes', '-days', '2', '-subj', '/CN=localhost',
                    '-keyout', key, '-out', crt],
                   check=True, capture_output=True)
    return crt, key


class Tls(unittest.TestCase):
    """wss and HTTP/2 beside the plain port."""

    @classmethod
    def setUpClass(cls):
        cls.port = free_port()
        cls.stack = Stack(env={'SIMULATOR_RATE': 3000}, nginx=False)
        crt, key = certificate(cls.stack.dir)

        def edit(text):
            line = re.search(rf' *listen +127.0.0.1:{cls.stack.port}.*\n',
                             text)[0]
            return text.replace(
                line, line + f'listen 127.0.0.1:{cls.port} ssl http2 '
                f'sndbuf=8k;\nssl_certificate {crt};\n'
                f'ssl_certificate_key {key};\n', 1)
        cls.stack.edit = edit
        cls.stack.start_nginx()

    @classmethod
    def tearDownClass(cls):
        cls.stack.end()
        cls.stack.judge()

    def test_a_slow_reader_of_wss_is_kept(self):
        """OpenSSL wants the same bytes again from the same place: a buffer
        that moved or grew meanwhile ended the connection."""
        with Ws(self.port, tls=any_tls(), rcvbuf=4096) as ws:
            ws.say('subscribe', channels=['prices', 'orderbook', 'trades'])
            time.sleep(4)                   # far more than the sockets take
            end = time.monotonic() + 3
            n = 0
            while time.monotonic() < end:
                ws.message()
                n += 1
            self.assertGreater(n, 100)
            ws.alive()
        self.assertNotIn('SSL_write() failed', self.stack.log('nginx'))

    def test_nothing_is_owed_of_what_is_unsubscribed(self):
        with Ws(self.port, tls=any_tls(), rcvbuf=4096) as ws:
            ws.say('subscribe', channels=['prices', 'orderbook'])
            time.sleep(2)
            ws.say('unsubscribe', channels=['prices'])
            ws.until('unsubscribed', channel='prices')
            for _ in range(200):
                self.assertNotEqual(ws.message()['type'], 'price_update')


class Requests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stack = Stack()

    @classmethod
    def tearDownClass(cls):
        cls.stack.end()
        cls.stack.judge()

    def test_a_body_that_is_still_to_come(self):
        """nginx would go on to discard it, and take the frames with it."""
        for request in (
                handshake(fields=[('Content-Length', '10')]),
                b'GET /sse?channels=prices HTTP/1.1\r\nHost: localhost\r\n'
                b'Accept: text/event-stream\r\nContent-Length: 10\r\n\r\n'):
            sock = dial(self.stack.port)
            sock.sendall(request)
            status, _, _ = read_head(sock)
            sock.close()
            self.assertEqual(status, 400)

    def test_the_rate_that_is_promised_is_kept(self):
        """Two at a time a little more often than 20 a second: the burst lasts
        for long, unless parts of a token are lost each time."""
        with Ws(self.stack.port) as ws:
            begin, n = time.monotonic(), 0
            while n < 300:
                time.sleep(max(0, begin + n / 2 * 0.095 - time.monotonic()))
                ws.say('ping', id=n)
                ws.say('ping', id=n + 1)
                n += 2
            ws.until('pong', id=n - 1)


class Resuming(unittest.TestCase):
    """What a client may take for the last that it got is no more than it
    got."""

    @classmethod
    def setUpClass(cls):
        cls.stack = Stack(env={'SIMULATOR_RATE': 200},
                          edit=lambda text: text.replace(
                              'trading_stream_interval     20ms',
                              'trading_stream_interval     200ms'))
        cls.before = Ws(cls.stack.port)
        cls.before.ask('subscribe', 'subscribed', channels=['signals'],
                       symbols=['ETH'])

    @classmethod
    def tearDownClass(cls):
        cls.before.drop()
        cls.stack.end()
        cls.stack.judge()

    def test_a_reply_names_no_seq_that_is_still_to_be_told(self):
        with Ws(self.stack.port) as ws:
            ws.ask('subscribe', 'subscribed', channels=['prices'])
            for i in range(20):
                time.sleep(0.03)
                reply = ws.ask('subscribe', 'subscribed', id=i,
                               channels=['signals'], symbols=['BTC'])
                update = ws.until('price_update')
                self.assertGreater(update['seq'], reply['seq'])

    def test_events_name_an_id_when_all_of_before_was_sent(self):
        with Sse(self.stack.port, '/sse?channels=prices,trades,signals',
                 hello=False) as sse:
            ids = {}
            while len(ids) < 4:
                kind, last, message = sse.event()
                if kind in ('connected', 'subscribed'):
                    ids[kind, message.get('channel')] = last
            self.assertEqual(set(ids.values()), {''}, ids)
            kind, last, message = sse.event()
            self.assertRegex(last, r'^\d+-\d+$')

    def test_two_events_of_one_seq(self):
        """With the first alone a client goes on from before both."""
        with Sse(self.stack.port, '/sse?channels=prices,signals') as sse:
            before, pairs = None, 0
            end = time.monotonic() + 5
            while time.monotonic() < end and pairs < 5:
                kind, last, message = sse.event()
                if not kind.endswith('_update'):
                    continue
                if before and before[0] == message['seq']:
                    self.assertLess(before[1], message['seq'])
                    pairs += 1
                before = message['seq'], int(last.split('-')[1])
            self.assertGreater(pairs, 0)


class Ahead(unittest.TestCase):
    """The board goes on while a batch of it is made."""

    def test_seq_ascends(self):
        with Stack(env={'SIMULATOR_RATE': 0}) as stack, \
                Ws(stack.port) as ws, Ws(stack.port) as other:
            ws.ask('subscribe', 'subscribed',
                   channels=['prices', 'trades', 'orderbook', 'candles'])
            last, end, n = 0, time.monotonic() + 3, 0
            while time.monotonic() < end:
                message = ws.message()
                if message['type'].endswith('_update'):
                    self.assertGreaterEqual(message['seq'], last, message)
                    last = message['seq']
                    n += 1
                if n % 1000 == 999:
                    other.say('subscribe', channels=['health'])
            self.assertGreater(n, 100)


class Heartbeats(unittest.TestCase):
    def test_of_two_locations(self):
        """A short one is not kept waiting by a long one in front of it."""
        def edit(text):
            place = 'location = /sse {\n'
            assert place in text
            return text.replace(place,
                                place + 'trading_stream_heartbeat 1s;\n')
        with Stack(env={'SIMULATOR_UPDATES': 1000, 'SIMULATOR_RATE': 0},
                   edit=edit) as stack:
            with Ws(stack.port), \
                    Sse(stack.port, '/sse?channels=prices') as sse:
                end = time.monotonic() + 8
                while not sse.comments and time.monotonic() < end:
                    try:
                        sse.event(1)
                    except TimeoutError:
                        pass
                self.assertGreater(sse.comments, 0)


if __name__ == '__main__':
    unittest.main()
