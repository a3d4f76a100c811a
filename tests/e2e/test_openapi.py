# Copyright (C) the ngx_trading authors
# SPDX-License-Identifier: BSD-2-Clause

"""The OpenAPI documents against a running system, both ways: what they
describe is served, field by field and code by code, and what is served they
describe. A route in a dispatch table without its description fails here, and
so does a field that a body gains or loses."""

import importlib.machinery
import importlib.util
import json
import subprocess
import sys
import unittest
from decimal import Decimal
from pathlib import Path
from urllib.parse import quote

sys.path.insert(0, str(Path(__file__).resolve().parent))

from browser import PROGRAM, Browser                        # noqa: E402
from openapi_check import Checker, described                # noqa: E402
from openapi_streams import StreamTests                     # noqa: E402
from openapi_world import (ERRORS, EVENTS, Worlds,          # noqa: E402
                           catalogue)
from stack import DOCS, ROOT, wait_for                      # noqa: E402

NAMES = ('market', 'trading', 'openapi')
# service -> where its document and pages are
PREFIXES = {'market': ('/api/v1/market', '/api/market', '/market',
                       '/tradingsystem/market'),
            'trading': ('/api/v1/trading', '/api/trading', '/trading'),
            'openapi': ('',)}
PROBLEM = 'application/problem+json'
REFERENCE = ('/docs', '/redoc', '/openapi.json')
EXAMPLES = {'symbol': 'BTC', 'class': 'CRYPTO', 'version': '1'}
# the gateway's name of a service -> the prefix in its document
SERVICES = {'market': 'market', 'signals': 'trading'}
# to see every field: requests that are not the plain one
# query parameter -> values that no route takes
MALFORMED = {
    'symbols': ('', 'BTC,,ETH'), 'fields': ('colour',),
    'max_age_ms': ('soon', '-1'), 'model': ('oracle',),
    'timeframe': ('9Q',), 'interval': ('9q',), 'limit': ('0', 'abc'),
    'end': ('x',), 'levels': ('7',), 'format': ('xml',),
    'after_seq': ('x',), 'timeout_ms': ('60001',)}
# and to which not every route would say the same
TAKEN = {'symbols': 'BTC', 'fields': 'seq', 'max_age_ms': '0',
         'model': 'technical', 'timeframe': '1M', 'interval': '1m',
         'limit': '1', 'end': '0', 'levels': '5', 'format': 'display',
         'after_seq': '999999999999', 'timeout_ms': '1'}
MORE = {'/prices/{symbol}': ['?fields={each}'],
        '/prices': ['?symbols=BTC,EUR/USD', '?fields={all}']}


def documents():
    return {name: json.loads((ROOT / 'docs' / 'openapi' / f'{name}.json')
                             .read_text('utf-8')) for name in NAMES}


def setUpModule():
    global worlds, docs, checkers
    worlds, docs = Worlds(), documents()
    checkers = {name: Checker(docs[name]) for name in NAMES}
    if not (DOCS / 'openapi' / 'docs.html').exists():
        # without npm the documents are served all the same
        for name in NAMES:
            (DOCS / name).mkdir(parents=True, exist_ok=True)
            (DOCS / name / 'openapi.json').write_text(
                json.dumps(docs[name]), 'utf-8')


def tearDownModule():
    worlds.end()


def concrete(path):
    for name, value in EXAMPLES.items():
        path = path.replace('{%s}' % name, quote(value, safe=''))
    return path


def operations(name, ending=True):
    """(path of the document, operation) without the documentation's own, and
    of those that end only."""
    for path, item in docs[name]['paths'].items():
        if path not in REFERENCE and not path.endswith(REFERENCE) \
                and not (ending and item['get'].get('x-stream')):
            yield path, item['get']


def ending(name):
    """(path, operation) of all whose answers end."""
    for path, item in docs[name]['paths'].items():
        if not item['get'].get('x-stream'):
            yield path, item['get']


def events_of(media, example):
    """What an example of events holds."""
    if media == EVENTS:
        for line in example['value'].splitlines():
            if line.startswith('data: '):
                yield json.loads(line[6:], parse_float=Decimal)


def server(name):
    return docs[name]['servers'][0]['url'].rstrip('/')


