// The generated part of docs/tls.md: the table of alerts and the bounds, from the code that has them.

import { limits } from '../../src/core/limits.js';
import { AlertDescription, type AlertRule, alertRules } from '../../src/core/tls/alerts.js';

export const MARKER = '<!-- From here on made by tools/tls-doc.ts -->\n';

export function tlsMarkdown(): string {
  const rules: readonly AlertRule[] = Object.values(alertRules);
  const rows = rules
    .map((rule) => ({ rule, code: AlertDescription[rule.description] }))
    .sort((a, b) => a.code - b.code)
    .map(({ rule }) => alertRow(rule));
  const bounds = Object.entries(limits.tls).map(
    ([name, value]) => `| \`${name}\` | ${value.toLocaleString('en-US')} |`,
  );
  return [
    '## Alerts',
    '',
    'Each is fatal but no_renegotiation. `TLS 1.3` is told where it differs.',
    '',
    '| alert | what is wrong | rule | TLS 1.3 |',
    '|---|---|---|---|',
    ...rows,
    '',
    '## Bounds',
    '',
    'Why each is what it is stands in [src/core/limits.ts](../src/core/limits.ts).',
    '',
    '| limit | value |',
    '|---|---|',
    ...bounds,
    '',
  ].join('\n');
}

function alertRow({ description, rule, reason, tls13 }: AlertRule): string {
  const other = [tls13?.description, tls13?.reason, tls13?.rule].filter((part) => part !== undefined).join('; ');
  return `| ${description} | ${reason} | ${rule} | ${other} |`;
}
