// The handshakes of RFC 8448 as data: traces.json holds every hex value of sections 2 to 7 of its text, in its order, taken
// out once by a script; steps that only repeat the other side are left out. Here is how tests look values up.

import { readFileSync } from 'node:fs';
import type { KeyExchange } from '../../../../src/core/crypto.js';
import { nodeCrypto } from '../../../../src/io/node-crypto.js';
import { equalBytes, hex } from '../../../support/bytes.js';

interface Step {
  readonly who: 'client' | 'server';
  /** The action, in the RFC's words: `construct a ServerHello handshake message`. */
  readonly what: string;
  /** Hex by the RFC's name: `PRK`, `expanded`, `complete record`. */
  readonly fields: { readonly [name: string]: string };
}

interface Section {
  readonly section: number;
  readonly title: string;
  readonly steps: readonly Step[];
}

/** Relative to dist/test/core/tls/rfc8448. */
const file = new URL('../../../../../test/core/tls/rfc8448/traces.json', import.meta.url);
const sections = (JSON.parse(readFileSync(file, 'utf8')) as { sections: readonly Section[] }).sections;

export class TraceStep {
  readonly who: 'client' | 'server';
  readonly what: string;
  readonly #fields: ReadonlyMap<string, string>;

  constructor(step: Step) {
    this.who = step.who;
    this.what = step.what;
    this.#fields = new Map(Object.entries(step.fields));
  }

  has(name: string): boolean {
    return this.#fields.has(name);
  }

  bytes(name: string): Uint8Array {
    const text = this.#fields.get(name);
    if (text === undefined) throw new Error(`${this.what}: no ${name}`);
    return hex(text);
  }
}

/** The steps of one section, in order. */
export function stepsOf(section: number): readonly TraceStep[] {
  const found = sections.find((one) => one.section === section);
  if (found === undefined) throw new Error(`no section ${section}`);
  return found.steps.map((step) => new TraceStep(step));
}

/** The sections that hold a handshake. */
export const handshakeSections: readonly { readonly section: number; readonly title: string }[] = sections.slice(1);

/** The step with this action; `nth` counts those that are alike from 0. `who` undefined: either side. */
export function stepOf(section: number, what: string, who?: 'client' | 'server', nth = 0): TraceStep {
  const found = stepsOf(section).filter((step) => step.what === what && (who === undefined || step.who === who));
  if (found[nth] === undefined) throw new Error(`section ${section}: no "${what}" (${nth})`);
  return found[nth];
}

/** The handshake message of a kind: header and body. */
export function messageOf(section: number, name: string, who: 'client' | 'server', nth = 0): Uint8Array {
  const article = /^[AE]/.test(name) ? 'an' : 'a';
  return stepOf(section, `construct ${article} ${name} handshake message`, who, nth).bytes(name);
}

/** Every record that one side sends, in order. */
export function recordsOf(section: number, who: 'client' | 'server'): Uint8Array[] {
  return stepsOf(section)
    .filter((step) => step.who === who && step.has('complete record'))
    .map((step) => step.bytes('complete record'));
}

/** The ephemeral key of a side, checked against the public key that the RFC gives. */
export function keyOf(section: number, who: 'client' | 'server', name: 'x25519' | 'P-256', nth = 0): KeyExchange {
  const step = stepOf(section, `create an ephemeral ${name} key pair`, who, nth);
  const group = name === 'x25519' ? 'x25519' : 'secp256r1';
  const key = nodeCrypto.keyExchange(group, step.bytes('private key'));
  if (key === undefined) throw new Error(`section ${section}: the private key is not valid`);
  equalBytes(key.publicKey, step.bytes('public key'), 'public key');
  return key;
}
