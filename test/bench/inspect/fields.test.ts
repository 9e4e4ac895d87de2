// Every field that the bundled captures give is listed for filters, has one type, and that is the type which tshark's field has.

import { existsSync, readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createConversation } from '../../../src/bench/inspect/conversation.js';
import { INSPECTED_FIELDS } from '../../../src/bench/inspect/fields.js';
import { createKeyStore } from '../../../src/bench/inspect/keys.js';
import { inspectCapture } from '../../../src/bench/inspect/packets.js';
import { packetJson } from '../../../src/cli/inspect-json.js';
import { defaultCaptures, NEWER_FIELDS } from '../../support/against-tshark.js';
import { run } from '../../support/captures.js';
import { needCommands, testWith } from '../../support/needs.js';

const test = suite('the list of fields');

type TypeName = 'number' | 'boolean' | 'bytes' | 'string';

/** Of each field that was seen: its types, and one place where it was. */
const seen = new Map<string, Map<TypeName, string>>();
const layers = new Set<string>();

test.before(async () => {
  for (const file of defaultCaptures()) {
    const keys = createKeyStore();
    const keyFile = file.replace(/\.pcap(ng)?(\.gz)?$/, '.keys');
    if (existsSync(keyFile)) keys.add(readFileSync(keyFile, 'utf8'));
    for await (const packet of inspectCapture(file, { keys, fields: true, createConversation })) {
      const names = new Set<string>();
      for (const layer of packet.layers) {
        layers.add(layer.name);
        for (const { name, value } of layer.fields) {
          names.add(name);
          const type = value instanceof Uint8Array ? 'bytes' : typeof value === 'bigint' ? 'number' : typeof value;
          const types = seen.get(name) ?? new Map<TypeName, string>();
          seen.set(name, types.set(type as TypeName, `${file} frame ${packet.number}`));
        }
      }
      const json = JSON.parse(packetJson(packet)) as { layers: { fields: Record<string, unknown> }[] };
      const written = new Set(json.layers.flatMap(({ fields }) => Object.keys(fields)));
      assert.equal(written, names, `${file} frame ${packet.number}: JSON has the same fields`);
    }
  }
  assert.ok(seen.size > 200, `${seen.size} fields`);
});

test('every field is listed, and every layer', () => {
  const listed = new Set(INSPECTED_FIELDS.names());
  // Fields of HTTP/2 by the name of their header are as many as there are headers.
  const unlisted = [...seen.keys()].filter((name) => !INSPECTED_FIELDS.isKnown(name));
  assert.equal(unlisted, []);
  const notByName = [...seen.keys()].filter((name) => !listed.has(name) && !name.startsWith('http2.headers.'));
  assert.equal(notByName, []);
  assert.equal(
    [...layers].filter((name) => !INSPECTED_FIELDS.layers.has(name)),
    [],
  );
});

test('a field has one type', () => {
  const several = [...seen].filter(([, types]) => types.size > 1).map(([name, types]) => [name, ...types]);
  assert.equal(several, []);
});

const FITTING: readonly (readonly [RegExp, readonly TypeName[]])[] = [
  [/^FT_U?INT\d+$|^FT_FRAMENUM$|^FT_(RELATIVE|ABSOLUTE)_TIME$/, ['number']],
  [/^FT_BOOLEAN$/, ['boolean']],
  [/^FT_(ETHER|IPv4|IPv6)$/, ['string']],
  // A text of octets that need not be any character set's.
  [/^FT_STRINGZ?$/, ['string', 'bytes']],
  [/^FT_BYTES$/, ['bytes']],
  // There, without a value.
  [/^FT_(NONE|PROTOCOL)$/, ['boolean', 'string']],
];

testWith(test, needCommands('tshark'), 'every field is one of tshark, and has a type that fits its own', () => {
  const rows = run('tshark', '-G', 'fields')
    .split('\n')
    .map((line) => line.split('\t'));
  const theirs = new Map(rows.map(([kind, , name = '', type = '']) => [name, kind === 'P' ? 'FT_PROTOCOL' : type]));
  for (const [name, types] of seen) {
    if (NEWER_FIELDS.has(name)) continue;
    const type = theirs.get(name);
    assert.ok(type, `${name} is no field of tshark`);
    const fitting = FITTING.find(([pattern]) => pattern.test(type))?.[1] ?? [];
    for (const [ours, where] of types) assert.ok(fitting.includes(ours), `${name}: ${ours}, tshark ${type}: ${where}`);
  }
  const ownNames = INSPECTED_FIELDS.names().filter((name) => !name.startsWith('wirebench.'));
  assert.equal(
    ownNames.filter((name) => !theirs.has(name)),
    [...NEWER_FIELDS],
  );
});

test.run();
