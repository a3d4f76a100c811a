// Copyright (C) the ngx_trading authors
// SPDX-License-Identifier: BSD-2-Clause
//
// What both transports do with what they hear: Stream, of which TradingStream
// and TradingEvents are made.

import { list, PRIVATE, STATES, Subscription } from './journal.js';
import { DEFAULTS } from './link.js';

class Emitter {
  #handlers = new Map();

  on(type, handler) {
    if (!this.#handlers.has(type)) {
      this.#handlers.set(type, new Set());
    }
    this.#handlers.get(type).add(handler);
    return () => this.off(type, handler);
  }

  off(type, handler) {
    const handlers = this.#handlers.get(type);
    if (handlers?.delete(handler) && handlers.size === 0) {
      this.#handlers.delete(type);
    }
  }

  emit(type, value) {
    for (const name of [type, '*']) {
      for (const handler of [...this.#handlers.get(name) ?? []]) {
        try {
          handler(value, type);
        } catch (error) {
          // theirs, and no reason to lose the others' events
          queueMicrotask(() => { throw error; });
        }
      }
    }
  }
}


export class Stream extends Emitter {
  stats = { messages: 0, duplicates: 0, skipped: 0, missed: 0, reconnects: 0 };
  subscriptions = new Set();
  options;
  #told = null;           // the state that was told last
  #online = () => this.links().forEach((link) => link.hurry());

