# Copyright (C) the ngx_trading authors
# SPDX-License-Identifier: BSD-2-Clause

"""tradingctl as an operator meets it: on a terminal, in scripts, and while
the board is killed, replaced, truncated and damaged under it.

A broken build fails by a screen that lies or a terminal that stays broken, by
JSON that no parser takes, by a damaged board that is called whole, or by
figures of a backtest that a recomputation in Python does not get.
"""

import gzip
import http.server
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from stack import BUILD, CATALOGUE, ROOT, SANITIZER, wait_for  # noqa: E402
from terminal import Terminal           # noqa: E402  (after the path is set)

CTL = BUILD / 'tradingctl'
QUOTES = ROOT / 't' / 'fixtures' / 'quotes.tsv'
OHLCV = ROOT.parent / 'shared' / 'data' / 'ohlcv'
SYMBOLS = [row['symbol']
           for row in json.loads(CATALOGUE.read_text())['instruments']]
HOUR = 3600000
DAY = 24 * HOUR

METRICS = '''# TYPE trading_requests_total counter
trading_requests_total{route="price",status="2xx"} 1200
trading_requests_total{route="prices",status="2xx"} 34
trading_requests_total{route="price",status="4xx"} 7
trading_requests_total{route="health",status="5xx"} 2
trading_response_bytes_total 123456
trading_torn_reads_total 5
trading_board_corrupt_total 0
'''


def ctl(*args, env=None, cwd=None):
    done = subprocess.run(
        [str(CTL), *map(str, args)], stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=60, cwd=cwd,
        env={'PATH': os.environ['PATH'], **(env or {})})
    if SANITIZER.search(done.stderr):
        raise AssertionError(done.stderr)
    return done


def strict(text):
    """JSON without what JSON has not, and no key twice."""
    def unique(pairs):
        if len(dict(pairs)) != len(pairs):
            raise ValueError(f'a key twice: {pairs}')
        return dict(pairs)

    def refuse(word):
        raise ValueError(word)
    return json.loads(text, object_pairs_hook=unique, parse_constant=refuse)


class Board:
    """A run directory, and the mkboard that may keep a board in it."""

    def __init__(self, *options):
        self.dir = Path(tempfile.mkdtemp(prefix='trading-ctl-',
                                         dir='/dev/shm'))
        self.path = self.dir / 'board'
        self.writer = None
        if options:
            self.make(*options)

    def make(self, *options):
        before = self.path.stat().st_ino if self.path.exists() else None
        self.writer = subprocess.Popen(
            [str(ROOT / 'build' / 'mkboard'), *options, str(CATALOGUE),
             str(QUOTES), str(self.dir)], stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, env={'PATH': os.environ['PATH']})
        wait_for(lambda: self.path.exists()
                 and self.path.stat().st_ino != before, 'a board')
        if '--serve' not in options:
            self.writer.wait(20)

    def live(self, *options):
        self.make('--fresh', '--serve', '120000', *options)

    def kill(self):
        if self.writer and self.writer.poll() is None:
            self.writer.kill()
        if self.writer:
            self.writer.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()
        shutil.rmtree(self.dir)


def top(board, *args, **options):
    return Terminal([CTL, 'top', '--run-dir', board.dir, '--interval', '100',
                     *args], **options)


