# Copyright (C) the ngx_trading authors
# SPDX-License-Identifier: BSD-2-Clause

"""Streams while what is around them changes: nginx is reloaded, stopped and
killed, marketd is killed, and the board is replaced, truncated and damaged."""

import json
import os
import random
import signal
import sys
import threading
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from stack import Stack, instruments, wait_for              # noqa: E402
from streams import Board, counted, directives, updates     # noqa: E402
from ws import Closed, Sse, Ws                              # noqa: E402

DRAIN = 2.0


class Follower(threading.Thread):
    """A client of trades that comes back as docs/streams.md says."""

    def __init__(self, port, sse=False, by_token=False):
        super().__init__(daemon=True)
        self.port, self.sse, self.by_token = port, sse, by_token
        self.trades, self.drains, self.ends = [], [], []
        self.token = self.since = self.error = None
        self.recovered = []
        self.stopping = False

    def connect(self):
        if self.sse:
            return Sse(self.port, '/sse?channels=trades', fields=[
                ('Last-Event-ID', self.token)] if self.token else [])
        return Ws(self.port, '/ws?channels=trades'
                  + (f'&resume={self.token}' if self.token else ''))

    def run(self):
        try:
            while not self.stopping:
                self.follow(self.connect())
        except Exception as error:      # told by the test's own thread
            self.error = error

    def follow(self, client):
        reply = client.until('subscribed')
        epoch = reply['epoch']
        if self.token:
            self.recovered.append(reply['recovered'])
        else:
            self.since = reply['seq']
            self.token = f'{epoch}-{reply["seq"]}'
        drained = None
        while not self.stopping:
            try:
                message = client.message(0.2)
            except TimeoutError:
                continue
            except Closed as closed:
                self.ends.append((closed.code, closed.reason, drained and
                                  time.monotonic() - drained[0]))
                break
            if message['type'] == 'trade_update':
                self.trades.append(message['data'])
                if not self.sse and not (drained and self.by_token):
                    self.token = f'{epoch}-{message["seq"]}'
            elif message['type'] == 'drain':
                drained = time.monotonic(), message
                self.drains.append(message)
                if self.by_token:
                    self.token = message['resume']
            elif message['type'] in ('missed', 'skipped', 'resync'):
                raise AssertionError(message)
            if self.sse:
                self.token = client.last_id
        client.sock.close()

    def done(self):
        self.stopping = True
        self.join(30)
        if self.error:
            raise self.error


