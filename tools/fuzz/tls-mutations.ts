// How a TLS client of the fuzzer goes wrong: one mutation is a place (which message, record or flight), a way and two numbers.
// It works through the hooks of the test client, below the keys or above them, so that what it breaks is still well sealed.

import { concat, testRandom } from '../../test/support/bytes.js';
import type { Hooks, Step } from '../../test/support/tls/options.js';
import type { PlainRecord } from '../../test/support/tls/protection.js';

/**
 * message: before it counts in the transcript, so that it is signed and finished with. fragment: what a record holds, under
 * the right keys. record: as it is on the wire. flight: the order of messages.
 */
export const PLACES = ['message', 'fragment', 'record', 'flight'] as const;
export type Place = (typeof PLACES)[number];

const ON_BYTES = ['flip', 'byte', 'truncate', 'extend', 'zero', 'insert', 'remove', 'length', 'noise'] as const;
const ON_LISTS = ['drop', 'repeat', 'swap', 'other'] as const;
const ON_FRAGMENTS = ['type', 'empty', 'recut'] as const;
type How = (typeof ON_BYTES)[number] | (typeof ON_LISTS)[number] | (typeof ON_FRAGMENTS)[number];

/** The ways that there are at a place. */
export const WAYS: Readonly<Record<Place, readonly How[]>> = {
  message: [...ON_BYTES, ...ON_LISTS],
  fragment: [...ON_BYTES, ...ON_LISTS, ...ON_FRAGMENTS],
  record: [...ON_BYTES, ...ON_LISTS],
  flight: ON_LISTS,
};

export interface Mutation {
  /** A place and a way, as `record repeat`; empty: nothing. */
  readonly what: string;
  /** Which one of the connection, from 0. */
  readonly at: number;
  readonly where: number;
  readonly value: number;
}

/** Hooks that do all of them. `watch` sees each record's content as it is sealed. */
export function mutatingHooks(
  mutations: readonly Mutation[],
  watch: (record: PlainRecord, name: string) => void,
): Required<Pick<Hooks, 'message' | 'fragment' | 'record' | 'flight'>> {
  const at = (place: Place): readonly Mutation[] => mutations.filter(({ what }) => what.startsWith(`${place} `));
  const messages = new Mutator<Uint8Array>(at('message'), onMessage, otherMessage);
  const fragments = new Mutator<PlainRecord>(at('fragment'), onFragment, otherFragment);
  const records = new Mutator<Uint8Array>(at('record'), onRecord, otherRecord);
  const steps = at('flight');
  let flights = 0;
  return {
    message: (_name, bytes) => messages.pass(bytes),
    fragment(record, name) {
      const out = fragments.pass(record);
      for (const one of out) watch(one, name);
      return out;
    },
    record: (bytes) => records.pass(bytes),
    flight(flight) {
      const number = flights++;
      return steps.filter((one) => one.at === number).reduce((list, one) => onFlight(list, one), flight);
    },
  };
}

/** Passes things on one after the other, and does to the one at a mutation's number what it says. */
class Mutator<Item> {
  readonly #mutations: readonly Mutation[];
  readonly #change: (item: Item, how: How, mutation: Mutation) => readonly Item[];
  readonly #other: (mutation: Mutation) => Item;
  #count = 0;
  #held: Item[] = [];

  constructor(
    mutations: readonly Mutation[],
    change: (item: Item, how: How, mutation: Mutation) => readonly Item[],
    other: (mutation: Mutation) => Item,
  ) {
    this.#mutations = mutations;
    this.#change = change;
    this.#other = other;
  }

