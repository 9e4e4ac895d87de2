// What a mutation did that no server may let pass: a Finished or a signature that is not the client's, handshake bytes that are
// not those that the client hashes, a ClientHello that its binder does not bind. Looked for where the client's hooks work.

import { concat } from '../../test/support/bytes.js';
import type { TlsClient } from '../../test/support/tls/client.js';
import { TLS13 } from '../../test/support/tls/codes.js';
import type { Hooks } from '../../test/support/tls/options.js';

type Watched = Required<Pick<Hooks, 'message' | 'fragment' | 'record' | 'flight'>>;

/** Messages of which every byte is checked by the one that gets them. */
const PROOFS = ['Certificate', 'CertificateVerify', 'Finished'];
const HANDSHAKE = 22;

export class Damage {
  /** What was broken in the handshake: it may not end well. */
  what: string | undefined;
  /** The same of the ClientHello sent last, that may not resume a session of TLS 1.3. */
  hello: string | undefined;

  /** Hooks that do the same as these, and look at what they do. `kinds` are those of the mutations. */
  watch(hooks: Watched, client: () => TlsClient, kinds: readonly string[]): Watched {
    const done = (): boolean => client().established;
    return {
      flight: hooks.flight,
      message: (name, bytes) => {
        const over = done();
        const out = listOf(hooks.message(name, bytes));
        const isChanged = !startsWith(concat(...out), bytes);
        if (name === 'ClientHello') this.hello = isChanged ? 'a ClientHello that was changed' : undefined;
        else if (isChanged && !over && PROOFS.includes(name)) this.#note(`a ${name} that was changed`);
        return out;
      },
      fragment: (record, name) => {
        const over = done();
        const out = hooks.fragment(record, name);
        // Parts of a message that are alike may change places.
        const isOther = over || record.contentType !== HANDSHAKE || name === 'injected';
        if (isOther || kinds.includes('fragment swap')) return out;
        const heard = concat(...out.filter((one) => one.contentType === HANDSHAKE).map((one) => one.fragment));
        // Behind the Finished of 1.2 a part of another message may stand.
        const mayAdd = name.endsWith('Finished') && client().agreed.version !== TLS13;
        if (!startsWith(heard, record.fragment) || (heard.length > record.fragment.length && !mayAdd)) {
          this.#note(`other bytes than those of ${name}`);
        }
        return out;
      },
      record: (bytes, name) => {
        const out = hooks.record(bytes, name);
        const isHandshake = !['injected', 'ApplicationData', 'EarlyData', 'ChangeCipherSpec', 'KeyUpdate'].includes(
          name,
        );
        // What is put in front of it or behind it may be something that is passed over, and a swapped one comes later.
        const isThere = out.some((one) => startsWith(withoutVersion(one), withoutVersion(bytes)));
        if (isHandshake && !isThere && !kinds.includes('record swap'))
          this.#note(`another record than that of ${name}`);
        return out;
      },
    };
  }

  #note(what: string): void {
    this.what ??= what;
  }
}

function listOf(messages: Uint8Array | readonly Uint8Array[]): readonly Uint8Array[] {
  return messages instanceof Uint8Array ? [messages] : messages;
}

/** The version in a header says nothing in TLS 1.3, and little before a ClientHello. */
function withoutVersion(record: Uint8Array): Uint8Array {
  const out = record.slice();
  out.fill(0, 1, Math.min(3, out.length));
  return out;
}

function startsWith(bytes: Uint8Array, start: Uint8Array): boolean {
  return bytes.length >= start.length && start.every((byte, i) => byte === bytes[i]);
}
