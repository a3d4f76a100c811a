#!/usr/bin/python3
# Copyright (C) the ngx_trading authors
# SPDX-License-Identifier: BSD-2-Clause

"""Self-test of the feed server: what tests of marketd may rely on.

Run: /usr/bin/python3 -m unittest discover -s tests/feed -p 'test_*.py'
A broken server shows here first: a failing marketd test can be believed.
Recorded data is used only where it lies beside the repository.
"""

import json
import re
import sys
import tempfile
import time
import unittest
from decimal import Decimal
from pathlib import Path
from urllib.parse import quote

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import faults                                           # noqa: E402
import recording                                        # noqa: E402
from feed_client import Closed, Feed, WsClient          # noqa: E402
from feed_http import CLOSE, PING, PONG, TEXT, frame    # noqa: E402

BASIC = HERE / 'fixtures' / 'stream-basic.log'
TICKERS = HERE / 'fixtures' / 'ticker24hr.json'
SHARED = HERE.parents[1].parent / 'shared' / 'data'
HFT = SHARED / 'binance-ws' / 'hft-spot-btcusdt-20240808.log.gz'
BTC = '/stream?streams=btcusdt@trade/btcusdt@bookTicker/btcusdt@ticker'
ALL = '/stream?streams=' + '/'.join(
    f'{s}usdt@{k}' for s in ('btc', 'eth', 'bnb')
    for k in ('trade', 'bookTicker', 'ticker', 'miniTicker'))


def paused(*args):
    return Feed('--play', BASIC, '--paused', '--hold', *args)


class RestTest(unittest.TestCase):

    def test_symbol_gives_object_and_symbols_a_list(self):
        with Feed() as feed:
            self.assertEqual(feed.get_json('/api/v3/ping'), (200, {}))
            _, clock = feed.get_json('/api/v3/time')
            self.assertLess(abs(clock['serverTime'] / 1000 - time.time()), 5)
            path = '/api/v3/ticker/24hr'
            _, one = feed.get_json(path + '?symbol=BTCUSDT')
            self.assertEqual(one['symbol'], 'BTCUSDT')
            names = '["ETHUSDT","MATICUSDT"]'
            for text in (quote(names), names.replace('"', '%22'), names):
                _, two = feed.get_json(f'{path}?symbols={text}')
                self.assertEqual([r['symbol'] for r in two],
                                 ['ETHUSDT', 'MATICUSDT'])
            self.assertEqual(two[1]['firstId'], -1)
            _, every = feed.get_json(path)
            self.assertEqual(len(every), 14)
            self.assertEqual(every, json.loads(TICKERS.read_text()))
            _, mini = feed.get_json(path + '?type=MINI&symbol=BTCUSDT')
            self.assertNotIn('bidPrice', mini)
            self.assertEqual(len(mini), 12)
            _, info = feed.get_json('/api/v3/exchangeInfo?symbol=BNBUSDT')
            self.assertEqual([s['symbol'] for s in info['symbols']],
                             ['BNBUSDT'])
            _, info = feed.get_json('/api/v3/exchangeInfo')
            self.assertEqual(len(info['symbols']), 14)

    def test_bad_parameters_are_refused_with_the_exchanges_codes(self):
        with Feed() as feed:
            for query, code in (('symbol=NOSUCH', -1121),
                                ('symbol=btcusdt', -1100),
                                ('symbols=BTC', -1100),
                                ('symbols=["BTCUSDT","NOSUCH"]', -1121),
                                ('symbol=A&symbols=[]', -1128),
                                ('type=HALF', -1130)):
                status, body = feed.get_json('/api/v3/ticker/24hr?' + query)
                self.assertEqual((status, body['code']), (400, code), query)
            self.assertEqual(feed.get_json('/api/v3/nothing')[0], 404)

    def test_weight_over_the_limit_gives_429_then_418(self):
        while time.time() % 60 > 57:        # not across a minute
            time.sleep(0.5)
        with Feed('--weight-limit', 100, '--ban-after', 1) as feed:
            status, headers, _ = feed.get('/api/v3/ticker/24hr')
            self.assertEqual(headers['X-MBX-USED-WEIGHT-1M'], '80')
            status, headers, _ = feed.get('/api/v3/exchangeInfo')
            self.assertEqual((status, headers['X-MBX-USED-WEIGHT']),
                             (200, '100'))
            status, headers, body = feed.get('/api/v3/ping')
            self.assertEqual((status, json.loads(body)['code']), (429, -1003))
            self.assertIn(int(headers['Retry-After']), range(1, 62))
            for _ in range(2):
                status, headers, _ = feed.get('/api/v3/ping')
                self.assertEqual(status, 418)
                self.assertGreater(int(headers['Retry-After']), 100)
            feed.act('rest_reset')
            self.assertEqual(feed.get('/api/v3/ping')[0], 200)

    def test_faults_asked_for(self):
        with Feed() as feed:
            feed.act('rest_status', status=503, retry_after=7)
            status, headers, _ = feed.get('/api/v3/ping')
            self.assertEqual((status, headers['Retry-After']), (503, '7'))
            feed.act('rest_status', status=302)
            status, headers, _ = feed.get('/api/v3/ping')
            self.assertEqual((status, headers['Location']),
                             (302, '/redirected'))
            path = '/api/v3/ticker/24hr?symbol=BTCUSDT'
            right = feed.get(path)[2]
            for kind in faults.REST_BODIES:
                feed.act('rest_body', kind=kind, delay_ms=0)
                if kind == 'truncated':
                    with self.assertRaises(Exception):
                        feed.get(path)
                    continue
                _, headers, body = feed.get(path, timeout=20)
                if kind in ('chunked', 'slow', 'content_type'):
                    self.assertEqual(body, right, kind)
                else:
                    self.assertNotEqual(body, right, kind)
            self.assertEqual(feed.get(path)[2], right)
            self.assertGreater(len(feed.status()['rest_calls']), 10)

    def test_shift_makes_close_time_now(self):
        with Feed('--shift', 'now') as feed:
            _, row = feed.get_json('/api/v3/ticker/24hr?symbol=BTCUSDT')
            self.assertLess(abs(row['closeTime'] / 1000 - time.time()), 5)
            self.assertEqual(row['closeTime'] - row['openTime'], 86400000)


