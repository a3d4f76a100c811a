// Copyright (C) the ngx_trading authors
// SPDX-License-Identifier: BSD-2-Clause
//
// node build.mjs NODE_MODULES SPECS OUT: the documentation pages, complete in
// one folder, nothing of it from elsewhere when they are shown.

import fs from 'node:fs';
import path from 'node:path';
import zlib from 'node:zlib';

const [modules, specs, out] = process.argv.slice(2);
const here = path.dirname(new URL(import.meta.url).pathname);
const services = [
  { name: 'market', title: 'Market data', base: '/market' },
  { name: 'trading', title: 'Signals', base: '/trading' },
  { name: 'openapi', title: 'Everything', base: '' },
];
const pages = [
  { name: 'docs', title: 'Swagger UI', script: 'swagger-ui.js',
    style: 'swagger-ui.css' },
  { name: 'redoc', title: 'ReDoc', script: 'redoc.js' },
];

function read(...names) {
  return fs.readFileSync(path.join(...names), 'utf8');
}

// compressed once here, and never by nginx
function write(name, text) {
  const file = path.join(out, name);
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, text);
  fs.writeFileSync(`${file}.gz`, zlib.gzipSync(text, { level: 9 }));
}

// exactly one, or the package has changed and this must be looked at again
function replaceOnce(text, from, to) {
  const parts = text.split(from);
  if (parts.length !== 2) {
    throw new Error(`"${from}" stands ${parts.length - 1} times, not once`);
  }
  return parts.join(to);
}

function withoutMap(text) {
  return text.replace(/\/[/*]# sourceMappingURL=.*\s*$/, '');
}

function links(service, page) {
  const link = (href, text, on) =>
    `<a href="${href}"${on ? ' aria-current="page"' : ''}>${text}</a>`;
  return {
    services: services.map((s) =>
      link(`${s.base}/${page.name}`, s.title, s === service)).join('\n      '),
    pages: pages.map((p) =>
      link(`${service.base}/${p.name}`, p.title, p === page))
      .join('\n      '),
  };
}

fs.rmSync(out, { recursive: true, force: true });

const swagger = path.join(modules, 'swagger-ui-dist');
const redoc = path.join(modules, 'redoc', 'bundles');
const blank = 'data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAA=';

write('assets/swagger-ui.js', withoutMap(read(swagger, 'swagger-ui-bundle.js')));
write('assets/swagger-ui.css', withoutMap(read(swagger, 'swagger-ui.css')));
// ReDoc would fetch its maker's logo from the maker's server
write('assets/redoc.js', withoutMap(replaceOnce(
  read(redoc, 'redoc.standalone.js'),
  'https://cdn.redoc.ly/redoc/logo-mini.svg', blank)));
for (const name of ['docs.css', 'docs.js', 'icon.svg']) {
  write(`assets/${name}`, read(here, name));
}
write('assets/licences.txt', [
  `Swagger UI\n==========\n\n${read(swagger, 'NOTICE')}\n`,
  read(swagger, 'LICENSE'),
  `\nReDoc\n=====\n\n${read(modules, 'redoc', 'LICENSE')}`,
].join('\n'));

for (const service of services) {
  const spec = JSON.parse(read(specs, `${service.name}.json`));
  write(`${service.name}/openapi.json`, JSON.stringify(spec));
  for (const page of pages) {
    const { services: byService, pages: byPage } = links(service, page);
    const values = {
      TITLE: `${service.title}: ${page.title} - ngx_trading`,
      VERSION: spec.info.version,
      PAGE: page.name,
      SCRIPT: page.script,
      STYLE: page.style
        ? `\n<link rel="stylesheet" href="/docs/assets/${page.style}">` : '',
      SERVICES: byService,
      PAGES: byPage,
      OPENAPI: `${service.base}/openapi.json`,
    };
    write(`${service.name}/${page.name}.html`, read(here, 'page.html')
      .replace(/\{\{(\w+)\}\}/g, (all, key) => values[key]));
  }
}
