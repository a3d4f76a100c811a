// Copyright (C) the ngx_trading authors
// SPDX-License-Identifier: BSD-2-Clause
//
// Follows the streams of ngx_trading, in a browser or in Node: TradingStream
// over WebSocket, TradingEvents over SSE, with the same events.
//
// A Link keeps one connection alive: back-off, dead peers, hand-over when a
// worker leaves. Its Journal knows how far it has come and what it has already
// delivered. What is subscribed to is kept here and said again after a
// reconnect, with the place to go on from; whether nothing was lost is told by
// the event "recovered". Nothing runs once close() was called.

import { list, PRIVATE, STATES, Subscription } from './journal.js';
import { DEFAULTS, dialSocket, dialSource, Link } from './link.js';

// errors after which the same request may succeed
const PASSING = new Set(['no_board', 'unavailable', 'too_many_messages',
  'bad_seq']);
const SYMBOLS_PER_MESSAGE = 100;

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


// What both transports do with what they hear.
class Stream extends Emitter {
  stats = { messages: 0, duplicates: 0, skipped: 0, missed: 0, reconnects: 0 };
  subscriptions = new Set();
  options;
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
    for (const subscription of this.subscriptions) {
      if (!names.some((name) => subscription.channels.has(name))) {
        continue;
      }
      if (!subscription.remove(names, only)) {
        this.subscriptions.delete(subscription);
      }
      this.changed(subscription);
    }
    this.ceased(names, only);
    return this;
  }

  close() {
    globalThis.removeEventListener?.('online', this.#online);
    this.subscriptions.clear();
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
    if (type === 'skipped' || type === 'missed') {
      this.stats[type] += Number(message[type]) || 0;
      this.reached(link, message);
    } else if (type === 'resync' && PRIVATE.has(channel)) {
      this.reached(link, message);
    } else if (type === 'resync') {
      this.resync(link, message);
    } else if (type === 'drain') {
      link.journal.advanceTo(message.resume);
      link.drain(message);
    } else if (type === 'error') {
      this.failed(link, message);
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
      this.reached(link, message);
      if (this.of(link).some((s) => s.wants(channel))) {
        this.emit(type, message);
      }
      return;
    }
    const fresh = link.journal.deliver(channel, seq, data);
    link.journal.advance(seq, channel);
    for (const subscription of this.of(link)) {
      subscription.settle(channel, data?.symbol);
    }
    if (!fresh) {
      this.stats.duplicates++;
    } else if (this.of(link).some((s) => s.wants(channel, data?.symbol))) {
      this.emit(type, message);
    }
  }

  // how far an account's channel has come
  reached(link, { channel, seq, epoch }) {
    for (const subscription of PRIVATE.has(channel) ? this.of(link) : []) {
      const progress = subscription.channels.get(channel);
      if (progress && (epoch ?? progress.place?.epoch) !== undefined) {
        progress.place = { epoch: epoch ?? progress.place.epoch, seq };
      }
    }
  }

  // "the latest of everything follows": until then there is no going on
  resync(link, message) {
    const all = this.progress(link).map(({ subscription, name }) => ({
      subscription, name, count: [...link.journal.symbols(name)].filter((s) =>
        !subscription.symbols || subscription.symbols.has(s)).length }));
    link.journal.enter(message.epoch);
    for (const { subscription, name, count } of all) {
      subscription.await(name, count, message.seq);
    }
  }

  // what became of a channel of a subscription
  confirm(link, subscription, message) {
    const { channel, seq, snapshot, recovered } = message;
    const own = PRIVATE.has(channel);
    if (!own) {
      link.journal.enter(message.epoch);
    }
    const progress = subscription.channels.get(channel);
    if (!progress) {
      return;
    }
    const again = progress.known;
    progress.known = true;
    if (own) {
      // what came since follows where it was recovered
      if (recovered !== true) {
        progress.place = { epoch: message.epoch, seq };
      }
    } else if (recovered !== true) {
      if (!Array.isArray(snapshot)) {
        link.journal.forget(channel);
      }
      subscription.await(channel, Array.isArray(snapshot)
        ? 0 : Number(message.snapshot_count) || 0, seq);
      // of trades one may come again as an update
      for (const data of STATES.has(channel) ? [] : snapshot ?? []) {
        if (Number.isSafeInteger(data?.seq)) {
          link.journal.deliver(channel, data.seq, data);
        }
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
    if (old !== null && old !== message.epoch) {
      for (const { progress } of this.progress(link)) {
        progress.base = progress.awaiting = null;
      }
    }
  }

  // of the connection, for the user
  moved(link, details) {
    if (link.state === 'waiting') {
      this.stats.reconnects++;
    }
    this.emit('state', { type: 'state', state: this.state, ...details });
  }
}


// ---- WebSocket

export class TradingStream extends Stream {
  #link;
  #asked = new Map();       // id -> { subscription, replies to come }
  #id = 0;
  #outbox = [];
  #limit = 0;
  #window = { begun: 0, sent: 0 };

  constructor(url, options = {}) {
    super(options);
    const WebSocket = options.WebSocket ?? globalThis.WebSocket;
    if (!WebSocket) {
      throw new TypeError('there is no WebSocket here: pass one in options');
    }
    const address = absolute(url);
    address.protocol = address.protocol.replace('http', 'ws');
    this.#link = new Link((on) => dialSocket(WebSocket, address.href, on),
      this, this.options);
    this.#link.open();
  }

  get state() {
    return this.#link.state;
  }

  get epoch() {
    return this.#link.journal.epoch;
  }

  get seq() {
    return this.#link.journal.seq;
  }

  links() {
    return [this.#link];
  }

  of() {
    return [...this.subscriptions];
  }

  close() {
    super.close();
    this.#outbox = [];
    this.#asked.clear();
    this.#link.close();
  }

  // of one's own; the answer comes as the event "pong"
  ping() {
    this.#send({ type: 'ping' });
  }

  greeted(link, message) {
    const resume = this.progress(link).map(({ subscription, name, progress }) =>
      ({ subscription, name, epoch: link.journal.epoch,
        from: this.from(link, name, progress),
        ...PRIVATE.has(name) && { epoch: progress.place?.epoch,
          from: progress.place?.seq ?? null, own: true } }));
    this.#asked.clear();
    this.#outbox = [];
    this.#window = { begun: 0, sent: 0 };
    this.#limit = Number(message.limits?.messages_per_second) || 0;
    this.greet(link, message);
    for (const subscription of this.subscriptions) {
      this.#ask(subscription,
        resume.filter((entry) => entry.subscription === subscription));
    }
    this.emit('connected', message);
  }

  begin(subscription) {
    if (this.state === 'open') {
      this.#ask(subscription, [...subscription.channels.keys()].map((name) =>
        ({ name, from: null })));
    }
  }

  changed() {}

  ceased(names, only) {
    for (const name of names) {
      if (!only) {
        this.#link.journal.forget(name);
      }
    }
    if (this.state === 'open') {
      this.#send({ type: 'unsubscribe', channels: names,
        ...only && { symbols: only } });
    }
  }

  // entries: channels, and where each goes on from
  #ask(subscription, entries) {
    const symbols = subscription.symbols && [...subscription.symbols];
    const parts = [];
    for (let i = 0; symbols && i < symbols.length; i += SYMBOLS_PER_MESSAGE) {
      parts.push(symbols.slice(i, i + SYMBOLS_PER_MESSAGE));
    }
    const kind = ({ from, epoch, own }) => from === null
      ? '' : `${from}|${epoch}|${own}`;
    for (const each of new Set(entries.map(kind))) {
      const same = entries.filter((entry) => kind(entry) === each);
      const [{ from, own }] = same;
      for (const part of symbols ? parts : [null]) {
        const id = ++this.#id;
        this.#asked.set(id,
          { subscription, left: same.length, resumes: from !== null && !own });
        if (from !== null && !own) {
          this.#link.journal.hold(same.length);
        }
        this.#send({ type: 'subscribe', id,
          channels: same.map((entry) => entry.name),
          ...part && { symbols: part },
          ...subscription.assetClass.length > 0
            && { asset_class: subscription.assetClass },
          ...subscription.interval.length > 0
            && { interval: subscription.interval },
          ...from !== null && { seq: from, epoch: same[0].epoch } });
      }
    }
    for (const name of subscription.except) {
      const [channel, symbol] = split(name);
      this.#send({ type: 'unsubscribe', channels: [channel],
        symbols: [symbol] });
    }
  }

  subscribed(link, message) {
    const asked = this.#asked.get(message.id);
    if (asked && --asked.left === 0) {
      this.#asked.delete(message.id);
    }
    if (asked?.resumes) {
      link.journal.release(message.seq);
    }
    if (asked) {
      this.confirm(link, asked.subscription, message);
    } else {
      this.emit('subscribed', message);
    }
  }

  failed(link, message) {
    const { subscription, left, resumes } = this.#asked.get(message.id) ?? {};
    if (!subscription) {
      return;
    }
    for (let i = 0; resumes && i < left; i++) {
      link.journal.release();
    }
    this.#asked.delete(message.id);
    message.channels = [...subscription.channels.keys()];
    message.symbols = subscription.symbols && [...subscription.symbols];
    if (!PASSING.has(message.code)) {
      // said again after each reconnect, it would close the connection
      this.subscriptions.delete(subscription);
      return;
    }
    if (message.code === 'bad_seq') {
      subscription.channels.forEach((progress) => { progress.base = null; });
    }
    if (message.code === 'unavailable') {
      subscription.channels.forEach((progress) => { progress.place = null; });
    }
    link.later('again', 1000 + this.options.random() * 4000, () => {
      for (const each of this.subscriptions) {
        const names = [...each.channels].filter(([, p]) => p.base === null
          && p.awaiting === null && p.place === null).map(([name]) => ({ name, from: null }));
        if (names.length > 0 && this.state === 'open') {
          this.#ask(each, names);
        }
      }
    });
  }

  #send(message) {
    this.#outbox.push(JSON.stringify(message));
    this.#flush();
  }

  // at most as many a second as the server will hear
  #flush() {
    const now = Date.now();
    if (now - this.#window.begun >= 1000) {
      this.#window = { begun: now, sent: 0 };
    }
    while (this.#outbox.length > 0
        && (this.#limit === 0 || this.#window.sent < this.#limit * 0.8)) {
      this.#window.sent++;
      this.#link.send(this.#outbox.shift());
    }
    if (this.#outbox.length > 0) {
      this.#link.later('outbox', 1100, () => this.#flush());
    }
  }
}