class StreamTest(unittest.TestCase):

    def test_combined_stream_sends_recorded_bytes_of_its_streams_only(self):
        lines = [line.partition(' ')[2]
                 for line in BASIC.read_text().splitlines()]
        want = [line for line in lines
                if re.match(r'\{"stream":"btcusdt@(trade|book|ticker)', line)]
        with Feed('--play', BASIC, '--speed', 'max', '--start-on-client',
                  '--hold') as feed:
            with WsClient(feed, BTC) as client:
                got = [text.decode() for text in client.texts(len(want))]
                self.assertEqual(got, want)
                self.assertTrue(client.quiet(0.2))
                status = feed.wait(lambda s: s['done'])
                self.assertEqual(status['played'], len(lines))
                self.assertEqual(status['messages_sent'], len(want))
                self.assertEqual(status['clients'], 1)

    def test_subscribe_unsubscribe_and_list_on_a_bare_connection(self):
        with paused() as feed, WsClient(feed, '/stream') as client:
            self.assertEqual(client.ask('LIST_SUBSCRIPTIONS', ident='a'),
                             {'result': [], 'id': 'a'})
            names = ['btcusdt@trade', 'ethusdt@trade', 'nosuch@thing']
            self.assertEqual(client.ask('SUBSCRIBE', names, 7),
                             {'result': None, 'id': 7})
            client.ask('SUBSCRIBE', names[:1], 8)
            self.assertEqual(feed.status()['subscriptions'], sorted(names))
            feed.act('step', count=400)
            status = feed.status()
            got = [json.loads(t) for t in client.texts(
                status['messages_sent'])]
            self.assertEqual({g['stream'] for g in got}, set(names[:2]))
            self.assertTrue(client.quiet(0.1))
            time.sleep(1.05)            # five messages a second
            client.ask('UNSUBSCRIBE', names[1:], None)
            self.assertEqual(client.ask('LIST_SUBSCRIPTIONS', None, 9),
                             {'result': names[:1], 'id': 9})
            self.assertEqual(client.ask('NONSENSE', [], 1)['error']['code'],
                             2)

    def test_raw_path_sends_plain_events(self):
        with paused() as feed, WsClient(feed, '/ws/bnbusdt@trade') as client:
            feed.act('step', count=60)
            self.assertEqual(json.loads(client.text())['s'], 'BNBUSDT')

    def test_shift_changes_time_digits_and_nothing_else(self):
        with Feed('--play', BASIC, '--speed', 'max', '--shift', 'now',
                  '--start-on-client', 12, '--hold') as feed, \
                WsClient(feed, ALL) as client:
            status = feed.wait(lambda s: s['done'])
            offset = status['shift_ms']
            for item in recording.read_file(BASIC):
                got = json.loads(client.text())['data']
                was = json.loads(item.data)
                for key in 'EOC' + ('T' if 't' in was else ''):
                    if key in was:
                        self.assertEqual(got.pop(key),
                                         was.pop(key) + offset)
                self.assertEqual(got, was)
            self.assertLess(abs(status['last_sent']['btcusdt@ticker']['E']
                                / 1000 - time.time()), 10)

    def test_shift_times_by_event(self):
        shift = recording.shift_times
        kline = (b'{"e":"kline","E":1600000000000,"s":"A","k":{"t":'
                 b'1600000000000,"T":1600000059999,"s":"A","f":1600000000000,'
                 b'"L":2,"x":false}}')
        self.assertEqual(shift(kline, 5), kline.replace(
            b'"E":1600000000000', b'"E":1600000000005').replace(
            b'"t":1600000000000', b'"t":1600000000005').replace(
            b'59999', b'60004'))
        trade = b'{"e":"trade","E":1600000000000,"t":1600000000000,"T":1}'
        self.assertEqual(shift(trade, 1), trade.replace(
            b'"E":1600000000000', b'"E":1600000000001'))
        book = b'{"u":1600000000000,"s":"A","b":"1","B":"1"}'
        self.assertEqual(shift(book, 1), book)

    def test_line_forms(self):
        parse = recording.parse_line
        envelope = b'{"stream":"a@trade","data":{"e":"trade","E":1}}'
        message = parse(b'1700000000000000001 ' + envelope + b'\n', 0)
        self.assertEqual((message.time_ns, message.stream, message.data),
                         (1700000000000000001, 'a@trade',
                          b'{"e":"trade","E":1}'))
        message = parse(b'1700000000.5: ' + envelope, 0)
        self.assertEqual(message.time_ns, 1700000000500000000)
        self.assertIsNone(parse(b'wss://x <-> 1700000000.5', 0))
        self.assertIsNone(parse(b'1700000000.5: {"result":null,"id":2}', 0))
        self.assertIsNone(parse(b'1700000000000000001 {"lastUpdateId":1}', 0))
        rest = parse(b'https://h/api?x=1 -> 1700000000.25: {"a":1}', 0)
        self.assertEqual((rest.url, rest.body), ('https://h/api?x=1',
                                                 b'{"a":1}'))

    def test_synthetic_is_steady_and_its_ids_rise(self):
        with Feed('--synthetic', 'BTCUSDT,XYZUSDT', '--rate', 2000,
                  '--start-on-client') as feed:
            names = [f'{s}usdt@{k}' for s in ('btc', 'xyz')
                     for k in ('trade', 'bookTicker', 'ticker')]
            with WsClient(feed, '/stream?streams=' + '/'.join(names)) as c:
                begun, newest, seen = time.monotonic(), {}, set()
                for text in c.texts(2000):
                    event = json.loads(text)
                    data = event['data']
                    seen.add(event['stream'])
                    ident = data.get('t', data.get('u'))
                    if ident:
                        self.assertGreater(ident,
                                           newest.get(event['stream'], 0))
                        newest[event['stream']] = ident
                took = time.monotonic() - begun
            self.assertEqual(seen, set(names))
            self.assertTrue(0.6 < took < 4, took)
            _, row = feed.get_json('/api/v3/ticker/24hr?symbol=XYZUSDT')
            self.assertGreaterEqual(row['lastId'], newest['xyzusdt@trade'])


