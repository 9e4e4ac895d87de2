// The TLS secrets that go with a capture: key logs that were named, or what lies beside it under its name.

import { existsSync, readFileSync } from 'node:fs';
import { createKeyStore, type KeyLog } from '../bench/inspect/keys.js';
import { FileError } from '../io/errors.js';
import { readKeyLogFile } from '../io/key-log-file.js';

const BESIDE = ['keys', 'keylog', 'keylog.txt', 'sslkeylog', 'sslkeylog.txt'];

/** Raises FileError. What was found without being named is said on the standard error. */
export function captureKeys(capture: string, keylogs: readonly string[]): KeyLog {
  const keys = createKeyStore();
  for (const file of keylogs) {
    try {
      keys.add(readKeyLogFile(file));
    } catch (error) {
      const why = (error as NodeJS.ErrnoException).code ?? String(error);
      throw new FileError(file, `the key log cannot be read (${why})`, 'check the path given by --keylog');
    }
    if (keys.count === 0) process.stderr.write(`wirebench: ${file}: no TLS secrets in it\n`);
  }
  if (keylogs.length > 0 || capture === '-') return keys;
  const stem = capture.replace(/\.gz$/, '').replace(/\.(pcapng|pcap|cap)$/, '');
  for (const file of BESIDE.map((suffix) => `${stem}.${suffix}`)) {
    if (!existsSync(file)) continue;
    keys.add(readFileSync(file, 'utf8'));
    process.stderr.write(`wirebench: TLS secrets from ${file}\n`);
  }
  return keys;
}
