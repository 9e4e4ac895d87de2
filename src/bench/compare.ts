import type { Mismatch } from './replay.js';
export async function describeMismatch(_file: string, mismatch: Mismatch): Promise<string[]> {
  return [mismatch.kind];
}
