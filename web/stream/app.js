// Copyright (C) the ngx_trading authors
// SPDX-License-Identifier: BSD-2-Clause
//
// The live page: one stream, by either transport, into the tables.

import { connect } from './lib/stream.js';
import * as detail from './detail.js';
import { change, element, price, put } from './format.js';
import * as prices from './prices.js';

const DETAILS = ['trades', 'orderbook', 'candles'];
const INTERVALS = ['1m', '5m', '15m', '1h', '4h', '1d'];
const wide = matchMedia('(min-width: 1080px)');
const node = (id) => document.getElementById(id);

let stream = null, transport = 'websocket';
let symbol = null, interval = '1m', clock = 0, silent = false;
let counted = 0, past = { skipped: 0, missed: 0, reconnects: 0 };


// ---- the stream

function begin() {
  stream?.close();
  for (const name of Object.keys(past)) {
    past[name] += stream?.stats[name] ?? 0;
  }
  counted = 0;
  stream = connect(transport === 'sse' ? '/sse' : '/ws', { transport });
  const mine = stream;
  const on = (type, handler) => stream.on(type, (event) => {
    if (stream === mine) {
      handler(event);
    }
  });
  on('state', tellState);
  on('connected', (event) => {
    clock = Date.parse(event.server_time) - Date.now() || 0;
  });
  on('subscribed', takeSnapshot);
  on('status', (event) => {
    silent = event.stale;
    tellState({ state: stream.state });
  });
  on('resync', () => { silent = false; });
  on('price_update', (event) => quote(event.data));
  on('signal_update', (event) => detail.signal(event.data));
  on('trade_update', (event) => detail.trade(event.data));
  on('orderbook_update', (event) => detail.book(event.data));
  on('candle_update', (event) => detail.candle(event.data));
  on('error', (event) => console.info('stream:', event.code, event.detail));
  on('recovered', (event) => {
    // the past of the chosen one comes by HTTP
    if (!event.recovered && DETAILS.includes(event.channel)) {
      detail.choose(symbol, interval);
    }
  });
  stream.subscribe(['prices', 'signals']);
  follow();
  tellState({ state: stream.state });
}

function follow() {
  if (symbol !== null) {
    stream.subscribe(DETAILS, { symbols: symbol, interval });
  }
}

function takeSnapshot({ channel, snapshot }) {
  const take = { prices: quote, signals: detail.signal, trades: detail.trade,
    orderbook: detail.book, candles: detail.candle }[channel];
  snapshot?.forEach((data) => take?.(data));
}

function tellState({ state, delay }) {
  const text = { connecting: 'Connecting', closed: 'Closed',
    waiting: `Connection lost, next try in ${Math.ceil((delay ?? 0) / 1000)} s`,
    open: silent ? 'Live, but the market is not written' : 'Live' }[state];
  put(node('state'), text);
  node('state').dataset.state = state === 'open' && silent ? 'silent' : state;
}


// ---- what is chosen

function quote(data) {
  prices.take(data);
  if (data.simulated) {
    node('simulated').hidden = false;
  }
  offer(data.symbol);
  if (data.symbol === symbol) {
    showChosen(data);
  } else if (symbol === null) {
    choose(data.symbol);
  }
}

function showChosen(data) {
  const shown = node('chosen-price'), text = price(data?.current_price);
  const before = shown.dataset.value;
  put(shown, text);
  if (data && before !== undefined && before !== data.current_price) {
    prices.flash(shown, Number(data.current_price) > Number(before));
  }
  shown.dataset.value = data?.current_price ?? '';
  const day = change(data?.price_change_24h);
  put(node('chosen-change'), day.text);
  node('chosen-change').className = `change ${day.sign}`;
}

function choose(name, newInterval = interval) {
  if (name === symbol && newInterval === interval) {
    return;
  }
  if (symbol !== null) {
    stream.unsubscribe(DETAILS);
  }
  symbol = name;
  interval = newInterval;
  put(node('chosen-symbol'), symbol);
  node('symbol').value = symbol;
  delete node('chosen-price').dataset.value;
  showChosen(prices.quotes.get(symbol));
  prices.mark(symbol);
  for (const button of node('intervals').children) {
    button.setAttribute('aria-pressed', String(button.value === interval));
  }
  follow();
  detail.choose(symbol, interval);
}

function offer(name) {
  const select = node('symbol');
  if (![...select.options].some((option) => option.value === name)) {
    const option = element('option', name);
    option.value = name;
    select.insertBefore(option, [...select.options].find((other) =>
      other.value > name) ?? null);
    select.value = symbol;
  }
}


// ---- tabs

function tabs() {
  return [...document.querySelectorAll('[role="tab"]')]
    .filter((tab) => !wide.matches || tab.id !== 'tab-prices');
}

// where there is room the prices stand beside the others
function select(tab) {
  const name = tab.id.replace('tab-', '');
  for (const other of document.querySelectorAll('[role="tab"]')) {
    const on = other === tab;
    other.setAttribute('aria-selected', String(on));
    other.tabIndex = on ? 0 : -1;
    node(other.getAttribute('aria-controls')).hidden = !on
      && !(wide.matches && other.id === 'tab-prices');
  }
  document.querySelector('.detail').classList.toggle('none',
    name === 'prices');
  node('chosen').hidden = name === 'signals';
}

function arrange() {
  const now = document.querySelector('[aria-selected="true"]');
  select(tabs().includes(now) ? now : tabs()[0]);
}

function listen() {
  for (const tab of document.querySelectorAll('[role="tab"]')) {
    tab.addEventListener('click', () => select(tab));
    tab.addEventListener('keydown', (event) => {
      const all = tabs(), at = all.indexOf(tab);
      const to = { ArrowRight: (at + 1) % all.length,
        ArrowLeft: (at + all.length - 1) % all.length, Home: 0,
        End: all.length - 1 }[event.key];
      if (to !== undefined) {
        event.preventDefault();
        select(all[to]);
        all[to].focus();
      }
    });
  }
  for (const name of INTERVALS) {
    const button = element('button', name);
    button.type = 'button';
    button.value = name;
    button.setAttribute('aria-pressed', String(name === interval));
    button.addEventListener('click', () => choose(symbol, name));
    node('intervals').append(button);
  }
  for (const input of document.getElementsByName('transport')) {
    input.addEventListener('change', () => {
      transport = input.value;
      begin();
    });
    if (input.checked) {
      transport = input.value;      // kept by the browser over a reload
    }
  }
  node('symbol').addEventListener('change', () => choose(node('symbol').value));
  prices.onChoose((name) => {
    choose(name);
    if (!wide.matches) {
      select(node('tab-candles'));
    }
  });
  wide.addEventListener('change', arrange);
  addEventListener('pagehide', () => stream.close());
  addEventListener('pageshow', (event) => event.persisted && begin());
}

function tick() {
  const { stats } = stream;
  put(node('rate'), String(stats.messages - counted));
  counted = stats.messages;
  put(node('epoch'), String(stream.epoch ?? '–'));
  put(node('seq'), String(stream.seq ?? '–'));
  for (const name of Object.keys(past)) {
    put(node(name), String(past[name] + stats[name]));
  }
  prices.grow(Date.now() + clock);
}

listen();
arrange();
begin();
setInterval(tick, 1000);