class OnATerminal(unittest.TestCase):
    def check(self, terminal):
        self.assertEqual(terminal.screen.overflow, [])
        self.assertIsNone(SANITIZER.search(terminal.all.decode()))

    def leave(self, terminal, code=0):
        self.assertEqual(terminal.ends(), code)
        self.assertTrue(terminal.restored(), terminal.all[-300:])
        self.check(terminal)

    def test_shows_everything_in_80_by_24(self):
        with Board() as board:
            board.live('--rewrite', '500')
            with top(board) as t:
                text = t.sees('tradingctl top', 'alive', 'updates/s',
                              'connected', '--url', 'BTC', 'q quit',
                              'SYMBOL', 'AGE', 'SOURCE')
                self.assertTrue(t.screen.alternate)
                self.assertEqual(len(text.split('\n')), 24)
                t.until(lambda s: re.search(r'[1-9]\d* updates/s', s), 'rate')
                t.until(lambda s: '\u25b2' in s or '\u25bc' in s, 'a move')
                self.assertTrue(t.screen.styles & {31, 32})
                t.send('q')
                self.leave(t)

    def test_keys_sort_filter_and_scroll(self):
        def rows(text):
            at = [i for i, line in enumerate(text.split('\n'))
                  if line.startswith(' SYMBOL')][0]
            return [line.split()[0] for line in text.split('\n')[at + 1:-1]
                    if line.strip()]

        with Board() as board:
            board.live()
            with top(board) as t:
                self.assertEqual(rows(t.sees('sort: catalogue'))[0],
                                 SYMBOLS[0])
                t.send('s')
                shown = rows(t.sees('sort: symbol'))
                self.assertEqual(shown, sorted(SYMBOLS)[:len(shown)])
                t.send('r')
                shown = rows(t.sees('symbol turned'))
                self.assertEqual(shown,
                                 sorted(SYMBOLS, reverse=True)[:len(shown)])
                t.send('rsss')
                t.sees('sort: source')
                t.send('s')
                t.sees('sort: catalogue')
                t.send(b'\x1b[6~')
                t.until(lambda s: f'-{len(SYMBOLS)} of' in s, 'next page')
                t.send(b'\x1b[A')
                t.until(lambda s: f'-{len(SYMBOLS) - 1} of' in s, 'one up')
                t.send(b'\x1b[5~\x1b[5~')
                t.sees(' 1-')
                t.send(b'\x1bOB')
                t.sees(' 2-')
                t.send('/eurx\x7f')
                t.sees('/eur_')
                t.send('\r')
                self.assertEqual(rows(t.sees('filter: eur')), ['EUR/USD'])
                t.send('/q')            # typed, not obeyed
                t.sees('/eurq_')
                t.send(b'\x1b')
                t.sees('1-', f'of {len(SYMBOLS)}', without=['eurq'])
                t.send('Q')
                self.leave(t)

    def test_resizes(self):
        with Board() as board:
            board.live()
            with top(board) as t:
                t.sees('q quit')
                t.resize(170, 50)
                t.sees('VOLUME 24H', 'HIGH 24H', 'XAG/USD')
                t.resize(40, 12)
                t.until(lambda s: 'SYMBOL' in s and 'HIGH' not in s, 'small')
                self.assertIn('BTC', t.screen.text())
                for cols, rows in ((5, 2), (1, 1), (3, 40), (200, 3)):
                    t.resize(cols, rows)
                    t.read(0.3)
                    t.screen.overflow = []      # of the moment between
                    t.read(0.3)
                    self.assertEqual(t.screen.overflow, [], (cols, rows))
                t.resize(80, 24)
                t.sees('q quit', 'BTC')
                t.screen.overflow = []
                t.send('q')
                self.leave(t)

    def test_survives_whatever_happens_to_the_board(self):
        with Board() as board, top(board) as t:
            t.sees('No board', 'there is no board', 'deploy.sh up')
            board.live()
            first = t.sees('alive', 'BTC')
            board.kill()
            t.sees('silent', 'BTC')
            board.live()
            second = t.sees('alive', 'BTC')
            generation = re.compile(r'generation (\d+)')
            self.assertGreater(int(generation.search(second)[1]),
                               int(generation.search(first)[1]))
            os.truncate(board.path, 8192)
            t.sees('No board', 'truncated')
            board.kill()
            board.live()
            t.sees('alive', 'BTC', without=['No board'])
            board.path.unlink()
            t.sees('was removed', 'BTC')
            board.path.write_bytes(b'x' * 20000)
            t.sees('No board', 'not a board')
            board.kill()
            board.live()
            t.sees('alive', 'BTC')
            t.send('q')
            self.leave(t)

    def test_truncated_while_read(self):
        """Again and again, so that it hits the middle of a look."""
        with Board() as board:
            board.live('--instruments', '3000')
            with top(board, '--interval', '50') as t:
                for size in (4096, 0, 200000, 70000):
                    t.sees('alive', 'BTC')
                    board.kill()
                    os.truncate(board.path, size)
                    t.sees('No board')
                    board.live('--instruments', '3000')
                t.sees('alive', 'BTC')
                t.send('q')
                self.leave(t)

    def test_signals_restore_the_terminal(self):
        with Board() as board:
            board.live()
            for sign in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP,
                         signal.SIGQUIT):
                with top(board) as t:
                    t.sees('q quit')
                    os.kill(t.process.pid, sign)
                    self.leave(t)
            with top(board) as t:
                t.sees('q quit')
                t.send(b'\x03')
                self.leave(t)

    def test_stops_and_goes_on(self):
        with Board() as board:
            board.live()
            with top(board) as t:
                t.sees('q quit')
                os.kill(t.process.pid, signal.SIGTSTP)

                def stopped():
                    t.read(0.05)
                    stat = Path(f'/proc/{t.process.pid}/stat').read_text()
                    return stat.rpartition(')')[2].split()[0] == 'T'
                # a session leader's group is orphaned: the kernel ignores
                # the stop then, but the terminal is given back and retaken
                end = time.monotonic() + 1
                while time.monotonic() < end and not stopped():
                    pass
                os.kill(t.process.pid, signal.SIGCONT)
                t.until(lambda s: t.all.count(b'\x1b[?1049h') == 2, 'again')
                t.sees('q quit')
                t.send('q')
                self.leave(t)

    def test_no_colour_and_no_utf8(self):
        with Board() as board:
            board.live('--rewrite', '500')
            with top(board, env={'NO_COLOR': '1', 'LC_ALL': 'C'}) as t:
                t.sees('* alive')
                t.read(1)
                self.assertFalse(t.screen.styles & set(range(30, 50)))
                self.assertTrue(all(byte < 128 for byte in t.all))
                t.send('q')
                self.leave(t)

    def test_filter_takes_what_can_be_printed(self):
        with Board() as board, top(board, '--url', 'http://127.0.0.1:1') as t:
            board.live()
            t.sees('workers', 'onnect')
            t.send('/\x01\x02a')
            t.sees('/a_')
            t.send('\r')
            t.read(0.2)
            t.send('q')
            self.leave(t)

    def test_workers(self):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                known = self.path == '/metrics'
                self.send_response(200 if known else 404)
                self.end_headers()
                self.wfile.write(METRICS.encode() if known else b'')

            def log_message(self, *args):
                pass

        server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f'http://127.0.0.1:{server.server_port}'
        try:
            with Board() as board:
                board.live()
                with top(board, '--url', url) as t:
                    t.sees('1,243 total', '4xx 7', '5xx 2', 'torn 5')
                    t.send('q')
                    self.leave(t)
                done = ctl('top', '--json', '--run-dir', board.dir, '--url',
                           url + '/')
                workers = strict(done.stdout)['workers']
                self.assertEqual(workers['requests'], 1243)
                self.assertEqual(workers['by_status']['2xx'], 1234)
                self.assertEqual(workers['response_bytes'], 123456)
                for bad in (url + '/none', 'http://127.0.0.1:1', 'ftp://x'):
                    done = ctl('top', '--json', '--run-dir', board.dir,
                               '--url', bad)
                    self.assertEqual(done.returncode, 0)
                    self.assertIn('error', strict(done.stdout)['workers'])
        finally:
            server.shutdown()
            server.server_close()


