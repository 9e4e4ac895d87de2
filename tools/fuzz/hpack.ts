// The target `hpack`: an encoder and a decoder over many lists and table sizes, and decoders that are given damaged blocks or
// noise. Invariants: what is decoded is what was encoded, and both tables are the same; sensitive fields are never indexed;
// a bad block is a ParseError and nothing else; tables and lists keep their bounds.

import { ParseError } from '../../src/core/bytes/reader.js';
import { createHeaderList, type HeaderList, HpackDecoder } from '../../src/core/http2/hpack/decode.js';
import { BLOCK_START_OCTETS, fieldOctets, HpackEncoder } from '../../src/core/http2/hpack/encode.js';
import { limits } from '../../src/core/limits.js';
import type { Field } from '../../src/core/trace.js';
import { testRandom } from '../../test/support/bytes.js';
import type { Case, FuzzTarget, Verdict } from './target.js';

interface HpackCase {
  readonly seed: number;
  /** sound: blocks as they were encoded. damaged: octets changed, cut or put in. noise: no block at all. */
  readonly kind: string;
  readonly blocks: number;
  readonly fields: number;
  readonly longest: number;
  readonly names: number;
  /** One in so many blocks is begun by a change of the table's size; 0: none. */
  readonly resizeOneIn: number;
}

const PLAIN: HpackCase = { seed: 1, kind: 'sound', blocks: 4, fields: 4, longest: 20, names: 4, resizeOneIn: 0 };
type Dice = ReturnType<typeof testRandom>;

function make(seed: number, run: number): HpackCase {
  const dice = testRandom(Math.imul(seed, 0x9e3779b1) ^ Math.imul(run + 1, 0x85ebca6b));
  for (let i = 0; i < 4; i++) dice.u32();
  const pick = <T>(values: readonly T[]): T => values[dice.below(values.length)]!;
  return {
    seed: dice.u32(),
    kind: pick(['sound', 'sound', 'damaged', 'noise']),
    blocks: 1 + dice.below(pick([3, 10, 40])),
    fields: dice.below(pick([4, 12, 30])),
    longest: pick([4, 20, 60, 400]),
    names: 1 + dice.below(12),
    resizeOneIn: pick([0, 2, 6]),
  };
}

const NAMES = [
  ...[
    ':status',
    'date',
    'content-type',
    'set-cookie',
    'x-a',
    'cookie',
    'x-request-id',
    'content-length',
    'authorization',
  ],
  ...['accept', 'vary', '', 'x\xff\x00'],
];
const SENSITIVE = new Set(['set-cookie', 'authorization']);

function fieldOf(dice: Dice, { names, longest }: HpackCase): Field {
  const name = NAMES[dice.below(Math.min(names, NAMES.length))]!;
  if (dice.below(2) === 0) return [name, `value ${dice.below(6)}`];
  return [name, String.fromCharCode(...dice.bytes(dice.below(longest + 1)))];
}

function sameFields(list: HeaderList, fields: readonly Field[]): boolean {
  if (list.oversize)
    return list.entries.every(({ field }, i) => field[0] === fields[i]?.[0] && field[1] === fields[i][1]);
  return (
    list.entries.length === fields.length &&
    list.entries.every(({ name, value }, i) => name === fields[i]![0] && value === fields[i]![1])
  );
}

/** One block; checked against what its fields can take at most. */
function encode(encoder: HpackEncoder, fields: readonly Field[]): Uint8Array {
  const room = fields.reduce((sum, [name, value]) => sum + fieldOctets(name, value), BLOCK_START_OCTETS);
  const target = new Uint8Array(room);
  let at = encoder.begin(target, 0);
  for (const [name, value] of fields) {
    const start = at;
    at = encoder.field(target, at, name, value);
    if (at - start > fieldOctets(name, value)) throw new Error(`a field took ${at - start} octets`);
    if (SENSITIVE.has(name) && value !== '' && (target[start]! & 0xf0) !== 0x10)
      throw new Error(`${name} may be indexed`);
  }
  return target.subarray(0, at);
}

