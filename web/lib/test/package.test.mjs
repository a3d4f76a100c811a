// Copyright (C) the ngx_trading authors
// SPDX-License-Identifier: BSD-2-Clause

import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { test } from 'node:test';

test('the package holds every file', async () => {
  const lib = new URL('..', import.meta.url);
  const { files } = JSON.parse(await readFile(new URL('package.json', lib)));
  for (const name of await readdir(lib)) {
    assert.ok(!/\.(js|d\.ts)$/.test(name) || files.includes(name), name);
  }
});
