// Copyright (C) the ngx_trading authors
// SPDX-License-Identifier: BSD-2-Clause
//
// TradingEvents: the streams over SSE, with a connection for each subscription.
// A browser does not show why it was refused, so where it was, the same address
// is asked for once more with fetch(), whose answer tells.

import { absolute, named, Stream } from './base.js';
import { PRIVATE } from './journal.js';
import { dialSource, Link, REFUSED } from './link.js';

// what stands in the address, and is not better the next time
const FINAL = new Set(['unknown_symbol', 'unknown_class', 'invalid_parameter',
  'unauthorized']);


export class TradingEvents extends Stream {
  #url;
  #EventSource;
  #fetch;
  #links = new Map();       // subscription -> link
  #inquiries = new Map();   // link -> what ends the inquiry
  #closed = false;

  constructor(url, options = {}) {
    super(options);
    this.#EventSource = options.EventSource ?? globalThis.EventSource;
    this.#fetch = options.fetch ?? globalThis.fetch;
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
    links.forEach((link) => this.#end(link));
    this.moved({ state: 'closed' }, {});
  }

  begin(subscription) {
    const link = new Link((on) => dialSource(this.#EventSource,
      this.#address(link, subscription), on), this, this.options);
    link.journal.told = true;
    this.#links.set(subscription, link);
    link.open();
  }

  drop(subscription) {
    super.drop(subscription);
    const link = this.#links.get(subscription);
    this.#links.delete(subscription);
    if (link) {
      this.#end(link);
    }
  }

  #end(link) {
    this.#inquiries.get(link)?.abort();
    this.#inquiries.delete(link);
    link.close();
  }

  // the same with less of it, from where it has come to
  changed(subscription) {
    const link = this.#links.get(subscription);
    this.#end(link);
    if (this.#links.get(subscription) === link) {
      link.open();
    }
  }

  ceased() {}

  greeted(link, message) {
    const from = this.progress(link).filter(({ name }) => !PRIVATE.has(name))
      .map(({ name, progress }) => this.from(link, name, progress));
    this.greet(link, message);
    // their events have no ids: what was between is not known
    link.accounts.clear();
    if (from.length > 0 && !from.includes(null)) {
      link.journal.hold(from.length);
    }
    this.emit('connected', message);
  }

  subscribed(link, message) {
    const subscriptions = this.of(link);
    if (!PRIVATE.has(message.channel)) {
      link.journal.release(message.seq);
    }
    this.confirm(link, subscriptions, message,
      subscriptions[0]?.channels.get(message.channel)?.known ?? false);
  }

  failed() {}

  moved(link, details) {
    super.moved(link, details);
    if (details.code === REFUSED && link.state === 'waiting') {
      this.#inquire(link);
    }
  }

  // why was it refused?
  async #inquire(link) {
    const inquiry = new AbortController();
    this.#inquiries.get(link)?.abort();
    this.#inquiries.set(link, inquiry);
    for (let cured = false; ; cured = true) {
      const [subscription] = this.of(link);
      const problem = subscription && this.#fetch
        ? await this.#ask(link, subscription, inquiry.signal) : null;
      if (inquiry.signal.aborted) {
        break;
      }
      if (!FINAL.has(problem?.code)) {
        if (cured) {
          link.hurry();
        }
        break;
      }
      this.#refused(subscription, problem);
    }
    // a stream may have begun
    inquiry.abort();
    if (this.#inquiries.get(link) === inquiry) {
      this.#inquiries.delete(link);
    }
  }

  // the problem document, or null: then the next attempt shows
  async #ask(link, subscription, signal) {
    const fetch = this.#fetch;
    try {
      const answer = await fetch(this.#address(link, subscription),
        { signal, headers: { Accept: 'text/event-stream' } });
      return answer.ok ? null : await answer.json();
    } catch {
      return null;
    }
  }

  #refused(subscription, { code, detail }) {
    const symbol = code === 'unknown_symbol' ? named(detail) : null;
    const known = subscription.symbols?.has(symbol);
    const message = { type: 'error', code, detail,
      channels: [...subscription.channels.keys()],
      symbols: known ? [symbol] : subscription.symbols
        && [...subscription.symbols] };
    if (!known || !subscription.drop([symbol])) {
      this.drop(subscription);
    }
    this.emit('error', message);
  }

  #address(link, subscription) {
    const url = new URL(this.#url);
    const set = (name, values) => values.length > 0
      && url.searchParams.set(name, values.join(','));
    // /trading/binary/stream has but one, which has no name there
    set('channels', [...subscription.channels.keys()]
      .filter((name) => name !== 'binary'));
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
