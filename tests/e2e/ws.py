# Copyright (C) the ngx_trading authors
# SPDX-License-Identifier: BSD-2-Clause

"""Clients of streams over plain sockets. A WebSocket that can send any bytes
as a frame, and judges each frame of the server by RFC 6455 and RFC 7692; and
an event stream that takes the chunks of HTTP/1.1 apart by itself."""

import base64
import hashlib
import json
import os
import socket
import ssl
import struct
import time
import zlib
from decimal import Decimal

CONT, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
GUID = b'258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
DEFLATE = 'permessage-deflate'
KEY = 'dGhlIHNhbXBsZSBub25jZQ=='
PATIENCE = 60 if os.environ.get('TRADING_BUILD', '').endswith('asan') else 20


class Violation(AssertionError):
    """What the server sent breaks a rule of the protocol."""


def parse(text):
    """Strict JSON: no key twice, numbers exact."""
    def unique(pairs):
        keys = [key for key, _ in pairs]
        if len(set(keys)) != len(keys):
            raise Violation(f'a key twice: {keys}')
        return dict(pairs)
    return json.loads(text, parse_float=Decimal, object_pairs_hook=unique)


def accept_of(key):
    digest = hashlib.sha1(key.encode() + GUID).digest()
    return base64.b64encode(digest).decode()