  pass(item: Item): readonly Item[] {
    const number = this.#count++;
    let out: readonly Item[] = [item];
    let hold = false;
    for (const mutation of this.#mutations) {
      if (mutation.at !== number) continue;
      const how = mutation.what.split(' ')[1] as How;
      if (how === 'drop') out = [];
      else if (how === 'repeat') out = [...out, ...out];
      else if (how === 'other') out = [this.#other(mutation), ...out];
      else if (how === 'swap') hold = true;
      else out = out.flatMap((one) => this.#change(one, how, mutation));
    }
    if (hold) {
      this.#held.push(...out);
      return [];
    }
    const held = this.#held;
    this.#held = [];
    return [...out, ...held];
  }
}

function onFlight(steps: readonly Step[], { what, where, value }: Mutation): readonly Step[] {
  if (steps.length === 0) return steps;
  const index = where % steps.length;
  const list = [...steps];
  const step = list[index]!;
  switch (what) {
    case 'flight drop':
      list.splice(index, 1);
      return list;
    case 'flight repeat':
      list.splice(index, 0, step);
      return list;
    default:
      // swap, other: to any other place.
      list.splice(index, 1);
      list.splice(value % (list.length + 1), 0, step);
      return list;
  }
}

function onMessage(bytes: Uint8Array, how: How, mutation: Mutation): readonly Uint8Array[] {
  if (how !== 'length') return [onBytes(bytes, how, mutation)];
  // A length that is a little wrong, or that fits again after a change of the body.
  const out = mutation.where % 2 === 0 ? bytes.slice() : onBytes(bytes, 'extend', mutation);
  const length = out.length - 4 + (mutation.where % 2 === 0 ? (mutation.value % 9) - 4 : 0);
  out.set([length >>> 16, length >>> 8, length], 1);
  return [out];
}

function onFragment(record: PlainRecord, how: How, mutation: Mutation): readonly PlainRecord[] {
  const { contentType, fragment } = record;
  switch (how) {
    case 'type':
      return [{ contentType: [20, 21, 22, 23, 24, mutation.value & 0xff][mutation.where % 6]!, fragment }];
    case 'empty':
      return [{ contentType, fragment: new Uint8Array(0) }, record];
    case 'recut': {
      const size = 1 + (mutation.value % 40);
      const parts: PlainRecord[] = [];
      for (let at = 0; at < fragment.length; at += size) {
        parts.push({ contentType, fragment: fragment.subarray(at, at + size) });
      }
      return parts;
    }
    default:
      return [{ contentType, fragment: onBytes(fragment, how, mutation) }];
  }
}

function onRecord(bytes: Uint8Array, how: How, mutation: Mutation): readonly Uint8Array[] {
  if (how !== 'length') return [onBytes(bytes, how, mutation)];
  const out = bytes.slice();
  const length = ((out[3]! << 8) | out[4]!) + (mutation.value % 65) - 32;
  out[3] = length >>> 8;
  out[4] = length;
  return [out];
}

function onBytes(bytes: Uint8Array, how: How, { where, value }: Mutation): Uint8Array {
  const { length } = bytes;
  const at = length === 0 ? 0 : where % length;
  const count = 1 + (value % 64);
  switch (how) {
    case 'flip': {
      const out = bytes.slice();
      if (length > 0) out[at]! ^= 1 << (value & 7);
      return out;
    }
    case 'byte': {
      const out = bytes.slice();
      if (length > 0) out[at] = value;
      return out;
    }
    case 'truncate':
      return bytes.slice(0, at);
    case 'extend':
    case 'length':
      return concat(bytes, noise(count, value));
    case 'zero':
      return bytes.slice().fill(0, at, at + count);
    case 'insert':
      return concat(bytes.slice(0, at), noise(count, value), bytes.slice(at));
    case 'remove':
      return concat(bytes.slice(0, at), bytes.slice(at + count));
    default:
      return noise(length, value);
  }
}

export function noise(length: number, seed: number): Uint8Array {
  return testRandom(seed ^ 0x2545f491).bytes(length);
}

/** A message of any type with any body. */
function otherMessage({ where, value }: Mutation): Uint8Array {
  const types = [0, 1, 2, 4, 5, 8, 11, 12, 13, 14, 15, 16, 20, 22, 24, 254];
  const body = noise(value % 70, value);
  return concat(Uint8Array.of(types[where % types.length]!, 0, 0, body.length), body);
}

function otherFragment({ where, value }: Mutation): PlainRecord {
  const usual: readonly PlainRecord[] = [
    { contentType: 20, fragment: Uint8Array.of(1) },
    { contentType: 21, fragment: Uint8Array.of(1, 90) },
    { contentType: 21, fragment: Uint8Array.of(1, 0) },
    { contentType: 21, fragment: Uint8Array.of(2, value) },
    { contentType: 21, fragment: Uint8Array.of(1) },
    { contentType: 23, fragment: noise(value % 300, value) },
    { contentType: 22, fragment: noise(value % 300, value) },
    { contentType: value & 0xff, fragment: noise(value % 30, value) },
  ];
  return usual[where % usual.length]!;
}

/** A record in clear, or bytes that are none. */
function otherRecord({ where, value }: Mutation): Uint8Array {
  const { contentType, fragment } = otherFragment({ what: '', at: 0, where: where >>> 3, value });
  if (where % 8 === 0) return noise(1 + (value % 200), value);
  const version = where % 8 === 1 ? value & 0xffff : 0x0303;
  return concat(Uint8Array.of(contentType, version >>> 8, version, fragment.length >>> 8, fragment.length), fragment);
}
