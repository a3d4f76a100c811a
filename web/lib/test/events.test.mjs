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

async function next(type, count = 1) {
  const end = Date.now() + 5000;
  while (of(type).length < count) {
    assert.ok(Date.now() < end, `no ${type}: ${told.map((e) => e.type)}`);
    await new Promise((resolve) => { setTimeout(resolve, 5); });
  }
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
