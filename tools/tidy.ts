// Checks the rules of the house that neither the compiler nor the linter knows: who may import whom, what core may not
// mention, how long a file may be, and that every test file really runs its tests.

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const LONGEST_FILE_LINES = 500;
/** Generated tables may be longer. */
const LENGTH_EXEMPT = new Set(['src/core/http2/hpack/huffman-table.ts']);

/** Leaf modules of core: importable by every other core file, importing leaf modules only. */
const LEAF = [
  /^src\/core\/bytes\//,
  /^src\/core\/(time|random|crypto|trace(-http)?|limits|types|faults)\.ts$/,
  /^src\/core\/(http\/(message|text|authority)|ip\/(checksum|address))\.ts$/,
];
/** The wire formats: leaf modules and wire formats of the same protocol. */
const CODEC =
  /^src\/core\/(ip\/(packet|icmp)6?|tcp\/(segment|seq)|tls\/(record|(messages|extensions)(13)?)|http2\/(frame|settings|errors)|http2\/hpack\/[a-z-]+|http1\/(message|refusals|target))\.ts$/;
/** The only files of core that see two layers. */
const JOIN = /^src\/core\/(stack|session|streams|index)\.ts$/;

const BANNED_IN_CORE =
  /\b(Date|performance|Promise|async|await|setTimeout|setInterval|setImmediate|queueMicrotask|process|Buffer|console)\b|\bMath\.random\b|\bfrom 'node:/;

const problems: string[] = [];

function filesBelow(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .map((name) => posix.join(folder, name.replaceAll('\\', '/')))
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.d.ts'))
    .sort();
}

function importsOf(file: string, source: string): string[] {
  const found: string[] = [];
  for (const match of source.matchAll(/(?:\bfrom\s+|^import\s+|\bimport\()'([^'\n]+)'/gm)) {
    const target = match[1]!;
    if (target.startsWith('.')) found.push(posix.join(posix.dirname(file), target).replace(/\.js$/, '.ts'));
    else found.push(target);
  }
  return found;
}

const isLeaf = (file: string): boolean => LEAF.some((pattern) => pattern.test(file));
const protocolOf = (file: string): string => /^src\/core\/([a-z0-9]+)\//.exec(file)?.[1] ?? '';

/** Why `file` may not import `target`, or undefined when it may. */
function importProblem(file: string, target: string): string | undefined {
  if (!file.startsWith('src/')) return undefined;
  const folder = file.split('/')[1];
  if (folder === 'core') {
    if (!target.startsWith('src/core/')) return 'core imports nothing from outside core';
    if (JOIN.test(file) || isLeaf(target)) return undefined;
    if (isLeaf(file)) return 'a leaf module imports leaf modules only';
    if (JOIN.test(target)) return 'only joins see the joins';
    const sharedHttp = /^http[12]$/.test(protocolOf(file)) && protocolOf(target) === 'http';
    if (protocolOf(file) !== protocolOf(target) && !sharedHttp) return 'a protocol does not import another';
    if (CODEC.test(file) && !CODEC.test(target))
      return 'a wire format imports leaf modules and its own wire format only';
    return undefined;
  }
  const allowed: Record<string, RegExp> = {
    io: /^src\/(core|io)\//,
    bench: /^src\/(core|io|bench)\//,
    cli: /^src\//,
    // For users' own test suites: what the command says, as functions.
    'test-kit': /^src\//,
  };
  if (target.startsWith('src/') && folder !== undefined && !allowed[folder]?.test(target)) {
    return `src/${folder} may not import ${target.split('/')[1]}`;
  }
  return undefined;
}

/** The source with comments and string contents blanked, line by line, so that words in them do not count. */
function codeOnly(source: string): string {
  return source
    .replace(/\/\*[\s\S]*?\*\//g, (comment) => comment.replace(/[^\n]/g, ' '))
    .replace(/\/\/.*$/gm, '')
    .replace(/(?<!from\s)'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`/g, "''");
}

for (const file of ['src', 'test', 'tools'].flatMap(filesBelow)) {
  const source = readFileSync(join(root, file), 'utf8');
  const lines = source.split('\n').length - 1;
  if (lines > LONGEST_FILE_LINES && !LENGTH_EXEMPT.has(file)) {
    problems.push(`${file}: ${lines} lines; ${LONGEST_FILE_LINES} at most: split it by role`);
  }
  for (const target of importsOf(file, source)) {
    const problem = importProblem(file, target);
    if (problem) problems.push(`${file}: imports ${target}: ${problem}`);
  }
  if (file.startsWith('src/core/')) {
    codeOnly(source)
      .split('\n')
      .forEach((line, index) => {
        const word = BANNED_IN_CORE.exec(line);
        if (word) problems.push(`${file}:${index + 1}: "${word[0]}" has no place in core`);
      });
  }
  if (file.endsWith('.test.ts') && !/\b[a-zA-Z]*\.run\(\);\s*$/.test(source)) {
    problems.push(`${file}: does not end in test.run();`);
  }
}

for (const problem of problems) process.stdout.write(`tidy: ${problem}\n`);
process.stdout.write(problems.length === 0 ? 'tidy: nothing to say\n' : `tidy: ${problems.length} problems\n`);
process.exitCode = problems.length === 0 ? 0 : 1;