class InScripts(unittest.TestCase):
    def test_usage_and_exit_codes(self):
        self.assertEqual(ctl('--version').returncode, 0)
        usage = ctl('--help').stdout
        for name in ('top', 'quotes', 'board', 'signals', 'tape'):
            self.assertRegex(usage, rf'(?m)^  {name} ')
            done = ctl(name, '--help')
            self.assertEqual((done.returncode, done.stderr), (0, ''))
        for args in ((), ('nothing',), ('top', 'x'), ('board', 'x'),
                     ('quotes', '--nonsense'), ('signals',),
                     ('signals', 'backtest'), ('top', '--interval', '1'),
                     ('top', '--run-dir'), ('top', '--url'),
                     ('signals', 'backtest', 'f', '--timeframe', '2H'),
                     ('signals', 'backtest', 'f', '--fit', '91')):
            done = ctl(*args)
            self.assertEqual(done.returncode, 2, args)
            self.assertIn('usage', done.stderr)
            self.assertEqual(done.stdout, '')

    def test_output_that_cannot_be_written_is_no_success(self):
        calls = (('--help',), ('--version',), ('top', '--help'), ('quotes',),
                 ('quotes', '--json'), ('board',), ('top', '--json'))
        with Board('--fresh') as board, open('/dev/full', 'w') as full:
            for args in calls:
                done = subprocess.run(
                    [str(CTL), *args], stdin=subprocess.DEVNULL, stdout=full,
                    stderr=subprocess.PIPE, text=True, timeout=60,
                    env={'PATH': os.environ['PATH'],
                         'TRADING_RUN_DIR': str(board.dir)})
                self.assertEqual(done.returncode, 1, args)
                self.assertIn('could not be written', done.stderr)

    def test_run_dir(self):
        with Board('--fresh') as board:
            for args, env in ((('--run-dir', board.dir), {}),
                              ((f'--run-dir={board.dir}',), {}),
                              ((), {'TRADING_RUN_DIR': str(board.dir)}),
                              (('--run-dir', board.dir),
                               {'TRADING_RUN_DIR': '/nowhere'})):
                done = ctl('quotes', 'BTC', *args, env=env)
                self.assertEqual(done.returncode, 0, done.stderr)
            work = board.dir / 'work'
            (work / 'var').mkdir(parents=True)
            (work / 'var' / 'run').symlink_to(board.dir)
            if not Path('/run/trading/board').exists():
                self.assertEqual(ctl('quotes', 'BTC', cwd=work).returncode, 0)
        for command in ('top', 'quotes', 'board'):
            done = ctl(command, '--run-dir', '/nowhere')
            self.assertEqual(done.returncode, 1)
            self.assertIn('/nowhere/board', done.stderr)
            self.assertIn('deploy.sh', done.stderr)

    def test_quotes(self):
        with Board('--fresh') as board:
            done = ctl('quotes', '--run-dir', board.dir, '--json')
            every = strict(done.stdout)
            self.assertEqual(list(every), SYMBOLS)
            self.assertEqual(every['BTC']['current_price'], '43250.12')
            self.assertEqual(every['DOGE']['bid'], None)
            self.assertEqual(every['ADA']['current_price'], None)
            done = ctl('quotes', '--run-dir', board.dir, 'btc', 'EUR-USD',
                       'XAUUSD', '--json')
            self.assertEqual(list(strict(done.stdout)),
                             ['BTC', 'EUR/USD', 'XAU/USD'])
            table = ctl('quotes', '--run-dir', board.dir).stdout
            self.assertEqual(len(table.splitlines()), 1 + len(SYMBOLS))
            self.assertRegex(table, r'BTC +43250\.12 +43250\.11 +43250\.12 '
                                    r'+\+1\.25 .* binance')
            done = ctl('quotes', 'BTC', 'NOPE', '--run-dir', board.dir)
            self.assertEqual(done.returncode, 1)
            self.assertIn('"NOPE"', done.stderr)
        with Board('--stale') as board:
            table = ctl('quotes', '--run-dir', board.dir).stdout
            self.assertIn('stale', table)

    def test_watch(self):
        with Board() as board:
            board.live('--rewrite', '200')
            with subprocess.Popen(
                    [str(CTL), 'quotes', 'BTC', 'ETH', '--watch', '--json',
                     '--run-dir', str(board.dir)],
                    stdout=subprocess.PIPE, text=True) as watch:
                seen = [strict(watch.stdout.readline()) for _ in range(8)]
                watch.send_signal(signal.SIGINT)
                watch.stdout.read()
                self.assertEqual(watch.wait(10), 0)
            self.assertEqual({q['symbol'] for q in seen}, {'BTC', 'ETH'})
            seqs = [q['seq'] for q in seen if q['symbol'] == 'BTC']
            self.assertEqual(seqs, sorted(set(seqs)))

    def test_top_once(self):
        with Board() as board:
            board.live('--rewrite', '1000')
            frame = ctl('top', '--run-dir', board.dir).stdout
            self.assertNotIn('\x1b', frame)
            self.assertIn('alive', frame)
            for symbol in SYMBOLS:
                self.assertRegex(frame, rf'(?m)^ {symbol} ')
            state = strict(ctl('top', '--json', '--run-dir',
                               board.dir).stdout)
            self.assertEqual(list(state['quotes']), SYMBOLS)
            self.assertEqual(state['writer']['state'], 'alive')
            self.assertGreater(state['rates']['updates_per_s'], 100)
            self.assertGreater(state['rates']['pages_per_s'], 10)
            self.assertIsNone(state['workers'])
            self.assertEqual(state['sources']['simulator']['state'],
                             'connected')

    def test_board(self):
        with Board('--fresh') as board:
            done = ctl('board', '--run-dir', board.dir, '--json')
            state = strict(done.stdout)
            self.assertEqual(done.returncode, 0, state)
            self.assertTrue(state['ok'])
            self.assertEqual(state['size'], board.path.stat().st_size)
            self.assertEqual(state['verified']['instruments'], len(SYMBOLS))
            self.assertEqual(state['faults'], [])
            # 7 quotes of the fixture; every section lies within the file
            self.assertEqual(state['verified']['quotes'], 7)
            for section in state['sections'].values():
                self.assertLessEqual(section['offset'] + section['size'],
                                     state['size'])
            text = ctl('board', '--run-dir', board.dir)
            self.assertEqual(text.returncode, 0)
            self.assertIn('every hash is right', text.stdout)

    def test_board_finds_damage(self):
        with Board('--fresh') as board:
            whole = board.path.read_bytes()
            state = strict(ctl('board', '--run-dir', board.dir,
                               '--json').stdout)
            at = {name: s['offset'] for name, s in state['sections'].items()}
            page = whole.index(b'{"symbol":"BTC"', at['page_data'])
            damage = {
                'instrument 0': at['instruments'] + 2,
                'quote of instrument 0': at['quotes'] + 24,
                'page 0 of instrument 0': page + 3,
                '1m candles of instrument 0': at['candles'] + 5,
                'trades of instrument 0': at['trades'] + 5,
            }
            for what, offset in damage.items():
                bad = bytearray(whole)
                bad[offset] ^= 0x41
                if what.startswith('quote'):    # whichever copy is newest
                    bad[offset + 128] ^= 0x41
                board.path.write_bytes(bad)
                done = ctl('board', '--run-dir', board.dir, '--json')
                state = strict(done.stdout)
                self.assertEqual(done.returncode, 1, what)
                self.assertFalse(state['ok'])
                self.assertTrue(any(f.startswith(what + ':')
                                    for f in state['faults']),
                                (what, state['faults']))
                done = ctl('board', '--run-dir', board.dir)
                self.assertEqual(done.returncode, 1)
                self.assertIn('NOT OK', done.stdout)
                self.assertIn(what, done.stdout)
            for bad, why in ((whole[:100], 'too short'),
                             (whole[:9000], 'file size'),
                             (b'NOTABRD!' + whole[8:], 'not a board'),
                             (whole[:16] + b'\xff' + whole[17:], 'hash')):
                board.path.write_bytes(bad)
                done = ctl('board', '--run-dir', board.dir)
                self.assertEqual(done.returncode, 1)
                self.assertIn(why, done.stderr)

    def test_board_of_a_busy_writer(self):
        with Board() as board:
            board.live('--rewrite', '20000')
            for _ in range(5):
                done = ctl('board', '--run-dir', board.dir, '--json')
                self.assertEqual(done.returncode, 0, done.stdout)


