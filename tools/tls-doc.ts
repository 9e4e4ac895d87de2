// Rewrites the generated part of docs/tls.md. Run after a change of the alerts (core/tls/alerts.ts) or of the limits:
//   node dist/tools/tls-doc.js

import { readFileSync, writeFileSync } from 'node:fs';
import { MARKER, tlsMarkdown } from '../test/support/tls-doc.js';

const file = new URL('../../docs/tls.md', import.meta.url);
const [prose] = readFileSync(file, 'utf8').split(MARKER);
writeFileSync(file, `${prose}${MARKER}\n${tlsMarkdown()}`);
