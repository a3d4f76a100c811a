// Copyright (C) the ngx_trading authors
// SPDX-License-Identifier: BSD-2-Clause
//
// What is shown of one instrument: trades, order book, candles; and the
// signals of all.

import { Chart } from './chart.js';
import { element, price, put, time } from './format.js';

const TRADES = 60, LEVELS = 14, CANDLES = 300;
const node = (id) => document.getElementById(id);
const chart = new Chart(node('chart'), node('candle'));

let symbol = null, interval = '1m';
let trades = [], candles = [];
const signals = new Map();          // symbol -> cells

// A new choice: nothing of the old one stays. What was before the stream
// began comes by HTTP; what the stream has told meanwhile is newer.
export async function choose(newSymbol, newInterval) {
  symbol = newSymbol;
  interval = newInterval;
  trades = [];
  candles = [];
  showTrades();
  showBook(null);
  chart.show(symbol, candles);
  const name = encodeURIComponent(symbol), wanted = `${symbol} ${interval}`;
  const [past, tape, book] = await Promise.all([
    get(`candles/${name}?interval=${interval}&limit=${CANDLES}`),
    get(`trades/${name}?limit=${TRADES}`), get(`depth/${name}?levels=20`)]);
  if (wanted !== `${symbol} ${interval}`) {
    return;
  }
  const live = candles;
  candles = past?.candles ?? [];
  live.forEach(keepCandle);
  chart.show(symbol, candles);
  tape?.trades.forEach((trade) => keepTrade({ symbol, ...trade }));
  showTrades();
  if (book && node('book-empty').hidden === false) {
    showBook(book);
  }
}

async function get(path) {
  try {
    const answer = await fetch(`/api/v1/market/${path}`);
    return answer.ok ? await answer.json() : null;
  } catch {
    return null;
  }
}

export function trade(data) {
  if (data.symbol === symbol) {
    keepTrade(data);
    showTrades();
  }
}

function keepTrade(data) {
  if (trades.some((other) => other.id === data.id)) {
    return;
  }
  trades.push(data);
  trades.sort((a, b) => b.id - a.id);
  trades.length = Math.min(trades.length, TRADES);
}

let drawing = 0;

function showTrades() {
  drawing ||= requestAnimationFrame(() => {
    drawing = 0;
    node('trades-empty').hidden = trades.length > 0;
    node('trades').replaceChildren(...trades.map((data) => {
      const row = element('tr');
      const sign = { buy: 'up', sell: 'down' }[data.side] ?? '';
      row.append(element('td', time(data.timestamp), 'soft'),
        element('td', data.side ?? '', sign),
        element('td', price(data.price), `number ${sign}`),
        element('td', price(data.quantity), 'number'));
      return row;
    }));
  });
}

export function book(data) {
  if (data.symbol === symbol) {
    showBook(data);
  }
}

function showBook(data) {
  const levels = data ? [...data.bids.slice(0, LEVELS),
    ...data.asks.slice(0, LEVELS)] : [];
  const most = Math.max(0, ...levels.map((level) => Number(level[1])));
  node('book-empty').hidden = levels.length > 0;
  node('book').hidden = levels.length === 0;
  const [bid, ask] = [data?.bids[0]?.[0], data?.asks[0]?.[0]];
  const digits = (bid?.split('.')[1] ?? '').length;
  put(node('spread'), bid && ask
    ? `spread ${(Number(ask) - Number(bid)).toFixed(digits)}` : '');
  fill(node('bids'), data?.bids ?? [], most, 'up', [1, 0]);
  fill(node('asks'), data?.asks ?? [], most, 'down', [0, 1]);
}

// the same rows again and again: a book changes often
function fill(table, levels, most, sign, order) {
  const shown = levels.slice(0, LEVELS);
  while (table.children.length > shown.length) {
    table.lastChild.remove();
  }
  shown.forEach((level, i) => {
    let row = table.children[i];
    if (!row) {
      row = element('tr');
      row.append(...order.map((at) =>
        element('td', '', at === 0 ? `number ${sign}` : 'number')));
      table.append(row);
    }
    order.forEach((at, cell) => put(row.children[cell], price(level[at])));
    row.style.setProperty('--size', `${Number(level[1]) / most * 100}%`);
  });
}

export function candle(data) {
  if (data.symbol === symbol && data.interval === interval) {
    keepCandle(data);
    chart.show(symbol, candles);
  }
}

function keepCandle(data) {
  const last = candles.at(-1);
  if (last?.open_time === data.open_time) {
    candles[candles.length - 1] = data;
  } else if (!last || data.open_time > last.open_time) {
    candles.push(data);
    candles.splice(0, candles.length - CANDLES);
  } else {
    const at = candles.findIndex((c) => c.open_time === data.open_time);
    if (at >= 0) {
      candles[at] = data;
    }
  }
}

export function signal(data) {
  let cells = signals.get(data.symbol);
  if (!cells) {
    const row = element('tr'), head = element('th', data.symbol);
    head.scope = 'row';
    cells = [element('td'), element('td', '', 'number'),
      element('td', '', 'number')];
    row.append(head, ...cells);
    row.dataset.symbol = data.symbol;
    const table = node('signals');
    table.insertBefore(row, [...table.children].find((other) =>
      other.dataset.symbol > data.symbol) ?? null);
    signals.set(data.symbol, cells);
    node('signals-empty').hidden = true;
  }
  const up = /BUY|UP/.test(data.signal);
  put(cells[0], `${up ? '▲' : '▼'} ${data.signal.replace('_', ' ')
    .toLowerCase()}`);
  cells[0].className = up ? 'up' : 'down';
  put(cells[1], `${Math.round(data.signal_strength)} %`);
  put(cells[2], `${Math.round(data.confidence)} %`);
}
