#!/usr/bin/python3
# Copyright (C) the ngx_trading authors
# SPDX-License-Identifier: BSD-2-Clause

"""Protects: what a client sees through nginx.conf.example as it is shipped.

Conditional requests, HEAD, methods, compression, ids and CORS of good answers;
for bad requests of every kind, nginx's own refusals included, the right status
and a problem document, never HTML, on a connection that lives on where HTTP
lets it. At the end start-ups that must be refused, naming what is wrong.
"""

import gzip
import json
import re
import socket
import subprocess
import sys
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from stack import Process, Response, Stack, instruments, wait_for  # noqa: E402

PREFIXES = ('/market/', '/tradingsystem/market/', '/api/market/',
            '/api/v1/market/')
SIGNAL_PREFIXES = ('/trading/', '/api/trading/', '/api/v1/trading/')
MARKET = ('', 'health', 'prices', 'prices/BTC', 'prices/asset/CRYPTO',
          'prices?symbols=BTC,ETH', 'overview', 'summary',
          'supported-symbols', 'instruments', 'cache/stats')
SIGNALS = ('', 'health', 'signals', 'signals/BTC', 'signals/asset/METALS',
           'binary', 'binary/BTC', 'binary/stream', 'analysis',
           'analysis/trends', 'recommendations')
TRACE = re.compile(r'00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$')


def parse(data):
    """All answers in the bytes of a connection."""
    answers = []
    while data:
        head, _, data = data.partition(b'\r\n\r\n')
        lines = head.decode('latin-1').split('\r\n')
        headers = [tuple(line.split(': ', 1)) for line in lines[1:]]
        length = int(dict(headers).get('Content-Length', 0))
        answers.append(Response(int(lines[0].split()[1]), headers,
                                data[:length]))
        data = data[length:]
    return answers