function damage(dice: Dice, block: Uint8Array): Uint8Array {
  const bytes = [...block];
  for (let n = 1 + dice.below(3); n > 0; n--) {
    const at = dice.below(bytes.length + 1);
    const how = dice.below(4);
    if (how === 0) bytes.splice(at, 1);
    else if (how === 1) bytes.splice(at, 0, dice.below(256));
    else if (how === 2) bytes.length = at;
    else if (at < bytes.length) bytes[at] = dice.below(256);
  }
  return Uint8Array.from(bytes);
}

function checkBounds(decoder: HpackDecoder, list: HeaderList, most: number): void {
  const { table } = decoder;
  if (table.size > table.maxSize || table.maxSize > most) throw new Error(`a table of ${table.size} octets`);
  if (table.count * 32 > table.size) throw new Error(`${table.count} entries in ${table.size} octets`);
  const kept = list.entries.reduce((sum, { size }) => sum + size, 0);
  if (kept > limits.http2.headerListBytes || list.entries.length > limits.http2.fieldLines) {
    throw new Error(`${list.entries.length} fields of ${kept} octets were kept`);
  }
}

function run(fuzzCase: Case, log?: (line: string) => void): Verdict {
  const one = fuzzCase as unknown as HpackCase;
  const dice = testRandom(one.seed);
  const counts: Record<string, number> = {};
  const count = (name: string, by = 1): void => {
    counts[name] = (counts[name] ?? 0) + by;
  };
  const encoder = new HpackEncoder(4_096);
  const most = limits.http2.encoderTableBytes;
  const decoder = new HpackDecoder(most);
  // RFC 7541 §4.2: where both begin; the encoder tells when it goes further.
  decoder.table.setMaxSize(4_096);
  const list = createHeaderList();
  let peak = 0;
  try {
    for (let i = 0; i < one.blocks; i++) {
      if (one.resizeOneIn > 0 && dice.below(one.resizeOneIn) === 0) {
        for (let n = dice.below(3); n >= 0; n--)
          encoder.setMaxTableSize(dice.below(dice.below(3) === 0 ? 100 : 20_000));
      }
      const fields = Array.from({ length: dice.below(one.fields + 1) }, () => fieldOf(dice, one));
      const sound = encode(encoder, fields);
      const block =
        one.kind === 'sound' ? sound : one.kind === 'damaged' ? damage(dice, sound) : dice.bytes(dice.below(60));
      log?.(`${fields.length} fields, ${sound.length} octets, table ${encoder.table.size} of ${encoder.table.maxSize}`);
      count('octets', block.length);
      try {
        decoder.decode(block, 0, block.length, list);
      } catch (error) {
        if (!(error instanceof ParseError) || one.kind === 'sound') throw error;
        count('refused');
        log?.(`  refused: ${error.what} at ${error.offset}`);
        checkBounds(decoder, list, most);
        return { counts, peaks: { 'table, octets': peak } };
      }
      count('blocks');
      count('fields', list.entries.length);
      peak = Math.max(peak, decoder.table.size);
      checkBounds(decoder, list, most);
      if (one.kind !== 'sound') continue;
      if (!sameFields(list, fields)) throw new Error(`block ${i} decodes to other fields`);
      if (decoder.table.size !== encoder.table.size || decoder.table.count !== encoder.table.count) {
        throw new Error(`behind block ${i} the tables differ`);
      }
    }
    return { counts, peaks: { 'table, octets': peak } };
  } catch (error) {
    return { failure: error instanceof Error ? error.message : String(error), counts, peaks: {} };
  }
}

export const hpackTarget: FuzzTarget = {
  name: 'hpack',
  description: 'HPACK encoders and decoders over sound and damaged blocks, and noise',
  plain: PLAIN as unknown as Case,
  make: (seed, number) => make(seed, number) as unknown as Case,
  run,
};