def candles(n, step, seed, gaps=()):
    """Rows of a random walk, whose prices have two decimals."""
    rng, price, rows, ms = random.Random(seed), 90000, [], 1704067200000
    for i in range(n):
        if i in gaps:
            ms += 7 * step
        start = price
        price = max(price + int(rng.gauss(0, 900)), 1000)
        high = max(start, price) + rng.randrange(300)
        low = max(min(start, price) - rng.randrange(300), 1)
        volume = rng.randrange(100, 9000000)
        rows.append((ms, start, high, low, price, volume))
        ms += step
    return rows


def csv(rows):
    def money(cents):
        return f'{cents // 100}.{cents % 100:02}'
    return 'open_time_ms,open,high,low,close,volume\n' + ''.join(
        f'{ms},{money(o)},{money(h)},{money(low)},{money(c)},{money(v)}\n'
        for ms, o, h, low, c, v in rows)


def threshold(rows, step):
    """The rule of docs/api.md, judged a day later: from the documents, not
    from the code."""
    opened, hits, misses, flat, returns, brier = [], 0, 0, 0, 0.0, 0.0
    by_open = {row[0]: row for row in rows}
    for ms, _, _, _, close, _ in rows:
        end = ms + step
        for signal_ in [s for s in opened if s[0] <= end]:
            opened.remove(signal_)
            due, up, confidence, entry = signal_
            if end > due + step:
                continue                # lost
            change = (close - entry) / entry * 100
            returns += change if up else -change
            if close == entry:
                flat += 1
                continue
            hit = (close > entry) == up
            hits, misses = hits + hit, misses + (not hit)
            brier += (confidence / 100 - hit) ** 2
        day = by_open.get(end - DAY)
        if day is None or end % HOUR:
            continue
        change = round((close - day[1]) / day[1] * 100, 3)
        volume = sum(row[5] for row in rows
                     if end - DAY <= row[0] <= ms) / 100
        size, confidence = abs(change), 50
        confidence += 20 if volume > 1000000 else 0
        confidence += 15 if size > 2 else 10 if size > 1 else \
            5 if size > 0.5 else 0
        confidence += 10 if close > 100000 else 5 if close > 10000 else 0
        opened.append((end + DAY, change > 0, min(confidence, 100), close))
    n = hits + misses
    return {'count': n + flat, 'hits': hits, 'misses': misses,
            'hit_rate': hits / n, 'mean_return': returns / (n + flat),
            'brier': brier / n}


