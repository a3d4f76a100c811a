# Copyright (C) the ngx_trading authors
# SPDX-License-Identifier: BSD-2-Clause

"""Running systems in which everything that the OpenAPI documents describe can
be seen: a market that is well, and those in which something is wrong. For
test_openapi.py, and for util/openapi-examples, which keeps their answers."""

import contextlib
import json
import socket
import time

from stack import ROOT, Response, Stack, wait_for

SYMBOLS = ('BTC', 'ETH', 'EUR/USD', 'XAU/USD')
LONG = 'x' * 9000
EVENTS = 'text/event-stream'
# the handshake of a WebSocket that is to be refused
HANDSHAKE = {'Connection': 'Upgrade, close', 'Upgrade': 'websocket',
             'Sec-WebSocket-Version': '13',
             'Sec-WebSocket-Key': 'AAECAwQFBgcICQoLDA0ODw=='}
# who a client says it is, in the worlds where it may
ACCOUNT = {'X-Account': 'one'}
WAITERS = 1024                  # that a worker holds
HOURS = 2 * 3600000             # updates: one a millisecond

# code -> where it can be seen, and by which request
ERRORS = {
    'not_found': ('well', '/market/nonsense'),
    'unknown_symbol': ('well', '/market/prices/NOPE'),
    'unknown_class': ('well', '/market/prices/asset/bonds'),
    'unknown_version': ('well', '/trading/binary/map/999999'),
    'unknown_field': ('well', '/market/prices/BTC?fields=colour'),
    'unknown_model': ('well', '/trading/signals?model=oracle'),
    'invalid_parameter': ('well', '/market/prices/BTC?max_age_ms=soon'),
    'bad_path': ('well', '/market/prices/%FF'),
    'method_not_allowed': ('well', '/market/prices', 'POST'),
    'board_unavailable': ('boardless', '/market/prices'),
    'no_quote': ('unquoted', '/market/prices/BTC'),
    'no_signal': ('unquoted', '/trading/signals/BTC?model=technical'),
    'no_depth': ('unquoted', '/market/depth/BTC'),
    'too_many_waiters': ('crowded',
                         '/market/prices/BTC?after_seq=0&timeout_ms=1'),
    'too_old': ('well', '/market/prices/BTC?max_age_ms=0'),
    'market_stale': ('silent', '/market/prices'),
    'bad_handshake': ('well', '/ws', 'GET',
                      {**HANDSHAKE, 'Sec-WebSocket-Key': 'short'}),
    'upgrade_required': ('well', '/ws', 'GET', {'Accept': 'text/html'}),
    'origin_not_allowed': ('well', '/ws', 'GET',
                           {**HANDSHAKE, 'Origin': 'https://evil.example'}),
    'unauthorized': ('well', '/sse?channels=orders'),
    'unavailable': ('accounts', '/sse?channels=orders', 'GET', ACCOUNT),
    'forbidden': ('strict', '/metrics'),
    'bad_request': ('well', b'GET /market/prices HTTP/1.1\r\n\r\n'),
    'precondition_failed': ('well', '/market/prices/BTC', 'GET',
                            {'If-Match': '"another"'}),
    'body_too_large': ('well', '/market/prices', 'POST',
                       {'Content-Length': '9999999'}),
    'uri_too_long': ('well', f'/market/{LONG}'),
    'too_many_requests': ('strict', '/market/prices'),
    'header_too_large': ('well', '/market/prices', 'GET', {'X-Long': LONG}),
    'internal_error': ('well', '/failure'),
    'not_implemented': ('well', '/market/prices', 'POST',
                        {'Transfer-Encoding': 'unheard-of'}),
}


def catalogue():
    rows = json.loads((ROOT / 'instruments.json').read_text())['instruments']
    return [row for row in rows if row['symbol'] in SYMBOLS]


def failing(text):
    """A route that fails inside, as no other can be made to."""
    return text.replace('        location / {\n',
                        '        location = /failure { return 500; }\n\n'
                        '        location / {\n')


def strict(text):
    for old, new in (('127.0.0.0/8     0;', '127.0.0.0/8     1;'),
                     ('rate=2000r/s', 'rate=1r/s'),
                     ('burst=4000', 'burst=3'),
                     ('allow       127.0.0.0/8;', '')):
        if old not in text:
            raise AssertionError(f'{old!r} is not in the configuration')
        text = text.replace(old, new)
    return text


def roomy(text):
    """Connections for all that may wait, and more."""
    old = 'worker_connections  1024;'
    if old not in text:
        raise AssertionError(f'{old!r} is not in the configuration')
    return text.replace(old, 'worker_connections  4096;')


def silent(text):
    old = 'trading_stale       2s serve;'
    if old not in text:
        raise AssertionError(f'{old!r} is not in the configuration')
    return text.replace(old, 'trading_stale 50ms fail;')


