# Copyright (C) the ngx_trading authors
# SPDX-License-Identifier: BSD-2-Clause

"""What a test needs to use the feed server: its process, and a client.

Feed starts feed_server.py, reads its addresses, speaks to its control port and
ends the process. WsClient is a small blocking WebSocket client that shows raw
frames; it is for tests of the server and not a model for marketd.
"""

import base64
import http.client
import json
import os
import select
import socket
import ssl
import struct
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

from feed_http import (CLOSE, CONT, PING, PONG, TEXT, accept_key, frame,
                       mask_bytes)

SERVER = Path(__file__).resolve().parent / 'feed_server.py'


class Feed:
    """A running feed server, as a context manager."""

    def __init__(self, *args, max_seconds=120):
        self.process = subprocess.Popen(
            ['/usr/bin/python3', str(SERVER), '--max-seconds',
             str(max_seconds), *map(str, args)],
            stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
        line = self.process.stdout.readline()
        if not line:
            self.stop()
            raise RuntimeError('the feed server did not start')
        self.__dict__.update(json.loads(line))      # api, ws, control, ca

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.stop()

    def stop(self):
        """End the process; its exit code."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            code = self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        self.process.stdout.close()
        return code

    def act(self, action, **params):
        """One control action; its answer, or ValueError."""
        parts = urlsplit(self.control)
        connection = http.client.HTTPConnection(parts.hostname, parts.port,
                                                timeout=20)
        try:
            connection.request('POST', '/control',
                               json.dumps({'action': action, **params}))
            answer = json.loads(connection.getresponse().read())
        finally:
            connection.close()
        if not answer['ok']:
            raise ValueError(answer)
        return answer

    def status(self):
        return self.act('status')

    def wait(self, condition, seconds=10):
        """Wait until condition(status) is true; that status."""
        end = time.monotonic() + seconds
        while True:
            status = self.status()
            if condition(status):
                return status
            if time.monotonic() > end:
                raise AssertionError(f'not within {seconds} s: '
                                     f'{json.dumps(status)[:2000]}')
            time.sleep(0.02)

    def tls_context(self):
        return ssl.create_default_context(cafile=self.ca) if self.ca else None

    def get(self, path, headers=None, timeout=5):
        """(status, headers, body) of one REST call on its own connection."""
        parts = urlsplit(self.api)
        if self.ca:
            connection = http.client.HTTPSConnection(
                parts.hostname, parts.port, timeout=timeout,
                context=self.tls_context())
        else:
            connection = http.client.HTTPConnection(
                parts.hostname, parts.port, timeout=timeout)
        try:
            connection.request('GET', path, headers=headers or {})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def get_json(self, path):
        status, _, body = self.get(path)
        return status, json.loads(body)


class Closed(Exception):
    """The server ended the TCP connection."""


class WsClient:
    """One WebSocket connection to a feed."""

    def __init__(self, feed, path='/stream', timeout=5):
        parts = urlsplit(feed.ws)
        self.sock = socket.create_connection((parts.hostname, parts.port),
                                             timeout)
        if feed.ca:
            self.sock = feed.tls_context().wrap_socket(
                self.sock, server_hostname=parts.hostname)
        key = base64.b64encode(os.urandom(16)).decode()
        self.sock.sendall(
            (f'GET {path} HTTP/1.1\r\nHost: {parts.netloc}\r\n'
             'Upgrade: websocket\r\nConnection: Upgrade\r\n'
             f'Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n'
             '\r\n').encode())
        self.buffer, self.at = b'', 0
        self.auto_pong = True
        head = b''
        try:
            while b'\r\n\r\n' not in head:
                head += self._take(1)
            self.head = head.decode()
            if ' 101 ' not in self.head:
                raise ConnectionError(self.head.split('\r\n')[0])
        except BaseException:
            self.sock.close()
            raise
        assert accept_key(key) in self.head

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.sock.close()

    def _take(self, count):
        while len(self.buffer) - self.at < count:
            try:
                more = self.sock.recv(1 << 18)
            except ConnectionError as gone:
                raise Closed(str(gone)) from None
            if not more:
                raise Closed('end of file')
            self.buffer = self.buffer[self.at:] + more
            self.at = 0
        self.at += count
        return self.buffer[self.at - count:self.at]

    def send(self, opcode, payload=b'', **options):
        self.sock.sendall(frame(opcode, payload, mask=os.urandom(4),
                                **options))

    def ask(self, method, params=None, ident=1):
        """A JSON request; the answer, skipping events that come first."""
        request = {'method': method, 'id': ident}
        if params is not None:
            request['params'] = params
        self.send(TEXT, json.dumps(request).encode())
        while True:
            answer = json.loads(self.text())
            if 'id' in answer:
                return answer

    def raw_frame(self):
        """(first byte, payload) of the next frame, masked or not."""
        first, second = self._take(2)
        size = second & 0x7f
        if size == 126:
            size, = struct.unpack('!H', self._take(2))
        elif size == 127:
            size, = struct.unpack('!Q', self._take(8))
            if size > 1 << 28:
                raise Closed('length')
        key = self._take(4) if second & 0x80 else None
        payload = self._take(size)
        return first, mask_bytes(payload, key) if key else payload

    def message(self):
        """(opcode, payload) of the next message or control frame, in fragments
        or not; pings are answered."""
        parts = []
        while True:
            first, payload = self.raw_frame()
            opcode, fin = first & 15, first & 128
            if opcode == PING and self.auto_pong:
                self.send(PONG, payload)
                if parts:
                    continue
            if opcode > CONT + 2:
                return opcode, payload
            if opcode != CONT:
                kind = opcode
            parts.append(payload)
            if fin:
                return kind, b''.join(parts)

    def text(self):
        """The next text message; Closed at a close frame."""
        while True:
            opcode, payload = self.message()
            if opcode == CLOSE:
                raise Closed(struct.unpack('!H', payload[:2])[0])
            if opcode == TEXT:
                return payload

    def texts(self, count):
        return [self.text() for _ in range(count)]

    def quiet(self, seconds):
        """Whether nothing at all arrives for so long."""
        if len(self.buffer) > self.at:
            return False
        return not select.select([self.sock], [], [], seconds)[0]


if __name__ == '__main__':
    sys.exit('a library: see test_feed.py')
