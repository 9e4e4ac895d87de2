// A browser on a page of ours: Chromium loads a page with 100 images from `--root`, uploads 5 MB by fetch and asks for a
// range, over HTTP/2; the run is recorded and replays without the page's files.

import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { wirebench, withFolder, withServer } from '../support/live.js';
import { needCommands, testWith } from '../support/needs.js';

const test = suite('a browser, live');
const IMAGES = 100;
const UPLOAD_BYTES = 5_000_000;

/** A red dot. */
const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==',
  'base64',
);

const SCRIPT = `
const loaded = (image) => image.decode().then(() => image.naturalWidth === 1, () => false);
const images = await Promise.all([...document.images].map(loaded));
const body = new Uint8Array(${UPLOAD_BYTES}).map((_, i) => i % 251);
const echo = new Uint8Array(await (await fetch('/echo', { method: 'POST', body })).arrayBuffer());
const same = echo.length === body.length && echo.every((byte, i) => byte === body[i]);
const range = await fetch('/page.js', { headers: { range: 'bytes=1-5' } });
document.body.append(\`images \${images.filter(Boolean).length}, upload \${same}, range \${range.status} \${await range.text()}.\`);
`;

const CHROMIUM = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-dev-shm-usage',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  // Whom it trusts is told in tls-clients.test.ts.
  '--ignore-certificate-errors',
  '--virtual-time-budget=60000',
  '--dump-dom',
];

const needs = ['root', 'tun', 'namespaces', ...needCommands('chromium', 'nsenter')] as const;

testWith(test, needs, 'Chromium loads 100 images, uploads 5 MB and reads a range; replayed', async () => {
  await withFolder(async (folder) => {
    const root = join(folder, 'site');
    mkdirSync(root);
    const images = Array.from({ length: IMAGES }, (_, i) => `<img src="${i}.png" alt="">`).join('');
    writeFileSync(
      join(root, 'index.html'),
      `<!doctype html><title>t</title>${images}<script type="module" src="page.js"></script>`,
    );
    writeFileSync(join(root, 'page.js'), SCRIPT);
    for (let i = 0; i < IMAGES; i++) writeFileSync(join(root, `${i}.png`), PNG);
    const file = join(folder, 'run.pcapng');
    const args = ['--log', 'json', '--layers', 'tls,http', '--root', root, '--record', file];
    const end = await withServer(args, { namespace: true }, async (server) => {
      const browser = [...CHROMIUM, `--user-data-dir=${join(folder, 'profile')}`, 'https://10.0.0.2/'];
      const { stdout, stderr } = await server.client('chromium', browser, {
        env: { HOME: folder },
        timeoutMs: 120_000,
      });
      assert.match(stdout, /images 100, upload true, range 206 const\./, stdout.slice(-400) + stderr.slice(-400));
    });
    assert.is(end.code, 130, end.stderr);
    assert.match(end.stdout, /"kind":"established"[^\n]*"alpn":"h2"/);
    rmSync(root, { recursive: true });
    const replay = await wirebench(['replay', file]);
    assert.is(replay.code, 0, replay.stdout + replay.stderr);
  });
});

test.run();
