// `serve --app`: examples/app.mjs behind curl in every mode, recorded, and replayed without it.

import { randomFillSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { certificateFile, type Server, serve, wirebench, withFolder, withServer } from '../support/live.js';
import { needCommands, testWith } from '../support/needs.js';

const test = suite('app');
const APP = 'examples/app.mjs';
const UPLOAD_BYTES = 3_000_000;

/** What curl has to say of the application, over both versions of HTTP. */
async function browse(server: Server, base: string, upload: string): Promise<void> {
  writeFileSync(upload, randomFillSync(new Uint8Array(UPLOAD_BYTES)));
  for (const version of ['--http1.1', '--http2']) {
    const curl = async (path: string, ...args: string[]): Promise<string> => {
      const all = ['-sS', '--max-time', '30', '--cacert', certificateFile, version, ...args, `${base}${path}`];
      const out = await server.client('curl', all);
      assert.is(out.code, 0, `${version} ${path}: ${out.stderr}`);
      return out.stdout;
    };
    assert.is(await curl('/hello'), 'hello\n');
    assert.match(await curl('/time'), /^\{"now":\d{13}\}\n$/);
    assert.is(await curl('/upper', '-d', 'some text'), 'SOME TEXT');
    assert.is(await curl('/digest', '--data-binary', `@${upload}`), `${UPLOAD_BYTES} bytes\n`);
    assert.is(await curl('/digest', '-H', 'Expect: 100-continue', '-d', 'abc'), '3 bytes\n');
    assert.match(await curl('/count', '-i'), /1\n2\n3\n4\n5\n(x-counted: 5\r\n)?/i);
    assert.is(await curl('/fail', '-o', '/dev/null', '-w', '%{http_code}'), '500');
    assert.is(await curl('/status/418', '-o', '/dev/null', '-w', '%{http_code}'), '418', 'the site');
  }
}

async function replays(file: string): Promise<void> {
  const replay = await wirebench(['replay', file], { cwd: '/' });
  assert.is(replay.code, 0, replay.stdout + replay.stderr);
  assert.match(replay.stdout, /all identical\n$/);
}

testWith(test, needCommands('curl'), 'tcp mode: the application answers, and the recording replays', async () => {
  await withFolder(async (folder) => {
    const file = join(folder, 'app.pcapng');
    const args = ['--mode', 'tcp', '--port', '0', '--app', APP, '--record', file, '--log', 'none'];
    const end = await withServer(args, {}, (server) =>
      browse(server, `https://localhost:${server.tlsPort}`, join(folder, 'upload')),
    );
    assert.is(end.code, 130);
    assert.match(end.stderr, /the application failed at GET \/fail: Error: this is what a failure looks like\n +at /);
    await replays(file);
    const log = await wirebench(['replay', file, '--log', 'pretty', '--layers', 'http']);
    assert.match(log.stdout, /\[HTTP\] request 1 is answered from outside\n/);
  });
});

testWith(
  test,
  ['root', 'tun', 'namespaces', ...needCommands('ip', 'nsenter', 'curl')],
  'tun mode: the same, through faults as well',
  async () => {
    await withFolder(async (folder) => {
      for (const faults of [[], ['--fault', 'drop=2%,delay=2ms,both']]) {
        const file = join(folder, `app${faults.length}.pcapng`);
        const args = ['--app', APP, '--record', file, '--log', 'none', ...faults];
        await withServer(args, { namespace: true }, (server) =>
          browse(server, 'https://10.0.0.2', join(folder, 'upload')),
        );
        await replays(file);
      }
    });
  },
);

testWith(test, needCommands('curl'), 'std mode: the same application on Node’s own HTTP', async () => {
  await withFolder(async (folder) => {
    const args = ['--mode', 'std', '--port', '0', '--app', APP];
    await withServer(args, {}, (server) =>
      browse(server, `https://localhost:${server.tlsPort}`, join(folder, 'upload')),
    );
  });
});

testWith(
  test,
  needCommands('curl'),
  'a large answer is made as a slow client takes it, in bounded memory',
  async () => {
    await withFolder(async (folder) => {
      const app = join(folder, 'large.mjs');
      writeFileSync(
        app,
        `export default () => ({ body: (function* () {
         for (let i = 0; i < 6000; i++) yield new Uint8Array(50_000);
       })() });`,
      );
      const args = ['--mode', 'tcp', '--port', '0', '--app', app, '--log', 'none'];
      await withServer(args, {}, async (server) => {
        const before = server.peakMemoryBytes();
        const url = `https://localhost:${server.tlsPort}/`;
        const quick = ['-sS', '--cacert', certificateFile, '-o', '/dev/null', '-w', '%{size_download}'];
        const slow = server.client('curl', [...quick, '--limit-rate', '1M', '--max-time', '2', url]);
        const out = await server.client('curl', [...quick, '--max-time', '60', url]);
        assert.is(out.stdout, '300000000');
        await slow;
        const grown = server.peakMemoryBytes() - before;
        assert.ok(grown < 150_000_000, `${grown} bytes more for 300 MB`);
        assert.is((await server.client('curl', [...quick, '-I', url])).code, 0, 'the client that left did no harm');
      });
    });
  },
);

test('a module that is no application ends the command before anything listens', async () => {
  await withFolder(async (folder) => {
    const cases: [string, string | undefined, RegExp][] = [
      ['missing.mjs', undefined, /missing\.mjs: cannot be loaded: Cannot find module/],
      ['broken.mjs', 'export default (', /broken\.mjs: cannot be loaded: Unexpected end of input/],
      ['throws.mjs', 'throw new Error("at load")', /throws\.mjs: cannot be loaded: at load/],
      ['waits.mjs', 'await new Promise(() => {})', /waits\.mjs: cannot be loaded: its top-level await does not settle/],
      ['runs.mjs', 'setInterval(() => {}, 1000)', /runs\.mjs: exports no function/],
      ['empty.mjs', 'export const x = 1', /empty\.mjs: exports no function/],
    ];
    for (const [name, source, pattern] of cases) {
      const file = join(folder, name);
      if (source !== undefined) writeFileSync(file, source);
      const out = await wirebench(['serve', '--mode', 'tcp', '--port', '0', '--app', file]);
      assert.is(out.code, 2, out.stderr);
      assert.match(out.stderr, pattern);
      assert.match(out.stderr, /export default/);
    }
  });
});

testWith(test, needCommands('curl'), 'an object with a method, and a promise that nobody waits for', async () => {
  await withFolder(async (folder) => {
    const app = join(folder, 'object.mjs');
    writeFileSync(
      app,
      `export default { name: 'it', handle() { Promise.reject(new Error('forgotten')); return this.name; } };`,
    );
    const server = await serve(['--mode', 'tcp', '--port', '0', '--app', app, '--log', 'none']);
    const url = `https://localhost:${server.tlsPort}/`;
    for (let i = 0; i < 2; i++) {
      const out = await server.client('curl', ['-sS', '--max-time', '10', '--cacert', certificateFile, url]);
      assert.is(out.stdout, 'it');
    }
    const end = await server.stop();
    assert.is(end.code, 130);
    assert.match(end.stderr, /the application left a rejected promise: Error: forgotten/);
  });
});

testWith(test, needCommands('curl'), 'what it throws from a callback, and a wrong status, end nothing', async () => {
  await withFolder(async (folder) => {
    const app = join(folder, 'throws.mjs');
    writeFileSync(
      app,
      `export default ({ path }) => {
         if (path === '/wrong') return { status: 'abc', body: 'x' };
         setTimeout(() => { throw path === '/text' ? 'a text' : new Error('too late'); });
         return new Promise((resolve) => setTimeout(() => resolve('fine'), 50));
       };`,
    );
    const file = join(folder, 'throws.pcapng');
    const args = ['--mode', 'tcp', '--port', '0', '--app', app, '--record', file, '--log', 'none'];
    const end = await withServer(args, {}, async (server) => {
      const url = `https://localhost:${server.tlsPort}`;
      const quick = ['-sS', '--max-time', '10', '--cacert', certificateFile, '-w', ' %{http_code}'];
      assert.is((await server.client('curl', [...quick, `${url}/`])).stdout, 'fine 200');
      assert.is((await server.client('curl', [...quick, `${url}/text`])).stdout, 'fine 200');
      assert.match((await server.client('curl', [...quick, `${url}/wrong`])).stdout, / 500$/);
    });
    assert.is(end.code, 130, end.stderr);
    assert.match(end.stderr, /the application threw outside of a request: Error: too late\n +at .*throws\.mjs/);
    assert.match(end.stderr, /the application threw outside of a request: a text\n/);
    assert.match(end.stderr, /the application failed at GET \/wrong: TypeError: the status "abc" is no number/);
    await replays(file);

    const recorded = join(folder, 'recorded.pcapng');
    const words = ['--', 'curl', '-sS', '--cacert', '{cacert}', '{url}'];
    const out = await wirebench(['record', '--mode', 'tcp', '--app', app, '--out', recorded, ...words]);
    assert.is(out.code, 0, out.stderr);
    assert.match(out.stderr, /outside of a request: Error: too late/);
    await replays(recorded);
  });
});

test.run();