def cramped(text):
    """Little room between a stream and its client, and time to read it."""
    for old, new in (('backlog=4096;\n', 'backlog=4096 sndbuf=4k;\n'),
                     ('trading_stream_buffer       64k;',
                      'trading_stream_buffer       16k;'),
                     ('trading_stream_max_channels 256;',
                      'trading_stream_max_channels 16;'),
                     ('trading_stream_slow         10s;',
                      'trading_stream_slow         10m;')):
        if old not in text:
            raise AssertionError(f'{old!r} is not in the configuration')
        text = text.replace(old, new)
    return text


def accounts(text):
    """Test only: a header says whose stream it is."""
    return text.replace('http {\n', 'http {\n    map $http_x_account '
                        '$trading_account { default $http_x_account; }\n', 1)


class Worlds:
    """Stacks by name, each made when it is first asked for."""

    def __init__(self):
        self.stacks = {}

    def __getitem__(self, name):
        if name not in self.stacks:
            self.stacks[name] = getattr(self, f'make_{name}')()
        return self.stacks[name]

    def end(self):
        for stack in self.stacks.values():
            stack.end()
        for stack in self.stacks.values():
            stack.judge()

    def make_well(self):
        stack = Stack(catalogue=catalogue(), edit=failing)
        wait_for(lambda: len(stack.json('/market/prices')) == len(SYMBOLS),
                 'every instrument is quoted')
        return stack

    def make_past(self):
        """Two hours of one instrument, within two seconds or so."""
        stack = Stack(catalogue=catalogue()[:1],
                      env={'SIMULATOR_START': '2026-01-05T12:00:00Z',
                           'SIMULATOR_RATE': 0, 'SIMULATOR_UPDATES': HOURS})
        wait_for(lambda: stack.json('/market/health')['sources']['simulator']
                 ['updates'] == HOURS, 'the hours are over', 120)
        return stack

    def make_boardless(self):
        return Stack(catalogue=catalogue(), marketd=False)

    def make_unquoted(self, **options):
        nobody = '127.0.0.1:1'
        return Stack(catalogue=catalogue(), **options,
                     env={'TRADING_SOURCE': 'live',
                          'BINANCE_API_URL': f'http://{nobody}',
                          'BINANCE_WS_URL': f'ws://{nobody}'})

    def make_crowded(self):
        """Where nothing comes; error() sends those who wait for it."""
        return self.make_unquoted(workers=1, edit=roomy)

    def make_silent(self):
        stack = Stack(catalogue=catalogue(), edit=silent)
        stack.marketd.stop()
        time.sleep(0.1)
        return stack

    def make_moving(self):
        """Of all instruments: whatever the simulated day is like, the bits of
        some of them move."""
        return Stack(env={'SIMULATOR_RATE': 2000})

    def make_cramped(self):
        """Whose streams are soon full; of all instruments."""
        return Stack(env={'SIMULATOR_RATE': 2000}, edit=cramped)

    def make_accounts(self):
        """Whose clients say who they are; without events of accounts."""
        return Stack(catalogue=catalogue(), edit=accounts)

    def make_followed(self):
        """The same, for a test that writes events."""
        return self.make_accounts()

    def make_restless(self):
        """In which things end and begin anew; of one test alone."""
        return Stack(catalogue=catalogue())

    def make_strict(self):
        return Stack(catalogue=catalogue(), edit=strict)

    def error(self, code):
        """An answer with this code."""
        name, request, *more = ERRORS[code]
        stack = self[name]

        def ask():
            if isinstance(request, bytes):
                return parsed(stack.raw(request))
            headers = dict(more[1]) if len(more) > 1 else {}
            return stack.get(request, headers, *more[:1])

        def found():
            answer = ask()
            kind = answer.headers.get('content-type')
            if kind == 'application/problem+json' \
                    and answer.json()['code'] == code:
                return answer
            return None
        with crowd(stack, WAITERS if name == 'crowded' else 0):
            return wait_for(found, f'{request[:60]!r} gives {code}')


@contextlib.contextmanager
def crowd(stack, n):
    """n that wait, no longer than needed: select() takes 1024 files."""
    ask = (b'GET /market/prices/BTC?after_seq=0&timeout_ms=60000 '
           b'HTTP/1.1\r\nHost: x\r\n\r\n')
    with contextlib.ExitStack() as waiters:
        for _ in range(n):
            waiter = socket.create_connection(('127.0.0.1', stack.port), 10)
            waiters.enter_context(waiter).sendall(ask)
        yield


def parsed(data):
    """Bytes of one answer that ends with its connection."""
    head, _, body = data.partition(b'\r\n\r\n')
    lines = head.decode('latin-1').split('\r\n')
    headers = [tuple(line.split(': ', 1)) for line in lines[1:]]
    return Response(int(lines[0].split()[1]), headers, body)
