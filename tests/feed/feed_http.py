# Copyright (C) the ngx_trading authors
# SPDX-License-Identifier: BSD-2-Clause

"""Just enough HTTP/1.1 and WebSocket framing for a test exchange.

Pure functions on bytes and asyncio streams; no state, no policy. The reading
side is strict: it names what a client did wrong instead of tolerating it.
"""

import asyncio
import base64
import hashlib
import json
import struct
from dataclasses import dataclass

GUID = b'258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
CONT, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10

REASONS = {101: 'Switching Protocols', 200: 'OK', 302: 'Found',
           400: 'Bad Request', 404: 'Not Found', 405: 'Method Not Allowed',
           418: "I'm a teapot", 426: 'Upgrade Required',
           429: 'Too Many Requests', 500: 'Internal Server Error',
           503: 'Service Unavailable'}


class ProtocolError(Exception):
    """The peer broke HTTP or WebSocket rules."""

    def __init__(self, text, code=1002):
        super().__init__(text)
        self.code = code


@dataclass
class Request:
    method: str
    path: str
    query: str
    headers: dict
    body: bytes

    @property
    def target(self):
        return self.path + ('?' + self.query if self.query else '')


async def read_request(reader):
    """The next request, or None when the peer has closed between two."""
    try:
        head = await reader.readuntil(b'\r\n\r\n')
    except asyncio.IncompleteReadError as broken:
        if broken.partial:
            raise ProtocolError('request cut off') from None
        return None
    except asyncio.LimitOverrunError:
        raise ProtocolError('request head too long') from None
    first, *lines = head[:-4].decode('latin-1').split('\r\n')
    parts = first.split(' ')
    if len(parts) != 3 or not parts[2].startswith('HTTP/1.'):
        raise ProtocolError(f'bad request line {first[:60]!r}')
    headers = {}
    for line in lines:
        name, colon, value = line.partition(':')
        if not colon or name != name.strip():
            raise ProtocolError(f'bad header line {line[:60]!r}')
        headers[name.lower()] = value.strip()
    length = int(headers.get('content-length', '0'))
    body = await reader.readexactly(length) if length else b''
    path, _, query = parts[1].partition('?')
    return Request(parts[0], path, query, headers, body)


def response(status, body=b'', headers=(), kind='application/json'):
    """A whole answer. body: bytes, or a value to be written as JSON."""
    if not isinstance(body, bytes):
        body = json.dumps(body, separators=(',', ':')).encode()
    lines = [f'HTTP/1.1 {status} {REASONS.get(status, "Status")}']
    if status != 101:
        lines += [f'Content-Type: {kind};charset=UTF-8',
                  f'Content-Length: {len(body)}']
    lines += [f'{name}: {value}' for name, value in headers]
    return '\r\n'.join(lines).encode('latin-1') + b'\r\n\r\n' + body


def accept_key(key):
    digest = hashlib.sha1(key.encode('latin-1') + GUID).digest()
    return base64.b64encode(digest).decode()


def check_upgrade(request):
    """What is wrong with a WebSocket handshake, or None."""
    headers = request.headers
    if request.method != 'GET':
        return 'method is not GET'
    if 'host' not in headers:
        return 'no Host header'
    if headers.get('upgrade', '').lower() != 'websocket':
        return 'Upgrade is not websocket'
    tokens = headers.get('connection', '').lower().split(',')
    if 'upgrade' not in [token.strip() for token in tokens]:
        return 'Connection does not name Upgrade'
    if headers.get('sec-websocket-version') != '13':
        return 'Sec-WebSocket-Version is not 13'
    try:
        key = base64.b64decode(headers.get('sec-websocket-key', ''), None,
                               validate=True)
    except ValueError:
        key = b''
    return None if len(key) == 16 else 'Sec-WebSocket-Key is not 16 bytes'


def mask_bytes(data, key):
    if not data:
        return b''
    repeated = (key * (len(data) // 4 + 1))[:len(data)]
    number = int.from_bytes(data, 'big') ^ int.from_bytes(repeated, 'big')
    return number.to_bytes(len(data), 'big')


def frame(opcode, payload=b'', fin=True, rsv=0, mask=None):
    """One frame. Servers leave mask None; clients and faults give 4 bytes."""
    first = (0x80 if fin else 0) | (rsv << 4) | opcode
    bit = 0x80 if mask else 0
    size = len(payload)
    if size < 126:
        head = struct.pack('!BB', first, bit | size)
    elif size < 65536:
        head = struct.pack('!BBH', first, bit | 126, size)
    else:
        head = struct.pack('!BBQ', first, bit | 127, size)
    if mask:
        return head + mask + mask_bytes(payload, mask)
    return head + payload


def envelope(stream, data):
    return b'{"stream":"' + stream.encode() + b'","data":' + data + b'}'


async def read_frame(reader, limit=65536):
    """(fin, opcode, payload, mask key) of a client frame."""
    first, second = await reader.readexactly(2)
    fin, rsv, opcode = first & 0x80, first & 0x70, first & 0x0f
    size = second & 0x7f
    if size == 126:
        size, = struct.unpack('!H', await reader.readexactly(2))
        if size < 126:
            raise ProtocolError('length not in its shortest form')
    elif size == 127:
        size, = struct.unpack('!Q', await reader.readexactly(8))
        if size < 65536:
            raise ProtocolError('length not in its shortest form')
    if rsv:
        raise ProtocolError('reserved bits set')
    if opcode not in (CONT, TEXT, BINARY, CLOSE, PING, PONG):
        raise ProtocolError(f'unknown opcode {opcode}')
    if opcode >= CLOSE and (size > 125 or not fin):
        raise ProtocolError('control frame long or fragmented')
    if not second & 0x80:
        raise ProtocolError('client frame without mask')
    if size > limit:
        raise ProtocolError('frame too long', 1009)
    key = await reader.readexactly(4)
    payload = mask_bytes(await reader.readexactly(size), key)
    return bool(fin), opcode, payload, key