class Nginx(unittest.TestCase):
    def test_reload_loses_no_trade(self):
        edit = directives(drain=f'{DRAIN:.0f}s')
        with Stack(env={'SIMULATOR_RATE': 400}, edit=edit) as stack:
            many = [Follower(stack.port, sse=n % 3 == 2,
                             by_token=n % 2 == 0) for n in range(12)]
            for follower in many:
                follower.start()
            wait_for(lambda: all(f.trades for f in many)
                     or any(f.error for f in many), 'all have trades')
            for _ in range(2):
                old = stack.worker_pids()
                drains = [len(f.drains) for f in many]
                begun = time.monotonic()
                os.kill(stack.nginx.pid, signal.SIGHUP)
                wait_for(lambda: all(len(f.drains) > d for f, d in
                                     zip(many, drains))
                         or any(f.error for f in many), 'all were told')
                self.assertLess(time.monotonic() - begun, 5)
                wait_for(lambda: not any(Path(f'/proc/{pid}').exists()
                                         for pid in old), 'old ones leave')
                self.assertLess(time.monotonic() - begun, DRAIN + 6)
                time.sleep(0.5)
            for follower in many:
                follower.done()
            self.drains(many)
            self.trades(stack, many)
            wait_for(lambda: counted(stack, 'connections', kind='websocket')
                     + counted(stack, 'connections', kind='sse') == 0, 'gone')
            self.assertEqual(counted(stack, 'closed_total', reason='drain'),
                             24)

    def drains(self, many):
        delays = []
        for follower in many:
            self.assertEqual(len(follower.drains), 2)
            self.assertEqual(follower.recovered, [True, True])
            for message, (code, reason, after) in zip(follower.drains,
                                                      follower.ends):
                self.assertEqual(message['reason'], 'reload')
                self.assertRegex(message['resume'], r'^\d+-\d+$')
                self.assertEqual((code, reason), (0, 'the last chunk')
                                 if follower.sse else
                                 (1001, 'the server is reloaded'))
                self.assertLess(message['delay_ms'], DRAIN * 1000)
                self.assertLess(abs(after - message['delay_ms'] / 1000), 1.0)
                delays.append(message['delay_ms'])
        delays.sort()                   # spread: no third of it is empty
        for low in range(3):
            self.assertTrue([d for d in delays
                             if low <= d / (DRAIN * 1000) * 3 < low + 1])

    def trades(self, stack, many):
        """Every trade that the routes know was told, exactly once."""
        whole = []
        for symbol in stack.json('/market/prices'):
            page = stack.json(f'/market/trades/{symbol}?limit=1000')
            whole += [{'symbol': symbol, **t} for t in page['trades']]
        whole.sort(key=lambda t: t['seq'])
        for follower in many:
            got = follower.trades
            if follower.sse or follower.by_token:
                got = list({t['seq']: t for t in got}.values())
            last = got[-1]['seq']
            self.assertEqual(
                [t for t in got if t['seq'] > follower.since],
                [t for t in whole if follower.since < t['seq'] <= last])
            self.assertGreater(len(got), 100)

    def test_stop(self):
        """An orderly stop is told like a reload."""
        with Stack(edit=directives(drain='1s')) as stack:
            ws = Ws(stack.port, '/ws?channels=prices')
            os.kill(stack.nginx.pid, signal.SIGQUIT)
            ws.until('drain')
            self.assertEqual(ws.end(), (1001, 'the server is reloaded'))
            wait_for(lambda: not stack.nginx.alive(), 'it ends')

    def test_worker_killed(self):
        with Stack(env={'SIMULATOR_RATE': 400},
                   alarms=['exited on signal 9']) as stack:
            clients = [Ws(stack.port, '/ws?channels=trades'),
                       Sse(stack.port, '/sse?channels=trades')]
            for client in clients:
                client.until('trade_update')
            epoch = clients[0].connected['epoch']
            pid = stack.worker_pids()[0]
            os.kill(pid, signal.SIGKILL)
            for client in clients:
                with self.assertRaises(Closed) as caught:
                    while True:
                        client.message()
                self.assertIsNone(caught.exception.code)
                client.sock.close()
            seq = updates(clients[0].messages, 'trades')[-1]['seq']
            wait_for(lambda: stack.worker_pids() not in ([], [pid]),
                     'another worker')
            with Ws(stack.port,
                    f'/ws?channels=trades&resume={epoch}-{seq}') as ws:
                self.assertIs(ws.until('subscribed')['recovered'], True)
                ws.until('trade_update')
                self.assertEqual((counted(stack, 'connections',
                                          kind='websocket'),
                                  counted(stack, 'connections', kind='sse')),
                                 (1, 0))

    def test_two_workers(self):
        """They tell the same, and their figures are added."""
        def edit(text):                 # or one of them takes them all
            return text.replace(' backlog=4096;', ' backlog=4096 reuseport;',
                                1)
        with Stack(env={'SIMULATOR_RATE': 400}, workers=2,
                   edit=edit) as stack:
            before = {pid: self.sockets(pid) for pid in stack.worker_pids()}
            many = [Ws(stack.port, '/ws?channels=trades')
                    for _ in range(40)]
            for ws in many:
                ws.until('subscribed')
            shares = [self.sockets(pid) - n for pid, n in before.items()]
            self.assertTrue(all(shares), shares)
            self.assertEqual(counted(stack, 'connections', kind='websocket'),
                             40)
            first = max(ws.messages[-1].get('seq', 0) for ws in many) + 20
            told = []
            for ws in many:
                while ws.messages[-1].get('seq', 0) < first + 900:
                    ws.message()
                told.append([m for m in updates(ws.messages, 'trades', first)
                             if m['seq'] < first + 900])
                ws.drop()
            self.assertGreater(len(told[0]), 10)
            self.assertTrue(all(t == told[0] for t in told))

    @staticmethod
    def sockets(pid):
        return sum('socket:' in os.readlink(f'/proc/{pid}/fd/{fd}')
                   for fd in os.listdir(f'/proc/{pid}/fd')
                   if os.path.lexists(f'/proc/{pid}/fd/{fd}'))

    def test_limit_conn(self):
        def edit(text):
            text = directives('limit_conn streams 3;')(text)
            return text.replace(
                '    server {', '    limit_conn_zone $binary_remote_addr '
                'zone=streams:1m;\n    server {', 1)
        with Stack(edit=edit) as stack:
            many = [Ws(stack.port), Ws(stack.port),
                    Sse(stack.port, '/sse?channels=prices')]
            answer = stack.get('/sse?channels=prices',
                               {'Accept': 'text/event-stream'})
            self.assertEqual(answer.status, 429)
            self.assertEqual(answer.headers['content-type'],
                             'application/problem+json')
            with self.assertRaises(AssertionError) as caught:
                Ws(stack.port)
            self.assertIn('429', str(caught.exception))
            self.assertEqual(stack.get('/market/prices/BTC').status, 200)
            many.pop().sock.close()
            many.append(wait_for(lambda: self.another(stack), 'a free place'))
            for ws in many:
                ws.alive()
                ws.drop()

    @staticmethod
    def another(stack):
        try:
            return Ws(stack.port)
        except AssertionError:
            return None


