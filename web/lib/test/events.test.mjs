// Copyright (C) the ngx_trading authors
// SPDX-License-Identifier: BSD-2-Clause
//
// The client over SSE: the same events, one connection for each subscription.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';

import { connect } from '../stream.js';
import { Server } from './server.mjs';

let server, stream, told;

beforeEach(async () => {
  server = await new Server().listen();
  stream = connect(server.sse, { transport: 'sse', minDelay: 20,
    maxDelay: 200 });
  told = [];
  stream.on('*', (event, type) => told.push({ ...event, type }));
});

afterEach(async () => {
  stream.close();
  await server.end();
});

const of = (type) => told.filter((event) => event.type === type);

async function until(condition) {
  const end = Date.now() + 5000;
  while (!condition()) {
    assert.ok(Date.now() < end, `not in time: ${condition}, but ${
      told.map((e) => e.type)}`);
    await new Promise((resolve) => { setTimeout(resolve, 5); });
  }
}

async function next(type, count = 1) {
  await until(() => of(type).length >= count);
  return of(type)[count - 1];
}

async function subscribed(n = 0, more = {}) {
  const peer = await server.peer(n);
  peer.hello();
  peer.confirm({ channels: peer.url.searchParams.get('channels').split(',') },
    more);
  return peer;
}

test('asks in the address, and tells the same events', async () => {
  stream.subscribe(['prices', 'candles'],
    { symbols: ['BTC', 'EUR/USD'], interval: '5m', assetClass: ['FOREX'] });
  const peer = await subscribed();
  assert.deepEqual(Object.fromEntries(peer.url.searchParams), {
    channels: 'prices,candles', symbols: 'BTC,EUR/USD', asset_class: 'FOREX',
    interval: '5m' });
  peer.price(101);
  peer.say({ type: 'error', code: 'novel', detail: 'an event of the server' });
  await next('price_update');
  assert.equal((await next('error')).code, 'novel');
  assert.deepEqual([stream.state, stream.epoch, stream.seq], ['open', 3, 101]);
  assert.equal(server.peers.length, 1);
});

test('reconnects from where it was, without doubles', async () => {
  stream.subscribe('trades');
  const peer = await subscribed();
  peer.trade(107, 1);
  await next('trade_update');
  peer.close();
  const again = await subscribed(1, { recovered: true, snapshot: null });
  assert.equal(again.url.searchParams.get('resume'), '3-107');
  again.trade(107, 1);
  again.trade(108, 2);
  await next('trade_update', 2);
  assert.deepEqual(of('trade_update').map((e) => e.data.id), [1, 2]);
  assert.equal((await next('recovered')).recovered, true);
});

test('waits between attempts when refused', async () => {
  server.status = 503;
  stream.subscribe('prices');
  await next('state', 6);
  const waits = of('state').filter((e) => e.state === 'waiting');
  assert.deepEqual(waits.map((e) => e.attempt),
    waits.map((_, i) => i + 1));
  waits.forEach((e, i) => assert.ok(e.delay <= 20 * 2 ** i));
});

test('hands over on drain', async () => {
  stream.subscribe('prices');
  const peer = await subscribed();
  peer.price(101);
  peer.say({ type: 'drain', reason: 'reload', resume: '3-105', delay_ms: 200 });
  const again = await server.peer(1);
  assert.equal(again.url.searchParams.get('resume'), '3-105');
  assert.equal(peer.closed, null);
  await subscribed(1, { recovered: true, snapshot: null });
  await peer.gone();
  assert.equal((await next('recovered')).recovered, true);
  assert.ok(!of('state').some((e) => e.state === 'waiting'));
});

test('each subscription ends by itself, and all with close()', async () => {
  stream.subscribe('prices').subscribe(['trades', 'orderbook'],
    { symbols: ['BTC'] });
  const [prices, trades] = [await subscribed(0), await subscribed(1)];
  await next('subscribed', 3);
  stream.unsubscribe(['trades', 'orderbook']);
  await trades.gone();
  assert.equal(prices.closed, null);
  prices.price(101);
  await next('price_update');
  stream.close();
  await prices.gone();
  assert.equal(stream.state, 'closed');
});

