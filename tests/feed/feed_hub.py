# Copyright (C) the ngx_trading authors
# SPDX-License-Identifier: BSD-2-Clause

"""The WebSocket side: connections, subscriptions and what is sent to them.

The hub publishes an event to the clients that subscribed to its stream. A frame
is built once and shared; frames wait in each client's list until flush()
writes them in one piece. Everything runs on one asyncio loop: no locks.
"""

import asyncio
import json
import os
import socket
import struct
import time
from collections import Counter, deque

import feed_http as http

MAX_STREAMS = 1024
HIGH_WATER = 65536              # asyncio's own; below it drain() is a no-op


class Client:
    """One WebSocket connection."""

    def __init__(self, hub, reader, writer, request):
        self.hub = hub
        self.reader, self.writer = reader, writer
        self.target = request.target
        self.agent = request.headers.get('user-agent', '')
        self.combined = request.path.startswith('/stream')
        self.streams = {}           # insertion-ordered set
        self.out = []
        self.sent = 0
        self.pongs = 0
        self.opened = time.time()
        self.pings = {}             # payload -> time sent
        self.waiters = {}           # payload -> future of a forced ping
        self.incoming = deque(maxlen=hub.options.incoming_limit or 1)
        self.closing = False
        self.dribble = None         # bytes waiting in slow mode

    def write(self, data):
        if self.writer.is_closing():
            return
        if self.hub.slow_ms is None and self.dribble is None:
            self.writer.write(data)
            return
        if self.dribble is None:
            self.dribble = bytearray()
            self.hub.spawn(self._dribble())
        self.dribble += data

    async def _dribble(self):
        """Send byte by byte while slow, then what is left at once."""
        while self.dribble and not self.writer.is_closing():
            if self.hub.slow_ms is None:
                self.writer.write(bytes(self.dribble))
                break
            self.writer.write(bytes(self.dribble[:1]))
            del self.dribble[:1]
            await asyncio.sleep(self.hub.slow_ms / 1000)
        self.dribble = None

    def flush(self):
        if self.out:
            self.write(b''.join(self.out))
            self.out.clear()

    def close(self, code=1000, reason=''):
        """Start an orderly close; the TCP end follows the client's answer."""
        if self.closing:
            return
        self.closing = True
        self.flush()
        payload = struct.pack('!H', code) + reason.encode()
        self.write(http.frame(http.CLOSE, payload))
        self.hub.note_close(self, 'server', code, reason)
        self.hub.spawn(self._end_later())

    async def _end_later(self):
        await asyncio.sleep(self.hub.options.close_timeout)
        self.writer.close()

    def cut(self, how='rst'):
        """End the TCP connection without a WebSocket close."""
        self.closing = True
        self.out.clear()
        self.hub.note_close(self, 'cut', None, how)
        reset_or_close(self.writer, how)

    async def run(self):
        """Serve the connection until it ends."""
        tasks = [self.hub.spawn(self._pinger())]
        if self.hub.options.disconnect_after:
            tasks.append(self.hub.spawn(self._old_age()))
        fragments = None
        try:
            while True:
                fin, opcode, payload, key = await http.read_frame(self.reader)
                if not self._count_incoming():
                    continue
                if opcode == http.PING:
                    if self.hub.answer_pings:
                        self.write(http.frame(http.PONG, payload))
                elif opcode == http.PONG:
                    self._pong(payload)
                elif opcode == http.CLOSE:
                    self._closed(payload)
                    return
                else:
                    if (opcode == http.CONT) != (fragments is not None):
                        raise http.ProtocolError('fragments out of order')
                    fragments = (fragments or b'') + payload
                    if fin:
                        self._text(fragments)
                        fragments = None
        except http.ProtocolError as broken:
            self.hub.note_error(self, str(broken))
            self.close(broken.code, str(broken))
            await asyncio.sleep(0.05)
        except (asyncio.IncompleteReadError, OSError) as gone:
            if not self.closing:
                self.hub.note_close(self, 'client', None,
                                    type(gone).__name__)
        finally:
            for task in tasks:
                task.cancel()

    def _count_incoming(self):
        limit = self.hub.options.incoming_limit
        now = time.monotonic()
        self.hub.incoming += 1
        if limit and len(self.incoming) == limit \
                and now - self.incoming[0] < 1.0 and not self.closing:
            self.hub.note_error(self, f'over {limit} messages in a second')
            self.close(1008, 'Too many requests')
            return False
        self.incoming.append(now)
        return True

    def _closed(self, payload):
        if not self.closing:
            self.closing = True
            code = struct.unpack('!H', payload[:2])[0] if payload else 1005
            self.hub.note_close(self, 'client', code,
                                payload[2:].decode('utf-8', 'replace'))
            self.write(http.frame(http.CLOSE, payload[:2]))

    def ping(self, payload=None):
        payload = payload or str(time.time_ns()).encode()
        self.pings[payload] = time.monotonic()
        self.write(http.frame(http.PING, payload))
        return payload

    def _pong(self, payload):
        self.pongs += 1
        self.hub.pongs += 1
        if payload not in self.pings:
            return                          # unsolicited: allowed
        sent = self.pings.pop(payload)
        for older in [p for p, at in self.pings.items() if at <= sent]:
            del self.pings[older]           # a pong answers older pings too
        waiter = self.waiters.pop(payload, None)
        if waiter and not waiter.done():
            waiter.set_result(time.monotonic() - sent)

    async def _pinger(self):
        options = self.hub.options
        due = time.monotonic() + options.ping_interval
        while not self.writer.is_closing():
            await asyncio.sleep(min(options.ping_interval,
                                    options.pong_timeout, 1.0) / 4)
            now = time.monotonic()
            oldest = min(self.pings.values(), default=now)
            if now - oldest > options.pong_timeout:
                self.hub.note_error(self, 'no pong')
                self.cut('fin')
                return
            if now >= due and not self.closing and self.hub.send_pings:
                due = now + options.ping_interval
                self.ping()

    async def _old_age(self):
        await asyncio.sleep(self.hub.options.disconnect_after)
        self.close(1001, 'connection too old')

    # requests

    def _text(self, text):
        self.hub.requests.append(text.decode('utf-8', 'replace')[:2000])
        answer = self._answer(text)
        self.flush()
        self.write(http.frame(http.TEXT, json.dumps(
            answer, separators=(',', ':')).encode()))
        self.hub.subscribed.set()

    def _answer(self, text):
        def refuse(code, why, ident=None):
            self.hub.note_error(self, f'bad request: {why}')
            return {'error': {'code': code, 'msg': why}, 'id': ident}
        try:
            request = json.loads(text)
        except ValueError as broken:
            return refuse(3, f'Invalid JSON: {broken}')
        if not isinstance(request, dict):
            return refuse(2, 'Invalid request: request is not an object')
        ident = request.get('id')
        good_id = ident is None or (isinstance(ident, str)
                                    and len(ident) <= 36) \
            or (type(ident) is int and abs(ident) < 2 ** 63)
        if not good_id:
            return refuse(2, 'Invalid request: request ID must be an '
                             'unsigned integer, a string or null')
        method = request.get('method')
        params = request.get('params', [])
        if method is None:
            return refuse(2, "Invalid request: missing field `method`", ident)
        result = None
        if method in ('SUBSCRIBE', 'UNSUBSCRIBE'):
            if not isinstance(params, list) or not params \
                    or not all(isinstance(p, str) for p in params):
                return refuse(2, 'Invalid request: params must be a list '
                                 'of stream names', ident)
            if method == 'SUBSCRIBE':
                if len(set(self.streams) | set(params)) > MAX_STREAMS:
                    return refuse(2, 'Invalid request: too many streams',
                                  ident)
                self.hub.subscribe(self, params)
            else:
                self.hub.unsubscribe(self, params)
        elif method == 'LIST_SUBSCRIPTIONS':
            result = [] if self.hub.muted and not self.hub.listed \
                else list(self.streams)
        elif method in ('SET_PROPERTY', 'GET_PROPERTY'):
            if not isinstance(params, list) or params[:1] != ['combined']:
                return refuse(0, 'Unknown property', ident)
            if method == 'GET_PROPERTY':
                result = self.combined
            elif len(params) != 2 or not isinstance(params[1], bool):
                return refuse(1, 'Invalid value type: expected Boolean',
                              ident)
            else:
                self.flush()
                self.combined = params[1]
        else:
            return refuse(2, f'Invalid request: unknown variant {method!r}',
                          ident)
        return {'result': result, 'id': ident}


