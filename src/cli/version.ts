// The version of this package, from package.json: one place holds it.

import { readFileSync } from 'node:fs';

export function version(): string {
  const text = readFileSync(new URL('../../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
