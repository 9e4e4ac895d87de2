// Holds the inspector against tshark, field by field: prints how many were compared and every difference; exit code 1 when there is
// one. How, and what is left out with which reason, is in test/support/against-tshark.ts.
//
//   node dist/tools/against-tshark.js [CAPTURE ...]       default: fixtures/foreign and fixtures/captures
//
// Needs tshark.

import { compareWithTshark, defaultCaptures } from '../test/support/against-tshark.js';
import { toolArguments } from './arguments.js';

async function main(files: readonly string[]): Promise<void> {
  let compared = 0;
  let different = 0;
  for (const file of files) {
    const result = await compareWithTshark(file);
    for (const line of result.differences.slice(0, 20)) process.stdout.write(`${line}\n`);
    if (result.differences.length > 20) process.stdout.write(`... and ${result.differences.length - 20} more\n`);
    process.stdout.write(`${file}: ${result.compared} fields compared, ${result.differences.length} differences\n`);
    compared += result.compared;
    different += result.differences.length;
  }
  process.stdout.write(`${files.length} captures, ${compared} fields compared, ${different} differences\n`);
  process.exitCode = different === 0 ? 0 : 1;
}

const named = toolArguments('usage: against-tshark.js [CAPTURE ...]\n', { allowPositionals: true }).positionals;
await main(named.length > 0 ? named : defaultCaptures());
