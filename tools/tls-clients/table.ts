// The outcomes as Markdown: one line for what differs in groups and signatures only, one for each feature.

import type { Row } from './row.js';

export interface Outcome {
  readonly row: Row;
  /** What went wrong. */
  readonly failure: string | undefined;
}

export function tables(outcomes: readonly Outcome[]): string {
  const parts: string[] = [];
  const negotiated = outcomes.filter(({ row }) => row.suite !== undefined);
  if (negotiated.length > 0) parts.push(matrix(negotiated));
  const features = outcomes.filter(({ row }) => row.what !== undefined);
  if (features.length > 0) parts.push(list(features));
  return parts.join('\n\n');
}

function matrix(outcomes: readonly Outcome[]): string {
  const lines = new Map<string, Outcome[]>();
  for (const outcome of outcomes) {
    const { client, version, suite, signature } = outcome.row;
    const key = [client, version, suite, certificateOf(signature!)].join(' | ');
    lines.set(key, [...(lines.get(key) ?? []), outcome]);
  }
  const rows = [...lines].map(([key, members]) => {
    const values = (name: 'group' | 'signature'): string =>
      [...new Set(members.map(({ row }) => row[name]!))].map((value) => value.replace(/^rsa_/, '')).join(', ');
    return `| ${key} | ${values('group')} | ${values('signature')} | ${resultOf(members)} |`;
  });
  return [
    '| client | TLS | suite | certificate | groups | signatures | each group with each signature |',
    '|---|---|---|---|---|---|---|',
    ...rows,
  ].join('\n');
}

function certificateOf(signature: string): string {
  if (signature.startsWith('rsa')) return 'RSA';
  return signature === 'ed25519' ? 'Ed25519' : 'ECDSA';
}

function resultOf(members: readonly Outcome[]): string {
  const failed = members.filter(({ failure }) => failure !== undefined);
  if (failed.length === 0) return `ok (${members.length})`;
  const reasons = failed.map(({ row, failure }) => `${row.group} ${row.signature}: ${failure}`);
  return `FAILED ${failed.length} of ${members.length}: ${cell(reasons.join('; '))}`;
}

function list(outcomes: readonly Outcome[]): string {
  const rows = outcomes.map(
    ({ row, failure }) =>
      `| ${row.client} | ${row.version} | ${cell(row.what!)} | ${failure === undefined ? 'ok' : `FAILED: ${cell(failure)}`} |`,
  );
  return ['| client | TLS | what | result |', '|---|---|---|---|', ...rows].join('\n');
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ');
}
