#!/usr/bin/python3
# Copyright (C) the ngx_trading authors
# SPDX-License-Identifier: BSD-2-Clause

"""Loopback services that publish rates, for tests of polled sources.

GET /v4/latest/{base} (exchangerate-api v4), /eurofxref-daily.xml (ECB) and
/latest (metals-api), each with the document that the control port was given,
conditional requests, and faults. Prints one JSON line when it is ready:
    {"api":"http://127.0.0.1:P","control":"http://127.0.0.1:Q","ca":null}
Control is POST /control with {"action": ...}:
    set     name forex|ecb|metals, body; etag, modified: whether to send them;
            date: of Last-Modified
    fault   kind, name, count and what the kind takes; kinds:
            status (status, retry_after, body, location), cut, slow (seconds),
            garbage, type (type), huge, hang, rst, not_modified
    clear   no faults
    status  the requests that came
Listens on 127.0.0.1 only, connects nowhere, ends on SIGTERM or --max-seconds.
"""

import argparse
import asyncio
import hashlib
import json
import signal
import ssl
import tempfile
import time
from email.utils import formatdate
from pathlib import Path
from urllib.parse import parse_qs

import feed_http as http
from feed_hub import reset_or_close
from feed_server import HOST, make_certificate

KEY = 'k-0123456789abcdef'
TYPES = {'forex': 'application/json', 'ecb': 'text/xml',
         'metals': 'application/json'}


def service(path):
    """Which service a path belongs to, or None."""
    if path.startswith('/v4/latest/'):
        return 'forex'
    return {'/eurofxref-daily.xml': 'ecb', '/latest': 'metals'}.get(path)


def raw(status, body, headers):
    """A whole answer with exactly these headers."""
    lines = [f'HTTP/1.1 {status} {http.REASONS.get(status, "Status")}']
    lines += [f'{name}: {value}' for name, value in headers]
    if status != 304:
        lines.append(f'Content-Length: {len(body)}')
    return '\r\n'.join(lines).encode('latin-1') + b'\r\n\r\n' + body