// ---- SSE: a connection for each subscription

export class TradingEvents extends Stream {
  #url;
  #EventSource;
  #links = new Map();       // subscription -> link
  #closed = false;

  constructor(url, options = {}) {
    super(options);
    this.#EventSource = options.EventSource ?? globalThis.EventSource;
    if (!this.#EventSource) {
      throw new TypeError('there is no EventSource here: pass one in options');
    }
    this.#url = absolute(url);
  }

  // of the connections together: that of the one that is worst off
  get state() {
    const states = new Set(this.links().map((link) => link.state));
    return this.#closed ? 'closed'
      : ['waiting', 'connecting', 'open'].find((s) => states.has(s))
        ?? 'connecting';
  }

  get epoch() {
    return this.links().at(-1)?.journal.epoch ?? null;
  }

  get seq() {
    const known = this.links().map((link) => link.journal.seq)
      .filter((seq) => seq !== null);
    return known.length > 0 ? Math.max(...known) : null;
  }

  links() {
    return [...this.#links.values()];
  }

  of(link) {
    return [...this.#links].filter(([, other]) => other === link)
      .map(([subscription]) => subscription);
  }

  close() {
    super.close();
    this.#closed = true;
    const links = this.links();
    this.#links.clear();
    links.forEach((link) => link.close());
    if (links.length === 0) {
      this.emit('state', { type: 'state', state: 'closed' });
    }
  }

  begin(subscription) {
    const link = new Link((on) => dialSource(this.#EventSource,
      this.#address(link, subscription), on), this, this.options);
    link.journal.told = true;
    this.#links.set(subscription, link);
    link.open();
  }

  changed(subscription) {
    const link = this.#links.get(subscription);
    if (!this.subscriptions.has(subscription)) {
      this.#links.delete(subscription);
      link.close();
    } else {
      // the same with less of it, from where it has come to
      link.close();
      link.open();
    }
  }

  ceased() {}

  greeted(link, message) {
    const from = this.progress(link).filter(({ name }) => !PRIVATE.has(name))
      .map(({ name, progress }) => this.from(link, name, progress));
    this.greet(link, message);
    if (from.length > 0 && !from.includes(null)) {
      link.journal.hold(from.length);
    }
    this.emit('connected', message);
  }

  subscribed(link, message) {
    if (!PRIVATE.has(message.channel)) {
      link.journal.release(message.seq);
    }
    for (const subscription of this.of(link)) {
      this.confirm(link, subscription, message);
    }
  }

  failed() {}

  #address(link, subscription) {
    const url = new URL(this.#url);
    const set = (name, values) => values.length > 0
      && url.searchParams.set(name, values.join(','));
    set('channels', [...subscription.channels.keys()]);
    set('symbols', subscription.symbols ? [...subscription.symbols] : []);
    set('asset_class', subscription.assetClass);
    set('interval', subscription.interval);
    const from = [...subscription.channels]
      .filter(([name]) => !PRIVATE.has(name))
      .map(([name, progress]) => this.from(link, name, progress));
    if (from.length > 0 && !from.includes(null)) {
      url.searchParams.set('resume',
        `${link.journal.epoch}-${Math.min(...from)}`);
    }
    return url.href;
  }
}


function split(name) {
  const at = name.indexOf('|');
  return [name.slice(0, at), name.slice(at + 1)];
}


function absolute(url) {
  const address = new URL(url, globalThis.location?.href);
  if (address.searchParams.has('channels')) {
    throw new TypeError('subscribe with subscribe(), not in the address');
  }
  return address;
}


// options.transport: "websocket" (default) or "sse"
export function connect(url, options = {}) {
  return options.transport === 'sse'
    ? new TradingEvents(url, options) : new TradingStream(url, options);
}
