# Copyright (C) the ngx_trading authors
# SPDX-License-Identifier: BSD-2-Clause

"""The protocol of streams as docs/streams.md tells it, over WebSocket and SSE,
plain, TLS and HTTP/2: snapshots that equal the routes, updates in order, each
error by its code, limits, and going on after the connection was lost."""

import json
import random
import re
import subprocess
import sys
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from stack import ROOT, Stack, free_port, wait_for          # noqa: E402
from streams import Board, counted, directives, updates     # noqa: E402
from ws import Closed, Sse, Ws, any_tls, parse              # noqa: E402

DOCS = (ROOT / 'docs' / 'streams.md').read_text()
PUBLIC = ('prices', 'candles', 'trades', 'orderbook', 'signals',
          'market_data', 'health')
PRIVATE = ('orders', 'positions', 'balances', 'alerts')
INTERVALS = ('1m', '5m', '15m', '1h', '4h', '1d')
TIME = re.compile(r'^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$')
MAX_CHANNELS = 40


class Live(unittest.TestCase):
    """A simulated market that moves; TLS and HTTP/2 beside it."""

    @classmethod
    def setUpClass(cls):
        cls.tls, cls.h2 = free_port(), free_port()

        def edit(text):
            home = re.search(r'pid +(\S+)/nginx\.pid', text)[1]
            subprocess.run(
                ['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt',
                 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj',
                 '/CN=localhost', '-keyout', f'{home}/key', '-out',
                 f'{home}/cert'], check=True, capture_output=True)
            text = text.replace(
                'server_name     _;', f'''server_name _;
                listen 127.0.0.1:{cls.tls} ssl http2;
                listen 127.0.0.1:{cls.h2} http2;
                ssl_certificate {home}/cert;
                ssl_certificate_key {home}/key;''', 1)
            return directives(max_channels=MAX_CHANNELS)(text)
        cls.stack = Stack(env={'SIMULATOR_RATE': 400}, edit=edit)
        cls.port = cls.stack.port
        cls.symbols = list(cls.stack.json('/market/prices'))

    @classmethod
    def tearDownClass(cls):
        cls.stack.end()
        cls.stack.judge()

    def setUp(self):
        self.open = []

    def tearDown(self):
        for client in self.open:
            client.sock.close()

    def ws(self, path='/ws', **how):
        self.open.append(Ws(self.port, path, **how))
        return self.open[-1]

    def sse(self, path, **how):
        how.setdefault('port', self.port)
        self.open.append(Sse(path=path, **how))
        return self.open[-1]

    def refuses(self, ws, code, message):
        ws.text(message if isinstance(message, str) else json.dumps(message))
        error = ws.until('error')
        self.assertEqual(error['code'], code, error)
        self.assertTrue(error['detail'])
        return error

    # ---- the beginning

    def test_connected(self):
        ws = self.ws()
        hello = ws.messages[0]
        self.assertEqual(list(hello)[:4], ['type', 'epoch', 'seq',
                                           'server_time'])
        self.assertRegex(hello['server_time'], TIME)
        self.assertEqual(hello['heartbeat_ms'], 30000)
        self.assertIs(hello['stale'], False)
        self.assertEqual(hello['limits'], {
            'subscriptions': MAX_CHANNELS, 'message_bytes': 4096,
            'messages_per_second': 20, 'buffer_bytes': 65536})
        self.assertEqual(hello['channels'], [*PUBLIC, *PRIVATE])
        sse = self.sse('/sse?channels=health')
        self.assertEqual(sse.events[0][0], 'connected')
        self.assertEqual(set(sse.connected), set(hello))
        self.assertTrue(1000 <= sse.retry < 3000, sse.retry)

    def test_nothing_unasked(self):
        ws = self.ws()
        with self.assertRaises(TimeoutError):
            ws.message(0.5)

    def test_begin_by_the_address(self):
        for client in (self.ws('/ws?channels=prices,candles&symbols=BTC,ETH'
                               '&interval=5m'),
                       self.sse('/sse?channels=prices,candles&symbols=BTC,ETH'
                                '&interval=5m')):
            prices = client.until('subscribed', channel='prices')
            self.assertEqual((prices['symbols'], prices['interval']),
                             (['BTC', 'ETH'], None))
            candles = client.until('subscribed', channel='candles')
            self.assertEqual((candles['symbols'], candles['interval']),
                             (['BTC', 'ETH'], '5m'))
            self.assertNotIn('id', candles)
            self.assertIn(client.until('price_update')['data']['symbol'],
                          ('BTC', 'ETH'))

    # ---- channels

    def check_update(self, channel, message):
        data = message['data']
        self.assertRegex(message['timestamp'], TIME)
        self.assertEqual(message['channel'], channel)
        ask = self.stack.json
        if channel == 'prices':
            self.assertEqual(set(data),
                             set(ask(f'/market/prices/{data["symbol"]}')))
            self.assertGreaterEqual(data['seq'], message['seq'])
        elif channel == 'candles':
            page = ask(f'/market/candles/{data["symbol"]}?interval=1m')
            self.assertEqual(data['interval'], '1m')
            self.assertEqual(set(data) - {'symbol', 'interval'},
                             set(page['candles'][-1]))
        elif channel == 'trades':
            page = ask(f'/market/trades/{data["symbol"]}?limit=1000')
            self.assertIn({k: v for k, v in data.items() if k != 'symbol'},
                          page['trades'])
            self.assertEqual(data['seq'], message['seq'])
        elif channel == 'orderbook':
            page = ask(f'/market/depth/{data["symbol"]}?levels=20')
            self.assertEqual(set(data), set(page))
            self.assertLessEqual(len(data['bids']), 20)
        elif channel == 'signals':
            page = ask(f'/trading/signals/{data["symbol"]}')
            self.assertEqual(set(data), set(page))
        elif channel == 'market_data':
            self.assertEqual(set(data), set(ask('/market/overview')))

    def test_each_channel(self):
        kinds = dict(re.findall(r'^\| `(\w+)` \| `(\w+_update)` \|', DOCS,
                                re.M))
        self.assertEqual(set(kinds), set(PUBLIC))
        for channel in PUBLIC:
            for name in ('ws', 'sse'):
                with self.subTest(channel=channel, over=name):
                    client = self.sse(f'/sse?channels={channel}') \
                        if name == 'sse' else self.ws()
                    if name == 'ws':
                        client.say('subscribe', channels=[channel], id=1)
                    reply = client.until('subscribed', channel=channel)
                    self.assertIsNone(reply['symbols'])
                    self.assertEqual(reply['interval'], '1m'
                                     if channel == 'candles' else None)
                    self.assertTrue(reply['snapshot'])
                    if channel == 'health':
                        self.assertEqual(set(reply['snapshot'][0]),
                                         set(self.stack.json(
                                             '/market/health')))
                        continue
                    self.check_update(channel, client.until(kinds[channel]))

    def test_private_channels_need_an_account(self):
        ws = self.ws()
        for channel in PRIVATE:
            self.refuses(ws, 'unauthorized', {'type': 'subscribe',
                                              'channels': [channel]})
        answer = self.stack.get('/sse?channels=orders',
                                {'Accept': 'text/event-stream'})
        self.assertEqual((answer.status, answer.json()['code']),
                         (401, 'unauthorized'))

    def test_order_of_updates(self):
        wanted = '?channels=prices,trades,candles,orderbook'
        # one after the other: who waits would be slow, and get some twice
        for begin in (lambda: self.ws('/ws' + wanted),
                      lambda: self.sse('/sse' + wanted)):
            client, last, each = begin(), {}, {}
            for _ in range(600):
                message = client.message()
                if not message['type'].endswith('_update'):
                    continue
                channel, seq = message['channel'], message['seq']
                self.assertGreaterEqual(seq, last.get(channel, 0))
                last[channel] = seq
                data = message['data']
                if message['channel'] in ('prices', 'trades'):
                    key = message['channel'], data['symbol']
                    self.assertGreater(data['seq'], each.get(key, 0))
                    each[key] = data['seq']
            self.assertGreater(len(each), 20)

    def test_market_data_once_a_second(self):
        ws = self.ws('/ws?channels=market_data')
        ws.until('market_data_update')
        begun = time.monotonic()
        for _ in range(2):
            ws.until('market_data_update')
        self.assertGreater(time.monotonic() - begun, 1.5)

    def test_binary_stream(self):
        sse = self.sse('/trading/binary/stream')
        kind, _, first = sse.events[-1] if sse.events[-1][0] == 'binary' \
            else sse.event()
        self.assertEqual(kind, 'binary')
        self.assertEqual(set(first), set(self.stack.json('/trading/binary')))
        update = sse.until('binary_update')
        symbol = update['data']['symbol']
        self.assertEqual(set(update['data']),
                         set(self.stack.json(f'/trading/binary/{symbol}')))

    # ---- filters

    def test_spellings(self):
        for spelling in ('BTC', 'btc', 'BTCUSDT', 'BTC-USDT', 'btc/usdt'):
            ws = self.ws()
            reply = ws.ask('subscribe', 'subscribed', channels=['prices'],
                           symbols=[spelling])
            self.assertEqual(reply['symbols'], ['BTC'])
            self.assertEqual([q['symbol'] for q in reply['snapshot']],
                             ['BTC'])
        for spelling in ('BTC%2FUSDT', 'btc-usdt', 'BTC,btc,BTCUSDT'):
            sse = self.sse(f'/sse?channels=prices&symbols={spelling}')
            self.assertEqual(sse.until('subscribed')['symbols'], ['BTC'])

    def test_one_symbol_only(self):
        ws = self.ws('/ws?channels=prices,trades,candles,orderbook,signals'
                     '&symbols=ETH')
        for _ in range(60):
            message = ws.message()
            if message['type'].endswith('_update'):
                self.assertEqual(message['data']['symbol'], 'ETH')
            else:
                self.assertEqual(message['symbols'], ['ETH'])

    def test_asset_class(self):
        of = {s: q['asset_class']
              for s, q in self.stack.json('/market/prices').items()}
        for words in (['FOREX'], ['forex', 'Metals']):
            want = {s for s, c in of.items()
                    if c in [w.upper() for w in words]}
            ws = self.ws()
            reply = ws.ask('subscribe', 'subscribed', channels=['prices'],
                           asset_class=words if len(words) > 1 else words[0])
            self.assertEqual(set(reply['symbols']), want)
            self.assertEqual({q['symbol'] for q in reply['snapshot']}, want)
            for _ in range(20):
                self.assertIn(ws.until('price_update')['data']['symbol'],
                              want)
            sse = self.sse('/sse?channels=prices&asset_class='
                           + ','.join(words))
            self.assertEqual(set(sse.until('subscribed')['symbols']), want)

    # ---- messages of clients

    def test_ids_come_back_as_written(self):
        ws = self.ws()
        for raw in ('0', '7', '-3', '9007199254740993', '""', '"a"',
                    '"\\u00e9\\n\\"x"', '"é"', '"' + 'i' * 64 + '"'):
            ws.text('{"type":"ping","id":%s}' % raw)
            _, payload, _ = ws.frame()
            self.assertTrue(payload.decode().startswith(
                '{"type":"pong","id":%s,"server_time":"' % raw), payload)
        for raw in ('1.5', 'true', '[]', '{}', '"' + 'i' * 65 + '"', '1e3'):
            ws.text('{"type":"ping","id":%s}' % raw)
            self.assertEqual(ws.until('error')['code'], 'bad_message')
        ws.text('{"type":"ping","id":null}')
        self.assertNotIn('id', ws.until('pong'))

    def test_ids_in_errors(self):
        error = self.refuses(self.ws(), 'unknown_channel',
                             {'type': 'subscribe', 'id': 'x',
                              'channels': ['nope']})
        self.assertEqual(error['id'], 'x')

    def test_each_error_code(self):
        tried = {
            'bad_json': ['', '{', '{"type":"ping",}', 'ping', '{"a":01}'],
            'bad_message': ['[]', '1', '"ping"', '{}', {'type': 1},
                            '{"type":"ping","type":"ping"}',
                            {'type': 'subscribe'},
                            {'type': 'subscribe', 'channels': []},
                            {'type': 'resume', 'channel': 'prices'},
                            {'type': 'auth'}],
            'unknown_type': [{'type': 'nope'}, {'type': ''}],
            'unknown_channel': [{'type': 'subscribe', 'channel': 'price'}],
            'unknown_symbol': [{'type': 'subscribe', 'channel': 'prices',
                                'symbol': 'NOPE"\\\u00e9'}],
            'unknown_interval': [{'type': 'subscribe', 'channel': 'candles',
                                  'interval': '2m'}],
            'unknown_class': [{'type': 'subscribe', 'channel': 'prices',
                               'asset_class': 'BONDS'}],
            'bad_symbols': [{'type': 'subscribe', 'channel': 'prices',
                             'symbols': []}],
            'bad_seq': [{'type': 'resume', 'channel': 'prices', 'seq': -1},
                        {'type': 'subscribe', 'channel': 'prices',
                         'seq': 1.5}],
            'not_subscribed': [{'type': 'unsubscribe', 'channel': 'prices'},
                               {'type': 'resume', 'channel': 'prices',
                                'seq': 1}],
            'too_many_subscriptions': [
                {'type': 'subscribe', 'symbols': self.symbols,
                 'channels': ['prices', 'trades']}],
            'unauthorized': [{'type': 'subscribe', 'channel': 'orders'}],
            'auth_unavailable': [{'type': 'auth', 'token': 'x'}],
        }
        told = re.search(r'Codes of errors: (.*?)\.', DOCS, re.S)[1]
        self.assertEqual(set(tried) | {'too_many_messages', 'no_board',
                                       'unavailable'},
                         set(re.findall(r'`(\w+)`', told)))
        for code, messages in tried.items():
            ws = self.ws()
            for message in messages:
                self.refuses(ws, code, message)
            ws.alive()                  # the connection goes on

    def test_unknown_members_are_ignored(self):
        ws = self.ws()
        ws.say('ping', id=1, more={'a': [1, {'b': None}]}, kind='x')
        self.assertEqual(ws.until('pong')['id'], 1)

    def test_list_and_unsubscribe(self):
        ws = self.ws()

        def listed():
            return ws.ask('list', 'subscriptions')['subscriptions']
        self.assertEqual(listed(), [])
        ws.ask('subscribe', 'subscribed', channels=['prices'],
               symbols=['ETH', 'BTC'])
        ws.ask('subscribe', 'subscribed', channels=['candles'],
               symbols=['BTC'], interval=['1m', '1h'])
        ws.ask('subscribe', 'subscribed', channel='health')
        self.assertEqual(listed(), [
            {'channel': 'prices', 'symbols': ['BTC', 'ETH'],
             'interval': None},
            {'channel': 'candles', 'symbols': ['BTC'], 'interval': '1m'},
            {'channel': 'candles', 'symbols': ['BTC'], 'interval': '1h'},
            {'channel': 'health', 'symbols': None, 'interval': None}])
        gone = ws.ask('unsubscribe', 'unsubscribed', channels=['prices'],
                      symbols=['BTC'])
        self.assertEqual((gone['channel'], gone['symbols']),
                         ('prices', ['BTC']))
        begun = len(ws.messages)
        for _ in range(3):
            ws.until('price_update')
        self.assertEqual({m['data']['symbol'] for m in updates(
            ws.messages[begun:], 'prices')}, {'ETH'})
        ws.ask('unsubscribe', 'unsubscribed', channel='candles',
               interval='1h')
        self.assertEqual([(s['channel'], s['interval']) for s in listed()],
                         [('prices', None), ('candles', '1m'),
                          ('health', None)])
        for channel in ('prices', 'candles', 'health'):
            ws.ask('unsubscribe', 'unsubscribed', channel=channel)
        self.assertEqual(listed(), [])
        with self.assertRaises(TimeoutError):
            ws.message(0.5)

    def test_all_but_one(self):
        ws = self.ws('/ws?channels=prices')
        ws.ask('unsubscribe', 'unsubscribed', channel='prices', symbol='BTC')
        rest = ws.ask('list', 'subscriptions')['subscriptions']
        self.assertEqual(rest[0]['symbols'],
                         [s for s in self.symbols if s != 'BTC'])

    def test_limit_of_subscriptions(self):
        ws = self.ws()
        n = len(self.symbols)
        for channel in ('prices', 'trades'):
            reply = ws.ask('subscribe', 'subscribed', channel=channel,
                           symbols=self.symbols[:MAX_CHANNELS // 2])
            self.assertEqual(reply['type'], 'subscribed')
        error = ws.ask('subscribe', 'subscribed', channel='health')
        self.assertEqual(error.get('code'), 'too_many_subscriptions')
        # all of a channel are one
        reply = ws.ask('subscribe', 'subscribed', channel='prices')
        self.assertEqual(len(reply['snapshot']), n)
        for channel in ('health', 'market_data', 'orderbook'):
            reply = ws.ask('subscribe', 'subscribed', channel=channel)
            self.assertEqual(reply['type'], 'subscribed')

    def test_message_rate(self):
        before = counted(self.stack, 'closed_total', reason='limit')
        ws = self.ws()
        for n in range(200):
            try:
                ws.say('ping', id=n)
            except OSError:
                break
        with self.assertRaises(Closed) as caught:
            while True:
                ws.message()
        self.assertEqual(caught.exception.code, 1008)
        self.assertEqual(ws.messages[-1]['code'], 'too_many_messages')
        pongs = [m['id'] for m in ws.messages if m['type'] == 'pong']
        self.assertEqual(pongs, list(range(len(pongs))))
        self.assertGreaterEqual(len(pongs), 100)
        ws.sock.close()
        wait_for(lambda: counted(self.stack, 'closed_total', reason='limit')
                 == before + 1, 'counted')

    def test_message_rate_that_is_allowed(self):
        ws = self.ws()
        for n in range(100):
            ws.say('ping', id=n)
        for _ in range(20):                 # 15 a second from now on
            time.sleep(1 / 15)
            ws.say('ping', id='slow')
        for _ in range(120):
            ws.until('pong')

    def test_too_many_errors(self):
        ws = self.ws()
        for _ in range(21):
            ws.text('{')
        with self.assertRaises(Closed) as caught:
            while True:
                ws.message()
        self.assertEqual((caught.exception.code,
                          sum(m['type'] == 'error' for m in ws.messages)),
                         (1008, 21))

    # ---- ways to connect

    def test_websocket_over_tls(self):
        with Ws(self.tls, '/ws?channels=prices', tls=any_tls()) as ws:
            for _ in range(50):
                ws.until('price_update')
            ws.alive()
            self.assertEqual(ws.close(), (1000, ''))
        with Ws(self.tls, '/ws?channels=prices', tls=any_tls(),
                deflate='permessage-deflate') as ws:
            for _ in range(50):
                ws.until('price_update')

    def test_sse_over_tls(self):
        sse = self.sse('/sse?channels=prices', port=self.tls, tls=any_tls())
        for _ in range(50):
            sse.until('price_update')

    def test_sse_over_http_10(self):
        sse = self.sse('/sse?channels=prices,trades', version='HTTP/1.0')
        self.assertFalse(sse.chunked)
        for _ in range(200):
            sse.event()

    def test_sse_headers(self):
        sse = self.sse('/sse?channels=health')
        self.assertEqual(sse.headers['content-type'],
                         'text/event-stream; charset=utf-8')
        self.assertEqual(sse.headers['cache-control'], 'no-store')
        self.assertEqual(sse.headers['x-accel-buffering'], 'no')
        self.assertNotIn('content-encoding', self.sse(
            '/sse?channels=health',
            fields=[('Accept-Encoding', 'gzip, br')]).headers)

    def test_sse_over_http_2(self):
        for args in (['--http2-prior-knowledge',
                      f'http://127.0.0.1:{self.h2}'],
                     ['-k', '--http2', f'https://127.0.0.1:{self.tls}']):
            done = subprocess.run(
                ['curl', '-sN', '-i', '--max-time', '2', *args[:-1],
                 args[-1] + '/sse?channels=prices,trades'],
                capture_output=True, text=True, check=False, timeout=30)
            self.assertEqual(done.returncode, 28, done.stderr)
            head, _, text = done.stdout.replace('\r', '').partition('\n\n')
            self.assertTrue(head.startswith('HTTP/2 200'), head)
            events = [parse(line[6:]) for line in text.split('\n')[:-3]
                      if line.startswith('data: ')]
            self.assertEqual(events[0]['type'], 'connected')
            prices = updates(events, 'prices')
            self.assertGreater(len(prices), 20)
            self.assertEqual([m['seq'] for m in prices],
                             sorted(m['seq'] for m in prices))

    def test_both_at_either_address(self):
        """One location answers both."""
        self.assertTrue(self.ws('/sse').connected)
        self.assertTrue(self.sse('/ws?channels=prices').connected)

    def test_ids_of_events(self):
        sse = self.sse('/sse?channels=prices,trades')
        epoch = sse.connected['epoch']
        for _ in range(200):
            kind, last, message = sse.event()
            if kind in ('connected', 'subscribed'):
                self.assertEqual(last, '')      # there is more to come
            else:
                self.assertRegex(last, rf'^{epoch}-\d+$')
            if kind.endswith('_update'):
                self.assertLessEqual(int(last.split('-')[1]), message['seq'])
            self.assertEqual(kind, message['type'])

    # ---- going on

    def trades_of(self, seconds):
        """All trades of the time, by the routes' client that never left."""
        ws = self.ws('/ws?channels=trades')
        ws.until('subscribed')
        return ws, time.monotonic() + seconds

    def compare(self, reference, got, since):
        """Each trade from `since` to the last of both, exactly once."""
        whole = [m['data'] for m in updates(reference, 'trades')]
        got = [m['data'] for m in got]
        last = min(whole[-1]['seq'], got[-1]['seq'])
        want = [t for t in whole if since < t['seq'] <= last]
        self.assertGreater(len(want), 30)
        self.assertEqual([t for t in got if since < t['seq'] <= last], want)

    def test_resume_loses_no_trade(self):
        """Cut off again and again at any moment, in each of the ways."""
        reference, end = self.trades_of(8)
        busy = self.ws('/ws?channels=prices')   # so that there are batches
        ways = ('address', 'subscribe', 'event')
        state = {way: [None, None, []] for way in ways}  # epoch, seq, trades
        rng = random.Random(1)
        while time.monotonic() < end:
            for way in ways:
                epoch, seq, trades = state[way][:3]
                token = '' if seq is None else f'&resume={epoch}-{seq}'
                if way == 'address':
                    client = Ws(self.port, '/ws?channels=trades' + token)
                elif way == 'subscribe':
                    client = Ws(self.port)
                    client.say('subscribe', channel='trades',
                               **({} if seq is None else
                                  {'seq': str(seq), 'epoch': epoch}))
                else:
                    client = Sse(self.port, '/sse?channels=trades', fields=[]
                                 if seq is None else
                                 [('Last-Event-ID', f'{epoch}-{seq}')])
                reply = client.until('subscribed')
                if seq is None:
                    state[way][:2] = reply['epoch'], reply['seq']
                    state[way].append(reply['seq'])
                else:
                    self.assertIs(reply['recovered'], True, reply)
                    self.assertIsNone(reply['snapshot'])
                stop = time.monotonic() + rng.random() * 0.3
                while time.monotonic() < stop:
                    try:
                        message = client.message(0.05)
                    except TimeoutError:
                        continue
                    if message['type'] != 'trade_update':
                        continue
                    trades.append(message)
                    if way != 'event':
                        state[way][1] = message['seq']
                if way == 'event' and client.last_id:
                    state[way][1] = int(client.last_id.split('-')[1])
                client.sock.close()
        time.sleep(0.3)
        while True:
            try:
                reference.message(0.001)
            except TimeoutError:
                break
            if reference.messages[-1]['seq'] > max(
                    s[1] for s in state.values()):
                break
        for way in ways:
            with self.subTest(way=way):
                _, _, trades, since = state[way]
                if way == 'event':      # ids are of batches: some come twice
                    trades = list({m['seq']: m for m in trades}.values())
                self.compare(reference.messages, trades, since)
        self.assertTrue(busy.alive())

    def test_resume_ahead_of_the_batch(self):
        """Another worker told the client what is in this one's next batch."""
        with Stack(env={'SIMULATOR_RATE': 400},
                   edit=directives(interval='500ms')) as stack:
            with Ws(stack.port, '/ws?channels=trades') as one:
                epoch = one.until('subscribed')['epoch']
                one.until('trade_update')
                def ahead(way):
                    """What it is that resumes, and where it was."""
                    page = stack.json('/market/prices?fields=seq')
                    seq = max(quote['seq'] for quote in page.values())
                    token = f'{epoch}-{seq}'
                    if way == 0:
                        two = Sse(stack.port, '/sse?channels=trades',
                                  fields=[('Last-Event-ID', token)])
                    elif way == 1:
                        two = Ws(stack.port, '/ws?channels=trades,prices'
                                             f'&resume={token}')
                    else:
                        two = Ws(stack.port)
                        two.say('subscribe', channel='trades', seq=seq)
                    reply = two.until('subscribed', channel='trades')
                    self.assertIs(reply['recovered'], True)
                    if reply['seq'] < seq:
                        return two, seq
                    two.sock.close()
                    return None         # a batch came in between

                for way in range(3):
                    two, seq = wait_for(lambda: ahead(way), 'it is ahead')
                    got = []
                    while len(got) < 60:
                        got += updates([two.message()], 'trades')
                    two.sock.close()
                    last = got[-1]['seq']
                    while one.messages[-1]['seq'] <= last:
                        one.until('trade_update')
                    self.assertEqual(got, [m for m in updates(
                        one.messages, 'trades', seq) if m['seq'] <= last])

    def test_resume_message(self):
        ws = self.ws('/ws?channels=trades,prices')
        begun = ws.until('subscribed', channel='prices')['seq']
        while len(updates(ws.messages, 'trades', begun)) < 30:
            ws.message()
        seen = updates(ws.messages, 'trades', begun)
        at = len(ws.messages)
        reply = ws.ask('resume', 'resumed', channel='trades', seq=begun,
                       epoch=ws.connected['epoch'])
        self.assertIs(reply['recovered'], True)
        place = ws.messages.index(reply)
        while len(updates(ws.messages[place:], 'trades')) < 40:
            ws.message()
        again = updates(ws.messages[place:], 'trades')
        before = seen + updates(ws.messages[at:place], 'trades')
        self.assertEqual([m['data'] for m in again][:len(before)],
                         [m['data'] for m in before])
        seqs = [m['seq'] for m in again]
        self.assertEqual(seqs, sorted(set(seqs)))

    def test_resume_prices_gives_what_changed(self):
        ws = self.ws('/ws?channels=prices')
        seq = ws.until('price_update')['seq']
        epoch = ws.connected['epoch']
        ws.sock.close()
        time.sleep(0.3)
        ws = self.ws(f'/ws?channels=prices&resume={epoch}-{seq}')
        reply = ws.until('subscribed')
        self.assertEqual((reply['recovered'], reply['snapshot']),
                         (True, None))
        for _ in range(60):
            self.assertGreater(ws.until('price_update')['data']['seq'], seq)

    def test_resume_of_another_epoch(self):
        epoch, seq = (lambda c: (c['epoch'], c['seq']))(self.ws().connected)
        for token in (f'{epoch + 1}-{seq}', f'{epoch}-{seq + 10**9}',
                      f'0-{seq}'):
            for client in (
                    self.ws(f'/ws?channels=prices&resume={token}'),
                    self.sse(f'/sse?channels=prices&resume={token}'),
                    self.sse('/sse?channels=prices',
                             fields=[('Last-Event-ID', token)])):
                reply = client.until('subscribed')
                self.assertIs(reply['recovered'], False)
                self.assertEqual(len(reply['snapshot']), len(self.symbols))

    def test_last_event_id_wins(self):
        hello = self.ws().connected
        epoch, seq = hello['epoch'], hello['seq']
        reply = self.sse(f'/sse?channels=prices&resume=1-1', fields=[
            ('last-event-id', f'{epoch}-{seq}')]).until('subscribed')
        self.assertIs(reply['recovered'], True)
        reply = self.sse(f'/sse?channels=prices&resume={epoch}-{seq}',
                         fields=[('Last-Event-ID', '1-1')])
        self.assertIs(reply.until('subscribed')['recovered'], False)

    def test_last_event_id_that_is_none(self):
        for value in ('x', '1', '-', '1-', '-1', '1-1-1', '9' * 40 + '-1'):
            reply = self.sse('/sse?channels=prices', fields=[
                ('Last-Event-ID', value)]).until('subscribed')
            self.assertIs(reply['recovered'], False, value)
        reply = self.sse('/sse?channels=prices', fields=[
            ('Last-Event-ID', '')]).until('subscribed')
        self.assertNotIn('recovered', reply)

    # ---- figures

    def test_gauge_comes_back_to_nothing(self):
        wait_for(lambda: counted(self.stack, 'connections', kind='websocket')
                 + counted(self.stack, 'connections', kind='sse') == 0,
                 'those of earlier tests have gone')
        opened = counted(self.stack, 'opened_total')
        closed = counted(self.stack, 'closed_total', reason='client')
        gone = counted(self.stack, 'closed_total', reason='gone')
        many = [Ws(self.port) for _ in range(5)]
        events = [Sse(self.port, '/sse?channels=prices') for _ in range(4)]
        self.assertEqual(
            (counted(self.stack, 'connections', kind='websocket'),
             counted(self.stack, 'connections', kind='sse'),
             counted(self.stack, 'opened_total')), (5, 4, opened + 9))
        for ws in many[:3]:
            ws.close()
        for client in [*many[3:], *events]:
            client.sock.close()
        wait_for(lambda: counted(self.stack, 'connections', kind='websocket')
                 + counted(self.stack, 'connections', kind='sse') == 0,
                 'they are no more')
        self.assertEqual(
            (counted(self.stack, 'closed_total', reason='client'),
             counted(self.stack, 'closed_total', reason='gone')),
            (closed + 3, gone + 6))


class Still(unittest.TestCase):
    """A board on which nothing moves."""

    @classmethod
    def setUpClass(cls):
        cls.stack = Stack(marketd=False)
        cls.board = Board(cls.stack, '--series', '--fresh')

    @classmethod
    def tearDownClass(cls):
        cls.board.end()
        cls.stack.end()
        cls.stack.judge()

    def check_snapshot(self, reply, rows):
        self.assertEqual(reply['snapshot'], rows, reply['channel'])

    def rows(self, channel):
        ask = self.stack.json
        symbols = list(ask('/market/prices'))

        def one(path):
            answer = self.stack.get(path)
            return [answer.json()] if answer.status == 200 else []
        if channel == 'prices':
            return [row for s in symbols for row in
                    one(f'/market/prices/{s}')]
        if channel == 'signals':
            return [row for s in symbols for row in
                    one(f'/trading/signals/{s}')]
        if channel == 'orderbook':
            return [row for s in symbols for row in
                    one(f'/market/depth/{s}?levels=20')]
        if channel == 'market_data':
            return one('/market/overview')
        if channel == 'trades':
            return [{'symbol': s, **page['trades'][-1]} for s in symbols
                    for page in one(f'/market/trades/{s}?limit=1')
                    if page['trades']]
        return [{'symbol': s, 'interval': '1h', **page['candles'][-1]}
                for s in symbols
                for page in one(f'/market/candles/{s}?interval=1h&limit=1')
                if page['candles']]

    def test_snapshots_equal_the_routes(self):
        for channel in PUBLIC[:-1]:
            path = f'?channels={channel}&interval=1h'
            with self.subTest(channel=channel):
                rows = self.rows(channel)
                self.assertTrue(rows)
                for client in (Ws(self.stack.port, '/ws' + path),
                               Sse(self.stack.port, '/sse' + path)):
                    self.check_snapshot(client.until('subscribed'), rows)
                    client.sock.close()

    def test_nothing_comes_while_nothing_moves(self):
        with Ws(self.stack.port, '/ws?channels=prices,trades,candles,'
                'orderbook,signals') as ws:
            for _ in range(5):
                ws.until('subscribed')
            with self.assertRaises(TimeoutError):
                ws.message(1.5)

    def test_snapshot_beyond_the_buffer(self):
        """What does not fit follows as updates, as many as were told."""
        with Stack(marketd=False,
                   edit=directives(buffer='16k')) as stack, \
                Board(stack, '--fresh', '--instruments', 400):
            for client in (Ws(stack.port, '/ws?channels=prices'),
                           Sse(stack.port, '/sse?channels=prices')):
                reply = client.until('subscribed')
                self.assertIsNone(reply['snapshot'])
                rows = stack.json('/market/prices').values()
                got = {}
                while len(got) < reply['snapshot_count']:
                    data = client.until('price_update')['data']
                    self.assertNotIn(data['symbol'], got)
                    got[data['symbol']] = data
                self.assertGreater(len(got), 350)
                for row in rows:
                    if row['symbol'] in got:
                        self.assertEqual({k: got[row['symbol']][k]
                                          for k in row}, row)
                with self.assertRaises(TimeoutError):
                    client.message(0.3)
                client.sock.close()

    def test_resume_beyond_the_ring(self):
        with Stack(marketd=False) as stack, \
                Board(stack, '--fresh', '--rewrite', 30000):
            with Ws(stack.port) as ws:
                epoch, first = ws.connected['epoch'], ws.connected['seq']
            wait_for(lambda: stack.json('/market/prices/BTC')['seq']
                     > first + 70000, 'the ring has gone around', 60)
            for path in (f'?channels=prices&resume={epoch}-{first}',):
                for client in (Ws(stack.port, '/ws' + path),
                               Sse(stack.port, '/sse' + path)):
                    reply = client.until('subscribed')
                    self.assertIs(reply['recovered'], False)
                    self.assertTrue(reply['snapshot'])
                    client.sock.close()
            with Ws(stack.port, '/ws?channels=prices') as ws:
                reply = ws.ask('resume', 'resumed', channel='prices',
                               seq=first, epoch=epoch)
                self.assertIs(reply['recovered'], False)
                ws.until('price_update')
                now = ws.messages[-1]['seq']
                reply = ws.ask('resume', 'resumed', channel='prices',
                               seq=now, epoch=epoch)
                self.assertIs(reply['recovered'], True)


if __name__ == '__main__':
    unittest.main()
