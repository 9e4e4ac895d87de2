// What may be told of a seed. The seed itself would give the secrets of every connection to whoever reads a log or a lineage,
// and those are committed and shown around; only a recording holds it.

import { createHash } from 'node:crypto';

/** Tells runs apart and gives nothing away. */
export function seedDigest(seed: Uint8Array): string {
  return createHash('sha256').update(seed).digest('hex');
}

const HIDDEN = '(not told)';

/** Words of a command line without the value of `--seed`. */
export function withoutSeed(words: readonly string[]): string[] {
  return words.map((word, at) => {
    if (/^--?seed$/.test(words[at - 1] ?? '')) return HIDDEN;
    return word.replace(/^(--?seed=).*$/s, `$1${HIDDEN}`);
  });
}