class ConnectionTest(unittest.TestCase):

    def test_pings_both_ways(self):
        with paused('--ping-interval', 0.2, '--pong-timeout', 1) as feed:
            with WsClient(feed, BTC) as client:
                client.send(PING, b'hello')
                self.assertEqual(client.message(), (PONG, b'hello'))
                self.assertEqual(client.message()[0], PING)
                self.assertGreaterEqual(
                    feed.wait(lambda s: s['pongs'])['pongs'], 1)
                client.auto_pong = False
                with self.assertRaises(Closed):
                    while True:
                        client.message()
            self.assertIn('no pong', str(feed.status()['client_errors']))

    def test_forced_ping_reports_the_pong(self):
        with paused() as feed, WsClient(feed, BTC) as client:
            answer = feed.act('ping', timeout=0.1)
            self.assertEqual((answer['clients'], answer['pongs']), (1, 0))
            self.assertEqual(client.message()[0], PING)
            feed.wait(lambda s: s['pongs'] == 1)

    def test_cut_and_close_and_age(self):
        with paused() as feed:
            for how in ('rst', 'fin'):
                with WsClient(feed, BTC) as client:
                    feed.act('cut', how=how)
                    with self.assertRaises(Closed):
                        client.message()
            with WsClient(feed, BTC) as client:
                feed.act('close', code=1012)
                self.assertEqual(client.message(), (CLOSE, b'\x03\xf4'))
                client.send(CLOSE, b'\x03\xf4')
                with self.assertRaises(Closed):
                    client.message()
            with WsClient(feed, BTC) as client:
                feed.act('shutdown', after=0.1)
                event = json.loads(client.text())
                self.assertEqual(event['stream'], '!serverShutdown')
                self.assertEqual(client.message()[0], CLOSE)
            status = feed.wait(lambda s: s['clients'] == 0)
            self.assertEqual(status['connections_total'], 4)
        with paused('--disconnect-after', 0.2) as feed:
            with WsClient(feed, BTC) as client:
                self.assertEqual(client.message()[1][:2], b'\x03\xe9')

    def test_refuse_and_accept(self):
        with paused() as feed:
            with WsClient(feed, BTC) as client:
                feed.act('cut', refuse=True)
                with self.assertRaises(Closed):
                    client.message()
            with self.assertRaises(ConnectionRefusedError):
                WsClient(feed, BTC)
            feed.act('accept')
            WsClient(feed, BTC).sock.close()
            for how, wrong in (('close', (Closed, ConnectionError)),
                               ('http', ConnectionError),
                               ('hang', TimeoutError)):
                feed.act('refuse', how=how, target='ws')
                self.assertEqual(feed.get('/api/v3/ping')[0], 200)
                with self.assertRaises(wrong, msg=how):
                    WsClient(feed, BTC, timeout=0.3)
            feed.act('accept')
            WsClient(feed, BTC).sock.close()

    def test_mute_slow_and_send(self):
        with paused() as feed, WsClient(feed, BTC) as client:
            feed.act('mute')
            feed.act('step', count=50)
            self.assertTrue(client.quiet(0.1))
            client.send(PING, b'alive?')
            self.assertEqual(client.message(), (PONG, b'alive?'))
            feed.act('unmute')
            feed.act('slow', delay_ms=0)
            text = '{"any":  "text"}'
            self.assertEqual(feed.act('send', stream='btcusdt@trade',
                                      data=text)['clients'], 1)
            self.assertEqual(client.text(), b'{"stream":"btcusdt@trade",'
                             b'"data":' + text.encode() + b'}')
            feed.act('slow', on=False)
            feed.act('send', raw='\u20ac')
            self.assertEqual(client.text(), '\u20ac'.encode())
            with self.assertRaises(ValueError):
                feed.act('nonsense')

    def test_client_mistakes_are_named(self):
        with paused() as feed:
            for bad, word in ((frame(TEXT, b'{}'), 'without mask'),
                              (frame(3, b'', mask=b'abcd'), 'opcode'),
                              (frame(TEXT, b'', rsv=4, mask=b'abcd'),
                               'reserved'),
                              (frame(PING, b'x' * 126, mask=b'abcd'),
                               'control frame')):
                with WsClient(feed, BTC) as client:
                    client.sock.sendall(bad)
                    self.assertEqual(client.message()[0], CLOSE)
                self.assertIn(word, feed.status()['client_errors'][-1]
                              ['error'])
            with WsClient(feed, BTC) as client:
                for _ in range(6):
                    client.send(PONG, b'')
                self.assertEqual(client.message()[1][:2], b'\x03\xf0')


