# Copyright (C) the ngx_trading authors
# SPDX-License-Identifier: BSD-2-Clause

"""Headless Chromium by its debugging pipe: what a page asks for, what it says
on the console, what it looks like. Nothing but the standard library."""

import base64
import json
import os
import select
import shutil
import subprocess
import tempfile
import time

PROGRAM = shutil.which('chromium')
FLAGS = ('--headless', '--no-sandbox', '--disable-gpu', '--disable-quic',
         '--no-first-run', '--disable-background-networking',
         '--disable-component-update', '--disable-sync', '--hide-scrollbars',
         '--disable-default-apps', '--remote-debugging-pipe')


class Browser:
    """One browser with one page."""

    def __init__(self, width=1360, height=1000, dark=False):
        self.profile = tempfile.mkdtemp(prefix='trading-browser-')
        ours_in, theirs_out = os.pipe()
        theirs_in, ours_out = os.pipe()

        def place():
            # the browser reads from 3 and writes to 4
            high_in, high_out = os.dup(theirs_in), os.dup(theirs_out)
            os.dup2(high_in, 3)
            os.dup2(high_out, 4)
        # low numbers, so that place() cannot overwrite what it still needs
        self.process = subprocess.Popen(
            [PROGRAM, *FLAGS, f'--user-data-dir={self.profile}',
             f'--window-size={width},{height}', 'about:blank'],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, preexec_fn=place, close_fds=False)
        os.close(theirs_in)
        os.close(theirs_out)
        self.input, self.output = ours_in, ours_out
        self.buffer, self.number, self.session = b'', 0, None
        self.events = []
        try:
            target = next(t for t in self.call('Target.getTargets')
                          ['targetInfos'] if t['type'] == 'page')
            self.session = self.call('Target.attachToTarget',
                                     targetId=target['targetId'],
                                     flatten=True)['sessionId']
            for domain in ('Page', 'Network', 'Runtime', 'Log'):
                self.call(f'{domain}.enable')
            self.call('Emulation.setDeviceMetricsOverride', width=width,
                      height=height, deviceScaleFactor=1,
                      mobile=width < 500)
            self.call('Emulation.setEmulatedMedia', features=[
                {'name': 'prefers-color-scheme',
                 'value': 'dark' if dark else 'light'}])
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        os.close(self.output)       # the browser ends when its pipe does
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        os.close(self.input)
        shutil.rmtree(self.profile, ignore_errors=True)

    def _read(self, seconds):
        """The next message, or None."""
        end = time.monotonic() + seconds
        while b'\0' not in self.buffer:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.input], [], [], left)[0]:
                return None
            more = os.read(self.input, 1 << 20)
            if not more:
                raise AssertionError('the browser ended')
            self.buffer += more
        text, _, self.buffer = self.buffer.partition(b'\0')
        return json.loads(text)

    def call(self, method, **params):
        self.number += 1
        message = {'id': self.number, 'method': method, 'params': params}
        if self.session:
            message['sessionId'] = self.session
        os.write(self.output, json.dumps(message).encode() + b'\0')
        while True:
            answer = self._read(30)
            if answer is None:
                raise AssertionError(f'no answer to {method}')
            if answer.get('id') == self.number:
                if 'error' in answer:
                    raise AssertionError(f'{method}: {answer["error"]}')
                return answer['result']
            self.events.append(answer)

    def value(self, expression):
        """Of a JavaScript expression; promises are waited for."""
        result = self.call('Runtime.evaluate', expression=expression,
                           awaitPromise=True, returnByValue=True)
        if 'exceptionDetails' in result:
            raise AssertionError(f'{expression}: {result}')
        return result['result'].get('value')

    def open(self, url, ready, seconds=30):
        """Goes to url and waits until `ready`, an expression, is true."""
        self.events.clear()
        self.call('Page.navigate', url=url)
        self.until(ready, seconds)

    def until(self, ready, seconds=30):
        end = time.monotonic() + seconds
        while not self.value(ready):
            if time.monotonic() > end:
                raise AssertionError(f'not within {seconds} s: {ready}: '
                                     f'{self.complaints()}')
            time.sleep(0.05)

    def requests(self):
        """URLs that the page has asked for since open()."""
        return [event['params']['request']['url'] for event in self.events
                if event.get('method') == 'Network.requestWillBeSent']

    def complaints(self):
        """What came on the console, exceptions and refusals included."""
        out = []
        for event in self.events:
            params = event.get('params', {})
            if event.get('method') == 'Runtime.consoleAPICalled' \
                    and params['type'] in ('error', 'warning', 'assert'):
                out.append(str([arg.get('value', arg.get('description'))
                                for arg in params['args']]))
            elif event.get('method') == 'Runtime.exceptionThrown':
                out.append(str(params['exceptionDetails']))
            elif event.get('method') == 'Log.entryAdded' \
                    and params['entry']['level'] in ('error', 'warning'):
                out.append(params['entry']['text'])
            elif event.get('method') == 'Network.loadingFailed':
                out.append(f'{params["errorText"]} '
                           f'{params.get("blockedReason", "")}')
        return out

    def picture(self, path):
        data = self.call('Page.captureScreenshot', format='png')['data']
        with open(path, 'wb') as file:
            file.write(base64.b64decode(data))
