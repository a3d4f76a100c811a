#!/usr/bin/python3
# Copyright (C) the ngx_trading authors
# SPDX-License-Identifier: BSD-2-Clause

"""Protects: what happens to an account reaches its own streams, in order,
each event or a count of those that were missed, and nobody else.

mkevents writes the events file as ledgerd does. Who calls is decided by the
configuration alone: here, and only here, a location takes it from the address.
"""

import base64
import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from stack import BUILD, PATIENCE, ROOT, Stack, wait_for        # noqa: E402

MKEVENTS = BUILD / 'mkevents'
if not MKEVENTS.exists():
    MKEVENTS = ROOT / 'build' / 'mkevents'
PRIVATE = ('orders', 'positions', 'balances', 'alerts')
TYPES = {'orders': 'order_update', 'positions': 'position_update',
         'balances': 'balance_update', 'alerts': 'alert'}
KINDS = dict(zip(PRIVATE, ('order', 'position', 'balance', 'alert')))
RING = 65536


class Writer:
    """A mkevents that goes on until it is ended."""

    def __init__(self, path, generation, ring=RING):
        self.generation, self.number = generation, 0
        self.popen = subprocess.Popen(
            [str(MKEVENTS), '--generation', str(generation), str(path),
             str(ring)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        wait_for(lambda: path.exists() and self.alive()
                 and header_generation(path) == generation, 'events file')

    def alive(self):
        if self.popen.poll() is not None:
            raise AssertionError('mkevents ended')
        return True

    def write(self, *events):
        """(account, channel, body), body as a dict or text; the numbers."""
        lines = b''.join(
            f'{KINDS[channel]} {account} '
            f'{body if isinstance(body, str) else json.dumps(body)}\n'.encode()
            for account, channel, body in events)
        # its answers must not fill the pipe while it is written to
        sent, out, got = 0, self.popen.stdout.fileno(), b''
        os.set_blocking(self.popen.stdin.fileno(), False)
        while got.count(b'\n') < len(events):
            ready, free, _ = select.select(
                [out], [self.popen.stdin] if sent < len(lines) else [], [],
                PATIENCE)
            if not ready and not free:
                raise AssertionError('mkevents does not answer')
            if free:
                sent += os.write(self.popen.stdin.fileno(), lines[sent:
                                                                  sent + 4096])
            if ready:
                got += os.read(out, 65536)
        numbers = [int(word) for word in got.split()]
        self.number = numbers[-1]
        return numbers

    def end(self, sig=signal.SIGKILL):
        if self.popen.poll() is None:
            self.popen.send_signal(sig)
        self.popen.wait(10)
        self.popen.stdin.close()
        self.popen.stdout.close()


def header_generation(path):
    with open(path, 'rb') as file:
        return int.from_bytes(file.read(64)[32:40], 'little')


class Socket:
    """A WebSocket as far as these tests need one."""

    def __init__(self, port, path, receive=None, headers=''):
        self.sock = socket.socket()
        if receive:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
        self.sock.settimeout(PATIENCE)
        self.sock.connect(('127.0.0.1', port))
        key = base64.b64encode(os.urandom(16)).decode()
        self.sock.sendall((
            f'GET {path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n'
            'Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n'
            f'Sec-WebSocket-Key: {key}\r\n{headers}\r\n').encode())
        self.buf = b''
        while b'\r\n\r\n' not in self.buf:
            self.more()
        head, _, self.buf = self.buf.partition(b'\r\n\r\n')
        self.status = int(head.split()[1])

    def more(self):
        got = self.sock.recv(1 << 20)
        if not got:
            raise AssertionError('the server closed')
        self.buf += got

    def need(self, n):
        while len(self.buf) < n:
            self.more()
        taken, self.buf = self.buf[:n], self.buf[n:]
        return taken

    def say(self, **message):
        text = json.dumps(message).encode()
        head = bytes([0x81, 0x80 | len(text)]) if len(text) < 126 else \
            bytes([0x81, 0xfe]) + len(text).to_bytes(2, 'big')
        self.sock.sendall(head + bytes(4) + text)

    def hear(self):
        """The next message; a close ends the test."""
        while True:
            first, length = self.need(2)
            if length == 126:
                length = int.from_bytes(self.need(2), 'big')
            elif length == 127:
                length = int.from_bytes(self.need(8), 'big')
            payload = self.need(length)
            if first == 0x81:
                return json.loads(payload)
            if first & 15 == 8:
                raise AssertionError(f'closed: {payload!r}')

    def until(self, kind):
        """The next message of a type, and what came before it."""
        before = []
        while True:
            message = self.hear()
            if message['type'] == kind:
                return message, before
            before.append(message)

    def ask(self, kind, **message):
        self.say(**message)
        return self.until(kind)[0]

    def now(self):
        """All that came up to now, by a ping behind it. The worker reads
        events every 20 ms; what is not there by then was not sent."""
        time.sleep(0.15)
        self.say(type='ping')
        return self.until('pong')[1]

    def close(self):
        self.sock.close()


def follow(text):
    """Test only: the address says whose stream it is."""
    for place in ('/ws', '/sse'):
        old = f'location = {place} {{\n'
        assert old in text
        text = text.replace(
            old, old + '            set $trading_account $arg_as;\n')
    # so that little makes a client slow
    text = re.sub(r'(listen +127[^;]*);', r'\1 sndbuf=16k;', text, count=1)
    return text.replace('trading_stream_buffer       64k',
                        'trading_stream_buffer       16k')


class Accounts(unittest.TestCase):
    EVENTS = True
    ALARMS = ()

    def setUp(self):
        self.stack = Stack(edit=follow, alarms=self.ALARMS)
        self.addCleanup(self.finish)
        self.path = self.stack.run / 'events'
        self.sockets, self.writer = [], None
        if self.EVENTS:
            self.writer = Writer(self.path, 7)

    def finish(self):
        for sock in self.sockets:
            sock.close()
        if self.writer:
            self.writer.end()
        self.stack.end()
        self.stack.judge()

    def socket(self, account, *channels, path='/ws', **options):
        """A stream of the account with these channels."""
        sock = Socket(self.stack.port, f'{path}?as={account}', **options)
        self.sockets.append(sock)
        self.assertEqual(sock.status, 101)
        self.assertEqual(sock.hear()['type'], 'connected')
        if channels:
            sock.say(type='subscribe', channels=channels)
            for _ in channels:
                self.assertEqual(sock.hear()['type'], 'subscribed')
        return sock

    def metric(self, name):
        return self.stack.metrics()[name]

    def orders(self, account, n, size=0, first=0):
        """So many events in one go."""
        return self.writer.write(*(
            (account, 'orders', {'n': first + i, 'fill': 'x' * size})
            for i in range(n)))


class Delivery(Accounts):
    def test_each_to_its_account_and_nobody_else(self):
        alice = self.socket('alice', *PRIVATE)
        second = self.socket('alice', 'orders', 'alerts')
        bob = self.socket('bob', *PRIVATE)
        prefix = self.socket('alic', *PRIVATE)
        public = self.socket('alice')
        public.say(type='subscribe', channels=['prices'])
        sent = [(account, channel, {'n': i, 'of': account})
                for i, (account, channel) in enumerate(
                    (a, c) for c in PRIVATE
                    for a in ('alice', 'bob', 'carol', 'alice2'))]
        numbers = self.writer.write(*sent)
        self.assertEqual(numbers, list(range(1, len(sent) + 1)))

        for sock, account, channels in (
                (alice, 'alice', PRIVATE), (bob, 'bob', PRIVATE),
                (second, 'alice', ('orders', 'alerts'))):
            want = [(TYPES[c], c, number, data)
                    for number, (a, c, data) in zip(numbers, sent)
                    if a == account and c in channels]
            got = [sock.hear() for _ in want]
            self.assertEqual([(m['type'], m['channel'], m['seq'], m['data'])
                              for m in got], want)
            for message in got:
                self.assertEqual(set(message), {'type', 'channel', 'seq',
                                                'timestamp', 'data'})
                self.assertRegex(message['timestamp'],
                                 r'^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$')
        for sock in (alice, second, bob, prefix, public):
            for message in sock.now():
                self.assertNotIn(message.get('channel'), PRIVATE)

    def test_over_events(self):
        """In chunks, and as a client of HTTP/1.0 gets them by the filters."""
        for version in (b'1.1', b'1.0'):
            body = b''
            with socket.create_connection(('127.0.0.1', self.stack.port)) as s:
                s.settimeout(PATIENCE)
                s.sendall(b'GET /sse?as=alice&channels=orders HTTP/' + version
                          + b'\r\nHost: x\r\nAccept: text/event-stream\r\n'
                          b'\r\n')
                while b'event: subscribed' not in body:
                    body += s.recv(65536)
                self.writer.write(('bob', 'orders', {'n': 1}),
                                  ('alice', 'orders', '{ "n":\r2 }'))
                while b'2 }}' not in body:
                    body += s.recv(65536)
            self.assertNotIn(b'"n": 1', body)
            event = body[body.index(b'event: order_update'):]
            data = event.split(b'\n')[1]
            self.assertTrue(data.startswith(b'data: '))
            self.assertNotIn(b'\r', data)
            self.assertEqual(json.loads(data[6:])['data'], {'n': 2})
            self.assertNotIn(b'id:', event)

    def test_subscriptions_come_and_go(self):
        sock = self.socket('alice', 'orders', 'alerts')
        self.writer.write(('alice', 'orders', {'n': 1}))
        self.assertEqual(sock.hear()['seq'], 1)
        reply = sock.ask('unsubscribed', type='unsubscribe',
                         channels=['orders'])
        self.assertEqual(reply['channel'], 'orders')
        self.writer.write(('alice', 'orders', {'n': 2}),
                          ('alice', 'alerts', {'n': 3}))
        self.assertEqual(sock.hear()['seq'], 3)
        sock.ask('unsubscribed', type='unsubscribe', channels=['alerts'])
        self.writer.write(('alice', 'alerts', {'n': 4}))
        self.assertEqual(sock.now(), [])
        reply = sock.ask('subscribed', type='subscribe', channels=['orders'])
        self.assertEqual((reply['epoch'], reply['seq'], reply['snapshot'],
                          reply['symbols'], reply['interval']),
                         (7, 4, None, None, None))
        self.assertNotIn('recovered', reply)
        self.writer.write(('alice', 'orders', {'n': 5}))
        self.assertEqual(sock.hear()['data'], {'n': 5})

    def test_hundreds_of_accounts(self):
        socks = {f'u{i}': self.socket(f'u{i}', 'orders') for i in range(300)}
        names = list(socks)
        self.writer.write(*((names[i * 7 % 300], 'orders', {'i': i})
                            for i in range(900)))
        for name, sock in socks.items():
            want = [i for i in range(900) if names[i * 7 % 300] == name]
            self.assertEqual([sock.hear()['data']['i'] for _ in want], want)
        for sock in socks.values():
            sock.close()
        self.socket('u1', 'orders')

    def test_bodies_that_are_no_object_are_skipped(self):
        sock = self.socket('alice', 'orders')
        bad = ['[1]', '"x"', '12', '{"n":1', '{"n":1}}', '{"n":1} {}',
               '{"n":01}', "{'n':1}", '{"n":"\x01"}', 'null', '{}x']
        self.writer.write(*(('alice', 'orders', text) for text in bad),
                          ('alice', 'orders', {'n': 'good'}))
        message = sock.hear()
        self.assertEqual((message['seq'], message['data']),
                         (len(bad) + 1, {'n': 'good'}))
        self.assertEqual(self.metric('trading_stream_events_refused_total'),
                         len(bad))
        self.assertEqual(self.stack.log('nginx').count('no JSON object'), 1)


class Lost(Accounts):
    def pause(self, until):
        """The worker stands still while that is done."""
        pid = self.stack.worker_pids()[0]
        os.kill(pid, signal.SIGSTOP)
        try:
            until()
        finally:
            os.kill(pid, signal.SIGCONT)

    def test_overrun_is_counted_by_numbers(self):
        alice = self.socket('alice', 'orders', 'balances')
        bob = self.socket('bob', 'alerts')
        self.writer.write(('alice', 'orders', {'n': 1}))
        self.assertEqual(alice.hear()['seq'], 1)
        self.pause(lambda: self.orders('alice', 400, 1000))
        missed = [alice.hear(), alice.hear()]
        self.assertEqual([m['type'] for m in missed], ['missed'] * 2)
        self.assertEqual([(m['channel'], m['missed'], m['seq'])
                          for m in missed],
                         [('orders', 400, 401), ('balances', 400, 401)])
        message = bob.hear()
        self.assertEqual((message['type'], message['channel'],
                          message['missed']), ('missed', 'alerts', 400))
        self.writer.write(('bob', 'alerts', {'n': 2}))
        self.assertEqual(bob.hear()['seq'], 402)
        self.assertEqual(alice.now(), [])
        self.assertEqual(self.metric('trading_stream_events_overruns_total'),
                         1)

    def test_slow_client_misses_what_it_is_told(self):
        slow = self.socket('alice', 'orders', receive=4096)
        fast = self.socket('alice', 'orders')
        total = 0
        # never more at a time than the fast one's sockets and buffer hold
        for i in range(160):
            numbers = self.orders('alice', 15, 1000, total)
            total += 15
            for number in numbers:
                message = fast.hear()
                self.assertEqual((message['type'], message['seq']),
                                 ('order_update', number))
            # a little room, now and then, for what comes after a gap
            slow.buf += slow.sock.recv(1200)
        got, missed, last = [], 0, -1
        while len(got) + missed < total:
            message = slow.hear()
            if message['type'] == 'missed':
                self.assertEqual(message['channel'], 'orders')
                missed += message['missed']
                # where it is told is where they are missing
                self.assertEqual(message['missed'] + last,
                                 message['seq'] - 1)
                last = message['seq'] - 1
                continue
            self.assertEqual(message['seq'], message['data']['n'] + 1)
            self.assertEqual(message['data']['n'], last + 1)
            last = message['data']['n']
            got.append(last)
        self.assertGreater(missed, 0)
        self.assertGreater(len(got), 0)
        self.assertEqual(len(got) + missed, total)
        self.assertEqual(self.metric('trading_stream_missed_total'), missed)
        self.orders('alice', 1, 10, total)
        self.assertEqual(slow.hear()['data']['n'], total)

    def test_another_writer_is_another_epoch(self):
        sock = self.socket('alice', 'orders', 'alerts')
        self.orders('alice', 3)
        self.assertEqual([sock.hear()['seq'] for _ in range(3)], [1, 2, 3])
        self.writer.end()
        self.writer = Writer(self.path, 8)
        self.orders('alice', 2)
        got = [sock.hear() for _ in range(4)]
        for channel, message in zip(('orders', 'alerts'), got):
            self.assertEqual(message, {
                'type': 'resync', 'channel': channel, 'epoch': 8, 'seq': 0,
                'reason': 'new_events'})
        self.assertEqual([m['seq'] for m in got[2:]], [1, 2])
        reply = sock.ask('resumed', type='resume', channel='orders', seq=1,
                         epoch=7)
        self.assertEqual((reply['recovered'], reply['epoch'], reply['seq']),
                         (False, 8, 2))
        self.assertEqual(sock.now(), [])

    def test_truncated_file_is_dropped(self):
        sock = self.socket('alice', 'orders')
        self.orders('alice', 1)
        sock.hear()
        self.writer.end()
        with open(self.path, 'r+b') as file:
            file.truncate(4096)
        wait_for(lambda: 'truncated while mapped' in self.stack.log('nginx'),
                 'it is told')
        other = self.socket('alice')
        error = other.ask('error', type='subscribe', channel='orders')
        self.assertEqual(error['code'], 'unavailable')
        self.assertEqual(sock.now(), [])
        self.writer = Writer(self.path, 9)
        self.orders('alice', 1)
        self.assertEqual(sock.until('resync')[0]['epoch'], 9)
        self.assertEqual(sock.hear()['seq'], 1)
        log = self.stack.log('nginx')
        self.assertEqual(log.count('truncated while mapped'), 1)
        self.assertEqual(log.count('file is refused'), 1)

    def test_damage_is_passed_and_counted(self):
        sock = self.socket('alice', 'orders')
        self.orders('alice', 2)
        self.assertEqual([sock.hear()['seq'] for _ in range(2)], [1, 2])

        def damage():
            self.orders('alice', 5, 100)
            at = self.path.read_bytes().rindex(b'"n": 1, "fill": "xx')
            with open(self.path, 'r+b') as file:
                file.seek(at)
                file.write(b'#')
        self.pause(damage)
        first = sock.hear()
        self.assertEqual((first['type'], first['seq']), ('order_update', 3))
        message = sock.hear()
        self.assertEqual((message['type'], message['missed'],
                          message['seq']), ('missed', 4, 7))
        self.orders('alice', 1)
        self.assertEqual(sock.hear()['seq'], 8)
        self.assertEqual(self.stack.log('nginx').count('file is damaged'), 1)


class Resumed(Accounts):
    ALARMS = ('exited on signal 9',)

    def resume(self, sock, seq, channel='orders', epoch=7):
        reply = sock.ask('resumed', type='resume', channel=channel, seq=seq,
                         epoch=epoch, id=5)
        self.assertEqual((reply['channel'], reply['id']), (channel, 5))
        return reply

    def test_from_what_the_worker_has_read(self):
        sock = self.socket('alice', 'orders', 'alerts')
        self.writer.write(*((('alice', 'bob')[i % 2],
                             ('orders', 'alerts')[i // 2 % 2], {'i': i})
                            for i in range(40)))
        got = [sock.hear() for _ in range(20)]
        self.assertEqual([m['data']['i'] for m in got], list(range(0, 40, 2)))
        reply = self.resume(sock, 20)
        self.assertEqual((reply['recovered'], reply['epoch'], reply['seq']),
                         (True, 7, 40))
        again = sock.now()
        self.assertEqual(again, [m for m in got if m['channel'] == 'orders'
                                 and m['seq'] > 20])
        self.assertTrue(again)
        self.assertEqual(self.resume(sock, 40)['recovered'], True)
        self.assertEqual(sock.now(), [])
        for seq, epoch in ((41, 7), (20, 6), (20, 8)):
            self.assertEqual(self.resume(sock, seq, epoch=epoch)['recovered'],
                             False, (seq, epoch))
        self.assertEqual(sock.now(), [])
        error = sock.ask('error', type='resume', channel='balances', seq=1)
        self.assertEqual(error['code'], 'not_subscribed')

    def test_from_before_the_worker_began(self):
        """Larger than what a worker catches up with by itself."""
        self.writer.end()
        self.writer = Writer(self.path, 8, 4 << 20)
        for first in range(0, 9000, 1000):
            self.writer.write(*((('alice', 'bob')[i % 2], 'orders',
                                 {'i': i, 'fill': 'y' * 250})
                                for i in range(first, first + 1000)))
        sock = self.socket('alice')
        sock.say(type='subscribe', channels=['orders', 'alerts'], seq=8990,
                 epoch=8)
        for channel in ('orders', 'alerts'):
            reply = sock.hear()
            self.assertEqual(
                (reply['type'], reply['channel'], reply['recovered'],
                 reply['snapshot'], reply['epoch'], reply['seq']),
                ('subscribed', channel, True, None, 8, 9000))
        self.assertEqual([m['seq'] for m in sock.now()],
                         [8991, 8993, 8995, 8997, 8999])

    def test_after_the_ring_went_around(self):
        """Found from a place that is within a record."""
        self.orders('alice', 500, 1000)
        sock = self.socket('alice')
        reply = sock.ask('subscribed', type='subscribe', channel='orders',
                         seq=490)
        self.assertEqual((reply['recovered'], reply['seq']), (True, 500))
        self.assertEqual([m['seq'] for m in sock.now()],
                         list(range(491, 501)))
        reply = sock.ask('subscribed', type='subscribe', channel='orders',
                         seq=300)
        self.assertEqual((reply['recovered'], reply['snapshot'],
                          reply['seq']), (False, None, 500))
        self.assertEqual(sock.now(), [])

    def test_from_what_another_worker_has_read(self):
        """Newer than what this one has, which looks now and then."""
        self.socket('alice', 'orders')      # so that it follows already
        for n in range(1, 31):
            self.orders('bob', 1, 0, n)
            sock = self.socket('alice')
            reply = sock.ask('subscribed', type='subscribe', epoch=7,
                             channel='orders', seq=n)
            self.assertEqual((reply['recovered'], reply['seq']), (True, n))
            self.assertEqual(sock.now(), [])

    def test_after_a_worker_was_replaced(self):
        sock = self.socket('alice', 'orders')
        self.orders('alice', 3)
        last = [sock.hear()['seq'] for _ in range(3)][-1]
        old = self.stack.worker_pids()
        os.kill(old[0], signal.SIGKILL)
        wait_for(lambda: self.stack.worker_pids() not in (old, []), 'worker')
        self.orders('alice', 2, 0, 3)
        self.orders('bob', 5)
        sock = self.socket('alice')
        reply = sock.ask('subscribed', type='subscribe', channel='orders',
                         seq=str(last), epoch='7')
        self.assertEqual(reply['recovered'], True)
        self.assertEqual([m['data']['n'] for m in sock.now()], [3, 4])


class Refused(Accounts):
    EVENTS = False

    def test_without_a_file(self):
        sock = self.socket('alice')
        error = sock.ask('error', type='subscribe', channels=['prices',
                                                              'orders'])
        self.assertEqual(error['code'], 'unavailable')
        answer = self.stack.get('/sse?as=alice&channels=orders',
                                {'Accept': 'text/event-stream'})
        self.assertEqual((answer.status, answer.json()['code']),
                         (503, 'unavailable'))
        self.assertEqual(self.stack.log('nginx').count(
            'trading events: no file'), 1)
        self.path.write_bytes(b'x' * 8192)
        time.sleep(0.1)
        for _ in range(3):
            error = sock.ask('error', type='subscribe', channel='orders')
            self.assertEqual(error['code'], 'unavailable')
        self.assertEqual(self.stack.log('nginx').count('file is refused'), 1)
        self.path.unlink()
        self.writer = Writer(self.path, 3)
        time.sleep(0.1)
        reply = sock.ask('subscribed', type='subscribe', channel='orders')
        self.assertEqual((reply['epoch'], reply['seq']), (3, 0))

    def test_without_an_account(self):
        self.writer = Writer(self.path, 3)
        sock = self.socket('')
        for channel in PRIVATE:
            error = sock.ask('error', type='subscribe', channel=channel)
            self.assertEqual(error['code'], 'unauthorized')
        self.assertEqual(self.stack.get(
            '/sse?channels=alerts',
            {'Accept': 'text/event-stream'}).status, 401)


class Example(unittest.TestCase):
    def test_nothing_a_client_says_makes_it_an_account(self):
        """With the configuration as it is given away."""
        with Stack() as stack:
            writer = Writer(stack.run / 'events', 5)
            try:
                for path, headers in (
                        ('/ws?as=alice', ''), ('/ws?account=alice', ''),
                        ('/ws?trading_account=alice', ''),
                        ('/ws?arg_as=alice', ''),
                        ('/ws', 'Trading-Account: alice\r\n'),
                        ('/ws', 'Trading_Account: alice\r\n'),
                        ('/ws', 'X-Account: alice\r\n'),
                        ('/ws', 'X-Trading-Account: alice\r\n'),
                        ('/ws', 'Authorization: Bearer alice\r\n'),
                        ('/ws', 'Cookie: trading_account=alice\r\n')):
                    sock = Socket(stack.port, path, headers=headers)
                    self.assertEqual(sock.status, 101)
                    for message in (
                            {'account': 'alice'}, {'trading_account': 'alice'},
                            {'as': 'alice'}, {'token': 'alice'}, {}):
                        error = sock.ask('error', type='subscribe',
                                         channel='orders', **message)
                        self.assertEqual(error['code'], 'unauthorized', path)
                    error = sock.ask('error', type='auth', token='alice')
                    self.assertEqual(error['code'], 'auth_unavailable')
                    writer.write(('alice', 'orders', {'n': 1}))
                    self.assertEqual(sock.now(), [])
                    sock.close()
            finally:
                writer.end()


if __name__ == '__main__':
    unittest.main()