class Served(unittest.TestCase):
    """One stack for all: nothing here changes it. The market stands still
    after its first updates, so that bodies can be compared."""

    @classmethod
    def setUpClass(cls):
        cls.stack = Stack(env={'SIMULATOR_UPDATES': 46,
                               'SIMULATOR_RATE': 1000},
                          catalogue=instruments(stale_after_ms=600000))
        wait_for(lambda: cls.stack.json('/market/health')['sources']
                 ['simulator']['updates'] == 46, 'the market')
        time.sleep(0.2)

    @classmethod
    def tearDownClass(cls):
        cls.stack.end()
        cls.stack.judge()

    def problem(self, answer, status, code=None):
        """A problem document, whole and true."""
        self.assertEqual(answer.status, status, answer)
        self.assertEqual(answer.headers['content-type'],
                         'application/problem+json', answer)
        document = answer.json()
        self.assertLessEqual({'type', 'title', 'status', 'detail', 'code',
                              'request_id'}, set(document))
        self.assertEqual(document['status'], status)
        self.assertRegex(document['code'], r'^[a-z]+(_[a-z]+)*$')
        self.assertNotEqual(document['code'], 'error', document)
        self.assertEqual(document['request_id'],
                         answer.headers['x-request-id'])
        self.assertNotIn(b'<', answer.body)
        if code:
            self.assertEqual(document['code'], code, document)
        if status == 405:
            self.assertEqual(answer.headers.get('allow'), 'GET, HEAD')
        if status == 503:
            self.assertTrue(answer.headers['retry-after'].isdigit())
        return document

    def raw(self, data, count=1):
        answers = parse(self.stack.raw(data, 1))
        self.assertEqual(len(answers), count, answers)
        return answers

    # ---- good answers

    def test_every_route_answers_under_every_prefix_alike(self):
        client = self.stack.client()
        for prefixes, routes in ((PREFIXES, MARKET),
                                 (SIGNAL_PREFIXES, SIGNALS)):
            for route in routes:
                seen = set()
                for prefix in prefixes:
                    answer = client.ask(prefix + route)
                    self.assertEqual(answer.status, 200, prefix + route)
                    self.assertEqual(answer.headers['content-type'],
                                     'application/json')
                    answer.json()
                    seen.add(answer.body)
                if 'health' not in route and 'stats' not in route:
                    self.assertEqual(len(seen), 1, route)
        for path in ('/', '/health', '/health/ready'):
            self.assertEqual(client.ask(path).status, 200, path)

    def test_etag_gives_304_and_head_gives_the_same_head(self):
        client = self.stack.client()
        for route in [PREFIXES[0] + r for r in MARKET] + \
                [SIGNAL_PREFIXES[0] + r for r in SIGNALS]:
            whole = client.ask(route)
            head = client.ask(route, 'HEAD')
            self.assertEqual((head.status, head.body), (200, b''), route)
            cached = 'health' not in route and 'stats' not in route
            for name in ('content-type', 'etag', 'cache-control', 'vary') + \
                    (('content-length',) if cached else ()):
                self.assertEqual(head.headers.get(name),
                                 whole.headers.get(name), (route, name))
            if not cached:
                continue
            etag = whole.headers['etag']
            self.assertRegex(etag, r'^"[0-9a-f-]+"$')
            for tags in (etag, f'"x", {etag}', f'W/{etag}', '*'):
                again = client.ask(route, headers={'If-None-Match': tags})
                self.assertEqual((again.status, again.body), (304, b''),
                                 (route, tags))
                self.assertEqual(again.headers['etag'], etag)
                self.assertIn('x-request-id', again.headers)
            for tags in ('"x"', etag[:-2] + '"', etag.strip('"')):
                again = client.ask(route, headers={'If-None-Match': tags})
                self.assertEqual(again.status, 200, (route, tags))
                self.assertEqual(again.body, whole.body)

    def test_gzip_where_accepted_and_nowhere_else(self):
        client = self.stack.client()
        takes = ('gzip', 'GZIP', 'deflate, gzip;q=0.5', '*', 'br, *;q=0.1',
                 'gzip;q=1.000', 'identity, gzip')
        refuses = ('', 'identity', 'gzip;q=0', 'gzip;q=0.000', '*;q=0',
                   'br', 'xgzip', 'gzip;q=0, *')
        whole = ('/market/prices', '/market/summary', '/trading/signals',
                 '/market/prices/asset/FOREX', '/trading/binary')
        for route in whole:
            plain = client.ask(route)
            self.assertNotIn('content-encoding', plain.headers)
            self.assertIn('Accept-Encoding', plain.headers['vary'])
            for accept in takes:
                zipped = client.ask(route,
                                    headers={'Accept-Encoding': accept})
                self.assertEqual(zipped.headers.get('content-encoding'),
                                 'gzip', (route, accept))
                self.assertEqual(gzip.decompress(zipped.body), plain.body)
                self.assertLess(len(zipped.body), len(plain.body))
                self.assertNotEqual(zipped.headers['etag'],
                                    plain.headers['etag'])
                self.assertIn('Accept-Encoding', zipped.headers['vary'])
            for accept in refuses:
                answer = client.ask(route,
                                    headers={'Accept-Encoding': accept})
                self.assertNotIn('content-encoding', answer.headers,
                                 (route, accept))
                self.assertEqual(answer.body, plain.body)
        one = client.ask('/market/prices/BTC',
                         headers={'Accept-Encoding': 'gzip'})
        self.assertNotIn('content-encoding', one.headers)

    def test_symbol_in_every_spelling(self):
        client = self.stack.client()
        want = client.ask('/market/prices/BTC').body
        for name in ('btc', 'BTCUSDT', 'btcusdt', 'BTC-USDT', 'BTC%2FUSDT',
                     'BTC/USDT', 'Btc%2fuSdt', '%42TC', 'BTC/'):
            self.assertEqual(client.ask('/market/prices/' + name).body, want,
                             name)
        want = client.ask('/market/prices/EURUSD').body
        for name in ('EUR%2FUSD', 'EUR/USD', 'eur-usd'):
            self.assertEqual(client.ask('/market/prices/' + name).body, want)

    def test_max_age_and_fields(self):
        client = self.stack.client()
        quote = client.ask('/market/prices/BTC').json()
        got = client.ask('/market/prices/BTC?fields=current_price,seq').json()
        self.assertEqual(got, {key: quote[key]
                               for key in ('current_price', 'seq')})
        ok = client.ask('/market/prices/BTC?max_age_ms=600000')
        self.assertEqual(ok.json(), quote)
        time.sleep(0.02)
        old = self.problem(client.ask('/market/prices/BTC?max_age_ms=1'), 503,
                           'too_old')
        self.assertRegex(old['detail'], r'\d')

    # ---- ids

    def test_request_id_and_traceparent_are_taken_or_made(self):
        client = self.stack.client()
        given = 'order-1.2_X'
        trace = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
        for path in ('/market/prices/BTC', '/nowhere', '/market/prices/NOPE',
                     '/health', '/'):
            answer = client.ask(path, headers={'X-Request-Id': given,
                                               'traceparent': trace})
            self.assertEqual(answer.headers['x-request-id'], given, path)
            self.assertEqual(answer.headers['traceparent'], trace)
            if answer.status >= 400:
                self.assertEqual(answer.json()['request_id'], given)
            made = [client.ask(path) for _ in range(3)]
            ids = {a.headers['x-request-id'] for a in made}
            self.assertEqual(len(ids), 3)
            for answer in made:
                self.assertRegex(answer.headers['traceparent'], TRACE)
        for bad in ('', 'a b', '"<script>', 'x' * 129, 'é'):
            answer = client.ask('/nowhere',
                                headers={'X-Request-Id': bad.encode()})
            self.assertRegex(answer.headers['x-request-id'],
                             r'^[0-9a-f]{32}$', bad)
        for bad in ('00-' + '0' * 32 + '-b7ad6b7169203331-01', trace[:-1],
                    'zz' + trace[2:], trace.upper()):
            answer = client.ask('/health', headers={'traceparent': bad})
            self.assertNotEqual(answer.headers['traceparent'], bad)
            self.assertRegex(answer.headers['traceparent'], TRACE)

    # ---- bad requests

    def test_wrong_methods(self):
        client = self.stack.client()
        for method in ('POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'FOO',
                       'PROPFIND'):
            for path in ('/market/prices', '/trading/signals/BTC', '/health',
                         '/', '/metrics'):
                answer = client.ask(path, method, body=b'x=1' if method in
                                    ('POST', 'PUT', 'PATCH') else None)
                self.problem(answer, 405, 'method_not_allowed')
        for method in (b'TRACE', b'get'):
            answer, = self.raw(method + b' /market/prices HTTP/1.1\r\n'
                               b'Host: t\r\nConnection: close\r\n\r\n')
            self.problem(answer, 405 if method == b'TRACE' else 400)

    def test_unknown_things_name_themselves_and_list_what_is_allowed(self):
        client = self.stack.client()
        document = self.problem(client.ask('/market/prices/NOPE'), 404,
                                'unknown_symbol')
        self.assertIn('NOPE', document['detail'])
        document = self.problem(client.ask('/market/prices?symbols=BTC,ZZZ'),
                                404, 'unknown_symbol')
        self.assertIn('ZZZ', document['detail'])
        for path in ('/market/prices/asset/STOCKS',
                     '/trading/signals/asset/STOCKS'):
            document = self.problem(client.ask(path), 404, 'unknown_class')
            self.assertEqual(document['allowed'], ['CRYPTO', 'FOREX',
                                                   'METALS', 'COMMODITIES'])
        document = self.problem(client.ask('/market/prices/BTC?fields=nope'),
                                400, 'unknown_field')
        self.assertIn('current_price', document['allowed'])
        self.assertEqual(len(document['allowed']), 18)
        document = self.problem(client.ask('/trading/signals?model=nope'),
                                400, 'unknown_model')
        self.assertEqual(document['allowed'], ['threshold', 'technical'])
        for path in ('/market/nope', '/trading/nope', '/nope', '/market',
                     '/healthz', '/.trading/problem', '/favicon.ico',
                     '/market/prices/asset/', '/market/candle/BTC'):
            self.assertIn(self.problem(client.ask(path), 404)['code'],
                          ('not_found', 'unknown_symbol', 'unknown_class'))

    def test_malformed_parameters(self):
        client = self.stack.client()
        for query in ('max_age_ms=', 'max_age_ms=-1', 'max_age_ms=1e3',
                      'max_age_ms=99999999999999999999', 'symbols=',
                      'max_age_ms=1&max_age_ms=2', 'symbols=%ZZ',
                      'symbols=%FF', 'symbols=%00'):
            self.problem(client.ask('/market/prices?' + query), 400,
                         'invalid_parameter')
        self.problem(client.ask('/trading/signals?timeframe=7Y'), 400,
                     'invalid_parameter')
        self.assertEqual(client.ask('/market/prices/BTC?unknown=1&&=').status,
                         200)

    def test_paths_that_cannot_be_read(self):
        for path in (b'/market/prices/%ZZ', b'/market/prices/%00',
                     b'/market/prices/%', b'/../../etc/passwd'):
            answer, = self.raw(b'GET ' + path + b' HTTP/1.1\r\nHost: t\r\n\r\n')
            self.problem(answer, 400)
        client = self.stack.client()
        for path in ('/market/prices/%FF%FE', '/market/prices/%C0%AF',
                     '/market/prices/%01', '/market/prices/' + 'A' * 500,
                     '/trading/signals/' + 'A' * 900):
            self.problem(client.ask(path), 400, 'bad_path')
        # escaped once is escaped once
        self.problem(client.ask('/market/prices/BTC%252FUSDT'), 404)

    def test_nginx_own_refusals(self):
        tail = b' HTTP/1.1\r\nHost: t\r\n\r\n'
        for data, status in (
                (b'GARBAGE\r\n\r\n', 400),
                (b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n', 400),
                (b'GET /market/prices HTTP/1.1\r\n\r\n', 400),
                (b'GET / HTTP/9.9\r\nHost: t\r\n\r\n', 505),
                (b'GET /' + b'a' * 40000 + tail, 414),
                (b'GET / HTTP/1.1\r\nHost: t\r\nX-A: ' + b'a' * 40000
                 + b'\r\n\r\n', 431),
                (b'POST /market/prices HTTP/1.1\r\nHost: t\r\n'
                 b'Content-Length: 10000000\r\n\r\n', 413),
                (b'POST / HTTP/1.1\r\nHost: t\r\nContent-Length: x\r\n\r\n',
                 400),
                (b'GET / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: x\r\n'
                 b'\r\n', 501),
                (b'CONNECT a:80 HTTP/1.1\r\nHost: t\r\n\r\n', 400)):
            answer, = self.raw(data)
            self.problem(answer, status)

    def test_body_on_get_is_ignored_and_the_connection_goes_on(self):
        follow = b'GET /health HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n'
        for request in (
                b'GET /market/prices/BTC HTTP/1.1\r\nHost: t\r\n'
                b'Content-Length: 5\r\n\r\nhello',
                b'GET /market/prices/BTC HTTP/1.1\r\nHost: t\r\n'
                b'Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n',
                b'GET /market/prices/BTC HTTP/1.1\r\nHost: t\r\n'
                b'Content-Length: 60000\r\n\r\n' + b'G' * 60000):
            first, second = self.raw(request + follow, 2)
            self.assertEqual((first.status, second.status), (200, 200))
            self.assertEqual(first.json()['symbol'], 'BTC')
            self.assertEqual(second.json(), {'status': 'ok'})

    def test_keepalive_after_errors(self):
        with socket.create_connection(('127.0.0.1', self.stack.port), 5):
            pass
        requests = b''.join(
            b'GET %s HTTP/1.1\r\nHost: t\r\n\r\n' % path for path in (
                b'/nowhere', b'/market/prices/NOPE', b'/market/prices/%FF',
                b'/market/prices?max_age_ms=x', b'/market/prices/BTC'))
        answers = self.raw(requests, 5)
        self.assertEqual([a.status for a in answers],
                         [404, 404, 400, 400, 200])

    def test_old_http_1_0(self):
        answer, = self.raw(b'GET /market/prices/BTC HTTP/1.0\r\n\r\n')
        self.assertEqual((answer.status, answer.headers['connection']),
                         (200, 'close'))

    def test_range_is_not_half_a_quote(self):
        answer = self.stack.get('/market/prices',
                                headers={'Range': 'bytes=0-9'})
        self.assertIn(answer.status, (200, 206))
        if answer.status == 200:
            answer.json()

    def test_log_has_a_line_of_json_for_each_request(self):
        name = 'logged-once'
        self.stack.get('/market/prices/BTC?secret=1',
                       headers={'X-Request-Id': name, 'User-Agent': 'a"\\b'})

        def line():
            return next((text for text in self.stack.log('access').split('\n')
                         if name in text), None)
        text = wait_for(line, 'the log')
        entry = json.loads(text)
        self.assertEqual((entry['status'], entry['uri'], entry['user_agent']),
                         (200, '/market/prices/BTC', 'a"\\b'))
        self.assertNotIn('secret', text)


class Limits(unittest.TestCase):

    def test_too_many_requests(self):
        def edit(text):
            text, n = re.subn(r'(127\.0\.0\.0/8 +)0;', r'\g<1>1;', text)
            text, m = re.subn(r'rate=2000r/s', 'rate=1r/s', text)
            text, k = re.subn(r'burst=4000', 'burst=2', text)
            self.assertEqual((n, m, k), (1, 1, 1))
            return text
        with Stack(edit=edit) as stack:
            answers = [stack.get('/market/prices/BTC') for _ in range(10)]
            statuses = [a.status for a in answers]
            self.assertEqual(set(statuses), {200, 429})
            refused = next(a for a in answers if a.status == 429)
            self.assertEqual(refused.headers['content-type'],
                             'application/problem+json')
            self.assertEqual(refused.json()['code'], 'too_many_requests')

    def test_cors_only_for_listed_origins(self):
        def edit(text):
            return text.replace(
                '# "https://app.example.com"  $http_origin;',
                '"https://app.example.com"  $http_origin;')
        with Stack(edit=edit) as stack:
            good = {'Origin': 'https://app.example.com'}
            answer = stack.get('/market/prices/BTC', headers=good)
            self.assertEqual(answer.headers['access-control-allow-origin'],
                             good['Origin'])
            answer = stack.get('/market/prices/NOPE', headers=good)
            self.assertEqual(answer.headers['access-control-allow-origin'],
                             good['Origin'])
            answer = stack.get('/market/prices', method='OPTIONS', headers={
                **good, 'Access-Control-Request-Method': 'GET'})
            self.assertEqual(answer.status, 204)
            self.assertIn('GET', answer.headers[
                'access-control-allow-methods'])
            answer = stack.get('/market/prices/BTC', headers={
                'Origin': 'https://evil.example.com'})
            self.assertNotIn('access-control-allow-origin', answer.headers)


class RefusedStarts(unittest.TestCase):
    """A start that is refused names file, line and what is wrong."""

    def setUp(self):
        self.stack = Stack(nginx=False, marketd=False)
        self.addCleanup(self.stack.end)

    def marketd(self, env=None, catalogue=None):
        """What marketd says as it refuses to start."""
        if catalogue is not None:
            path = self.stack.dir / 'bad.json'
            path.write_text(catalogue)
            env = {'INSTRUMENTS_FILE': str(path)}
        self.stack.env.update(env)
        self.stack.start_marketd()
        try:
            code = self.stack.marketd.popen.wait(10)
        except subprocess.TimeoutExpired:
            self.fail(f'started with {env} {catalogue}')
        text = self.stack.log('marketd')
        (self.stack.dir / 'marketd.log').unlink()
        self.assertEqual(code, 1, text)
        self.assertFalse(self.stack.board.exists())
        for key in env:
            del self.stack.env[key]
        return text

    def test_settings(self):
        for name, value in (('TRADING_NONSENSE', '1'), ('FEED_MUTE', '1'),
                            ('TRADING_SOURCE', 'both'),
                            ('SIMULATOR_RATE', 'fast'),
                            ('SIMULATOR_START', 'yesterday'),
                            ('MAX_JUMP_BP', '-1'),
                            ('BOARD_CAPACITY', '3'),
                            ('LOG_LEVEL', 'loud'),
                            ('PAGE_INTERVAL_US', '1ms')):
            text = self.marketd({name: value})
            self.assertIn(name, text, f'{name}={value}')
        text = self.marketd({'TRADING_SOURCE': 'live',
                             'BINANCE_WS_URL': 'gopher://x'})
        self.assertIn('BINANCE_WS_URL', text)
        text = self.marketd({'TRADING_RUN_DIR': '/nonexistent/run'})
        self.assertIn('/nonexistent/run', text)
        text = self.marketd({'INSTRUMENTS_FILE': '/nonexistent.json'})
        self.assertIn('/nonexistent.json', text)

    def test_catalogues(self):
        rows = instruments(['BTC', 'ETH'])

        def changed(**fields):
            return json.dumps({'instruments': [rows[0],
                                               {**rows[1], **fields}]},
                              indent=1)
        for bad, *words in (
                ('{"instruments": [\n{"symbol": "BTC",,}]}', 'bad.json', '2'),
                ('', 'bad.json'), ('[]', 'bad.json'),
                ('{"instruments": []}', 'bad.json', 'instruments'),
                (changed(price_tick='0'), 'bad.json', 'price_tick'),
                (changed(price_tick=0.01), 'price_tick'),
                (changed(lot_step='1e-3'), 'lot_step'),
                (changed(asset_class='STOCKS'), 'asset_class'),
                (changed(source='nowhere'), 'source'),
                (changed(stale_after_ms=-1), 'stale_after_ms'),
                (changed(symbol='BTC'), 'BTC'),
                (changed(symbol='X' * 100), 'symbol'),
                (changed(symbl='x'), 'symbl')):
            text = self.marketd(catalogue=bad)
            for word in words:
                self.assertIn(word, text, bad[:200])

    def test_two_writers(self):
        with Stack(nginx=False) as stack:
            log = stack.dir / 'second.log'
            second = Process(stack.marketd.popen.args, log, stack.settings(),
                             stack.dir)
            self.assertEqual(second.popen.wait(10), 1)
            self.assertIn('already_running', log.read_text())
            self.assertTrue(stack.marketd.alive())

    def test_directives(self):
        text = self.stack.configuration()
        for old, new, *words in (
                ('trading_stale       2s serve;', 'trading_stale banana;',
                 'trading_stale', 'banana'),
                ('trading_stale       2s serve;', 'trading_stale 2s maybe;',
                 'trading_stale', 'maybe'),
                ('trading_stale       2s serve;', 'trading_stail 2s;',
                 'unknown directive "trading_stail"'),
                ('trading_market;', 'trading_market now;', 'trading_market'),
                (f'{self.stack.run}/board;', '"";', 'trading_board'),
                ('$trading_board_seq', '$trading_bored_seq',
                 'trading_bored_seq')):
            self.assertIn(old, text)
            conf = self.stack.dir / 'bad.conf'
            conf.write_text(text.replace(old, new, 1))
            done = subprocess.run(
                [*self.stack.nginx_args(conf), '-t'], capture_output=True,
                text=True, env=self.stack.nginx_env(), timeout=30)
            self.assertNotEqual(done.returncode, 0, new)
            self.assertIn('[emerg]', done.stderr)
            for word in words:
                self.assertIn(word, done.stderr, new)
            if 'variable' not in done.stderr:
                self.assertRegex(done.stderr, r'bad\.conf:\d+', new)


if __name__ == '__main__':
    unittest.main()
