// Copyright (C) the ngx_trading authors
// SPDX-License-Identifier: BSD-2-Clause
//
// The channels of an account: each event once and in order, and what was missed
// asked for again before it is given up.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { pause, seqs, server, stream, subscribed } from './client.mjs';

test('channels of an account go on from their own place', async () => {
  const peer = await subscribed(['prices']);
  stream.subscribe(['orders', 'prices'], { symbols: ['BTC'] });
  const asked = await peer.message((m) => m.channels?.[0] === 'orders');
  peer.confirm({ ...asked, channels: ['prices'] });
  peer.say({ type: 'subscribed', id: asked.id, channel: 'orders',
    symbols: null, interval: null, epoch: 77, seq: 9000, snapshot: null });
  await stream.next('subscribed', 3);
  peer.price(101);
  peer.say({ type: 'order_update', channel: 'orders', seq: 9007,
    timestamp: '2026-01-05T09:30:00.123Z', data: { id: 'a' } });
  await stream.next('order_update');
  assert.deepEqual([stream.epoch, stream.seq], [3, 101]);
  peer.socket.destroy();
  const next = await server.peer(1);
  next.hello();
  const again = await next.message((m) => m.channels?.[0] === 'orders');
  assert.deepEqual([again.channels, again.seq, again.epoch],
    [['orders'], 9007, 77]);
  const prices = await next.message((m) => m.channels?.[0] === 'prices');
  assert.equal(prices.epoch, 3);
  assert.ok(prices.seq <= 101);
  next.say({ type: 'resync', channel: 'orders', epoch: 78, seq: 0,
    reason: 'new_events' });
  await stream.next('resync');
  assert.equal(stream.epoch, 3);
});

const ORDERS = { confirm: { epoch: 77, seq: 9000, snapshot: null } };
const order = (peer, seq) => peer.say({ type: 'order_update', channel: 'orders',
  seq, timestamp: '2026-01-05T09:30:00.123Z', data: { id: `o${seq}` } });
const missed = (peer, n, seq) =>
  peer.say({ type: 'missed', channel: 'orders', missed: n, seq });
const resumed = (peer, asked, recovered, seq) =>
  peer.say({ type: 'resumed', id: asked.id, channel: 'orders', recovered,
    epoch: 77, seq });

test('what was missed is asked for, and then nothing was', async () => {
  const peer = await subscribed('orders', {}, ORDERS);
  order(peer, 9001);
  missed(peer, 2, 9003);
  order(peer, 9004);
  const asked = await peer.message('resume');
  assert.deepEqual([asked.channel, asked.seq, asked.epoch],
    ['orders', 9001, 77]);
  order(peer, 9005);
  resumed(peer, asked, true, 9005);
  for (const seq of [9002, 9003, 9004, 9005, 9006]) {
    order(peer, seq);
  }
  await stream.next('order_update', 6);
  assert.deepEqual(seqs('order_update'),
    [9001, 9002, 9003, 9004, 9005, 9006]);
  assert.deepEqual([stream.log('missed').length, stream.stats.missed], [0, 0]);
});

test('what is no longer there is told as missed, in its place', async () => {
  const peer = await subscribed('orders', {}, ORDERS);
  order(peer, 9001);
  missed(peer, 2, 9003);
  order(peer, 9004);
  const told = [];
  stream.on('*', ({ seq }, type) => told.push([type, seq]));
  resumed(peer, await peer.message('resume'), false, 9004);
  order(peer, 9005);
  await stream.next('order_update', 3);
  assert.deepEqual(told.filter(([type]) => type !== 'resumed').slice(-3),
    [['missed', 9003], ['order_update', 9004], ['order_update', 9005]]);
  assert.equal(stream.stats.missed, 2);
});

test('missed again at the same place, it is given up', async () => {
  const peer = await subscribed('orders', {}, ORDERS);
  missed(peer, 2, 9003);
  resumed(peer, await peer.message('resume'), true, 9003);
  missed(peer, 2, 9003);
  assert.equal((await stream.next('missed')).missed, 2);
  await pause(30);
  assert.equal(peer.messages.filter((m) => m.type === 'resume').length, 1);
});

test('cut off before the answer, it goes on from before what was missed',
  async () => {
    for (const recovered of [true, false]) {
      server.peers = [];
      const peer = await subscribed('orders', {}, ORDERS);
      order(peer, 9001);
      missed(peer, 2, 9003);
      order(peer, 9004);
      await peer.message('resume');
      peer.socket.destroy();
      const next = await server.peer(1);
      next.hello();
      const asked = await next.message('subscribe');
      assert.deepEqual([asked.seq, asked.epoch], [9001, 77]);
      next.confirm(asked, { epoch: 77, seq: 9004, recovered });
      for (const seq of recovered ? [9002, 9003, 9004, 9005] : [9005]) {
        order(next, seq);
      }
      await stream.next('order_update', recovered ? 5 : 3);
      assert.deepEqual(seqs('order_update'), recovered
        ? [9001, 9002, 9003, 9004, 9005] : [9001, 9004, 9005]);
      assert.equal(stream.stats.missed, recovered ? 0 : 2);
      stream.close();
    }
  });

test('what is kept until the answer is bounded', async () => {
  const peer = await subscribed('orders', {}, ORDERS);
  missed(peer, 1, 9001);
  for (let seq = 9002; seq < 9302; seq++) {
    order(peer, seq);
  }
  await stream.next('order_update', 300);
  assert.equal((await stream.next('missed')).missed, 1);
  const asked = await peer.message('resume');
  resumed(peer, asked, true, 9301);
  order(peer, 9001);
  order(peer, 9302);
  await stream.next('order_update', 301);
  assert.equal(stream.stats.duplicates, 1);
});

test('in two subscriptions, it is asked for once and told once', async () => {
  const peer = await subscribed('orders', {}, ORDERS);
  stream.subscribe(['orders'], { symbols: ['BTC'] });
  peer.confirm(await peer.message((m) => m.symbols), ORDERS.confirm);
  await stream.next('subscribed', 2);
  order(peer, 9001);
  await stream.next('order_update');
  peer.socket.destroy();
  const next = await server.peer(1);
  next.hello();
  next.confirm(await next.message('subscribe'), { epoch: 77, seq: 9002 });
  order(next, 9002);
  order(next, 9002);
  order(next, 9003);
  await stream.next('order_update', 3);
  assert.deepEqual(seqs('order_update'), [9001, 9002, 9003]);
  assert.equal(next.messages.length, 1);
});

test('unavailable for a while, it keeps its place', async () => {
  const peer = await subscribed('orders', {}, { ...ORDERS, random: () => 0 });
  order(peer, 9001);
  await stream.next('order_update');
  peer.close(1001);
  const next = await server.peer(1);
  next.hello();
  const asked = await next.message('subscribe');
  next.say({ type: 'error', id: asked.id, code: 'unavailable', detail: '' });
  const again = await next.message((m) => m.id > asked.id);
  assert.deepEqual([again.seq, again.epoch], [9001, 77]);
});
