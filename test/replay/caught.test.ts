// A detail of the core is changed, in a copy of what was compiled, and a replay of a bundled capture has to catch it and to name
// layer and field in its first line. The sources stay as they are.

import { cpSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { scratch } from '../support/captures.js';
import { projectRoot, run } from '../support/live.js';

const test = suite('caught');

interface Change {
  readonly what: string;
  readonly file: string;
  readonly from: string;
  readonly to: string;
  readonly capture: string;
  /** The first line behind the result. */
  readonly line: RegExp;
}

const CHANGES: readonly Change[] = [
  {
    what: 'TCP: a smaller receive window',
    file: 'core/limits.js',
    from: 'receiveWindowBytes: 524_280,',
    to: 'receiveWindowBytes: 262_140,',
    capture: 'h2',
    line: /^ {2}packet \d+ \(\+[\d.]+ s\) TCP options\.windowScale: recorded 3, now 2 \(RFC 7323 §2\.2\)$/,
  },
  {
    what: 'TLS: tickets live for another time',
    file: 'core/limits.js',
    from: 'ticketLifetimeS: 7_200,',
    to: 'ticketLifetimeS: 3_600,',
    capture: 'tls13-h2',
    line: /^ {2}packet \d+ \(\+[\d.]+ s\) TLS NewSessionTicket\.ticket_lifetime: recorded 7200, now 3600 \(RFC 8446 §4\.6\.1\)$/,
  },
  {
    what: 'HPACK: the static table is not used for whole fields',
    file: 'core/http2/hpack/encode.js',
    from: 'if (staticIndex !== undefined)',
    to: 'if (staticIndex === -1)',
    capture: 'h2',
    line: /^ {2}packet \d+ \(\+[\d.]+ s\) H2 HEADERS\.fieldBlockFragment: recorded 0x88[0-9a-f ]+.*, now 0x48[0-9a-f ]+.* \(RFC 7541 §6\)$/,
  },
];

for (const { what, file, from, to, capture, line } of CHANGES) {
  test(`caught and named: ${what}`, async () => {
    const copy = scratch().path('copy');
    cpSync(join(projectRoot, 'dist/src'), join(copy, 'dist/src'), { recursive: true });
    cpSync(join(projectRoot, 'package.json'), join(copy, 'package.json'));
    symlinkSync(join(projectRoot, 'node_modules'), join(copy, 'node_modules'));
    const path = join(copy, 'dist/src', file);
    const source = readFileSync(path, 'utf8');
    assert.is(source.split(from).length, 2, `${from} is to be there once`);
    writeFileSync(path, source.replace(from, to));
    const recording = join(projectRoot, `fixtures/captures/${capture}.pcapng`);
    const command = [join(copy, 'dist/src/cli/main.js'), 'replay', '--no-golden', recording];
    const out = await run(process.execPath, command);
    assert.is(out.code, 1, out.stdout + out.stderr);
    assert.match(out.stdout.split('\n')[1]!, line, out.stdout);
  });
}

test.run();
