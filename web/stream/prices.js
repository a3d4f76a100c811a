// Copyright (C) the ngx_trading authors
// SPDX-License-Identifier: BSD-2-Clause
//
// The table of instruments. Quotes are put in once a frame, whatever came.

import { age, change, element, NONE, price, put } from './format.js';

const still = matchMedia('(prefers-reduced-motion: reduce)');
const body = document.getElementById('prices');
const empty = document.getElementById('prices-empty');
const classes = document.getElementById('classes');

export const quotes = new Map();      // symbol -> quote
const rows = new Map();               // symbol -> its cells
const changed = new Set();
let chosen = null, shownClass = '', frame = 0, choose = () => {};

export function onChoose(handler) {
  choose = handler;
}

export function take(quote) {
  quotes.set(quote.symbol, quote);
  changed.add(quote.symbol);
  frame ||= requestAnimationFrame(draw);
}

export function mark(symbol) {
  rows.get(chosen)?.row.classList.remove('chosen-row');
  rows.get(chosen)?.button.removeAttribute('aria-current');
  chosen = symbol;
  rows.get(chosen)?.row.classList.add('chosen-row');
  rows.get(chosen)?.button.setAttribute('aria-current', 'true');
}

// by the server's clock
export function grow(now) {
  for (const [symbol, row] of rows) {
    const quote = quotes.get(symbol);
    put(row.age, quote.received_at ?? quote.timestamp
      ? age(now - Date.parse(quote.received_at ?? quote.timestamp)) : NONE);
  }
}

export function flash(node, up) {
  if (!still.matches && node.animate) {
    const name = up ? '--up-flash' : '--down-flash';
    node.animate([
      { backgroundColor: getComputedStyle(node).getPropertyValue(name) },
      { backgroundColor: 'transparent' }], { duration: 700, easing: 'ease-out' });
  }
}

function draw() {
  frame = 0;
  for (const symbol of changed) {
    const quote = quotes.get(symbol);
    show(rows.get(symbol) ?? add(quote), quote);
  }
  changed.clear();
  empty.hidden = rows.size > 0;
}

function add(quote) {
  const row = element('tr'), head = element('th');
  head.scope = 'row';
  const button = element('button', quote.symbol);
  button.type = 'button';
  head.append(button, element('small', quote.asset_class.toLowerCase()));
  const cells = { row, button, class: quote.asset_class, shown: null,
    price: element('td', '', 'number'), bid: element('td', '', 'number wide'),
    ask: element('td', '', 'number wide'), change: element('td', '', 'number'),
    age: element('td', '', 'number soft'), source: element('td', '', 'wide'),
    name: element('span', ''), simulated: element('span', 'simulated', 'tag'),
    stale: element('span', 'stale', 'tag warn') };
  cells.source.append(cells.name, cells.simulated);
  row.append(head, cells.price, cells.bid, cells.ask, cells.change, cells.age,
    cells.source);
  head.append(cells.stale);
  row.dataset.symbol = quote.symbol;
  row.addEventListener('click', () => choose(quote.symbol));
  row.hidden = shownClass !== '' && shownClass !== cells.class;
  rows.set(quote.symbol, cells);
  place(cells, quote.symbol);
  offer(quote.asset_class);
  if (quote.symbol === chosen) {
    mark(chosen);
  }
  return cells;
}

// by class and then by name
function place(cells, symbol) {
  const key = (row) => `${row.dataset.class} ${row.dataset.symbol}`;
  cells.row.dataset.class = cells.class;
  const after = [...body.children].find((row) => key(row) > key(cells.row));
  body.insertBefore(cells.row, after ?? null);
}

function show(row, quote) {
  const before = row.shown;
  row.shown = quote.current_price;
  put(row.price, price(quote.current_price));
  put(row.bid, price(quote.bid));
  put(row.ask, price(quote.ask));
  const day = change(quote.price_change_24h);
  put(row.change, day.text);
  row.change.className = `number ${day.sign}`;
  put(row.name, quote.source ?? NONE);
  row.simulated.hidden = !quote.simulated;
  row.stale.hidden = !quote.stale;
  row.row.classList.toggle('stale', Boolean(quote.stale));
  if (before !== null && before !== quote.current_price) {
    flash(row.price, Number(quote.current_price) > Number(before));
  }
}

// a button for each asset class that has come up
function offer(name) {
  const names = new Set(['', name, ...[...classes.children]
    .map((button) => button.dataset.class)]);
  if (names.size === classes.children.length) {
    return;
  }
  classes.replaceChildren(...[...names].sort().map((each) => {
    const button = element('button', each === '' ? 'All'
      : each[0] + each.slice(1).toLowerCase());
    button.type = 'button';
    button.dataset.class = each;
    button.setAttribute('aria-pressed', String(each === shownClass));
    button.addEventListener('click', () => only(each));
    return button;
  }));
}

function only(name) {
  shownClass = name;
  for (const button of classes.children) {
    button.setAttribute('aria-pressed', String(button.dataset.class === name));
  }
  for (const row of rows.values()) {
    row.row.hidden = name !== '' && row.class !== name;
  }
}
