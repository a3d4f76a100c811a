#!/usr/bin/python3
# Copyright (C) the ngx_trading authors
# SPDX-License-Identifier: BSD-2-Clause

"""A loopback exchange: Binance spot REST and WebSocket, for tests of marketd.

Plays recordings (--play) or invents events (--synthetic), answers REST from
recorded documents, and breaks in every way its control port is asked to. Prints
one JSON line with its addresses when it is ready:
    {"api":"http://127.0.0.1:P","ws":"ws://127.0.0.1:P",
     "control":"http://127.0.0.1:Q","ca":null}
Listens on 127.0.0.1 only, connects nowhere, ends on SIGTERM or --max-seconds.
Standard library only. recording.py names the line formats, feed_control.py the
control actions, faults.py the kinds of broken input.
"""

import argparse
import asyncio
import json
import signal
import socket
import ssl
import subprocess
import tempfile
from pathlib import Path
from time import time_ns

import faults
import feed_http as http
from feed_control import Control
from feed_depth import Books, Candles, snapshots
from feed_hub import Hub, reset_or_close
from feed_player import Player, Synthetic
from feed_rest import Rest, load

FIXTURES = Path(__file__).resolve().parent / 'fixtures'
HOST = '127.0.0.1'


def speed(text):
    if text == 'max':
        return text
    value = float(text)
    if value <= 0:
        raise argparse.ArgumentTypeError('speed must be above zero, or max')
    return value


def shift(text):
    return text if text == 'now' else int(text)


