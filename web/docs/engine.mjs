// Copyright (C) the ngx_trading authors
// SPDX-License-Identifier: BSD-2-Clause
//
// node engine.mjs PACKAGE_DIR: does this node meet the package's "engines"?
// If not, says so and ends with 1.  npm itself only warns.

import fs from 'node:fs';
import path from 'node:path';

const { name, engines = {} } = JSON.parse(
  fs.readFileSync(path.join(process.argv[2], 'package.json'), 'utf8'));
const wanted = engines.node ?? '*';
const here = process.versions.node;

function compare(a, b) {
  const [x, y] = [a, b].map((version) => version.split('.').map(Number));
  for (let i = 0; i < 3; i++) {
    if ((x[i] ?? 0) !== (y[i] ?? 0)) {
      return (x[i] ?? 0) < (y[i] ?? 0) ? -1 : 1;
    }
  }
  return 0;
}

// ">=20.19.0 <21.0.0": what else the grammar knows is a case for a look here
function meets(range) {
  return range.trim().split(/\s+/).every((part) => {
    const [, sign, version] = /^(>=|<=|>|<|=?)(\d+(?:\.\d+){0,2})$/.exec(part)
      ?? [, part === '*' ? '*' : null];
    switch (sign) {
      case '*': return true;
      case '>=': return compare(here, version) >= 0;
      case '<=': return compare(here, version) <= 0;
      case '>': return compare(here, version) > 0;
      case '<': return compare(here, version) < 0;
      case '': case '=': return compare(here, version) === 0;
      default: throw new Error(`${name}: engines "${wanted}" is not understood`);
    }
  });
}

if (!wanted.split('||').some(meets)) {
  console.log(`${name} needs node ${wanted}, here is ${here}`);
  process.exitCode = 1;
}