test('less of a subscription goes on from where it was', async () => {
  stream.subscribe(['prices', 'trades']);
  const peer = await subscribed();
  peer.price(101);
  await next('price_update');
  stream.unsubscribe('trades');
  const again = await server.peer(1);
  assert.deepEqual(Object.fromEntries(again.url.searchParams),
    { channels: 'prices', resume: '3-101' });
  await peer.gone();
});

test('hears what a browser must be told to listen for', async () => {
  stream.subscribe('prices', { symbols: ['ETH', 'OLD'] });
  const peer = await subscribed();
  peer.say({ type: 'unsubscribed', channel: 'prices', symbols: ['OLD'],
    interval: null, reason: 'new_board' });
  assert.equal((await next('unsubscribed')).reason, 'new_board');
  peer.close();
  const again = await server.peer(1);
  assert.equal(again.url.searchParams.get('symbols'), 'ETH');
  again.hello();
  again.say({ type: 'unsubscribed', channel: 'prices', symbols: ['ETH'],
    interval: null, reason: 'new_board' });
  await again.gone();
});

test('the bits of signals', async () => {
  stream.subscribe('binary', { symbols: 'BTC' });
  const peer = await server.peer(0);
  assert.deepEqual(Object.fromEntries(peer.url.searchParams),
    { symbols: 'BTC' });
  peer.hello();
  // the body of /trading/binary does not name its type
  peer.response.write('event: binary\ndata: {"binary_string":"01"}\n\n');
  assert.equal((await next('binary')).binary_string, '01');
  peer.say({ type: 'binary_update', channel: 'binary', seq: 101,
    data: { symbol: 'BTC', binary: '1' } });
  assert.equal((await next('binary_update')).data.binary, '1');
  assert.equal(of('error').length, 0);
});

// a server that refuses addresses with what `problem` says of them
function refusing(problem) {
  server.refuse = (url) => problem(url) ?? null;
}

test('refused for an instrument, it asks for the others', async () => {
  refusing(({ searchParams }) => {
    const bad = (searchParams.get('symbols') ?? '').split(',')
      .find((name) => name.startsWith('OLD'));
    return bad && { status: 404, code: 'unknown_symbol',
      detail: `there is no instrument "${bad}"` };
  });
  stream.subscribe('prices', { symbols: ['OLD1', 'ETH', 'OLD2'] });
  stream.subscribe('prices', { symbols: ['OLD3'] });
  await until(() => server.peers.some((peer) =>
    peer.url.searchParams.get('symbols') === 'ETH'));
  await next('error', 3);
  assert.deepEqual(of('error').map((e) => [e.code, ...e.symbols]).sort(),
    [1, 2, 3].map((i) => ['unknown_symbol', `OLD${i}`]));
  assert.equal(stream.subscriptions.size, 1);
});

test('refused for good, it does not ask again; for now, it does', async () => {
  let asked = 0;
  refusing(({ searchParams }) => {
    asked++;
    return searchParams.get('channels') === 'orders'
      ? { status: 401, code: 'unauthorized', detail: '' }
      : { status: 503, code: 'board_unavailable', detail: '' };
  });
  stream.subscribe('orders');
  assert.deepEqual((await next('error')).channels, ['orders']);
  const before = asked;
  await new Promise((resolve) => { setTimeout(resolve, 150); });
  assert.equal(asked, before);
  stream.subscribe('prices');
  await until(() => asked > before + 4);
  assert.equal(of('error').length, 1);
});

test('of several connections each state is told once', async () => {
  stream.subscribe('prices').subscribe('trades').subscribe('health');
  for (const i of [0, 1, 2]) {
    await subscribed(i);
  }
  await next('subscribed', 3);
  stream.unsubscribe('trades');
  stream.unsubscribe('prices', { symbols: 'ETH' });
  stream.close();
  stream.close();
  assert.deepEqual(of('state').map((e) => e.state),
    ['connecting', 'open', 'closed']);
  assert.equal(server.peers.length, 3);
});

test('closed on hearing of a state, it does not connect', async () => {
  stream.on('state', ({ state }) => {
    if (state === 'connecting') {
      stream.close();
    }
  });
  stream.subscribe('prices');
  await new Promise((resolve) => { setTimeout(resolve, 100); });
  assert.equal(server.peers.length, 0);
  assert.equal(stream.state, 'closed');
});
