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
//
// What is said goes through an Outbox and stays in #asked until it is answered,
// so that the server may refuse it for now and be asked again.

import { absolute, named, Stream } from './base.js';
import { TradingEvents } from './events.js';
import { PRIVATE } from './journal.js';
import { dialSocket, Link } from './link.js';
import { Outbox } from './outbox.js';

export { TradingEvents };

// errors after which the same request may succeed
const PASSING = new Set(['no_board', 'unavailable', 'bad_seq']);
const SYMBOLS_PER_MESSAGE = 100;
// units of work: one for so many instruments of a channel, and so many for a
// channel that is resumed
const WIDE = 256;
const RESUMED = 2;
const PATIENCE = 300000;  // between requests that fail again and again


export class TradingStream extends Stream {
  #link;
  #outbox;
  #asked = new Map();       // id -> what was said and is not answered yet
  #postponed = [];          // what could not be had
  #failures = 0;            // of those, in a row
  #id = 0;
  #breadth = 0;             // instruments of the board, as far as we know

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
    this.#outbox = new Outbox(this.#link, this.options.random);
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
    this.#link.close();
    this.#forget();
  }

  // nothing that was said counts any more
  #forget() {
    this.#outbox.clear();
    this.#asked.clear();
    this.#postponed = [];
    this.#failures = 0;
    this.#link.cancel('again');
  }

  // of one's own; the answer comes as the event "pong"
  ping() {
    if (this.state === 'open' && !this.#outbox.waits(({ ping }) => ping)) {
      this.#say({ ping: true, cost: () => 1, words: () => ({ type: 'ping' }) });
    }
  }

  greeted(link, message) {
    const { epoch } = link.journal;
    const found = this.progress(link).map(({ subscription, name, progress }) =>
      ({ subscription, name, ...PRIVATE.has(name)
        ? { own: true, from: link.accounts.place(name)?.seq ?? null,
          epoch: link.accounts.place(name)?.epoch }
        : { own: false, from: this.from(link, name, progress), epoch } }));
    this.#forget();
    this.greet(link, message);
    link.accounts.begin();
    this.#outbox.begin(Number(message.limits?.messages_per_second) || 0);
    this.#restore(found);
    this.emit('connected', message);
  }

  begin(subscription) {
    if (this.state === 'open') {
      this.#ask({ subscriptions: [subscription],
        names: [...subscription.channels.keys()], from: null });
    }
  }

  changed() {}

  ceased(names, only) {
    for (const name of only ? [] : names) {
      this.#link.journal.forget(name);
      this.#link.accounts.forget(name);
    }
    if (this.state === 'open') {
      this.#outbox.keep((said) => !said.names || this.#wanted(said));
      this.#cease(names, only);
    }
  }

  // said once where it waits to be said, however often it is asked for
  #cease(names, only) {
    const words = { type: 'unsubscribe', channels: names,
      ...only && { symbols: only } };
    const ends = JSON.stringify(words);
    this.#outbox.keep((said) => said.ends !== ends);
    this.#say({ ends, left: names.length, cost: () => 1, words: () => words });
  }

  // All subscriptions after a reconnect. What goes on from the same place is
  // asked for together: a message costs as much for a hundred instruments as
  // for one.
  #restore(found) {
    const together = new Map();
    for (const subscription of this.subscriptions) {
      const places = new Map();
      for (const one of found) {
        if (one.subscription === subscription) {
          const place = one.from === null
            ? '' : `${one.own}|${one.epoch}|${one.from}`;
          places.set(place, [...places.get(place) ?? [], one]);
        }
      }
      for (const [place, group] of places) {
        const [{ from, epoch, own }] = group;
        const names = group.map(({ name }) => name);
        const kin = own ? '' : subscription.kin;
        const key = `${place}|${[...names].sort()}|${kin}`;
        if (from === null || kin === null) {
          this.#ask({ subscriptions: [subscription], names, from, epoch, own });
        } else if (together.has(key)) {
          together.get(key).subscriptions.push(subscription);
        } else {
          together.set(key,
            { subscriptions: [subscription], names, from, epoch, own });
        }
      }
    }
    together.forEach((ask) => this.#ask(ask));
  }

  // names: of channels; from, epoch: where they go on from, or null
  #ask({ subscriptions, names, from, epoch, own = false }) {
    const symbols = own || subscriptions[0].symbols === null ? null
      : [...new Set(subscriptions.flatMap((each) => [...each.symbols]))];
    for (let i = 0; i === 0 || i < symbols?.length; i += SYMBOLS_PER_MESSAGE) {
      const said = { subscriptions, names, from, epoch, own,
        symbols: symbols && symbols.slice(i, i + SYMBOLS_PER_MESSAGE),
        again: new Set(names.filter((name) => subscriptions.some((each) =>
          each.channels.get(name)?.known))),
        cost: () => 1 + said.names.length * ((said.from === null ? 0 : RESUMED)
          + Math.floor((said.symbols?.length ?? this.#breadth) / WIDE)),
        words: () => this.#words(said) };
      this.#expect(said, 1);
      this.#say(said);
    }
    this.#exempt(subscriptions);
  }

  // what was taken out of a subscription comes with it again
  #exempt(subscriptions) {
    for (const { except } of subscriptions) {
      for (const name of except) {
        const at = name.indexOf('|');
        this.#cease([name.slice(0, at)], [name.slice(at + 1)]);
      }
    }
  }

  // a reply more, or one fewer, for each of its channels
  #expect({ subscriptions, names, from, own }, n) {
    for (const { channels } of subscriptions) {
      for (const name of names) {
        if (channels.has(name)) {
          channels.get(name).replies += n;
        }
      }
    }
    if (from !== null && !own && n > 0) {
      this.#link.journal.hold(names.length);
    } else if (from !== null && !own) {
      names.forEach(() => this.#link.journal.release());
    }
  }

  // Takes out of it what is not subscribed to any more; false: nothing is left.
  #wanted(said) {
    const subscriptions = said.subscriptions.filter((each) =>
      this.subscriptions.has(each));
    const names = said.names.filter((name) => subscriptions.some((each) =>
      each.channels.has(name)));
    this.#expect(said, -1);
    said.subscriptions = subscriptions;
    said.names = names;
    said.symbols &&= said.symbols.filter((symbol) =>
      subscriptions.some((each) => each.symbols?.has(symbol)));
    if (names.length === 0 || said.symbols?.length === 0) {
      return false;
    }
    this.#expect(said, 1);
    return true;
  }

  #words(said) {
    if (!this.#wanted(said)) {
      return null;
    }
    said.left = said.names.length;
    const { subscriptions: [{ assetClass, interval }], symbols, own } = said;
    return { type: 'subscribe', channels: said.names,
      ...symbols && { symbols },
      ...!own && assetClass.length > 0 && { asset_class: assetClass },
      ...!own && interval.length > 0 && { interval },
      ...said.from !== null && { seq: said.from, epoch: said.epoch } };
  }

  // words(): the message, or null if there is no need of it any more; left:
  // replies to come
  #say(said) {
    said.left ??= 1;
    said.text = () => {
      const words = said.words();
      if (words === null) {
        return null;
      }
      said.id = ++this.#id;
      this.#asked.set(said.id, said);
      return JSON.stringify({ ...words, id: said.id });
    };
    this.#outbox.add(said);
  }

  // what a reply answers
  #answers({ id }) {
    const said = this.#asked.get(id);
    if (said) {
      this.#outbox.heard();
      if (--said.left === 0) {
        this.#asked.delete(id);
      }
    }
    return said;
  }

  heard(link, message) {
    if (message.type === 'pong') {
      this.#answers(message);
    } else if (message.type === 'resumed') {
      const { resumes } = this.#answers(message) ?? {};
      this.tell(link.accounts.answered(resumes, message.recovered === true));
    }
    super.heard(link, message);
  }

  unsubscribed(link, message) {
    this.#answers(message);
    super.unsubscribed(link, message);
  }

  subscribed(link, message) {
    const said = this.#answers(message);
    if (!Array.isArray(message.symbols)) {
      this.#breadth = Math.max(this.#breadth,
        Number(message.snapshot_count ?? message.snapshot?.length) || 0);
    }
    if (!said?.names) {
      this.emit('subscribed', message);
      return;
    }
    if (said.from !== null && !said.own) {
      link.journal.release(message.seq);
    }
    if (said.postponed) {
      said.postponed = false;
      this.#retry();
    }
    this.confirm(link, said.subscriptions, message,
      said.again.has(message.channel));
  }

  // Of an account: there was no room for it here, but it may still be there.
  missed(link, message) {
    const { channel } = message;
    const told = link.accounts.missed(message, this.state === 'open');
    if (told !== null) {
      this.tell(told);
      return;
    }
    this.#say({ resumes: channel,
      cost: () => 1 + RESUMED + Math.floor(this.#breadth / WIDE),
      words: () => {
        const place = link.accounts.place(channel);
        return place && { type: 'resume', channel, seq: place.seq,
          epoch: place.epoch };
      } });
  }

  resync(link, message) {
    super.resync(link, message);
    this.#retry();
  }

  // false: it is not to be told
  failed(link, message) {
    const { code, detail, id } = message;
    const refused = code === 'too_many_messages';
    // answers come in order, and one that was not read is answered without id
    const said = this.#asked.get(id)
      ?? (refused && id === undefined ? this.#asked.values().next().value
        : undefined);
    if (!said) {
      return true;
    }
    this.#asked.delete(said.id);
    if (said.names) {
      message.channels = said.names;
      message.symbols = said.symbols;
    }
    if (refused) {
      message.again = true;
      this.#outbox.again(said);
      this.#exempt(said.subscriptions ?? []);
      return true;
    }
    if (said.resumes) {
      this.tell(link.accounts.answered(said.resumes, false));
    }
    if (!said.names) {
      return code !== 'not_subscribed';     // so much the better
    }
    if (PASSING.has(code)) {
      message.again = true;
      this.#postpone(said, code === 'bad_seq');
      return true;
    }
    if (code === 'unknown_symbol' && said.symbols.includes(named(detail))) {
      message.symbols = [named(detail)];
      for (const each of said.subscriptions) {
        if (!each.drop(message.symbols)) {
          this.drop(each);
        }
      }
      if (this.#wanted(said)) {
        this.#outbox.add(said);
        this.#exempt(said.subscriptions);
      }
      return true;
    }
    this.#expect(said, -1);
    if (said.subscriptions.length > 1) {
      // one of them may be to blame
      said.subscriptions.forEach((each) =>
        this.#ask({ ...said, subscriptions: [each] }));
      return false;
    }
    // said again after each reconnect, it would close the connection
    this.drop(said.subscriptions[0]);
    return true;
  }

  // What cannot be had now is asked for later, one of it before the rest:
  // too many errors would end the connection.
  #postpone(said, anew) {
    if (anew) {
      this.#expect(said, -1);
      for (const { channels } of said.subscriptions) {
        for (const name of said.names.filter((each) => channels.has(each))) {
          channels.get(name).base = null;
        }
      }
      said.names.forEach((name) => this.#link.accounts.forget(name));
      said.from = null;
      this.#expect(said, 1);
    }
    said.postponed = true;
    this.#postponed.push(said);
    this.#await();
  }

  #await() {
    if (this.#postponed.length > 0 && !this.#link.pending('again')) {
      const delay = (1000 + this.options.random() * 4000)
        * 2 ** Math.min(this.#failures++, 10);
      this.#link.later('again', Math.min(delay, PATIENCE), () => {
        this.#repeat(1);
        this.#await();
      });
    }
  }

  // it may be had now
  #retry() {
    this.#failures = 0;
    this.#link.cancel('again');
    this.#repeat(this.#postponed.length);
  }

  #repeat(n) {
    this.#postponed = this.#postponed.filter((said) => this.#wanted(said));
    for (const said of this.#postponed.splice(0, n)) {
      this.#outbox.add(said);
      this.#exempt(said.subscriptions);
    }
  }
}


// options.transport: "websocket" (default) or "sse"
export function connect(url, options = {}) {
  return options.transport === 'sse'
    ? new TradingEvents(url, options) : new TradingStream(url, options);
}
