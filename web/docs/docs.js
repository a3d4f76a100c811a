/* Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Starts Swagger UI or ReDoc on the document beside the page, light or dark
 * as the system is.
 */

(() => {
  'use strict';

  const spec = 'openapi.json';
  const place = document.getElementById('reference');
  const dark = window.matchMedia('(prefers-color-scheme: dark)');

  const fonts = 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", ' +
    '"Liberation Sans", sans-serif';
  const mono = 'ui-monospace, "Cascadia Mono", Menlo, "DejaVu Sans Mono", ' +
    'monospace';

  function failed() {
    const words = document.createElement('p');
    words.className = 'plain';
    words.textContent = 'The document could not be loaded. Is the server up?';
    place.replaceChildren(words);
  }

  function colours() {
    document.documentElement.classList.toggle('dark-mode', dark.matches);
  }

  function theme() {
    const c = dark.matches
      ? { text: '#e2e8f0', soft: '#94a3b8', page: '#0f172a', side: '#111c33',
          line: '#283548', nest: '#17233a', accent: '#2dd4bf',
          right: '#0b1222', code: '#060b16' }
      : { text: '#1e293b', soft: '#526075', page: '#ffffff', side: '#f6f8fa',
          line: '#dbe2ea', nest: '#f6f8fa', accent: '#0f766e',
          right: '#1e293b', code: '#0f172a' };
    return {
      colors: {
        primary: { main: c.accent },
        text: { primary: c.text, secondary: c.soft },
        border: { dark: c.line, light: c.line },
        gray: { 50: c.nest, 100: c.line },
        http: { get: '#0f766e' },
      },
      schema: {
        nestedBackground: c.nest, linesColor: c.line,
        typeNameColor: c.soft, typeTitleColor: c.soft,
      },
      spacing: { unit: 5, sectionHorizontal: 36, sectionVertical: 22 },
      sidebar: {
        backgroundColor: c.side, textColor: c.text, activeTextColor: c.accent,
        width: '270px',
      },
      fab: { backgroundColor: c.side, color: c.accent },
      rightPanel: { backgroundColor: c.right, textColor: '#e2e8f0' },
      codeBlock: { backgroundColor: c.code },
      typography: {
        fontFamily: fonts, fontSize: '15px', lineHeight: '1.55',
        headings: { fontFamily: fonts, fontWeight: '600' },
        code: { fontFamily: mono, fontSize: '13px', color: c.text,
                backgroundColor: c.nest, wrap: true },
        links: { color: c.accent, visited: c.accent, hover: c.accent },
      },
    };
  }

  function redoc() {
    const options = {
      theme: theme(), scrollYOffset: '.bar', nativeScrollbars: true,
      expandResponses: '200', hideDownloadButton: true, hideLoading: true,
      jsonSampleExpandLevel: 3, sortTagsAlphabetically: false,
      requiredPropsFirst: false,
    };
    window.Redoc.init(spec, options, place, (error) => {
      if (error) {
        failed();
      }
    });
  }

  function swagger() {
    window.SwaggerUIBundle({
      url: spec,
      domNode: place,
      presets: [window.SwaggerUIBundle.presets.apis],
      layout: 'BaseLayout',
      validatorUrl: null,
      deepLinking: true,
      displayRequestDuration: true,
      docExpansion: 'list',
      defaultModelsExpandDepth: 0,
      defaultModelExpandDepth: 2,
      supportedSubmitMethods: ['get'],
      tryItOutEnabled: false,
    });
  }

  colours();

  if (window.Redoc) {
    redoc();
    /* its styles are made at the start */
    dark.addEventListener('change', () => window.location.reload());

  } else if (window.SwaggerUIBundle) {
    swagger();
    dark.addEventListener('change', colours);

  } else {
    failed();
  }
})();