  constructor(options) {
    super();
    this.options = { ...DEFAULTS, ...options };
    globalThis.addEventListener?.('online', this.#online);
  }

  subscribe(channels, filter = {}) {
    if (this.state === 'closed') {
      throw new Error('the stream is closed');
    }
    const [first, ...others] = list(filter.interval);
    this.#want(new Subscription(channels, { ...filter, interval: first }));
    for (const interval of others) {
      this.#want(new Subscription(list(channels).filter((name) =>
        name === 'candles'), { ...filter, interval }));
    }
    return this;
  }

  #want(wanted) {
    if (wanted.channels.size > 0
        && ![...this.subscriptions].some((s) => s.key === wanted.key)) {
      this.subscriptions.add(wanted);
      this.begin(wanted);
    }
  }

  unsubscribe(channels, { symbols } = {}) {
    const names = list(channels);
    const only = symbols === undefined || symbols === null
      ? null : list(symbols);
    if (names.length === 0 || only?.length === 0) {
      return this;
    }
    for (const subscription of this.subscriptions) {
      const { key } = subscription;
      if (!names.some((name) => subscription.channels.has(name))) {
        continue;
      }
      if (!subscription.remove(names, only)) {
        this.drop(subscription);
      } else if (subscription.key !== key) {
        this.changed(subscription);
      }
    }
    this.ceased(names, only);
    return this;
  }

  // nothing is left of it, or the server will have none of it
  drop(subscription) {
    this.subscriptions.delete(subscription);
  }

  close() {
    globalThis.removeEventListener?.('online', this.#online);
    this.subscriptions.clear();
  }

  // once closed, nothing but that is told
  emit(type, value) {
    if (this.state !== 'closed' || type === 'state') {
      super.emit(type, value);
    }
  }

  heard(link, message) {
    this.stats.messages++;
    const { type, channel } = message;
    if (type === 'subscribed') {
      this.subscribed(link, message);
      return;
    }
    if (channel !== undefined && 'data' in message) {
      this.update(link, message);
      return;
    }
    if (type === 'missed' && PRIVATE.has(channel)) {
      this.missed(link, message);
      return;
    }
    if (type === 'skipped' || type === 'missed') {
      this.stats[type] += Number(message[type]) || 0;
    } else if (type === 'unsubscribed') {
      this.unsubscribed(link, message);
    } else if (type === 'resync' && PRIVATE.has(channel)) {
      this.tell(link.accounts.renewed(message));
    } else if (type === 'resync') {
      this.resync(link, message);
    } else if (type === 'drain') {
      link.journal.advanceTo(message.resume);
      link.drain(message);
    } else if (type === 'error' && this.failed(link, message) === false) {
      return;
    }
    this.emit(type, message);
  }

  update(link, message) {
    const { type, channel, seq, data } = message;
    if (!Number.isSafeInteger(seq)) {
      this.emit('error', { type: 'error', code: 'bad_message', local: true,
        detail: `${type} without a seq` });
      return;
    }
    if (PRIVATE.has(channel)) {
      const news = link.accounts.heard(message);
      this.stats.duplicates += news ? 0 : 1;
      this.tell(news ?? []);
      return;
    }
    const fresh = link.journal.deliver(channel, seq, data);
    link.journal.advance(seq, channel);
    for (const subscription of this.of(link)) {
      subscription.channels.get(channel)?.came(data?.symbol,
        data?.interval ?? null);
    }
    if (!fresh) {
      this.stats.duplicates++;
    } else if (this.of(link).some((s) => s.wants(channel, data?.symbol))) {
      this.emit(type, message);
    }
  }

  // of an account, in the order in which it came
  tell(messages) {
    for (const message of messages) {
      if (message.type === 'missed') {
        this.stats.missed += Number(message.missed) || 0;
      }
      if ([...this.subscriptions].some((s) => s.wants(message.channel))) {
        this.emit(message.type, message);
      }
    }
  }

  missed(link, message) {
    this.tell(link.accounts.missed(message, false));
  }

  // unasked, and with a reason: what is no longer on the board, and would be
  // refused when asked for again
  unsubscribed(link, { channel, symbols, reason }) {
    for (const subscription of reason !== undefined && Array.isArray(symbols)
      ? this.of(link) : []) {
      if (subscription.symbols && subscription.channels.has(channel)
          && !subscription.drop(symbols)) {
        this.drop(subscription);
      }
    }
  }

  // "the latest of everything follows": until then there is no going on
  resync(link, message) {
    const all = this.progress(link).map(({ subscription, name, progress }) => {
      const interval = name === 'candles'
        ? subscription.interval[0] ?? '1m' : '';
      return { progress, interval: interval || null,
        symbols: new Set(link.journal.keys(name).filter(([symbol, other]) =>
          other === interval
            && subscription.wants(name, symbol || undefined))
          .map(([symbol]) => symbol)) };
    });
    link.journal.enter(message.epoch);
    for (const { progress, symbols, interval } of all) {
      progress.reset();
      progress.await(message.seq, symbols.size, { symbols, interval });
    }
  }

  // what became of a channel of subscriptions that were asked for together;
  // again: they were confirmed before, on another connection
  confirm(link, subscriptions, message, again) {
    const { channel, seq, snapshot, recovered } = message;
    const own = PRIVATE.has(channel);
    const all = subscriptions.map((subscription) =>
      subscription.channels.get(channel)).filter(Boolean);
    if (!own) {
      link.journal.enter(message.epoch);
    }
    if (all.length === 0) {
      return;
    }
    if (subscriptions.length === 1 && subscriptions[0].symbols) {
      for (const symbol of message.symbols ?? []) {
        subscriptions[0].named.add(symbol);
      }
    }
    if (own) {
      this.tell(link.accounts.confirmed(message));
    } else if (recovered !== true) {
      if (!Array.isArray(snapshot)) {
        link.journal.forget(channel);
      }
      // of trades one may come again as an update
      for (const data of STATES.has(channel) ? [] : snapshot ?? []) {
        if (Number.isSafeInteger(data?.seq)) {
          link.journal.deliver(channel, data.seq, data);
        }
      }
    }
    for (const progress of all) {
      progress.known = true;
      progress.answered();
      if (!own && recovered !== true) {
        progress.await(seq, Array.isArray(snapshot)
          ? 0 : Number(message.snapshot_count) || 0, message);
      }
    }
    this.emit('subscribed', message);
    if (again) {
      this.emit('recovered', { type: 'recovered', channel, seq,
        epoch: message.epoch, symbols: message.symbols ?? null,
        recovered: recovered === true });
    }
  }

  progress(link) {
    return this.of(link).flatMap((subscription) =>
      [...subscription.channels].map(([name, progress]) =>
        ({ subscription, name, progress })));
  }

  // where a channel can go on, or null
  from(link, name, progress) {
    return progress.base === null || link.journal.epoch === null
      ? null : link.journal.from(name, progress.base);
  }

  greet(link, message) {
    this.stats.messages++;
    const old = link.journal.epoch;
    link.journal.enter(message.epoch);
    link.journal.begin();
    for (const { progress } of this.progress(link)) {
      progress.reset();
      progress.replies = 0;
      if (old !== null && old !== message.epoch) {
        progress.base = null;
      }
    }
  }

  // of the connection, for the user
  moved(link, details) {
    const { state } = this;
    if (link.state === 'waiting') {
      this.stats.reconnects++;
    }
    // of several connections one may change without the whole
    if (state !== this.#told || link.state === 'waiting') {
      this.#told = state;
      this.emit('state', { type: 'state', state, ...details });
    }
  }
}


// the instrument of "there is no instrument ..."
export function named(detail) {
  return /"([^"]*)"/.exec(detail ?? '')?.[1] ?? null;
}


export function absolute(url) {
  const address = new URL(url, globalThis.location?.href);
  if (address.searchParams.has('channels')) {
    throw new TypeError('subscribe with subscribe(), not in the address');
  }
  return address;
}
