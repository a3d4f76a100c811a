// Copyright (C) the ngx_trading authors
// SPDX-License-Identifier: BSD-2-Clause
//
// The client of web/lib for test_stream_client.py: stream_client.mjs URL
// CHANNELS SYMBOL... subscribes for each symbol by itself and writes each event
// as a line of JSON, with a few of its fields. It ends with its input.

import { connect } from '../../web/lib/stream.js';

const [url, channels, ...symbols] = process.argv.slice(2);
const stream = connect(url, { minDelay: 100, maxDelay: 4000 });

stream.on('*', ({ channel, code, data, recovered, state, reason }, type) => {
  console.log(JSON.stringify({ type, channel, code, recovered, state, reason,
    symbol: data?.symbol, id: data?.id }));
});
for (const name of symbols) {
  stream.subscribe(channels.split(','), { symbols: name });
}
process.stdin.on('data', () => {}).on('end', () => stream.close());
