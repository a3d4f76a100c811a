# Copyright (C) the ngx_trading authors
# SPDX-License-Identifier: BSD-2-Clause

"""What test_openapi.py tests of the streams: each message that a running
system sends is described, and each that is described is sent. The class is a
part of a test case, which names the worlds, the documents and the checkers.

first_events() and message() are for util/openapi-examples."""

import http.client
import json
import os
import signal

from openapi_world import ACCOUNT, EVENTS, catalogue
from stack import PATIENCE, ROOT, wait_for
from test_account_streams import TYPES, Writer
from ws import Closed, Sse, Ws

DEFLATE = 'permessage-deflate'
PUBLIC = ['prices', 'candles', 'orderbook', 'signals', 'market_data',
          'trades', 'health']
# code -> a message that is answered with it
ERRORS = {
    'bad_json': '{', 'bad_message': '[]', 'unknown_type': '{"type":"x"}',
    'unknown_channel': '{"type":"subscribe","channels":["x"]}',
    'unknown_symbol':
        '{"type":"subscribe","channels":["prices"],"symbols":["NOPE"]}',
    'unknown_interval':
        '{"type":"subscribe","channels":["candles"],"interval":"2m"}',
    'unknown_class':
        '{"type":"subscribe","channels":["prices"],"asset_class":"BONDS"}',
    'bad_symbols': '{"type":"subscribe","channels":["prices"],"symbols":[]}',
    'bad_seq': '{"type":"resume","channel":"prices","seq":1.5}',
    'not_subscribed': '{"type":"resume","channel":"prices","seq":1}',
    'unauthorized': '{"type":"subscribe","channels":["orders"]}',
}


def first_events(stack, path, n):
    """The text of so many events."""
    connection = http.client.HTTPConnection('127.0.0.1', stack.port,
                                            timeout=PATIENCE)
    try:
        connection.request('GET', path, headers={'Accept': EVENTS})
        answer, text = connection.getresponse(), ''
        while text.count('\n\n') < n:
            text += answer.readline().decode()
        return text
    finally:
        connection.close()


def message(stack, path, kind, send=None):
    """The first message of this type, perhaps after something was sent."""
    with Ws(stack.port, path, hello=False) as ws:
        if send:
            ws.text(json.dumps(send))
        # as JSON knows numbers
        return json.loads(json.dumps(ws.until(kind), default=float))