class Case(unittest.TestCase):
    maxDiff = None

    def response(self, name, operation, status):
        found = operation['responses'].get(str(status)) \
            or operation['responses'].get('default')
        self.assertIsNotNone(found, f'{operation["operationId"]}: {status}')
        if '$ref' in found:
            found = checkers[name].resolve(found['$ref'])
        return found

    def judge(self, name, operation, answer, where):
        """Status, media type, headers and body as the document has them."""
        described = self.response(name, operation, answer.status)
        self.check_headers(name, described, answer, where)
        if answer.status == 304:
            self.assertEqual(answer.body, b'', where)
            return
        media = answer.headers['content-type'].partition(';')[0]
        self.assertIn(media, described['content'], where)
        if media in (PROBLEM, 'application/json'):
            faults = checkers[name].faults(
                answer.json(), described['content'][media]['schema'])
            self.assertEqual(faults, [], where)

    def check_headers(self, name, described, answer, where):
        checker = checkers[name]
        sometimes = {'X-Market-Stale', 'X-Timed-Out', 'Retry-After', 'Allow',
                     'Sec-WebSocket-Version'}
        # of two media types that share a response, one each
        sometimes.add('ETag' if answer.headers.get('content-type', '')
                      .startswith(EVENTS) else 'X-Accel-Buffering')
        for header, how in described['headers'].items():
            value = answer.headers.get(header.lower())
            if value is None:
                self.assertIn(header, sometimes, f'{where}: no {header}')
                continue
            schema = checker.resolve(how['$ref'])['schema']
            self.assertEqual(checker.faults(value, schema), [],
                             f'{where}: {header}')
        for header in ('ETag', 'X-Market-Stale', 'Retry-After', 'Allow',
                       'Last-Modified', 'Cache-Control'):
            if header.lower() in answer.headers and answer.status != 304:
                self.assertIn(header, described['headers'], where)


class Documents(Case):
    def test_are_what_the_sources_give(self):
        done = subprocess.run([sys.executable, '-B', ROOT / 'util' / 'openapi',
                               '--check'], capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stderr), (0, ''))

    def test_can_be_made_with_every_feature(self):
        """What waits in features.yaml must fit once it is switched on."""
        path = str(ROOT / 'util' / 'openapi')
        loader = importlib.machinery.SourceFileLoader('openapi', path)
        module = importlib.util.module_from_spec(
            importlib.util.spec_from_loader('openapi', loader))
        loader.exec_module(module)
        features = module.load('features')
        self.assertEqual(set(features), {
            file.stem for file in (module.SRC / 'features').glob('*.yaml')})
        builder = module.Builder(module.sources(features))
        for name in NAMES:
            document = builder.document(name)
            self.assertGreaterEqual(set(document['paths']),
                                    set(docs[name]['paths']))

    def test_are_served_as_they_are(self):
        stack = worlds['well']
        for name, prefixes in PREFIXES.items():
            for prefix in prefixes:
                answer = stack.get(f'{prefix}/openapi.json')
                self.assertEqual(answer.status, 200, prefix)
                self.assertEqual(answer.headers['content-type'],
                                 'application/json')
                self.assertEqual(json.loads(answer.body), docs[name], prefix)
                self.judge(name, docs[name]['paths']['/openapi.json']['get'],
                           answer, prefix)

    def test_every_example_fits_its_schema(self):
        for name, document in docs.items():
            for path, operation in operations(name, False):
                responses = operation['responses']
                for status in responses:
                    found = self.response(name, operation, status)
                    for media, content in found.get('content', {}).items():
                        for key, example in \
                                content.get('examples', {}).items():
                            faults = checkers[name].faults(
                                example['value'], content['schema'])
                            self.assertEqual(faults, [],
                                             f'{path} {status} {key}')
                            for event in events_of(media, example):
                                self.assertEqual(checkers[name].faults(
                                    event, content['x-item-schema']), [],
                                    f'{path} {status} {key}')
                if 'application/json' in responses['200']['content']:
                    self.assertIn('examples', responses['200']['content']
                                  ['application/json'],
                                  f'{path}: run util/openapi-examples')

    def test_the_checker_finds_what_is_wrong(self):
        """A detector that never detected anything is no evidence."""
        checker = checkers['market']
        answer = worlds['well'].json('/market/prices/BTC')
        schema = {'$ref': '#/components/schemas/Quote'}
        self.assertEqual(checker.faults(answer, schema), [])
        for key, value in (('bid', 1.5), ('bid', '1.'), ('bid', '01'),
                           ('timestamp', '2026-11-23 03:19:03'),
                           ('seq', -1), ('seq', '7'), ('stale', 0),
                           ('asset_class', 'crypto'), ('colour', 'red')):
            wrong = dict(answer)
            wrong[key] = value
            self.assertNotEqual(checker.faults(wrong, schema), [],
                                f'{key}={value!r}')
        for key in answer:
            less = {k: v for k, v in answer.items() if k != key}
            self.assertNotEqual(checker.faults(less, schema), [], key)


