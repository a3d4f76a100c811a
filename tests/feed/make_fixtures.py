#!/usr/bin/python3
# Copyright (C) the ngx_trading authors
# SPDX-License-Identifier: BSD-2-Clause

"""Write the project's own feed fixtures; the same bytes on every run.

Nothing here is recorded: the prices come from a seeded random walk in wire.py.
With --check the files are only compared with what would be written.
"""

import argparse
import json
import random
import sys
from pathlib import Path

from wire import DEFAULTS, Market, exchange_info

SEED = 20250615
START_MS = 1750000000000        # 2025-06-15 15:06:40 UTC
SECONDS = 20
STREAMED = ('BTCUSDT', 'ETHUSDT', 'BNBUSDT')
IDLE = 'MATICUSDT'              # the symbol without any trade
TRADES, BOOKS = 132, 150        # spread over the streamed symbols


def build():
    """Return {file name: text}."""
    rng = random.Random(SEED)
    markets = {}
    for base in DEFAULTS:
        symbol = base + 'USDT'
        markets[symbol] = Market(symbol, rng, START_MS, symbol != IDLE)

    out = {'exchangeInfo.json': exchange_info(markets.values(), START_MS),
           'ticker24hr.json': [m.rest_row(START_MS)
                               for m in markets.values()]}
    out = {name: json.dumps(value, separators=(',', ':')) + '\n'
           for name, value in out.items()}

    plan = []
    for second in range(1, SECONDS + 1):
        for n, symbol in enumerate(STREAMED):
            at = START_MS + second * 1000 - 40 + n * 7
            plan.append((at, symbol, 'ticker'))
            plan.append((at + 3, symbol, 'mini_ticker'))
    for kind, number in (('trade', TRADES), ('book', BOOKS)):
        for _ in range(number):
            plan.append((START_MS + rng.randrange(5, SECONDS * 1000),
                         rng.choice(STREAMED), kind))
    plan.sort()

    lines = []
    received = 0
    for at, symbol, kind in plan:
        stream, data = getattr(markets[symbol], kind)(at)
        # as received: some 60 ms later, and never out of order
        received = max(received + 1000,
                       (at + 55) * 10 ** 6 + rng.randrange(15 * 10 ** 6))
        lines.append(f'{received} {{"stream":"{stream}","data":{data}}}\n')
    out['stream-basic.log'] = ''.join(lines)
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--check', action='store_true')
    parser.add_argument('--directory', type=Path,
                        default=Path(__file__).resolve().parent / 'fixtures')
    args = parser.parse_args()
    stale = []
    for name, text in build().items():
        path = args.directory / name
        if args.check:
            if not path.exists() or path.read_text() != text:
                stale.append(name)
        else:
            path.write_text(text)
    if stale:
        sys.exit('stale fixtures: ' + ', '.join(stale))


if __name__ == '__main__':
    main()
