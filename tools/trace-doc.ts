// Rewrites the generated part of docs/trace.md from the schema of the trace. Run after a change of core/trace.ts:
//   node dist/tools/trace-doc.js

import { readFileSync, writeFileSync } from 'node:fs';
import { traceKindsMarkdown } from '../src/cli/trace-schema.js';

const MARKER = '<!-- From here on made by tools/trace-doc.ts -->\n';
const file = new URL('../../docs/trace.md', import.meta.url);
const [prose] = readFileSync(file, 'utf8').split(MARKER);
writeFileSync(file, `${prose}${MARKER}\n${traceKindsMarkdown()}`);
