#!/usr/bin/python3
# Copyright (C) the ngx_trading authors
# SPDX-License-Identifier: BSD-2-Clause

"""Protects: what forex and metals services publish is what a client reads.

marketd polls a loopback server (poll_server.py) that also breaks in the ways
of real ones; every served field is compared with exact fractions, which know
the rules of docs/configuration.md but no line of the C code. A broken build
shows as a field and a symbol, or as a cause that was not seen. The recorded
answers of ../shared/data are used where they are there.
"""

import json
import re
import subprocess
import sys
import time
import unittest
from datetime import datetime, timedelta, timezone
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from stack import ROOT, Stack, instruments, wait_for      # noqa: E402
from feed_client import Feed                                # noqa: E402
from poll_server import KEY                                 # noqa: E402

DATA = ROOT.parent / 'shared' / 'data'
SERVER = ROOT / 'tests' / 'feed' / 'poll_server.py'
DAY = 86400
FX = {'USD': '1', 'EUR': '0.92', 'GBP': '0.789', 'JPY': '143.27',
      'CHF': '0.965', 'AUD': '1.49', 'CAD': '1.33', 'NZD': '1.68'}
NULLS = ('bid', 'ask', 'volume', 'quote_volume')


class Rates(Feed):
    """A running poll_server.py."""

    def __init__(self, *args):
        self.process = subprocess.Popen(
            ['/usr/bin/python3', str(SERVER), *args], text=True,
            stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
        line = self.process.stdout.readline()
        if not line:
            self.stop()
            raise RuntimeError('the poll server did not start')
        self.__dict__.update(json.loads(line))

    def calls(self, name):
        return [c for c in self.status()['calls'] if c['name'] == name]


def forex(rates=None, at=None, base='USD'):
    """A document as exchangerate-api's, values written as given."""
    rates = ','.join(f'"{code}":{value}'
                     for code, value in (rates or FX).items())
    return (f'{{"provider":"x","base":"{base}","date":"2026-01-01",'
            f'"time_last_updated":{int(at or time.time() - 60)},'
            f'"rates":{{{rates}}}}}')


def metals(rates, at=None, base='USD'):
    rates = ','.join(f'"{code}":{value}' for code, value in rates.items())
    return (f'{{"success":true,"timestamp":{int(at or time.time() - 60)},'
            f'"date":"2026-01-01","base":"{base}","rates":{{{rates}}},'
            f'"unit":"per ounce"}}')


def rounded(value, step):
    """A fraction at a multiple of step, half away from zero."""
    times = value / Fraction(step)
    return (times.numerator * 2 + times.denominator) \
        // (times.denominator * 2) * Fraction(step)


def expected(row, rates, base):
    """(price, source) of an instrument, as exact fractions."""
    rate = {code: Fraction(value) for code, value in rates.items()}
    rate[base] = Fraction(1)
    price = rate[row['quote']] / rate[row['base']]
    if row['base'] == base:
        return rounded(price, '1e-8'), 'forex'
    return rounded(price, row['price_tick']), \
        'forex-inverse' if row['quote'] == base else 'forex-cross'


def stamp(ms):
    when = datetime(1970, 1, 1, tzinfo=timezone.utc) \
        + timedelta(milliseconds=ms)
    return when.strftime('%Y-%m-%dT%H:%M:%S.') + f'{ms % 1000:03d}Z'


class Polled(unittest.TestCase):

    def server(self, *args):
        server = Rates(*args)
        self.addCleanup(server.stop)
        return server

    def start(self, server, catalogue=None, path='', **env):
        stack = Stack(env={
            'TRADING_SOURCE': 'live', 'FOREX_API_URL': server.api + path,
            'METALS_API_URL': server.api + path, 'METALS_API_KEY': KEY,
            'FOREX_POLL_S': 1, 'METALS_POLL_S': 1,
            'FEED_BACKOFF_MIN_MS': 50, 'FEED_MUTE_TIMEOUT_MS': 1500,
            'MAX_JUMP_BP': 0, **env},
            catalogue=catalogue or instruments(
                {'EUR/USD', 'GBP/USD', 'USD/JPY', 'USD/CHF', 'AUD/USD',
                 'USD/CAD', 'NZD/USD'}))
        self.addCleanup(self.finish, stack)
        return stack

    def finish(self, stack):
        failed = self._outcome.result.errors + self._outcome.result.failures
        if any(test is self for test, _ in failed):
            stack.tell()
        stack.end()
        for name, text in stack.logs.items():
            self.assertNotIn(KEY, text, f'the key is in {name}')
        stack.judge()

    def quoted(self, stack, symbol, price):
        path = symbol.replace('/', '%2F')

        def there():
            answer = stack.get(f'/market/prices/{path}')
            return answer.status == 200 and \
                Fraction(answer.json()['current_price']) == Fraction(price) \
                and answer.json()
        return wait_for(there, f'{symbol} at {price}')

    def state(self, stack, name, state):
        return wait_for(
            lambda: stack.source(name)['state'] == state
            and stack.source(name), f'{name} is {state}')

    def compare(self, stack, rows, rates, base, at_ms):
        """Every field of every instrument of a snapshot."""
        for row in rows:
            price, source = expected(row, rates, base)
            # it is rendered after it was taken
            quote = self.quoted(stack, row['symbol'], price)
            self.assertEqual(quote['source'], source, row)
            self.assertEqual(quote['timestamp'], stamp(at_ms), row)
            self.assertFalse(quote['simulated'])
            for key in (*NULLS, 'open_24h', 'high_24h', 'low_24h',
                        'price_change_24h'):
                self.assertIsNone(quote[key], (row['symbol'], key))


class Forex(Polled):

    def test_every_field_direct_and_inverse(self):
        server, at = self.server(), int(time.time()) - 60
        server.act('set', name='forex', body=forex(at=at))
        stack = self.start(server)
        self.state(stack, 'forex', 'connected')
        rows = instruments({'EUR/USD', 'GBP/USD', 'USD/JPY', 'USD/CHF',
                            'AUD/USD', 'USD/CAD', 'NZD/USD'})
        self.compare(stack, rows, FX, 'USD', at * 1000)
        self.assertFalse(stack.quote('EUR%2FUSD')['stale'])
        self.assertEqual(server.calls('forex')[0]['target'],
                         '/v4/latest/USD')
        # the catalogue's source is the plain one, and so is a filter by it
        listed = stack.json('/market/instruments')['instruments']
        self.assertEqual({row['source'] for row in listed}, {'forex'})

    def test_conditional_requests_refresh_what_is_known(self):
        for how in ('etag', 'modified'):
            with self.subTest(how):
                server = self.server()
                server.act('set', name='forex', body=forex(),
                           etag=how == 'etag', modified=how == 'modified')
                stack = self.start(server)
                first = self.quoted(stack, 'USD/JPY', '143.27')
                server.wait(lambda s: sum(
                    c['status'] == 304 for c in s['calls']) >= 2)
                header = 'if-none-match' if how == 'etag' \
                    else 'if-modified-since'
                self.assertIn(header, server.calls('forex')[-1]['headers'])
                self.assertNotIn(header, server.calls('forex')[0]['headers'])
                later = wait_for(
                    lambda: stack.quote('USD%2FJPY')['received_at']
                    > first['received_at'] and stack.quote('USD%2FJPY'),
                    'heard again')
                self.assertEqual(later['timestamp'], first['timestamp'])
                self.assertEqual(later['current_price'],
                                 first['current_price'])
                # and what changes is seen
                server.act('set', name='forex', etag=how == 'etag',
                           modified=how == 'modified',
                           body=forex({**FX, 'JPY': '150.001'}))
                if how == 'etag':
                    self.quoted(stack, 'USD/JPY', '150.001')

    def test_a_daily_rate_is_not_stale_and_an_overdue_one_is(self):
        for age, stale in ((20 * 3600, False), (26 * 3600, False),
                           (27 * 3600, True), (4 * DAY, True)):
            with self.subTest(age=age):
                server = self.server()
                server.act('set', name='forex',
                           body=forex(at=time.time() - age))
                stack = self.start(server)
                quote = self.quoted(stack, 'USD/JPY', '143.27')
                # 24 h, an interval of 1 s, and the limit of two hours
                self.assertEqual(quote['stale'], stale)

    def test_a_dead_server_turns_quotes_stale_and_hides_nothing(self):
        server = self.server()
        server.act('set', name='forex', body=forex())
        stack = self.start(server, instruments(
            {'USD/JPY'}, stale_after_ms=2500))
        self.assertFalse(self.quoted(stack, 'USD/JPY', '143.27')['stale'])
        server.act('fault', kind='status', status=500, count=10000)
        wait_for(lambda: stack.quote('USD%2FJPY')['stale'], 'stale')
        self.assertEqual(stack.quote('USD%2FJPY')['current_price'], '143.270')
        self.state(stack, 'forex', 'stale')
        server.act('clear')
        wait_for(lambda: not stack.quote('USD%2FJPY')['stale'], 'fresh')
        self.state(stack, 'forex', 'connected')

    def test_a_snapshot_of_before_is_refused(self):
        server, now = self.server(), time.time()
        server.act('set', name='forex', body=forex(at=now - 60))
        stack = self.start(server)
        self.quoted(stack, 'USD/JPY', '143.27')
        server.act('set', name='forex',
                   body=forex({**FX, 'JPY': '99'}, at=now - 3600))
        wait_for(lambda: stack.source('forex')['refused']['older'] > 0,
                 'refused')
        self.quoted(stack, 'USD/JPY', '143.27')

    def test_bad_values_are_refused_one_by_one(self):
        server = self.server()
        server.act('set', name='forex', body=forex(
            {'USD': '1', 'EUR': '0', 'GBP': '-0.7', 'JPY': '1.4327e2',
             'CHF': '0.' + '1' * 25, 'AUD': '1.49'}))
        stack = self.start(server)
        self.quoted(stack, 'USD/JPY', '143.27')
        self.quoted(stack, 'AUD/USD', '0.67114')
        for symbol in ('EUR', 'GBP', 'NZD'):
            answer = stack.get(f'/market/prices/{symbol}%2FUSD')
            self.assertEqual(answer.json()['code'], 'no_quote')
        refused = stack.source('forex')['refused']
        for reason in ('zero', 'negative', 'overflow', 'unknown_symbol'):
            self.assertGreater(refused[reason], 0, reason)


class Faults(Polled):

    def broken(self, fault, state, path='', wait=None, **env):
        """A fault on a source that had been well, and recovery from it."""
        server = self.server()
        server.act('set', name='forex', body=forex())
        stack = self.start(server, instruments({'USD/JPY'}), path=path,
                           **env)
        self.quoted(stack, 'USD/JPY', '143.27')
        server.act('set', name='forex', body=forex({**FX, 'JPY': '140.5'}))
        server.act('fault', count=3, **fault)
        self.state(stack, 'forex', state)
        self.assertEqual(Decimal(stack.quote('USD%2FJPY')['current_price']),
                         Decimal('143.27'))
        self.quoted(stack, 'USD/JPY', '140.5')
        self.state(stack, 'forex', 'connected')
        return stack.log('marketd'), server.calls('forex')

    def causes(self, log):
        return set(re.findall(r'event=poll_failed .*?cause=(\w+)', log))

    def test_cut(self):
        log, _ = self.broken({'kind': 'cut'}, 'down')
        self.assertIn('cut', self.causes(log))

    def test_reset(self):
        log, _ = self.broken({'kind': 'rst'}, 'down')
        self.assertIn('cut', self.causes(log))

    def test_slow(self):
        log, _ = self.broken({'kind': 'slow', 'seconds': 6}, 'down')
        self.assertIn('timeout', self.causes(log))

    def test_garbage(self):
        log, _ = self.broken({'kind': 'garbage'}, 'stale')
        self.assertIn('content', self.causes(log))

    def test_another_base(self):
        log, _ = self.broken(
            {'kind': 'garbage', 'body': forex(base='EUR', rates={
                'EUR': '1', 'USD': '1.1', 'JPY': '160'})}, 'stale')
        self.assertIn('content', self.causes(log))

    def test_too_long(self):
        log, _ = self.broken({'kind': 'huge'}, 'stale')
        self.assertIn('content', self.causes(log))

    def test_500(self):
        log, _ = self.broken({'kind': 'status', 'status': 500}, 'stale')
        self.assertIn('http_status', self.causes(log))

    def test_429_waits_as_long_as_it_is_told(self):
        log, calls = self.broken(
            {'kind': 'status', 'status': 429, 'retry_after': 2}, 'stale')
        self.assertIn('limited', self.causes(log))
        limited = [i for i, c in enumerate(calls) if c['status'] == 429]
        self.assertEqual(len(limited), 3)
        for i in limited:
            self.assertGreaterEqual(calls[i + 1]['at'] - calls[i]['at'], 2)

    def test_redirect_is_not_followed(self):
        log, calls = self.broken(
            {'kind': 'status', 'status': 302, 'location': '/v4/latest/EUR'},
            'stale')
        self.assertIn('redirect', self.causes(log))
        self.assertEqual({c['target'] for c in calls}, {'/v4/latest/USD'})

    def test_wrong_content_type(self):
        log, _ = self.broken({'kind': 'type'}, 'stale')
        self.assertIn('content_type', self.causes(log))

    def test_not_modified_to_a_first_request(self):
        server = self.server()
        server.act('set', name='forex', body=forex())
        server.act('fault', kind='not_modified', count=2)
        stack = self.start(server, instruments({'USD/JPY'}))
        self.quoted(stack, 'USD/JPY', '143.27')
        self.assertIn('content', self.causes(stack.log('marketd')))

    def test_tls(self):
        server = self.server('--tls')
        server.act('set', name='forex', body=forex())
        stack = self.start(server, instruments({'USD/JPY'}),
                           TLS_CA_FILE=server.ca)
        self.quoted(stack, 'USD/JPY', '143.27')

    def test_tls_of_nobody_we_trust(self):
        server = self.server('--tls')
        server.act('set', name='forex', body=forex())
        stack = self.start(server, instruments({'USD/JPY'}))
        wait_for(lambda: 'unreachable' in self.causes(stack.log('marketd')),
                 'the failure')
        self.assertEqual(stack.source('forex')['state'], 'down')
        self.assertEqual(stack.get('/market/prices/USD%2FJPY').json()['code'],
                         'no_quote')
        self.assertEqual(stack.get('/market/health').status, 503)

    def test_nobody_listens(self):
        server = self.server()
        server.stop()
        stack = self.start(server, instruments({'USD/JPY'}))
        wait_for(lambda: 'unreachable' in self.causes(stack.log('marketd')),
                 'the failure')
        self.assertEqual(stack.source('forex')['state'], 'down')


class Ecb(Polled):

    def test_cross_rates_of_one_day(self):
        day = datetime.now(timezone.utc).date() - timedelta(days=1)
        rates = {'USD': '1.1831', 'JPY': '141.17', 'GBP': '0.78230',
                 'CHF': '1.2011', 'AUD': '1.4679', 'CAD': '1.4000',
                 'NZD': '1.5195'}
        self.serve(day, rates)

    def test_the_recorded_day(self):
        path = DATA / 'fx' / 'ecb-eurofxref-daily-20150107.xml'
        if not path.exists():
            self.skipTest('no recorded data beside the repository')
        text = path.read_text()
        rates = dict(re.findall(r"currency='(\w+)' rate='([0-9.]+)'", text))
        self.assertEqual(len(rates), 31)
        self.serve(datetime(2015, 1, 7).date(), rates, text)

    def serve(self, day, rates, text=None):
        if text is None:
            cubes = ''.join(f"<Cube currency='{code}' rate='{value}'/>"
                            for code, value in rates.items())
            text = ("<?xml version='1.0' encoding='UTF-8'?>\n"
                    '<gesmes:Envelope xmlns:gesmes="urn:g"><Cube>'
                    f"<Cube time='{day}'>{cubes}</Cube></Cube>"
                    '</gesmes:Envelope>')
        server = self.server()
        server.act('set', name='ecb', body=text)
        rows = instruments({'EUR/USD', 'GBP/USD', 'USD/JPY', 'USD/CHF',
                            'AUD/USD', 'USD/CAD', 'NZD/USD'})
        rows.append({**rows[0], 'symbol': 'EUR/JPY', 'quote': 'JPY',
                     'exchange_symbol': 'EURJPY', 'price_tick': '0.001'})
        stack = self.start(server, rows, FOREX_PROVIDER='ecb')
        self.state(stack, 'forex', 'connected')
        # 14:10 in Frankfurt, by the system's own time zones
        from zoneinfo import ZoneInfo
        at = datetime(day.year, day.month, day.day, 14, 10,
                      tzinfo=ZoneInfo('Europe/Berlin'))
        self.compare(stack, rows, rates, 'EUR', int(at.timestamp()) * 1000)
        self.assertEqual({stack.quote(row['symbol'].replace('/', '%2F'))
                          ['source'] for row in rows},
                         {'forex', 'forex-cross'})


class Metals(Polled):
    ROWS = instruments({'XAU/USD', 'XAG/USD'})

    def prices(self, body, **wanted):
        server = self.server()
        server.act('set', name='metals', body=body)
        stack = self.start(server, self.ROWS)
        for metal, (price, source) in wanted.items():
            quote = self.quoted(stack, f'{metal}/USD', price)
            self.assertEqual(quote['source'], source)
            for key in NULLS:
                self.assertIsNone(quote[key])
        return server, stack

    def test_ounces_a_dollar(self):
        ounces = '0.00055034123456789'
        gold = float(rounded(1 / Fraction(ounces), '0.01'))
        server, _ = self.prices(
            metals({'USD': '1', 'XAU': ounces, 'XAG': '0.04321'}),
            XAU=(f'{gold:.2f}', 'metals-inverse'),
            XAG=('23.143', 'metals-inverse'))
        self.assertEqual(server.calls('metals')[0]['target'],
                         f'/latest?access_key={KEY}&base=USD'
                         '&symbols=XAU,XAG')

    def test_dollars_an_ounce(self):
        self.prices(metals({'XAU': '1817.0552439305814', 'XAG': '23.1'}),
                    XAU=('1817.05524393', 'metals'), XAG=('23.1', 'metals'))

    def test_what_fits_neither_is_refused(self):
        _, stack = self.prices(metals({'XAU': '0.5', 'XAG': '0.04321'}),
                               XAG=('23.143', 'metals-inverse'))
        self.assertEqual(stack.get('/market/prices/XAU%2FUSD').json()['code'],
                         'no_quote')
        self.assertGreater(stack.source('metals')['refused']['implausible'],
                           0)

    def test_the_recorded_answer_with_gold_as_base(self):
        path = DATA / 'metals' / 'metals-api-latest-XAU-20220112.json'
        if not path.exists():
            self.skipTest('no recorded data beside the repository')
        text = path.read_text()
        recorded = json.loads(text, parse_float=Decimal)
        price = recorded['rates']['USD'].quantize(Decimal('1e-8'),
                                                  ROUND_HALF_UP)
        _, stack = self.prices(text, XAU=(price, 'metals'))
        quote = stack.quote('XAU%2FUSD')
        self.assertEqual(quote['timestamp'],
                         stamp(recorded['timestamp'] * 1000))
        self.assertTrue(quote['stale'])         # of 2022

    def test_a_wrong_key_is_told_and_not_shown(self):
        server = self.server()
        server.act('set', name='metals', body=metals({'XAU': '1800'}))
        stack = self.start(server, self.ROWS, METALS_API_KEY='wrong-key-9')
        wait_for(lambda: 'cause=denied' in stack.log('marketd'), 'denied')
        self.assertIn('invalid_access_key', stack.log('marketd'))
        self.assertNotIn('wrong-key-9', stack.log('marketd'))
        self.state(stack, 'metals', 'stale')

    def test_without_a_key_there_is_a_reason_and_no_price(self):
        server = self.server()
        server.act('set', name='metals', body=metals({'XAU': '1800'}))
        stack = self.start(server, self.ROWS, METALS_API_KEY='')
        self.assertIn('cause=no_key', stack.log('marketd'))
        self.assertEqual(stack.source('metals')['state'], 'down')
        self.assertEqual(stack.get('/market/prices/XAU%2FUSD').json()['code'],
                         'no_quote')
        self.assertEqual(server.calls('metals'), [])

    def test_the_key_is_in_no_log_when_things_go_wrong(self):
        server = self.server()
        server.stop()
        stack = self.start(server, self.ROWS, LOG_LEVEL='debug')
        wait_for(lambda: 'cause=unreachable' in stack.log('marketd'),
                 'the failure')
        # finish() looks for the key


class History(Polled):
    ROWS = instruments({'USD/JPY'})

    def follow(self, steps, **env):
        """Snapshots (age in s, JPY) in turn; the last quote, and the stack."""
        server, now = self.server(), int(time.time())
        env.setdefault('HISTORY_DIR', self.directory())
        stack = quote = None
        for age, rate in steps:
            server.act('set', name='forex',
                       body=forex({**FX, 'JPY': rate}, at=now - age))
            stack = stack or self.start(server, self.ROWS, **env)
            quote = self.quoted(stack, 'USD/JPY', rate)
        return quote, stack, server, env

    def directory(self):
        import tempfile
        directory = tempfile.TemporaryDirectory(prefix='trading-history-',
                                                dir='/dev/shm')
        self.addCleanup(directory.cleanup)
        return directory.name

    def test_the_day_is_unknown_until_there_is_one(self):
        quote, *_ = self.follow([(3600, '140'), (60, '141')])
        for key in ('open_24h', 'price_change_24h', 'high_24h', 'low_24h'):
            self.assertIsNone(quote[key], key)

    def test_a_snapshot_of_a_day_ago_opens_it(self):
        quote, *_ = self.follow([(DAY + 60, '140'), (3600, '145'),
                                 (60, '141.4')])
        self.assertEqual(Decimal(quote['open_24h']), 140)
        self.assertEqual(Decimal(quote['price_change_24h']), 1)
        self.assertEqual(Decimal(quote['high_24h']), 145)
        self.assertEqual(Decimal(quote['low_24h']), 140)

    def test_a_snapshot_of_two_days_ago_does_not(self):
        quote, *_ = self.follow([(2 * DAY, '140'), (60, '141.4')])
        self.assertIsNone(quote['open_24h'])
        self.assertIsNone(quote['price_change_24h'])

    def test_it_outlives_a_restart_and_not_damage(self):
        steps = [(DAY + 60, '140'), (60, '141.4')]
        quote, stack, server, env = self.follow(steps)
        path = Path(env['HISTORY_DIR']) / 'forex-exchangerate.history'
        wait_for(path.exists, 'the file')
        self.assertIn('symbols USDJPY\n', path.read_text())
        again = self.start(server, self.ROWS, **env)
        quote = self.quoted(again, 'USD/JPY', '141.4')
        self.assertEqual(Decimal(quote['open_24h']), 140)
        again.end()
        stack.end()
        path.write_text(path.read_text().replace('140', '149'))
        third = self.start(server, self.ROWS, **env)
        quote = self.quoted(third, 'USD/JPY', '141.4')
        self.assertIsNone(quote['open_24h'])
        self.assertIn('history_ignored', third.log('marketd'))


class Recorded(Polled):

    def test_the_recorded_snapshot_to_the_last_digit(self):
        path = DATA / 'fx' / 'exchangerate-api-v4-latest-USD-20220920.json'
        if not path.exists():
            self.skipTest('no recorded data beside the repository')
        text = path.read_text()
        recorded = json.loads(text, parse_float=str, parse_int=str)
        rows = instruments({'USD/JPY'})
        # all of its 162 currencies, both ways, and crosses
        rows = []
        template = instruments({'USD/JPY'})[0]
        for code in recorded['rates']:
            if code != 'USD':
                rows.append({**template, 'symbol': f'USD/{code}',
                             'exchange_symbol': f'USD{code}',
                             'base': 'USD', 'quote': code})
                rows.append({**template, 'symbol': f'{code}/USD',
                             'exchange_symbol': f'{code}USD', 'base': code,
                             'quote': 'USD', 'price_tick': '0.0000001'})
        for code in ('JPY', 'GBP', 'CHF'):
            rows.append({**template, 'symbol': f'EUR/{code}',
                         'exchange_symbol': f'EUR{code}', 'base': 'EUR',
                         'quote': code, 'price_tick': '0.00001'})
        server = self.server()
        server.act('set', name='forex', body=text)
        stack = self.start(server, rows)
        self.state(stack, 'forex', 'connected')
        wait_for(lambda: len(stack.json('/market/prices')) == len(rows),
                 'the page of all')
        self.compare(stack, rows, recorded['rates'], 'USD',
                     int(recorded['time_last_updated']) * 1000)
        self.assertTrue(stack.quote('USD%2FJPY')['stale'])


if __name__ == '__main__':
    unittest.main()