class Services:
    def __init__(self):
        self.documents, self.faults, self.calls = {}, [], []

    # ---- the services

    async def serve(self, reader, writer):
        try:
            while True:
                request = await http.read_request(reader)
                if request is None or not await self.one(writer, request):
                    return
        except (http.ProtocolError, asyncio.IncompleteReadError, OSError):
            pass
        finally:
            writer.close()

    async def one(self, writer, request):
        name = service(request.path)
        call = {'target': request.target, 'at': time.time(), 'name': name,
                'headers': request.headers, 'status': None, 'fault': None}
        self.calls.append(call)
        fault = self.take_fault(name)
        if fault:
            call['fault'] = fault['kind']
            return await self.broken(writer, request, call, fault)
        self.send(writer, call, *self.answer(request, name))
        await writer.drain()
        return True

    @staticmethod
    def send(writer, call, status, body, headers):
        call['status'] = status
        writer.write(raw(status, body, headers))

    def answer(self, request, name):
        """(status, body, headers) without any fault."""
        document = self.documents.get(name)
        kind = [('Content-Type', TYPES.get(name, 'text/plain')
                 + '; charset=utf-8')]
        if document is None:
            return 404, b'{"result":"error"}', kind
        if name == 'metals' and parse_qs(request.query).get(
                'access_key') != [KEY]:
            return 200, json.dumps({'success': False, 'error': {
                'code': 101, 'type': 'invalid_access_key',
                'info': f'no such key: {request.query}'}}).encode(), kind
        headers = list(kind)
        asked = request.headers
        same = False
        if document['etag']:
            headers.append(('ETag', document['tag']))
            same = asked.get('if-none-match') == document['tag']
        if document['modified']:
            headers.append(('Last-Modified', document['date']))
            same = same or ('if-none-match' not in asked and asked.get(
                'if-modified-since') == document['date'])
        if same:
            return 304, b'', headers
        return 200, document['body'], headers

    # ---- the faults

    def take_fault(self, name):
        for fault in self.faults:
            if fault.get('name') in (None, name):
                fault['count'] -= 1
                if fault['count'] <= 0:
                    self.faults.remove(fault)
                return fault
        return None

    async def broken(self, writer, request, call, fault):
        kind = fault['kind']
        status, body, headers = self.answer(request, call['name'])
        if kind == 'status':
            headers = headers[:1]
            if fault.get('retry_after') is not None:
                headers.append(('Retry-After', fault['retry_after']))
            if fault.get('location'):
                headers.append(('Location', fault['location']))
            self.send(writer, call, fault['status'],
                      fault.get('body', '{}').encode(), headers)
            return True
        if kind == 'not_modified':
            self.send(writer, call, 304, b'', headers[:1])
            return True
        if kind == 'garbage':
            self.send(writer, call, 200,
                      fault.get('body', '{"base":"USD","rat').encode(),
                      headers[:1])
            return True
        if kind == 'type':
            self.send(writer, call, 200, body,
                      [('Content-Type', fault.get('type', 'text/html'))])
            return True
        if kind == 'huge':
            self.send(writer, call, 200, b' ' * (1 << 20) + body, headers[:1])
            return False
        if kind == 'rst':
            reset_or_close(writer, 'rst')
            return False
        if kind == 'hang':
            await asyncio.sleep(fault.get('seconds', 30))
            return False
        data = raw(status, body, headers)
        call['status'] = status
        if kind == 'cut':
            writer.write(data[:-len(body) // 2 or None])
            await writer.drain()
            return False
        # slow: byte by byte, so that the whole takes that long
        for at in range(len(data)):
            if writer.is_closing():
                return False
            writer.write(data[at:at + 1])
            await asyncio.sleep(fault['seconds'] / len(data))
        return True

    # ---- control

    def act(self, order):
        action = order.pop('action')
        if action == 'set':
            body = order['body'].encode()
            self.documents[order['name']] = {
                'body': body, 'etag': order.get('etag', True),
                'modified': order.get('modified', False),
                'tag': '"' + hashlib.sha256(body).hexdigest()[:20] + '"',
                'date': order.get('date') or formatdate(int(time.time()),
                                                        usegmt=True)}
        elif action == 'fault':
            order.setdefault('count', 1)
            self.faults.append(order)
        elif action == 'clear':
            self.faults.clear()
        elif action != 'status':
            raise ValueError(action)
        return {'ok': True, 'calls': self.calls, 'faults': len(self.faults)}

    async def control(self, reader, writer):
        try:
            request = await http.read_request(reader)
            try:
                answer = self.act(json.loads(request.body))
            except (ValueError, KeyError) as wrong:
                answer = {'ok': False, 'error': repr(wrong)}
            writer.write(http.response(200, answer))
            await writer.drain()
        except (http.ProtocolError, asyncio.IncompleteReadError, OSError,
                AttributeError):
            pass
        finally:
            writer.close()


async def run(args, state):
    context = ca = None
    if args.tls:
        ca, key = make_certificate(state)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(ca, key)
    loop, stop, services = asyncio.get_running_loop(), asyncio.Event(), \
        Services()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    api = await asyncio.start_server(services.serve, HOST, 0, ssl=context)
    control = await asyncio.start_server(services.control, HOST, 0,
                                         limit=1 << 20)
    port, control_port = (server.sockets[0].getsockname()[1]
                          for server in (api, control))
    print(json.dumps({
        'api': f'http{"s" if ca else ""}://{HOST}:{port}',
        'control': f'http://{HOST}:{control_port}',
        'ca': str(ca) if ca else None}), flush=True)
    try:
        await asyncio.wait_for(stop.wait(), args.max_seconds)
    except asyncio.TimeoutError:
        pass


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument('--tls', action='store_true')
    parser.add_argument('--max-seconds', type=float, default=600.0)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix='poll-') as state:
        asyncio.run(run(args, Path(state)))


if __name__ == '__main__':
    main()