def reset_or_close(writer, how):
    """End a connection with RST ("rst") or FIN ("fin")."""
    if how == 'fin':
        writer.close()
        return
    sock = writer.get_extra_info('socket')
    if sock is not None and not writer.is_closing():
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                        struct.pack('ii', 1, 0))
    writer.transport.abort()


class Hub:
    """All WebSocket connections."""

    def __init__(self, options):
        self.options = options
        self.clients = []
        self.by_stream = {}         # stream -> list of clients
        self.last = {}              # stream -> data last sent
        self.counts = Counter()     # stream -> events delivered
        self.sent = 0
        self.pongs = 0
        self.incoming = 0
        self.connections = 0
        self.connect_times = deque(maxlen=200)
        self.closes = deque(maxlen=200)
        self.errors = deque(maxlen=200)
        self.requests = deque(maxlen=200)
        self.muted = False
        self.listed = True          # LIST_SUBSCRIPTIONS knows them if muted
        self.send_pings = True
        self.answer_pings = True
        self.slow_ms = None
        self.subscribed = asyncio.Event()
        self.tasks = set()
        self.mangle = []            # faults of streams, see do_stream_fault
        self.held = {}              # stream -> event to go out late
        self.books = self.candles = None    # set by the server
        self.record = None
        if options.record:
            self.record = open(options.record, 'wb')

    def spawn(self, coroutine):
        task = asyncio.ensure_future(coroutine)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task

    def note_error(self, client, text):
        self.errors.append({'target': client.target[:200], 'error': text})

    def note_close(self, client, by, code, reason):
        self.closes.append({'by': by, 'code': code, 'reason': reason,
                            'lived': round(time.time() - client.opened, 3),
                            'sent': client.sent})

    def note_record(self, line):
        if self.record:
            self.record.write(line)

    def subscribe(self, client, names):
        for name in names:
            if name not in client.streams:
                client.streams[name] = None
                self.by_stream.setdefault(name, []).append(client)

    def unsubscribe(self, client, names):
        for name in names:
            if name in client.streams:
                del client.streams[name]
                self.by_stream[name].remove(client)
                if not self.by_stream[name]:
                    del self.by_stream[name]

    def subscriptions(self):
        return sorted(self.by_stream)

    async def serve(self, reader, writer, request):
        """The whole life of one upgraded connection."""
        client = Client(self, reader, writer, request)
        writer.write(http.response(101, headers=(
            ('Upgrade', 'websocket'), ('Connection', 'Upgrade'),
            ('Sec-WebSocket-Accept',
             http.accept_key(request.headers['sec-websocket-key'])))))
        self.connections += 1
        self.connect_times.append(time.time())
        self.clients.append(client)
        self.subscribe(client, self._names(request))
        self.subscribed.set()
        try:
            await client.run()
        finally:
            self.unsubscribe(client, list(client.streams))
            self.clients.remove(client)
            for waiter in client.waiters.values():
                waiter.cancel()
            self.spawn(self._finish(client))

    async def _finish(self, client):
        """Let a last close frame out, dribbled or not, then end."""
        for _ in range(200):
            if client.dribble is None:
                break
            await asyncio.sleep(0.01)
        client.writer.close()

    @staticmethod
    def _names(request):
        if request.path.startswith('/ws'):
            names = request.path[3:].split('/')
        else:
            names = []
            for part in request.query.split('&'):
                key, _, value = part.partition('=')
                if key == 'streams':
                    names = value.replace('%40', '@').replace('%2F', '/') \
                        .replace('%2f', '/').replace('%21', '!').split('/')
        return [name for name in names if name]

    def happen(self, stream, data):
        """Something happened at the exchange, whoever may hear of it."""
        symbol, _, kind = stream.partition('@')
        if self.books and kind.startswith('depth') \
                and b'"depthUpdate"' in data[:200]:
            self.books.played(symbol.upper(), data)
            partial = symbol + '@depth20@100ms'
            if partial in self.by_stream:
                book = self.books.now(symbol.upper())
                if book:
                    self.publish(partial, json.dumps(
                        book.rest(20), separators=(',', ':')).encode())
        elif self.candles and kind in ('trade', 'aggTrade'):
            self.candles.trade(data)

    def publish(self, stream, data):
        """Queue an event for its subscribers, or do to it what a fault says;
        how many there are."""
        for fault in self.mangle:
            if fault['stream'] == stream and stream in self.by_stream:
                fault['count'] -= 1
                if fault['count'] <= 0:
                    self.mangle.remove(fault)
                if fault['how'] == 'drop':
                    return 0
                if fault['how'] == 'duplicate':
                    self._publish(stream, data)
                elif stream not in self.held:
                    self.held[stream] = data        # reorder
                    return 0
                break
        number = self._publish(stream, data)
        if stream in self.held:
            self._publish(stream, self.held.pop(stream))
        return number

    def _publish(self, stream, data):
        clients = self.by_stream.get(stream)
        if not clients or self.muted:
            return 0
        wrapped = plain = None
        number = 0
        for client in clients:
            if client.closing:
                continue
            if client.combined:
                if wrapped is None:
                    wrapped = http.frame(http.TEXT,
                                         http.envelope(stream, data))
                client.out.append(wrapped)
            else:
                if plain is None:
                    plain = http.frame(http.TEXT, data)
                client.out.append(plain)
            client.sent += 1
            number += 1
        if number:
            self.sent += number
            self.last[stream] = data
            self.counts[stream] += 1
            if self.record:
                self.record.write(b'%d %s\n' % (
                    time.time_ns(), http.envelope(stream, data)))
        return number

    async def flush(self):
        """Write what is queued and wait for clients that fall behind."""
        for client in self.clients:
            client.flush()
        for client in list(self.clients):
            pending = client.writer.transport.get_write_buffer_size()
            if pending < HIGH_WATER or client.writer.is_closing():
                continue
            try:
                await asyncio.wait_for(client.writer.drain(),
                                       self.options.drain_timeout)
            except asyncio.TimeoutError:
                self.note_error(client, 'does not read')
                client.cut('rst')
            except OSError:
                pass

    async def ping_all(self, timeout):
        """Ping every client; the milliseconds each pong took, or None."""
        loop = asyncio.get_running_loop()
        waits = []
        for client in list(self.clients):
            client.flush()
            payload = client.ping(os.urandom(8).hex().encode())
            client.waiters[payload] = loop.create_future()
            waits.append(client.waiters[payload])
        if waits:
            await asyncio.wait(waits, timeout=timeout)
        return [round(w.result() * 1000, 3)
                if w.done() and not w.cancelled() else None for w in waits]