class GarbageTest(unittest.TestCase):

    def test_every_kind_is_sent_and_says_what_is_expected(self):
        with paused() as feed:
            kinds = feed.act('garbage')['kinds']
            self.assertEqual(kinds, {k: v[0]
                                     for k, v in faults.KINDS.items()})
            client = None
            for kind, expect in kinds.items():
                if client is None:
                    client = WsClient(feed, '/stream?streams=btcusdt@trade')
                answer = feed.act('garbage', kind=kind)['sent'][0]
                self.assertEqual((answer['expect'], answer['clients']),
                                 (expect, 1), kind)
                if expect == 'drop' or kind == 'long_form_length':
                    first = client._take(1)     # something was sent
                    self.assertTrue(first, kind)
                    client.sock.close()
                    client = None
                    feed.wait(lambda s: s['clients'] == 0)
                elif expect == 'valid':
                    text = json.loads(client.text())
                    self.assertEqual(Decimal(text['data']['p']),
                                     Decimal(answer['last']), kind)
                    if kind == 'fragmented_with_pings':
                        feed.wait(lambda s: s['pongs'] == 2)
                else:
                    client.message()
            client.sock.close()

    def test_negative_price_has_the_next_id(self):
        with paused() as feed, WsClient(feed, BTC) as client:
            feed.act('step', count=100)
            feed.act('garbage', kind='negative_price')
            status = feed.status()
            texts = client.texts(status['messages_sent'] + 1)
            bad = json.loads(texts[-1])['data']
            self.assertTrue(bad['p'].startswith('-'))
            self.assertEqual(bad['t'], status['last_sent']['btcusdt@trade']
                             ['t'] + 1)


