# Copyright (C) the ngx_trading authors
# SPDX-License-Identifier: BSD-2-Clause

"""Builders of Binance spot messages, byte for byte in the exchange's format.

Used by the synthetic mode and by make_fixtures.py. A Market is one symbol that
random-walks: it hands out trade, bookTicker, 24hrTicker and 24hrMiniTicker
events and its REST rows, which agree with each other on ids and prices.

Prices and quantities are integers in units of 10^-8. All randomness comes from
the generator passed in; the clock is an argument.
"""

E8 = 10 ** 8
DAY_MS = 86400 * 1000

# base asset: (price, tick, lot) in units of 10^-8; invented, of the right size
DEFAULTS = {
    'BTC': (6412345 * 10 ** 6, 10 ** 6, 1000),
    'ETH': (312345 * 10 ** 6, 10 ** 6, 10000),
    'BNB': (58321 * 10 ** 6, 10 ** 6, 100000),
    'SOL': (14567 * 10 ** 6, 10 ** 6, 100000),
    'XRP': (58770000, 10000, 10 ** 8),
    'ADA': (44560000, 10000, 10 ** 7),
    'DOT': (612300000, 100000, 10 ** 6),
    'AVAX': (2734 * 10 ** 6, 10 ** 6, 10 ** 6),
    'LINK': (1432 * 10 ** 6, 10 ** 6, 10 ** 6),
    'DOGE': (12345000, 1000, 10 ** 8),
    'MATIC': (51230000, 10000, 10 ** 7),
    'UNI': (778900000, 100000, 10 ** 6),
    'LTC': (7123 * 10 ** 6, 10 ** 6, 100000),
    'ATOM': (689100000, 100000, 10 ** 6),
}
QUOTES = ('USDT', 'USDC', 'BUSD', 'TRY', 'EUR', 'BTC', 'ETH', 'BNB')

MINI_KEYS = ('symbol', 'openPrice', 'highPrice', 'lowPrice', 'lastPrice',
             'volume', 'quoteVolume', 'openTime', 'closeTime', 'firstId',
             'lastId', 'count')


def dec(value):
    """An integer in units of 10^-8 as the exchange writes it."""
    sign = '-' if value < 0 else ''
    value = abs(value)
    return f'{sign}{value // E8}.{value % E8:08d}'


def percent(part, whole):
    """part / whole in percent with 3 places, halves away from zero."""
    if not whole:
        return '0.000'
    milli = (abs(part) * 200000 + whole) // (2 * whole)
    sign = '-' if part < 0 and milli else ''
    return f'{sign}{milli // 1000}.{milli % 1000:03d}'


def split_symbol(symbol):
    for quote in QUOTES:
        if symbol.endswith(quote) and symbol != quote:
            return symbol[:-len(quote)], quote
    return symbol[:-4] or symbol, symbol[-4:]


