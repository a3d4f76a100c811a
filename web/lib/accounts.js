// Copyright (C) the ngx_trading authors
// SPDX-License-Identifier: BSD-2-Clause
//
// How far the channels of an account have come on a connection.  Their events
// are numbered by themselves, each comes once and in order, and what the
// server had no room for is named by "missed": the file of events may still
// hold it.  So it is asked for again from the last event before, and nothing is
// told until the answer is there, since that brings everything since.  Only
// what cannot be had is told as missed.

const HELD = 256;         // events that are kept until it is known

export class Accounts {
  #places = new Map();    // channel -> { epoch, seq, asked, held }

  place(channel) {
    return this.#places.get(channel) ?? null;
  }

  forget(channel) {
    this.#places.delete(channel);
  }

  // a new connection: what was asked for on the old one is not answered
  begin() {
    this.#places.forEach((place) => { place.asked = null; });
  }

  clear() {
    this.#places.clear();
  }

  // what is to be told of an event, or null if it was told before
  heard(message) {
    const place = this.#places.get(message.channel);
    if (!place) {
      return [message];
    }
    if (message.seq <= place.seq) {
      return null;
    }
    if (!place.held) {
      place.seq = message.seq;
      return [message];
    }
    place.held.push(message);
    return place.held.length > HELD ? this.#flush(place) : [];
  }

  // What is to be told of "missed"; null: it is to be asked for from its
  // place.  Without an event in between, asking would end the same way.
  missed(message, asks) {
    const place = this.#places.get(message.channel);
    if (place?.held) {
      place.held.push(message);
      return place.held.length > HELD ? this.#flush(place) : [];
    }
    if (place && asks && place.seq !== place.asked) {
      place.held = [message];
      place.asked = place.seq;
      return null;
    }
    if (place) {
      place.seq = Math.max(place.seq, message.seq);
    }
    return [message];
  }

  // what is to be told now that it is known whether all since comes again
  answered(channel, recovered) {
    const place = this.#places.get(channel);
    if (!place?.held) {
      return [];
    }
    if (recovered) {
      place.held = null;
      return [];
    }
    return this.#flush(place);
  }

  // what is to be told before a subscription's confirmation
  confirmed({ channel, epoch, seq, recovered }) {
    const place = this.#places.get(channel);
    if (place && (recovered === true
        || (recovered === undefined && place.epoch === epoch))) {
      return recovered ? this.answered(channel, true) : [];
    }
    return this.renewed({ channel, epoch, seq });
  }

  // other events begin
  renewed({ channel, epoch, seq }) {
    const told = this.answered(channel, false);
    this.#places.set(channel, { epoch, seq, asked: null, held: null });
    return told;
  }

  #flush(place) {
    const told = place.held;
    place.held = null;
    place.seq = Math.max(place.seq, ...told.map(({ seq }) => seq));
    return told;
  }
}