def parse_args(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    add = parser.add_argument
    add('--port', type=int, default=0, help='REST and WebSocket; 0: any')
    add('--control-port', type=int, default=0)
    add('--play', nargs='+', metavar='FILE', help='recordings to play')
    add('--speed', type=speed, default=1.0, metavar='N|max')
    add('--loop', action='store_true', help='again and again; ids repeat')
    add('--limit', type=int, metavar='N', help='only the first N messages')
    add('--shift', type=shift, metavar='now|MS',
        help='move exchange times: to now, or by milliseconds')
    add('--synthetic', type=lambda t: t.upper().split(','),
        metavar='SYMBOLS', help='invent events for A,B,C')
    add('--rate', type=float, default=100.0, help='synthetic events/s')
    add('--seed', type=int, default=1)
    add('--start-on-client', nargs='?', type=int, const=1, default=0,
        metavar='STREAMS', help='wait for that many subscribed streams')
    add('--start-delay', type=float, default=0.05, metavar='S')
    add('--paused', action='store_true', help='wait for resume or step')
    add('--hold', action='store_true', help='stay connected at the end')
    add('--ticker24hr', metavar='FILE',
        default=str(FIXTURES / 'ticker24hr.json'))
    add('--exchange-info', metavar='FILE',
        default=str(FIXTURES / 'exchangeInfo.json'))
    add('--klines', nargs='+', default=[], metavar='SYMBOL:INTERVAL=FILE',
        help='recorded REST klines; else they are made of the trades played')
    add('--weight-limit', type=int, default=6000)
    add('--ban-after', type=int, default=3, metavar='N',
        help='429 answers before 418')
    add('--ban-seconds', type=int, default=120)
    add('--ping-interval', type=float, default=20.0, metavar='S')
    add('--pong-timeout', type=float, default=60.0, metavar='S')
    add('--incoming-limit', type=int, default=5, metavar='N',
        help='messages a client may send in a second; 0: any')
    add('--disconnect-after', type=float, metavar='S',
        help="the exchange's 24 hours")
    add('--close-timeout', type=float, default=2.0, metavar='S')
    add('--drain-timeout', type=float, default=15.0, metavar='S',
        help='a client that reads nothing for so long is cut')
    add('--record', metavar='FILE',
        help='write events and tickers as sent, for oracle.py')
    add('--tls', action='store_true')
    add('--state', metavar='DIR', help='where the certificate is put')
    add('--max-seconds', type=float, default=3600.0)
    args = parser.parse_args(argv)
    if args.play and args.synthetic:
        parser.error('--play and --synthetic exclude each other')
    return args


def make_certificate(state):
    """A fresh self-signed certificate; (certificate, key)."""
    cert, key = state / 'feed-ca.pem', state / 'feed-key.pem'
    subprocess.run(
        ['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt',
         'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2',
         '-subj', '/CN=localhost', '-addext',
         'subjectAltName=DNS:localhost,IP:127.0.0.1',
         '-keyout', str(key), '-out', str(cert)],
        check=True, capture_output=True, timeout=30)
    return cert, key


class Listener:
    """The exchange's port, which can stop listening and start again.

    A second socket stays bound to the port without listening, so that nobody
    else is given it while connections are refused.
    """

    def __init__(self, serve, port, context):
        self.serve, self.context = serve, context
        self.holder = self._bind(port)
        self.port = self.holder.getsockname()[1]
        self.server = None

    @staticmethod
    def _bind(port):
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind((HOST, port))
        return sock

    async def start(self):
        if self.server is None:
            self.server = await asyncio.start_server(
                self.serve, sock=self._bind(self.port), ssl=self.context,
                limit=1 << 16)

    async def stop(self):
        if self.server is not None:
            self.server.close()
            self.server = None


class App:
    """The pieces, and the door that sorts REST from WebSocket."""

    def __init__(self, args, context):
        self.args = args
        self.hub = Hub(args)
        self.source = None
        self.hub.books, self.hub.candles = Books(), Candles()
        for spec in args.klines:
            self.hub.candles.load(spec)
        for symbol, value in snapshots(args.play or ()).items():
            self.hub.books.record(symbol, value)
        markets = tickers = info = None
        if args.play:
            self.source = Player(self.hub, args)
        elif args.synthetic:
            self.source = Synthetic(self.hub, args)
            markets = self.source.markets
        if markets is None:
            tickers, info = load(args.ticker24hr), load(args.exchange_info)
        self.rest = Rest(args, tickers, info, markets, self.hub.books,
                         self.hub.candles)
        self.refusing = None
        self.rest_writers = set()
        self.listener = Listener(self.serve, args.port, context)

    def cut_rest(self, how):
        for writer in list(self.rest_writers):
            reset_or_close(writer, how)

    async def serve(self, reader, writer):
        self.rest_writers.add(writer)
        try:
            if self.refusing == ('close', 'all'):
                reset_or_close(writer, 'rst')
                return
            while await self._one(reader, writer):
                pass
        except http.ProtocolError as broken:
            writer.write(http.response(400, {'code': -1000,
                                             'msg': str(broken)}))
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            self.rest_writers.discard(writer)
            writer.close()

    async def _one(self, reader, writer):
        """One request; whether another may follow."""
        request = await http.read_request(reader)
        if request is None:
            return False
        is_ws = 'upgrade' in request.headers
        if self.refusing and self.refusing[1] in (
                'all', 'ws' if is_ws else 'rest'):
            return await self._refuse(writer, request)
        if is_ws:
            await self._upgrade(reader, writer, request)
            return False
        await self._rest(writer, request)
        return not writer.is_closing() and \
            request.headers.get('connection', '').lower() != 'close'

    async def _refuse(self, writer, request):
        how = self.refusing[0]
        self.rest.note(request, how)
        if how == 'close':
            reset_or_close(writer, 'rst')
        elif how == 'http':
            writer.write(http.response(503, b'no', kind='text/plain'))
        else:
            while self.refusing and not writer.is_closing():
                await asyncio.sleep(0.05)
        return False

    async def _upgrade(self, reader, writer, request):
        wrong = http.check_upgrade(request)
        path = request.path
        if wrong is None and path != '/stream' and path != '/ws' \
                and not path.startswith('/ws/'):
            wrong = 'no such WebSocket path'
        if wrong:
            self.rest.note(request, 400, error=wrong)
            writer.write(http.response(400, {'code': -1000, 'msg': wrong}))
            return
        self.rest_writers.discard(writer)
        await self.hub.serve(reader, writer, request)

    async def _rest(self, writer, request):
        fault = self.rest.take_fault(request.path, request.query)
        late = 0
        if fault and 'seconds' in fault:
            if fault['made']:
                late = fault['seconds']
            else:
                await asyncio.sleep(fault['seconds'])
            fault = None
        if fault and 'status' in fault:
            self._status_fault(writer, request, fault)
            return
        status, body, headers, plain = self.rest.answer(request)
        if fault is None:
            self.rest.note(request, status)
            self._record(request, status, plain)
            await asyncio.sleep(late)
            writer.write(http.response(status, body, headers))
            await writer.drain()
            return
        self.rest.note(request, status, body=fault['body'])
        headers = self.rest.weight_headers()
        data, end, slow = faults.rest_answer(fault['body'], plain, headers)
        if slow:
            for at in range(len(data)):
                if writer.is_closing():
                    return
                writer.write(data[at:at + 1])
                await asyncio.sleep(fault['delay_ms'] / 1000)
        else:
            writer.write(data)
            await writer.drain()
        if end:
            writer.close()

    def _status_fault(self, writer, request, fault):
        status = fault['status']
        headers = self.rest.weight_headers()
        if fault['retry_after'] is not None:
            headers.append(('Retry-After', str(fault['retry_after'])))
        if status in (301, 302, 307, 308):
            headers.append(('Location', fault['location'] or '/redirected'))
        code = -1003 if status in (418, 429) else -1000
        self.rest.note(request, status)
        writer.write(http.response(status, {
            'code': code, 'msg': 'Asked for by the test.'}, headers))

    def _record(self, request, status, body):
        if self.hub.record and status == 200 and '24hr' in request.path:
            now = f'{time_ns() / 1e9:.9f}'
            self.hub.note_record(
                f'http://{HOST}{request.target} -> {now}: '.encode()
                + body + b'\n')

    async def run(self, ca):
        loop = asyncio.get_running_loop()
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        await self.listener.start()
        control = await asyncio.start_server(
            Control(self).serve, HOST, self.args.control_port)
        tls = 's' if ca else ''
        print(json.dumps({
            'api': f'http{tls}://{HOST}:{self.listener.port}',
            'ws': f'ws{tls}://{HOST}:{self.listener.port}',
            'control': f'http://{HOST}:'
                       f'{control.sockets[0].getsockname()[1]}',
            'ca': str(ca) if ca else None}), flush=True)
        if self.source:
            self.hub.spawn(self.source.run())
        try:
            await asyncio.wait_for(stop.wait(), self.args.max_seconds)
        except asyncio.TimeoutError:
            pass
        if self.hub.record:
            self.hub.record.close()
            self.hub.record = None


async def amain(args, state):
    context = ca = None
    if args.tls:
        ca, key = make_certificate(state)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(ca, key)
    await App(args, context).run(ca)


def main():
    args = parse_args()
    if args.state:
        Path(args.state).mkdir(parents=True, exist_ok=True)
        asyncio.run(amain(args, Path(args.state)))
    else:
        with tempfile.TemporaryDirectory(prefix='feed-') as state:
            asyncio.run(amain(args, Path(state)))


if __name__ == '__main__':
    main()
