// The secrets of a TLS key log (NSS format): lines of label, client random and secret in hex, as SSLKEYLOGFILE and the
// Decryption Secrets blocks of pcapng have them. https://www.ietf.org/archive/id/draft-ietf-tls-keylogfile-02.html

import { streamLimits } from './stream-limits.js';
import type { KeyStore } from './types.js';

export interface KeyLog extends KeyStore {
  /** Lines that are neither comments nor entries, or beyond the bounds. */
  readonly unknownLines: number;
  /** Lines of a key log with all that there is of a client random. */
  lines(clientRandom: string): string[];
}

const ENTRY = /^([A-Z][A-Z0-9_]*) ([0-9A-Fa-f]{64}) ((?:[0-9A-Fa-f]{2}){1,256})$/;
/** `..._TRAFFIC_SECRET_7` for whatever number. */
const LABELS =
  /^(?:CLIENT_RANDOM|(?:CLIENT|SERVER)_HANDSHAKE_TRAFFIC_SECRET|(?:CLIENT|SERVER)_TRAFFIC_SECRET_[0-9]+|CLIENT_EARLY_TRAFFIC_SECRET|EARLY_EXPORTER_(?:MASTER_)?SECRET|EXPORTER_SECRET|ECH_SECRET|ECH_CONFIG)$/;

export function createKeyStore(): KeyLog {
  return new Keys();
}

class Keys implements KeyLog {
  /** By client random, then by label. */
  readonly #secrets = new Map<string, Map<string, Uint8Array>>();
  #count = 0;
  #unknownLines = 0;

  get count(): number {
    return this.#count;
  }

  get unknownLines(): number {
    return this.#unknownLines;
  }

  secret(label: string, clientRandom: string): Uint8Array | undefined {
    return this.#secrets.get(clientRandom)?.get(label);
  }

  clientRandoms(): Iterable<string> {
    return this.#secrets.keys();
  }

  lines(clientRandom: string): string[] {
    const secrets = this.#secrets.get(clientRandom) ?? [];
    return [...secrets].map(([label, secret]) => `${label} ${clientRandom} ${Buffer.from(secret).toString('hex')}`);
  }

  add(text: string): void {
    for (let at = 0; at < text.length; ) {
      const lf = text.indexOf('\n', at);
      const end = lf < 0 ? text.length : lf;
      if (end - at > streamLimits.keyLogLineBytes) this.#unknownLines++;
      else this.#line(text.slice(at, end).trim());
      at = end + 1;
    }
  }

  #line(line: string): void {
    if (line === '' || line.startsWith('#')) return;
    const entry = ENTRY.exec(line);
    if (entry === null || !LABELS.test(entry[1]!)) {
      this.#unknownLines++;
      return;
    }
    const [, label, random, secret] = entry as unknown as [string, string, string, string];
    const clientRandom = random.toLowerCase();
    const known = this.#secrets.get(clientRandom);
    if (known?.has(label) !== true) {
      if (this.#count >= streamLimits.keyLogEntries) {
        this.#unknownLines++;
        return;
      }
      this.#count++;
    }
    const secrets = known ?? new Map<string, Uint8Array>();
    if (known === undefined) this.#secrets.set(clientRandom, secrets);
    // Two secrets for the same connection: the later line is what the writer of the log meant.
    secrets.set(label, Uint8Array.from(Buffer.from(secret, 'hex')));
  }
}