class Routes(Case):
    def test_each_is_served_with_its_fields(self):
        for name in NAMES:
            fields = docs[name]['components']['schemas'] \
                .get('QuoteField', {'enum': []})['enum']
            for path, operation in operations(name):
                plain = server(name) + concrete(path)
                urls = [('well', plain)]
                short = path.removeprefix('/api/v1/market')
                for query in MORE.get(short, ()):
                    if '{each}' in query:
                        urls += [('well', plain + query.replace('{each}',
                                                                field))
                                 for field in fields]
                    else:
                        urls.append(('well', plain + query.replace(
                            '{all}', ','.join(fields))))
                urls += self.recorded(operation)
                for world, url in urls:
                    answer = worlds[world].get(url)
                    self.assertEqual(answer.status, 200, url)
                    self.judge(name, operation, answer, url)

    def recorded(self, operation):
        """(world, request) of this operation's examples that are 200."""
        found = (ROOT / 'docs' / 'openapi' / 'examples').glob(
            f'{operation["operationId"]}.*.json')
        for path in sorted(found):
            record = json.loads(path.read_text('utf-8'))
            if record['status'] == 200:
                yield (record.get('world', 'well'),
                       record['request'].removeprefix('GET '))

    def test_head_says_what_get_says(self):
        stack = worlds['well']
        for name in NAMES:
            for path, operation in ending(name):
                url = server(name) + concrete(path)
                got, head = stack.get(url), stack.get(url, method='HEAD')
                if path.endswith(('/docs', '/redoc')) and got.status == 404:
                    continue            # built by npm only
                self.assertEqual((head.status, head.body), (200, b''), url)
                self.assertEqual(head.headers['content-type'],
                                 got.headers['content-type'], url)

    def test_304_where_there_is_a_tag(self):
        stack = worlds['well']
        client = stack.client()
        for name in NAMES:
            for path, operation in ending(name):
                url = server(name) + concrete(path)
                tagged = '304' in operation['responses']
                for _ in range(200):    # the market moves between the two
                    got = client.ask(url)
                    if got.status == 404:
                        tagged = False
                    if not tagged:
                        break
                    again = client.ask(url, headers={
                        'If-None-Match': got.headers['etag']})
                    if again.status == 304:
                        break
                if tagged:
                    self.assertEqual(again.status, 304, url)
                    self.judge(name, operation, again, url)
                elif got.status == 200:
                    self.assertNotIn('etag', got.headers, url)

    def test_405_with_allow(self):
        stack = worlds['well']
        for name in NAMES:
            for path, operation in ending(name):
                url = server(name) + concrete(path)
                for method in ('POST', 'PUT', 'DELETE', 'PATCH'):
                    answer = stack.get(url, method=method)
                    if path.endswith(REFERENCE) and answer.status == 404:
                        continue
                    self.assertEqual(answer.status, 405, url)
                    self.assertEqual(answer.headers['allow'], 'GET, HEAD')
                    self.judge(name, operation, answer, f'{method} {url}')

    def test_nothing_else_is_served(self):
        """The tables that dispatch requests, as the gateway's card tells
        them, and the cards of the services."""
        stack = worlds['well']
        for place in stack.json('/')['services']:
            paths = {row['path'] for row in place['routes']}
            name = SERVICES.get(place['service'])
            if name is None:
                known = {path for path, _ in operations('openapi', False)}
                self.assertLessEqual(paths, known, place)
                self.assertNotEqual(paths, set(), place)
                continue
            self.assertIn(place['prefix'], PREFIXES[name])
            want = {place['prefix'] + path for path, _ in operations(name)}
            self.assertEqual(paths, want, place['prefix'])
        for name in ('market', 'trading'):
            card = stack.json(f'/{name}/')['routes']
            self.assertEqual(sorted(card), sorted(
                f'GET {path}' for path, _ in operations(name)))

    def test_all_prefixes_are_the_same(self):
        served = {place['prefix'] for place in
                  worlds['well'].json('/')['services']
                  if place['service'] in SERVICES}
        self.assertEqual(served, {*PREFIXES['market'], *PREFIXES['trading']})
        for name in ('market', 'trading'):
            self.assertEqual({s['url'] for s in docs[name]['servers']},
                             set(PREFIXES[name]))

    def test_documentation_shadows_no_route(self):
        stack = worlds['well']
        for path in ('/market/prices/docs', '/market/prices/openapi.json',
                     '/trading/signals/redoc'):
            self.assertEqual(stack.json(path, 404)['code'], 'unknown_symbol')