class Market(unittest.TestCase):
    def test_writer_stopped_and_going_on(self):
        with Stack() as stack, \
                Ws(stack.port, '/ws?channels=prices') as ws, \
                Sse(stack.port, '/sse?channels=prices') as sse:
            epoch = ws.connected['epoch']
            for _ in range(2):
                os.kill(stack.marketd.pid, signal.SIGSTOP)
                begun = time.monotonic()
                for client in (ws, sse):
                    status = client.until('status')
                    self.assertEqual(
                        (status['stale'], status['reason'], status['epoch']),
                        (True, 'writer_silent', epoch))
                self.assertLess(time.monotonic() - begun, 5)
                with Ws(stack.port) as late:
                    # who comes now is told, too
                    if not late.connected['stale']:
                        self.assertTrue(late.until('status')['stale'])
                os.kill(stack.marketd.pid, signal.SIGCONT)
                for client in (ws, sse):
                    status = client.until('status')
                    self.assertEqual((status['stale'], status['reason']),
                                     (False, 'writer_back'))
                    client.until('price_update')
            self.assertFalse([m for m in ws.messages
                              if m['type'] == 'resync'])

    def test_writer_killed(self):
        with Stack() as stack, \
                Ws(stack.port, '/ws?channels=prices,trades') as ws, \
                Sse(stack.port, '/sse?channels=prices,trades') as sse:
            epoch = ws.connected['epoch']
            for client in (ws, sse):
                client.until('price_update')
            os.kill(stack.marketd.pid, signal.SIGKILL)
            stack.marketd.popen.wait()
            for client in (ws, sse):
                self.assertIs(client.until('status')['stale'], True)
            stack.start_marketd()
            for client in (ws, sse):
                resync = client.until('resync')
                self.assertGreater(resync['epoch'], epoch)
                self.assertEqual(resync['reason'], 'new_board')
                self.assertIs(client.until('status')['stale'], False)
                client.until('price_update')
            self.assertTrue(sse.last_id.startswith(f'{resync["epoch"]}-'))
            place = ws.messages.index(next(m for m in ws.messages
                                           if m['type'] == 'resync'))
            while len({m['data']['symbol'] for m in updates(
                    ws.messages[place:], 'prices')}) < 23:
                ws.message()            # the latest of everything follows

    QUOTE = '{}\tsimulator\t{}\t-\t-\t-\t-\t-\t-\t-\t-\n'

    def board_of(self, stack, symbols, name):
        """Instruments in this order; the price of each is in its name."""
        rows = {row['symbol']: row for row in instruments()}
        catalogue = stack.dir / f'{name}.json'
        catalogue.write_text(json.dumps({'instruments': [
            rows[s] for s in symbols]}))
        quotes = stack.dir / f'{name}.tsv'
        quotes.write_text(''.join(
            self.QUOTE.format(rows[s]['exchange_symbol'], self.PRICES[s])
            for s in symbols))
        return Board(stack, '--fresh', catalogue=catalogue, quotes=quotes)

    PRICES = {'BTC': 1000, 'ETH': 2000, 'SOL': 3000, 'XRP': 4000,
              'ADA': 5000, 'DOT': 6000}

    def test_another_catalogue(self):
        with Stack(marketd=False) as stack:
            first = self.board_of(stack, ['BTC', 'ETH', 'SOL', 'XRP'], 'one')
            named = Ws(stack.port, '/ws?channels=prices,candles,trades'
                       '&symbols=ETH,XRP')
            classy = Ws(stack.port,
                        '/ws?channels=prices&asset_class=CRYPTO')
            every = Sse(stack.port, '/sse?channels=prices')
            for client in (named, classy, every):
                self.check_rows(client.until('subscribed')['snapshot'])
            first.end()
            second = self.board_of(stack, ['DOT', 'XRP', 'ADA', 'SOL',
                                           'BTC'], 'two')
            gone = {}
            while not any(m['type'] == 'resync' for m in named.messages):
                message = named.message()
                if message['type'] == 'unsubscribed':
                    self.assertEqual(message['reason'], 'new_board')
                    self.assertNotIn('id', message)
                    gone[message['channel'], message['interval']] = \
                        message['symbols']
            self.assertEqual(gone, {('prices', None): ['ETH'],
                                    ('trades', None): ['ETH'],
                                    ('candles', '1m'): ['ETH']})
            for client, want in ((named, {'XRP'}), (classy, set(
                    self.PRICES) - {'ETH'}), (every, set(self.PRICES)
                                              - {'ETH'})):
                seen = {}
                if client is not named:
                    client.until('resync')
                while set(seen) != want:
                    row = client.until('price_update')['data']
                    seen[row['symbol']] = row
                self.check_rows(seen.values())
            listed = named.ask('list', 'subscriptions')['subscriptions']
            self.assertEqual({tuple(s['symbols']) for s in listed},
                             {('XRP',)})
            self.assertEqual(named.ask('subscribe', 'subscribed',
                                       channel='prices', symbol='ETH')
                             .get('code'), 'unknown_symbol')
            self.assertFalse([m for m in classy.messages
                              if m['type'] == 'unsubscribed'])
            for client in (named, classy, every):
                client.sock.close()
            second.end()

    def check_rows(self, rows):
        for row in rows:
            self.assertEqual(float(row['current_price']),
                             self.PRICES[row['symbol']], row)

    def test_no_board(self):
        with Stack(marketd=False) as stack:
            answer = stack.get('/sse?channels=prices',
                               {'Accept': 'text/event-stream'})
            self.assertEqual((answer.status, answer.json()['code']),
                             (503, 'board_unavailable'))
            with self.assertRaises(AssertionError) as caught:
                Ws(stack.port)
            self.assertIn('503', str(caught.exception))

    def test_truncated(self):
        """The board is cut short under the streams; marketd notices, leaves
        and is started again."""
        with Stack(env={'SIMULATOR_RATE': 400}, supervise=True) as stack:
            pids = stack.worker_pids()
            ws = Ws(stack.port, '/ws?channels=prices,trades,orderbook')
            sse = Sse(stack.port, '/sse?channels=prices,candles')
            for size in (0, 4096, 100000):
                for client in (ws, sse):
                    client.until('price_update')
                os.truncate(stack.board, size)
                for client in (ws, sse):
                    client.until('resync', 40)
                    client.until('price_update')
            self.assertEqual(stack.worker_pids(), pids)
            for client in (ws, sse):
                client.sock.close()

    def test_no_board_any_more(self):
        with Stack(marketd=False) as stack:
            board = Board(stack, '--fresh')
            with Ws(stack.port, '/ws?channels=prices') as ws:
                ws.until('subscribed')
                board.end()
                os.truncate(stack.board, 0)
                wait_for(lambda: stack.get('/market/prices/BTC').status
                         == 503, 'no board')
                self.assertEqual(ws.ask('subscribe', 'subscribed',
                                        channel='trades').get('code'),
                                 'no_board')
                self.assertIs(ws.until('status')['stale'], True)
                with Board(stack, '--fresh'):
                    ws.until('resync')
                    self.assertIs(ws.until('status')['stale'], False)
                    self.assertEqual(ws.ask('subscribe', 'subscribed',
                                            channel='trades')['type'],
                                     'subscribed')

    def test_damaged_at_random_places(self):
        """Nothing that was not written is told, and no worker dies."""
        rng = random.Random(7)
        with Stack(env={'SIMULATOR_RATE': 400}, supervise=True) as stack:
            pids = stack.worker_pids()
            usual = {s: float(q['current_price'])
                     for s, q in stack.json('/market/prices').items()}
            for _ in range(25):
                ws = Ws(stack.port, '/ws?channels=prices,trades,orderbook,'
                        'candles,signals,market_data,health', hello=False)
                self.damage(stack, rng)
                end = time.monotonic() + 0.3
                while time.monotonic() < end:
                    try:
                        self.sane(ws.message(0.1), usual)
                    except TimeoutError:
                        pass
                ws.drop()
                os.kill(stack.marketd.pid, signal.SIGKILL)
                wait_for(lambda: stack.get('/market/prices/BTC').status
                         == 200 and stack.marketd.alive(), 'a board again')
                wait_for(lambda: self.connects(stack), 'streams again')
            self.assertEqual(stack.worker_pids(), pids)

    @staticmethod
    def connects(stack):
        try:
            with Ws(stack.port, '/ws?channels=prices') as ws:
                ws.until('price_update', 5)
                return True
        except (AssertionError, Closed):
            return False

    @staticmethod
    def damage(stack, rng):
        try:
            with open(stack.board, 'r+b', buffering=0) as file:
                size = os.fstat(file.fileno()).st_size
                for _ in range(60):
                    file.seek(rng.randrange(4096, size))
                    file.write(rng.randbytes(rng.choice((1, 8, 64, 4096)))
                               [:size - file.tell()])
        except FileNotFoundError:
            pass

    def sane(self, message, usual):
        if message['type'] == 'price_update':
            data = message['data']
            self.assertIn(data['symbol'], usual)
            self.assertLess(abs(float(data['current_price'])
                                / usual[data['symbol']] - 1), 0.3, data)
        elif message['type'] == 'trade_update':
            data = message['data']
            self.assertLess(abs(float(data['price'])
                                / usual[data['symbol']] - 1), 0.3, data)


if __name__ == '__main__':
    unittest.main()