class TlsTest(unittest.TestCase):

    def test_https_and_wss_with_the_printed_certificate(self):
        with tempfile.TemporaryDirectory() as state:
            with paused('--tls', '--state', state) as feed:
                self.assertTrue(feed.ca.startswith(state))
                self.assertEqual(feed.get_json('/api/v3/ping'), (200, {}))
                with WsClient(feed, BTC) as client:
                    feed.act('step', count=100)
                    self.assertIn(b'btcusdt', client.text())
                    feed.act('cut')
                    with self.assertRaises((Closed, OSError)):
                        while True:
                            client.message()


class RecordedTest(unittest.TestCase):

    @unittest.skipUnless(HFT.exists(), 'skipped: no ../shared/data')
    def test_recording_at_full_speed_arrives_whole(self):
        streams = [f'btcusdt@{k}' for k in ('trade', 'bookTicker',
                                            'depth@100ms')]
        with Feed('--play', HFT, '--speed', 'max', '--shift', 'now',
                  '--start-on-client', 3, '--hold') as feed, \
                WsClient(feed, '/stream?streams=' + '/'.join(streams),
                         timeout=20) as client:
            client.text()
            begun = time.monotonic()
            client.texts(41248 - 1)
            took = time.monotonic() - begun
            self.assertTrue(client.quiet(0.1))
            status = feed.wait(lambda s: s['done'])
            self.assertEqual(status['sent_by_stream'],
                             dict(zip(streams, (9757, 28040, 3451))))
            self.assertLess(took, 41248 / 30000)


if __name__ == '__main__':
    unittest.main()