class Parameters(Case):
    """Each parameter on each route, as the documents have it: taken and
    checked there, or ignored."""

    def given(self, name, path, operation):
        """Names that the route takes; what is of events is not of a list."""
        found = {row['name'] for row in (
            checkers[name].resolve(row['$ref'])
            for row in operation['parameters']) if row['in'] == 'query'}
        if path.endswith('/binary/stream'):
            found -= {'symbols', 'asset_class'}
        return found

    def test_each_on_each_route(self):
        stack, seen = worlds['well'], set()
        client = stack.client()
        for name in NAMES:
            for path, operation in operations(name):
                url = server(name) + concrete(path)
                taken = self.given(name, path, operation)
                seen |= taken
                self.assertLessEqual(taken, set(MALFORMED), path)
                for key, values in MALFORMED.items():
                    queries = [f'{key}={value}' for value in values]
                    queries += [f'{key}=%FF', f'{key}={TAKEN[key]}&'
                                f'{key}={TAKEN[key]}']
                    for query in queries:
                        answer = client.ask(f'{url}?{query}')
                        self.assertEqual(answer.status, 400 if key in taken
                                         else 200, f'{url}?{query}')
                        self.judge(name, operation, answer,
                                   f'{url}?{query}')
                    answer = client.ask(f'{url}?{key}={TAKEN[key]}')
                    self.judge(name, operation, answer, f'{url}?{key}')
                    if key not in taken:
                        self.assertEqual(answer.status, 200, f'{url}?{key}')
        self.assertEqual(seen, set(MALFORMED))


class Errors(Case):
    def test_each_code_comes_as_described(self):
        codes = docs['openapi']['components']['schemas']['Problem'][
            'properties']['code']['enum']
        self.assertLessEqual(set(codes), set(ERRORS))
        for code in codes:
            with self.subTest(code=code):
                answer = worlds.error(code)
                self.assertEqual(answer.json()['code'], code)
                self.assertEqual(answer.json()['status'], answer.status)
                self.assertEqual(answer.headers['x-request-id'],
                                 answer.json()['request_id'])
                self.assertEqual(self.where(code, answer), [])

    def where(self, code, answer):
        """Faults against each response that lists the code; one must."""
        listed = 0
        for name in NAMES:
            for path, operation in operations(name, False):
                for status in operation['responses']:
                    found = self.response(name, operation, status)
                    schema = found.get('content', {}).get(PROBLEM, {}) \
                        .get('schema')
                    if schema is None or code not in \
                            schema['properties']['code']['enum']:
                        continue
                    if status not in ('default', str(answer.status)):
                        return [f'{path}: {code} under {status}']
                    listed += 1
                    faults = checkers[name].faults(answer.json(), schema)
                    if faults:
                        return faults
        return [] if listed else [f'{code} is listed nowhere']

    def test_health_that_is_down(self):
        stack = worlds['boardless']
        for name, path in (('market', '/health'), ('trading', '/health'),
                           ('openapi', '/health/ready')):
            answer = stack.get(server(name) + path)
            self.assertEqual(answer.status, 503)
            self.judge(name, docs[name]['paths'][path]['get'], answer, path)

    def test_stale_answers_carry_their_mark(self):
        """Last: its market ends."""
        stack = worlds['unquoted']
        stack.marketd.stop()
        path = '/market/overview'

        wait_for(lambda: 'x-market-stale' in stack.get(path).headers,
                 'the board is found silent')
        answer = stack.get(path)
        self.assertEqual(answer.headers['x-market-stale'], '1')
        self.judge('market', docs['market']['paths']['/overview']['get'],
                   answer, path)
        path = '/market/data-feeds'
        answer = stack.get(path)
        self.judge('market', docs['market']['paths']['/data-feeds']['get'],
                   answer, path)

    def test_quote_that_did_not_come_says_so(self):
        """Before the market that never had one ends."""
        path = '/market/prices/BTC?after_seq=0&timeout_ms=1'
        answer = worlds['unquoted'].get(path)
        self.assertEqual(answer.headers['x-timed-out'], '1')
        self.judge('market',
                   docs['market']['paths']['/prices/{symbol}']['get'],
                   answer, path)


