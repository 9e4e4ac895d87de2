// docs/tls.md says what the code does: its tables are those of the alerts and the limits, and each suite, group and
// signature that is served is named in it.

import { existsSync, readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { NamedGroup, SignatureScheme } from '../../src/core/tls/extensions.js';
import { CipherSuite } from '../../src/core/tls/suites.js';
import { MARKER, tlsMarkdown } from '../support/tls-doc.js';

const test = suite('docs/tls.md');
const docs = new URL('../../../docs/', import.meta.url);
const text = readFileSync(new URL('tls.md', docs), 'utf8');

test('the tables are those of the code', () => {
  assert.is(
    text.slice(text.indexOf(MARKER)),
    `${MARKER}\n${tlsMarkdown()}`,
    'docs/tls.md is older than the code; run node dist/tools/tls-doc.js',
  );
});

test('every suite, group and signature is named', () => {
  const names = [CipherSuite, NamedGroup, SignatureScheme].flatMap((table) => Object.keys(table));
  assert.ok(names.length > 20);
  for (const name of names) assert.ok(text.includes(`\`${name}\``), `${name} is missing`);
});

test('every file that is linked exists', () => {
  const links = [...text.matchAll(/\]\((?!https?:)([^)#]+)/g)].map((match) => match[1]!);
  assert.ok(links.length > 3);
  for (const link of links) assert.ok(existsSync(new URL(link, docs)), link);
});

test('testssl found nothing', () => {
  const found = readFileSync(new URL('testssl.txt', docs), 'utf8');
  assert.match(found, /Heartbleed \(CVE-2014-0160\) +not vulnerable \(OK\)/);
  assert.not.match(found, /VULNERABLE \(NOT ok\)|potentially vulnerable|\/tmp\//i);
  // The certificate is of a test CA, which has no place to ask.
  const complaints = found.split('\n').filter((line) => /NOT ok/.test(line));
  for (const line of complaints) assert.match(line, /neither CRL nor OCSP URI provided/);
});

test.run();