class Market:
    """One symbol's invented market."""

    def __init__(self, symbol, rng, now_ms, traded=True):
        self.symbol = symbol
        self.rng = rng
        self.base, self.quote = split_symbol(symbol)
        price, self.tick, self.lot = DEFAULTS.get(
            self.base, (100 * E8, 10 ** 6, 10 ** 6))
        self.lower = symbol.lower()
        self.update_id = rng.randrange(10 ** 9, 10 ** 10)
        # moves are multiples of this, so that the price does move
        self.pace = max(self.tick, price // 40000 // self.tick * self.tick)
        self.traded = traded
        if not traded:
            self.bid = self.ask = self.bid_qty = self.ask_qty = 0
            self.last = self.last_qty = self.open = self.prev_close = 0
            self.high = self.low = self.volume = self.turnover = 0
            self.first_id = self.last_id = -1
            self.count = 0
            self.open_ms, self.close_ms = now_ms - DAY_MS, now_ms
            return
        self.bid = price
        self.ask = price + self.tick
        self.bid_qty, self.ask_qty = self._qty(), self._qty()
        self.last, self.last_qty = price, self._qty()
        span = price // 1000 * rng.randrange(5, 40)
        self.open = self._grid(price + rng.choice((-1, 1)) * span)
        self.prev_close = self.open + rng.randrange(-3, 4) * self.tick
        self.high = max(price, self.open) + 6 * self.pace
        self.low = min(price, self.open) - 6 * self.pace
        self.count = rng.randrange(50000, 900000)
        self.last_id = rng.randrange(10 ** 8, 10 ** 9)
        self.first_id = self.last_id - self.count + 1
        self.volume = self.count * 2000 * self.lot
        mean = (self.high + self.low + 2 * self.last) // 4
        self.turnover = self.volume * mean // E8
        self.open_ms, self.close_ms = now_ms - DAY_MS, now_ms

    def _grid(self, value):
        return value // self.tick * self.tick

    def _qty(self):
        return self.lot * self.rng.randrange(1, 4000)

    def trade(self, now_ms):
        """The next trade, at the bid or at the ask."""
        sold = self.rng.random() < 0.5
        price = self.bid if sold else self.ask
        qty = self._qty()
        self.last, self.last_qty = price, qty
        self.last_id += 1
        self.count += 1
        self.volume += qty
        self.turnover += price * qty // E8
        self.high = max(self.high, price)
        self.low = min(self.low, price)
        maker = 'true' if sold else 'false'
        return (f'{self.lower}@trade',
                f'{{"e":"trade","E":{now_ms},"s":"{self.symbol}",'
                f'"t":{self.last_id},"p":"{dec(price)}","q":"{dec(qty)}",'
                f'"T":{now_ms - 1},"m":{maker},"M":true}}')

    def book(self, now_ms):
        """The next best bid and ask; the event carries no time."""
        move = self.rng.randrange(-4, 5)
        if self.bid + move * self.pace > self.tick:
            self.bid += move * self.pace
        self.ask = self.bid + self.tick * self.rng.choice((1, 1, 1, 2, 3))
        self.bid_qty, self.ask_qty = self._qty(), self._qty()
        self.update_id += self.rng.randrange(1, 20)
        return (f'{self.lower}@bookTicker',
                f'{{"u":{self.update_id},"s":"{self.symbol}",'
                f'"b":"{dec(self.bid)}","B":"{dec(self.bid_qty)}",'
                f'"a":"{dec(self.ask)}","A":"{dec(self.ask_qty)}"}}')

    def ticker(self, now_ms):
        change = self.last - self.open
        mean = self.turnover * E8 // self.volume if self.volume else 0
        return (f'{self.lower}@ticker',
                f'{{"e":"24hrTicker","E":{now_ms},"s":"{self.symbol}",'
                f'"p":"{dec(change)}","P":"{percent(change, self.open)}",'
                f'"w":"{dec(mean)}","x":"{dec(self.prev_close)}",'
                f'"c":"{dec(self.last)}","Q":"{dec(self.last_qty)}",'
                f'"b":"{dec(self.bid)}","B":"{dec(self.bid_qty)}",'
                f'"a":"{dec(self.ask)}","A":"{dec(self.ask_qty)}",'
                f'"o":"{dec(self.open)}","h":"{dec(self.high)}",'
                f'"l":"{dec(self.low)}","v":"{dec(self.volume)}",'
                f'"q":"{dec(self.turnover)}","O":{now_ms - DAY_MS},'
                f'"C":{now_ms},"F":{self.first_id},"L":{self.last_id},'
                f'"n":{self.count}}}')

    def mini_ticker(self, now_ms):
        return (f'{self.lower}@miniTicker',
                f'{{"e":"24hrMiniTicker","E":{now_ms},"s":"{self.symbol}",'
                f'"c":"{dec(self.last)}","o":"{dec(self.open)}",'
                f'"h":"{dec(self.high)}","l":"{dec(self.low)}",'
                f'"v":"{dec(self.volume)}","q":"{dec(self.turnover)}"}}')

    def rest_row(self, now_ms):
        """One object of GET /api/v3/ticker/24hr, type FULL."""
        change = self.last - self.open
        mean = self.turnover * E8 // self.volume if self.volume else 0
        return {
            'symbol': self.symbol,
            'priceChange': dec(change),
            'priceChangePercent': percent(change, self.open),
            'weightedAvgPrice': dec(mean),
            'prevClosePrice': dec(self.prev_close),
            'lastPrice': dec(self.last),
            'lastQty': dec(self.last_qty),
            'bidPrice': dec(self.bid), 'bidQty': dec(self.bid_qty),
            'askPrice': dec(self.ask), 'askQty': dec(self.ask_qty),
            'openPrice': dec(self.open),
            'highPrice': dec(self.high), 'lowPrice': dec(self.low),
            'volume': dec(self.volume), 'quoteVolume': dec(self.turnover),
            'openTime': now_ms - DAY_MS, 'closeTime': now_ms,
            'firstId': self.first_id, 'lastId': self.last_id,
            'count': self.count,
        }

    def info_row(self):
        """One object of exchangeInfo's symbols."""
        return {
            'symbol': self.symbol,
            'status': 'TRADING' if self.traded else 'BREAK',
            'baseAsset': self.base, 'baseAssetPrecision': 8,
            'quoteAsset': self.quote, 'quotePrecision': 8,
            'quoteAssetPrecision': 8, 'baseCommissionPrecision': 8,
            'quoteCommissionPrecision': 8,
            'orderTypes': ['LIMIT', 'LIMIT_MAKER', 'MARKET', 'STOP_LOSS',
                           'STOP_LOSS_LIMIT', 'TAKE_PROFIT',
                           'TAKE_PROFIT_LIMIT'],
            'icebergAllowed': True, 'ocoAllowed': True, 'otoAllowed': True,
            'opoAllowed': False, 'quoteOrderQtyMarketAllowed': True,
            'allowTrailingStop': True, 'cancelReplaceAllowed': True,
            'amendAllowed': True, 'pegInstructionsAllowed': False,
            'isSpotTradingAllowed': self.traded,
            'isMarginTradingAllowed': False,
            'filters': [
                {'filterType': 'PRICE_FILTER', 'minPrice': dec(self.tick),
                 'maxPrice': '1000000.00000000',
                 'tickSize': dec(self.tick)},
                {'filterType': 'LOT_SIZE', 'minQty': dec(self.lot),
                 'maxQty': dec(self.lot * 900000000),
                 'stepSize': dec(self.lot)},
                {'filterType': 'NOTIONAL', 'minNotional': '5.00000000',
                 'applyMinToMarket': True, 'maxNotional': '9000000.00000000',
                 'applyMaxToMarket': False, 'avgPriceMins': 5},
            ],
            'permissions': [], 'permissionSets': [['SPOT']],
            'defaultSelfTradePreventionMode': 'EXPIRE_MAKER',
            'allowedSelfTradePreventionModes': [
                'EXPIRE_TAKER', 'EXPIRE_MAKER', 'EXPIRE_BOTH'],
        }


def exchange_info(markets, now_ms):
    def limit(kind, interval, num, value):
        return {'rateLimitType': kind, 'interval': interval,
                'intervalNum': num, 'limit': value}
    return {
        'timezone': 'UTC', 'serverTime': now_ms,
        'rateLimits': [limit('REQUEST_WEIGHT', 'MINUTE', 1, 6000),
                       limit('ORDERS', 'SECOND', 10, 100),
                       limit('ORDERS', 'DAY', 1, 200000),
                       limit('RAW_REQUESTS', 'MINUTE', 5, 61000)],
        'exchangeFilters': [],
        'symbols': [market.info_row() for market in markets],
    }