class Backtest(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.TemporaryDirectory()
        self.path = Path(self.dir.name) / 'rows.csv'

    def tearDown(self):
        self.dir.cleanup()

    def run_on(self, text, *args):
        self.path.write_text(text)
        return ctl('signals', 'backtest', self.path, *args)

    def reliability(self, path, timeframe):
        tool = ROOT / 'build' / 'reliability'
        text = subprocess.run([str(tool), str(path), timeframe], check=True,
                              capture_output=True, text=True).stdout
        return {found['model']: found for found in (
            dict(word.split('=') for word in line.split()[1:])
            for line in text.splitlines() if line.startswith('score '))}

    def same(self, state, reliability):
        for model, figures in state['models'].items():
            other = reliability[model]
            self.assertEqual(figures['count'], int(other['count']))
            for name in ('hit_rate', 'mean_return', 'brier'):
                if other['known'] == '0':
                    self.assertIsNone(figures[name])
                else:
                    self.assertEqual(f'{figures[name]:.6f}', other[name])

    def test_threshold_as_python_reckons_it(self):
        for step, name, seed in ((HOUR, '1H', 1), (4 * HOUR, '4H', 2),
                                 (DAY, '1D', 3)):
            rows = candles(900, step, seed, gaps=(150, 400))
            done = self.run_on(csv(rows), '--json')
            self.assertEqual(done.returncode, 0, done.stderr)
            state = strict(done.stdout)
            self.assertEqual(state['timeframe'], name)
            self.assertEqual(state['candles'], 900)
            mine = threshold(rows, step)
            theirs = state['models']['threshold']
            for key in ('count', 'hits', 'misses'):
                self.assertEqual(theirs[key], mine[key], (name, key))
            self.assertEqual(theirs['independent'],
                             (mine['hits'] + mine['misses']) // (DAY // step))
            for key in ('hit_rate', 'mean_return', 'brier'):
                self.assertAlmostEqual(theirs[key], mine[key], 5, (name, key))

    def test_same_as_the_tool_behind_the_documents(self):
        done = self.run_on(csv(candles(1000, HOUR, 4)), '--json', '--fit',
                           '50')
        self.same(strict(done.stdout), self.reliability(self.path, '1H'))

    def test_recorded_markets(self):
        if not OHLCV.is_dir():
            self.skipTest('no recorded candles here')
        for path in sorted(OHLCV.glob('*.csv*')):
            timeframe = re.search(r'-(\d+[mhd])-', path.name)[1].upper()
            done = ctl('signals', 'backtest', path, '--json', '--fit', '50')
            state = strict(done.stdout)
            self.assertEqual(state['timeframe'], timeframe)
            self.same(state, self.reliability(path, timeframe))

    def test_null_below_the_minimum(self):
        """Of independent outcomes: a day's, or four candles', are one."""
        for rows, model in ((60, 'threshold'), (700, 'threshold'),
                            (60, 'technical'), (150, 'technical')):
            done = self.run_on(csv(candles(rows, HOUR, 5)), '--json')
            state = strict(done.stdout)
            found = state['models'][model]
            self.assertEqual(state['least'], 30)
            self.assertLess(found['independent'], 30)
            self.assertIsNone(found['hit_rate'])
            self.assertIn('null', ctl('signals', 'backtest',
                                      self.path).stdout)
        self.assertGreater(found['count'], 30)

    def test_gzip(self):
        text = csv(candles(300, 60000, 6))
        plain = strict(self.run_on(text, '--json').stdout)
        packed = self.path.with_suffix('.csv.gz')
        packed.write_bytes(gzip.compress(text.encode()))
        done = ctl('signals', 'backtest', packed, '--json')
        self.assertEqual(strict(done.stdout)['models'], plain['models'])
        packed.write_bytes(gzip.compress(text.encode())[:-500])
        done = ctl('signals', 'backtest', packed)
        self.assertEqual((done.returncode, done.stdout), (1, ''))
        self.assertRegex(done.stderr, rf'{re.escape(str(packed))}:\d+: ')

    def test_faults_name_file_and_line(self):
        good = csv(candles(10, HOUR, 7)).splitlines()
        for line, why in (
                ('x', 'open_time_ms'), ('1704110400000', 'open_time_ms'),
                ('1704110400000,1,2,1', 'close is missing'),
                ('1704110400000,1,2,1,abc,1', 'close is no number'),
                ('1704110400000,1,2,1,1.123456789,1', 'close is no number'),
                ('1704110400000,1,2,0,1,1', 'low is not above 0'),
                ('1704110400000,1,2,-1,1,1', 'low is not above 0'),
                ('1704110400000,3,2,1,1,1', 'outside of low and high'),
                ('1704110400000,99999999999,2,1,1,1', 'open is out of range'),
                ('1704067200000,1,2,1,1,1', 'not later'),
                ('', 'open_time_ms'), ('1' * 600, 'too long')):
            done = self.run_on('\n'.join([*good, line, '']))
            self.assertEqual(done.returncode, 1, line)
            self.assertIn(f'{self.path}:12: ', done.stderr)
            self.assertIn(why, done.stderr)
            self.assertEqual(done.stdout, '')
        for text in ('', good[0] + '\n'):
            self.assertIn('no candles', self.run_on(text).stderr)
        self.assertIn('No such file', ctl('signals', 'backtest',
                                          '/nowhere').stderr)
        self.assertIn('directory', ctl('signals', 'backtest', '/').stderr)

    def test_timeframe(self):
        two = csv(candles(50, 2 * HOUR, 8))
        done = self.run_on(two)
        self.assertEqual(done.returncode, 1)
        self.assertIn('--timeframe', done.stderr)
        self.assertEqual(self.run_on(two, '--timeframe', '1h').returncode, 0)
        done = self.run_on(two, '--timeframe', '4H')
        self.assertEqual(done.returncode, 1)
        self.assertIn(':3: ', done.stderr)

    def test_volume_out_of_range_is_told(self):
        rows = csv(candles(50, HOUR, 9)).splitlines()
        rows[5] = rows[5].rpartition(',')[0] + ',999999999999999'
        done = self.run_on('\n'.join(rows) + '\n')
        self.assertEqual(done.returncode, 0)
        self.assertIn('volume of 1 rows', done.stderr)

    def test_progress_on_a_terminal_only(self):
        self.path.write_text(csv(candles(200000, 60000, 10)))
        with Terminal([CTL, 'signals', 'backtest', self.path]) as t:
            self.assertEqual(t.ends(60), 0)
            self.assertRegex(t.all, rb'(reading|backtest) \[[#.]{40}\] +\d+ %')
        done = ctl('signals', 'backtest', self.path)
        self.assertEqual(done.stderr, '')


if __name__ == '__main__':
    unittest.main()