class Streams(StreamTests, Case):
    def setUp(self):
        super().setUp()
        self.worlds, self.docs, self.checkers = worlds, docs, checkers


class ZFields(Case):
    """Runs last, by its name, over what the others have seen."""

    def test_every_field_was_served(self):
        for name in NAMES:
            unseen = described(docs[name]) - checkers[name].seen
            self.assertEqual(sorted(unseen), [], name)


@unittest.skipUnless((DOCS / 'openapi' / 'docs.html').exists(),
                     'make docs has not been run')
class Pages(Case):
    READY = {'docs': "document.querySelectorAll('.opblock').length",
             'redoc': "document.querySelectorAll('[id*=\"operation/\"]')"
                      ".length"}

    def test_headers(self):
        stack = worlds['well']
        for name, prefixes in PREFIXES.items():
            for prefix in prefixes:
                for page in ('docs', 'redoc'):
                    answer = stack.get(f'{prefix}/{page}')
                    self.assertEqual(answer.status, 200, prefix)
                    self.assertEqual(answer.headers['content-type'],
                                     'text/html; charset=utf-8')
                    policy = answer.headers['content-security-policy']
                    self.assertIn("default-src 'none'", policy)
                    self.assertNotIn('http', policy)
                    self.judge(name, docs[name]['paths'][f'/{page}']['get'],
                               answer, f'{prefix}/{page}')

    def test_compressed_where_accepted(self):
        stack = worlds['well']
        path = '/docs/assets/swagger-ui.js'
        plain = stack.get(path)
        packed = stack.get(path, {'Accept-Encoding': 'gzip'})
        self.assertEqual(packed.headers['content-encoding'], 'gzip')
        self.assertLess(3 * len(packed.body), len(plain.body))
        self.assertIn('Accept-Encoding', packed.headers['vary'])

    def test_what_is_missing_is_a_problem(self):
        stack = worlds['well']
        for path in ('/docs/assets/none.js', '/docs/', '/market/docs/x',
                     '/docs/assets/%2e%2e/%2e%2e/%2e%2e/etc/passwd',
                     '/.trading/docs/openapi/docs.html'):
            answer = stack.get(path)
            self.assertIn(answer.status, (400, 404), path)
            self.assertEqual(answer.headers['content-type'], PROBLEM)

    @unittest.skipUnless(PROGRAM, 'no chromium here')
    def test_load_without_a_word_and_from_here_only(self):
        stack = worlds['well']
        home = f'http://127.0.0.1:{stack.port}'
        for width, dark in ((1360, False), (390, True)):
            with Browser(width, 844, dark) as browser:
                for name, prefixes in PREFIXES.items():
                    for page in ('docs', 'redoc'):
                        url = f'{home}{prefixes[0]}/{page}'
                        browser.open(url, f'{self.READY[page]} >= '
                                     f'{len(list(operations(name)))}')
                        self.assertEqual(browser.complaints(), [], url)
                        strange = [
                            asked for asked in browser.requests()
                            if not asked.startswith((home + '/', 'data:',
                                                     f'blob:{home}/'))]
                        self.assertEqual(strange, [], url)
                        self.assertIn('ngx_trading',
                                      browser.value('document.title'))
                        self.assertLessEqual(
                            browser.value('document.body.clientWidth'), width)

    @unittest.skipUnless(PROGRAM, 'no chromium here')
    def test_a_request_can_be_tried(self):
        stack = worlds['well']
        with Browser() as browser:
            browser.open(f'http://127.0.0.1:{stack.port}/market/docs'
                         '#/Quotes/getPrice',
                         "!!document.querySelector('.try-out__btn')")
            browser.value("document.querySelector('.try-out__btn').click()")
            browser.until("!!document.querySelector('.execute')")
            browser.value("document.querySelector('.execute').click()")
            browser.until("!!document.querySelector("
                          "'.live-responses-table .response-col_status')")
            status, body = browser.value(
                "[document.querySelector('.live-responses-table .response "
                ".response-col_status').textContent, document.querySelector("
                "'.live-responses-table .response pre').textContent]")
            self.assertTrue(status.startswith('200'), status)
            self.assertEqual(json.loads(body)['symbol'], 'BTC')


class Catalogue(Case):
    def test_is_small_and_of_three_classes(self):
        """What the examples and these tests run on."""
        self.assertEqual({row['asset_class'] for row in catalogue()},
                         {'CRYPTO', 'FOREX', 'METALS'})


if __name__ == '__main__':
    unittest.main()