class StreamTests:
    """Each message is judged as an answer of a route is, and each that is
    sent as well, in every document that knows it."""

    def open(self, path='/ws', world='well', **how):
        return Ws(self.worlds[world].port, path, deflate=DEFLATE,
                  hello=False, **how)

    def events(self, path, world='well', **headers):
        return Sse(self.worlds[world].port, path, headers.items(),
                   hello=False)

    def described(self, path, status):
        return self.docs['openapi']['paths'][path]['get']['responses'][status]

    def seen(self, message, union='StreamMessage'):
        """Judges it by the one schema that its type names."""
        kind = message.get('type', 'binary')
        known = 0
        for name, checker in self.checkers.items():
            schemas = self.docs[name]['components']['schemas']
            for item in schemas.get(union, {}).get('anyOf', ()):
                schema = checker.resolve(item['$ref'])
                names = schema['properties'].get('type', {}).get('enum')
                if (names or ['binary']) == [kind]:
                    known += 1
                    self.assertEqual(checker.faults(message, item), [])
        self.assertNotEqual(known, 0, f'{kind} is described nowhere')
        return message

    def bit(self, message):
        return self.seen(message, 'BinaryEvent')

    def until(self, stream, *kinds, seen=None):
        """Messages until each of these types has come, by type."""
        got = {}
        while not set(kinds) <= set(got):
            message = (seen or self.seen)(stream.message(60))
            got.setdefault(message.get('type', 'binary'), []).append(message)
        return got

    def place(self, events):
        """Its first id, which comes when all up to it was sent."""
        while not events.last_id:
            self.seen(events.message())
        return events.last_id

    def ask(self, ws, kind, reply, **members):
        """Says what the document allows, and gives the reply to it."""
        members = {'id': f'{kind}-{ws.frames}', 'type': kind, **members}
        self.assertEqual(self.checkers['openapi'].faults(
            members, {'$ref': '#/components/schemas/StreamRequest'}), [])
        ws.text(json.dumps(members))
        while True:
            answer = self.until(ws, reply)[reply][0]
            if answer.get('id') == members['id']:
                return answer

    def test_those_that_do_not_end_are_marked(self):
        items = set()
        for name, document in self.docs.items():
            for path, item in document['paths'].items():
                content = item['get']['responses']['200'].get('content', {})
                self.assertEqual(set(content) == {EVENTS},
                                 'x-stream' in item['get'], path)
                if EVENTS in content:
                    items.add((name, path,
                               content[EVENTS]['x-item-schema']['$ref']))
        at = '#/components/schemas/'
        self.assertEqual(items, {
            ('openapi', '/ws', f'{at}StreamMessage'),
            ('openapi', '/sse', f'{at}StreamMessage'),
            ('trading', '/binary/stream', f'{at}BinaryEvent'),
            ('openapi', '/api/v1/trading/binary/stream',
             f'{at}BinaryEvent')})

    def test_take_get_alone(self):
        for path in ('/ws', '/sse'):
            operation = self.docs['openapi']['paths'][path]['get']
            for method in ('HEAD', 'POST', 'PUT', 'DELETE', 'PATCH'):
                answer = self.worlds['well'].get(path, method=method)
                self.assertEqual((answer.status, answer.headers['allow']),
                                 (405, 'GET'), f'{method} {path}')
                if method != 'HEAD':
                    self.judge('openapi', operation, answer, path)

    def test_begin_as_described(self):
        want = ['connected', 'subscribed', 'price_update']
        for path in ('/ws', '/sse'):
            query = f'{path}?channels=prices&symbols=BTC,EUR/USD'
            with self.events(query) as events:
                self.check_headers('openapi', self.described(path, '200'),
                                   events, path)
                first = [events.event() for _ in want]
                place = self.place(events)
            self.assertEqual([name for name, _, _ in first], want)
            for name, _, message in first:
                self.assertEqual(self.seen(message)['type'], name)
            self.assertEqual(self.checkers['openapi'].faults(
                place, {'$ref': '#/components/schemas/StreamPlace'}), [])
            with self.open(query) as ws:
                self.check_headers('openapi', self.described(path, '101'),
                                   ws, path)
                self.assertEqual([self.seen(ws.message())['type']
                                  for _ in want], want)

    def test_go_on_from_a_place(self):
        path = '/sse?channels=prices&symbols=BTC'
        with self.events(path) as events:
            place = self.place(events)
        for stream in (self.events(f'{path}&resume={place}'),
                       self.events(path, **{'Last-Event-ID': place}),
                       self.open(f'/ws?channels=prices&resume={place}')):
            with stream:
                reply = self.until(stream, 'subscribed')['subscribed'][0]
                self.assertEqual((reply['recovered'], reply['snapshot']),
                                 (True, None))

    def test_each_channel(self):
        updates = {f'{name.removesuffix("s")}_update' for name in PUBLIC}
        updates.remove('health_update')     # see the new board
        with self.open() as ws:
            self.ask(ws, 'subscribe', 'subscribed', channels=PUBLIC)
            self.until(ws, *updates)

    def test_bits(self):
        responses = self.docs['trading']['paths']['/binary/stream']['get'][
            'responses']
        path = '/api/v1/trading/binary/stream'
        with self.events(path, 'moving') as events:
            self.check_headers('trading', responses['200'], events, path)
            got = self.until(events, 'binary_update', seen=self.bit)
        self.assertEqual(list(got), ['connected', 'binary', 'binary_update'])
        classes = {}
        for row in self.worlds['moving'].json('/market/prices').values():
            classes.setdefault(row['asset_class'], set()).add(row['symbol'])
        crypto = sorted(classes['CRYPTO'])
        for query, want in (('symbols=' + ','.join(crypto[::2]), crypto[::2]),
                            ('asset_class=CRYPTO', crypto)):
            with self.events(f'{path}?{query}', 'moving') as events:
                told = []
                while len(told) < 5:
                    told += self.until(events, 'binary_update',
                                       seen=self.bit)['binary_update']
            self.assertLessEqual({update['data']['symbol']
                                  for update in told}, set(want))
        for query, code in (('symbols=NOPE', 'unknown_symbol'),
                            ('asset_class=BONDS', 'unknown_class')):
            answer = self.worlds['well'].get(f'{path}?{query}',
                                             {'Accept': EVENTS})
            self.assertEqual((answer.status, answer.json()['code']),
                             (404, code))
            self.judge('trading', self.docs['trading']['paths'][
                '/binary/stream']['get'], answer, query)
        answer = self.worlds['well'].get(f'{path}?model=technical',
                                         {'Accept': EVENTS})
        self.assertEqual((answer.status, answer.json()['code']),
                         (400, 'unknown_model'))

    def test_each_request(self):
        with self.open() as ws:
            reply = self.ask(ws, 'subscribe', 'subscribed', id=1,
                             channels=['candles'], symbols='BTC',
                             asset_class=['CRYPTO'], interval=['1m', '1h'])
            self.assertEqual(reply['symbols'], ['BTC'])
            place = {'seq': str(reply['seq']), 'epoch': reply['epoch']}
            self.assertTrue(self.ask(ws, 'subscribe', 'subscribed',
                                     channels='prices', **place)['recovered'])
            self.assertTrue(self.ask(ws, 'resume', 'resumed',
                                     channel='prices', **place)['recovered'])
            self.assertEqual(len(self.ask(ws, 'list', 'subscriptions')[
                'subscriptions']), 3)
            self.ask(ws, 'unsubscribe', 'unsubscribed', channels=['candles'],
                     symbols=['BTC'], asset_class='CRYPTO', interval='1h')
            self.assertEqual(len(self.ask(ws, 'list', 'subscriptions')[
                'subscriptions']), 2)
            self.ask(ws, 'ping', 'pong')
            error = self.bit(self.ask(ws, 'auth', 'error', token='none'))
            self.assertEqual(error['code'], 'auth_unavailable')

    def test_each_error(self):
        codes = set(self.docs['openapi']['components']['schemas'][
            'StreamError']['properties']['code']['enum'])
        codes.remove('no_board')            # see the new board
        codes.remove('auth_unavailable')    # see each request
        for code, text in ERRORS.items():
            with self.open() as ws:
                ws.text(text)
                error = self.until(ws, 'error')['error'][0]
                self.bit(error)
                self.assertEqual(error['code'], code)
        names = [row['symbol'] for row in json.loads(
            (ROOT / 'instruments.json').read_text())['instruments']]
        with self.open(world='cramped') as ws:
            error = self.ask(ws, 'subscribe', 'error', channels='prices',
                             symbols=names[:17])
            self.assertEqual(error['code'], 'too_many_subscriptions')
        with self.open(world='accounts', fields=ACCOUNT.items()) as ws:
            error = self.ask(ws, 'subscribe', 'error', channels='orders')
            self.assertEqual(error['code'], 'unavailable')
        with self.open() as ws:
            for _ in range(200):
                ws.say('ping')
            error = self.until(ws, 'error')['error'][0]
            self.assertEqual(error['code'], 'too_many_messages')
            with self.assertRaises(Closed) as closed:
                self.until(ws, 'never')
            self.assertEqual(closed.exception.code, 1008)
        self.assertEqual({*ERRORS, 'too_many_subscriptions', 'unavailable',
                          'too_many_messages'}, codes)

    def test_account(self):
        path = self.worlds['followed'].run / 'events'
        writer = Writer(path, 1)
        try:
            with self.open(world='followed', fields=ACCOUNT.items()) as ws:
                self.ask(ws, 'subscribe', 'subscribed', channels=list(TYPES))
                writer.write(*(('one', name, {'n': 1}) for name in TYPES))
                self.until(ws, *TYPES.values())
                writer.end()
                writer = Writer(path, 2)
                resync = self.until(ws, 'resync')['resync'][0]
                self.assertEqual(resync['reason'], 'new_events')
                self.assertIn(resync['channel'], TYPES)
                self.bit(resync)
        finally:
            writer.end()

    def test_slow_client(self):
        """It reads nothing until enough was replaced and lost."""
        stack = self.worlds['cramped']
        with self.open(world='cramped', rcvbuf=4096) as ws:
            ws.say('subscribe', channels=['trades', 'prices', 'orderbook'])

            def lost():
                metrics = stack.metrics()
                return metrics['trading_stream_skipped_total'] \
                    and metrics['trading_stream_missed_total']
            wait_for(lost, 'the client is found slow')
            got = self.until(ws, 'skipped', 'missed')
        self.bit(got['skipped'][0])
        self.assertTrue(any('snapshot_count' in message
                            for message in got['subscribed']))

    def test_new_board_and_reload(self):
        stack = self.worlds['restless']
        with self.open('/ws?channels=health', 'restless') as ws, \
                self.events('/trading/binary/stream?symbols=ETH',
                            'restless') as bits:
            self.ask(ws, 'subscribe', 'subscribed', channels='candles',
                     symbols=['BTC', 'ETH'])
            stack.marketd.stop()
            got = self.until(ws, 'status')
            self.assertTrue(self.bit(got['status'][0])['stale'])
            # a board that lost its tail is dropped
            os.truncate(stack.board, 0)
            wait_for(lambda: stack.get('/market/prices').status == 503,
                     'the board is gone')
            error = self.ask(ws, 'subscribe', 'error', channels='prices')
            self.assertEqual(self.bit(error)['code'], 'no_board')
            # the next one lacks an instrument that was named
            stack.catalogue.write_text(json.dumps({'instruments': [
                row for row in catalogue() if row['symbol'] != 'ETH']}))
            stack.start_marketd()
            got = self.until(ws, 'resync', 'status', 'health_update')
            self.assertEqual(got['unsubscribed'][0]['symbols'], ['ETH'])
            self.bit(got['resync'][0])
            self.assertFalse(got['status'][0]['stale'])
            got = self.until(bits, 'resync', seen=self.bit)
            self.assertEqual(got['unsubscribed'][0]['symbols'], ['ETH'])
            stack.nginx.popen.send_signal(signal.SIGHUP)
            self.bit(self.until(ws, 'drain')['drain'][0])