def masked(payload, key):
    if not any(key):
        return payload
    whole = (key * (len(payload) // 4 + 1))[:len(payload)]
    return (int.from_bytes(payload, 'big')
            ^ int.from_bytes(whole, 'big')).to_bytes(len(payload), 'big')


def frame(opcode, payload=b'', fin=1, rsv=0, mask=b'\x12\x34\x56\x78',
          length=None, form=None):
    """A frame. mask: four bytes, or None for none. length: what its head says
    in place of the truth; form: 7, 16 or 64 bits of it."""
    said = len(payload) if length is None else length
    form = form or (7 if said < 126 else 16 if said < 65536 else 64)
    head = bytes([fin << 7 | rsv << 4 | opcode])
    bit = 0x80 if mask else 0
    head += {7: lambda: bytes([bit | said]),
             16: lambda: bytes([bit | 126]) + struct.pack('>H', said),
             64: lambda: bytes([bit | 127]) + struct.pack('>Q', said)}[form]()
    return head + (mask + masked(payload, mask) if mask else payload)


def deflated(payload, bits=15, level=9):
    """As RFC 7692, section 7.2.1 says, in a context of its own."""
    z = zlib.compressobj(level, zlib.DEFLATED, -bits)
    data = z.compress(payload) + z.flush(zlib.Z_SYNC_FLUSH)
    assert data.endswith(b'\0\0\xff\xff')
    return data[:-4]


def dial(port, tls=None, rcvbuf=None, timeout=PATIENCE):
    sock = socket.socket()
    if rcvbuf:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
    sock.settimeout(timeout)
    sock.connect(('127.0.0.1', port))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return tls.wrap_socket(sock, server_hostname='localhost') if tls else sock


def any_tls(alpn=None):
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if alpn:
        context.set_alpn_protocols([alpn])
    return context


def read_head(sock):
    """(status, [(lower-case name, value)], what came behind)"""
    got = b''
    while b'\r\n\r\n' not in got:
        more = sock.recv(65536)
        if not more:
            raise ConnectionError(f'closed within the head: {got!r}')
        got += more
    head, _, rest = got.partition(b'\r\n\r\n')
    lines = head.decode('latin-1').split('\r\n')
    fields = [(name.lower(), value.strip()) for name, _, value in
              (line.partition(':') for line in lines[1:])]
    return int(lines[0].split()[1]), fields, rest


def handshake(path='/ws', fields=(), without=(), method='GET',
              version='HTTP/1.1', key=KEY):
    """The request's bytes; `fields` come behind the usual ones."""
    usual = [('Host', 'localhost'), ('Upgrade', 'websocket'),
             ('Connection', 'Upgrade'), ('Sec-WebSocket-Key', key),
             ('Sec-WebSocket-Version', '13')]
    lines = [f'{method} {path} {version}']
    lines += [f'{name}: {value}' for name, value in usual
              if name.lower() not in without]
    lines += [f'{name}: {value}' for name, value in fields]
    return ('\r\n'.join(lines) + '\r\n\r\n').encode('latin-1')


class Closed(Exception):
    """The server's close frame, or None where the connection just ended."""

    def __init__(self, code, reason=''):
        super().__init__(f'closed with {code} {reason!r}')
        self.code, self.reason = code, reason


class Ws:
    """deflate: an offer. glued: bytes right behind the handshake."""

    def __init__(self, port, path='/ws', fields=(), deflate=None, glued=b'',
                 tls=None, rcvbuf=None, timeout=PATIENCE, hello=True):
        self.sock = dial(port, tls, rcvbuf, timeout)
        self.timeout = timeout
        self.messages = []          # all that came, in order
        self.frames = 0
        self.pongs = []
        self.answer_pings = True
        if deflate:
            fields = [*fields, ('Sec-WebSocket-Extensions', deflate)]
        key = base64.b64encode(os.urandom(16)).decode()
        self.sock.sendall(handshake(path, fields, key=key) + glued)
        self.status, headers, self.buffer = read_head(self.sock)
        self.headers = dict(headers)
        if self.status != 101:
            body = self.buffer
            self.sock.close()
            raise AssertionError(f'{self.status} {headers} {body!r}')
        if self.headers.get('sec-websocket-accept') != accept_of(key):
            raise Violation(f'accept: {headers}')
        self.extension = self.headers.get('sec-websocket-extensions', '')
        self.connected = None
        if hello:
            self.connected = self.until('connected')

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.drop()

    # ---- out

    def send(self, data):
        self.sock.sendall(data)

    def text(self, payload, **how):
        self.send(frame(TEXT, payload.encode()
                        if isinstance(payload, str) else payload, **how))

    def say(self, type_, **members):
        self.text(json.dumps({'type': type_, **members}))

    def reset(self):
        """Goes without a word."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                             struct.pack('ii', 1, 0))
        self.sock.close()

    def drop(self):
        self.sock.close()

    # ---- in

    def _need(self, n, deadline):
        while len(self.buffer) < n:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError('nothing came')
            self.sock.settimeout(left)
            try:
                more = self.sock.recv(1 << 18)
            except ConnectionResetError as error:
                raise Closed(None, 'reset') from error
            if not more:
                if self.buffer:
                    raise Closed(None, f'within a frame: {self.buffer[:99]!r}')
                raise Closed(None)
            self.buffer += more

    def frame(self, seconds=None):
        """(opcode, payload inflated, whether it was compressed)"""
        deadline = time.monotonic() + (seconds or self.timeout)
        self._need(2, deadline)
        first, second = self.buffer[:2]
        opcode = first & 15
        if second & 0x80 or first & 0x30 or not first & 0x80 or \
                opcode not in (TEXT, CLOSE, PING, PONG):
            raise Violation(f'head {first:02x} {second:02x}')
        length, at = second & 127, 2
        if length == 126:
            self._need(4, deadline)
            length, at = struct.unpack('>H', self.buffer[2:4])[0], 4
            least = 126
        elif length == 127:
            self._need(10, deadline)
            length, at = struct.unpack('>Q', self.buffer[2:10])[0], 10
            least = 65536
        else:
            least = 0
        if length < least or opcode >= 8 and length > 125:
            raise Violation(f'length {length}')
        self._need(at + length, deadline)
        payload = self.buffer[at:at + length]
        self.buffer = self.buffer[at + length:]
        compressed = bool(first & 0x40)
        if compressed:
            if not self.extension or opcode != TEXT:
                raise Violation('RSV1')
            bits = 12 if 'server_max_window_bits' in self.extension else 15
            z = zlib.decompressobj(-bits)
            payload = z.decompress(payload + b'\0\0\xff\xff')
            if z.unconsumed_tail or z.unused_data:
                raise Violation('more than a deflated message')
        self.frames += 1
        return opcode, payload, compressed

    def message(self, seconds=None):
        """The next message of text; pings are answered on the way."""
        deadline = time.monotonic() + (seconds or self.timeout)
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError('no message came')
            opcode, payload, _ = self.frame(left)
            if opcode == TEXT:
                message = parse(payload.decode())
                self.messages.append(message)
                return message
            if opcode == PING and self.answer_pings:
                self.send(frame(PONG, payload))
            elif opcode == PONG:
                self.pongs.append(payload)
            elif opcode == CLOSE:
                code = struct.unpack('>H', payload[:2])[0] \
                    if payload else 1005
                self._ended()
                raise Closed(code, payload[2:].decode())

    def _ended(self):
        """After its close frame the server sends nothing."""
        if self.buffer:
            raise Violation(f'behind the close: {self.buffer!r}')

    def until(self, type_, seconds=None, **like):
        """The next message of the type with these members."""
        deadline = time.monotonic() + (seconds or self.timeout)
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                raise AssertionError(f'no {type_} {like}, but '
                                     f'{str(self.messages[-5:])[:2000]}')
            try:
                message = self.message(left)
            except TimeoutError:
                continue
            if message['type'] == type_ and \
                    all(message.get(k) == v for k, v in like.items()):
                return message

    def ask(self, type_, reply, **members):
        """Says it and gives the reply, or the error, of its id."""
        members.setdefault('id', f'q{self.frames}')
        self.say(type_, **members)
        deadline = time.monotonic() + self.timeout
        while time.monotonic() < deadline:
            message = self.message()
            if message.get('id') == members['id'] and \
                    message['type'] in (reply, 'error'):
                return message
        raise AssertionError(f'no reply to {type_} {members}')

    def alive(self):
        self.ask('ping', 'pong')
        return True

    def pong(self, payload, seconds=None):
        """Waits for that pong among all else."""
        deadline = time.monotonic() + (seconds or self.timeout)
        while payload not in self.pongs:
            opcode, got, _ = self.frame(max(deadline - time.monotonic(), .01))
            if opcode == PONG:
                self.pongs.append(got)
            elif opcode == CLOSE:
                raise Closed(struct.unpack('>H', got[:2])[0])

    def all(self, quiet=0.5, seconds=None):
        """Messages until nothing comes for `quiet` s."""
        got = []
        deadline = time.monotonic() + (seconds or self.timeout)
        while time.monotonic() < deadline:
            try:
                got.append(self.message(quiet))
            except TimeoutError:
                return got
        raise AssertionError('it does not become quiet')

    def end(self, seconds=None):
        """(code, reason) of the server's close; None: just the end of TCP.
        After the close frame the server ends TCP, too."""
        deadline = time.monotonic() + (seconds or self.timeout)
        while time.monotonic() < deadline:
            try:
                self.message(max(deadline - time.monotonic(), 0.01))
            except Closed as closed:
                if closed.code is not None:
                    self.rest()
                return closed.code, closed.reason
            except TimeoutError:
                break
        raise AssertionError('it was not closed')

    def rest(self):
        """Answers the close and sees TCP end without another byte."""
        try:
            self.send(frame(CLOSE, struct.pack('>H', 1000)))
        except OSError:
            pass
        self.sock.settimeout(self.timeout)
        try:
            more = self.sock.recv(65536)
        except ConnectionResetError:
            more = b''
        if more:
            raise Violation(f'behind the close: {more!r}')
        self.sock.close()

    def close(self, code=1000, reason=b''):
        """The orderly way; what the server answers."""
        self.send(frame(CLOSE, struct.pack('>H', code) + reason))
        return self.end()


class Sse:
    """An event stream; HTTP/1.1 in chunks, HTTP/1.0 until the end."""

    def __init__(self, port, path, fields=(), version='HTTP/1.1', tls=None,
                 rcvbuf=None, timeout=PATIENCE, hello=True):
        self.sock = dial(port, tls, rcvbuf, timeout)
        self.timeout = timeout
        lines = [f'GET {path} {version}', 'Host: localhost',
                 'Accept: text/event-stream',
                 *(f'{name}: {value}' for name, value in fields)]
        self.sock.sendall(('\r\n'.join(lines) + '\r\n\r\n').encode())
        self.status, headers, self.raw = read_head(self.sock)
        self.headers = dict(headers)
        self.chunked = self.headers.get('transfer-encoding') == 'chunked'
        self.text, self.done = b'', False
        self.events = []            # (type, id, message)
        self.last_id, self.retry, self.comments = '', None, 0
        if self.status != 200:
            body = self.body()
            self.sock.close()
            raise AssertionError(f'{self.status} {headers} {body!r}')
        self._unwrap()
        self.connected = self.until('connected') if hello else None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def body(self):
        while len(self.raw) < int(self.headers.get('content-length', 0)):
            self.raw += self.sock.recv(65536)
        return self.raw

    def _more(self, deadline):
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError('nothing came')
        self.sock.settimeout(left)
        try:
            more = self.sock.recv(1 << 18)
        except ConnectionResetError:
            more = b''
        if not more:
            if self.chunked and self.raw:
                raise Closed(None, 'within a chunk')
            raise Closed(None)
        self.raw += more
        self._unwrap()

    def _unwrap(self):
        """What of the text is whole."""
        if not self.chunked:
            self.text, self.raw = self.text + self.raw, b''
            return
        while not self.done:
            size, mark, rest = self.raw.partition(b'\r\n')
            if not mark:
                return
            length = int(size, 16)
            if len(rest) < length + 2:
                return
            if rest[length:length + 2] != b'\r\n':
                raise Violation(f'no chunk: {self.raw[:200]!r}')
            self.text += rest[:length]
            self.raw = rest[length + 2:]
            self.done = length == 0

    def event(self, seconds=None):
        """The next one, as (type, id, message)."""
        deadline = time.monotonic() + (seconds or self.timeout)
        while True:
            head, mark, rest = self.text.partition(b'\n\n')
            if not mark:
                if self.done:
                    raise Closed(0, 'the last chunk')
                self._more(deadline)
                continue
            self.text = rest
            kind, data = 'message', []
            for line in head.decode().split('\n'):
                name, _, value = line.partition(':')
                value = value.removeprefix(' ')
                if name == 'event':
                    kind = value
                elif name == 'data':
                    data.append(value)
                elif name == 'id':
                    self.last_id = value
                elif name == 'retry':
                    self.retry = int(value)
                elif line.startswith(':'):
                    self.comments += 1
                elif line:
                    raise Violation(f'a line of events: {line!r}')
            if data:
                message = parse('\n'.join(data))
                self.events.append((kind, self.last_id, message))
                return self.events[-1]

    def message(self, seconds=None):
        return self.event(seconds)[2]

    def until(self, type_, seconds=None, **like):
        deadline = time.monotonic() + (seconds or self.timeout)
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                raise AssertionError(f'no {type_} {like}, but '
                                     f'{str(self.events[-5:])[:2000]}')
            try:
                kind, _, message = self.event(left)
            except TimeoutError:
                continue
            if kind == type_ and \
                    all(message.get(k) == v for k, v in like.items()):
                return message

    def all(self, quiet=0.5, seconds=None):
        got = []
        deadline = time.monotonic() + (seconds or self.timeout)
        while time.monotonic() < deadline:
            try:
                got.append(self.message(quiet))
            except TimeoutError:
                return got
        raise AssertionError('it does not become quiet')
