// docs/library.md lists what the package exports, all of it and nothing else, and the package ships what it says.

import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { projectRoot } from '../support/live.js';

const doc = readFileSync(`${projectRoot}/docs/library.md`, 'utf8');
const manifest = JSON.parse(readFileSync(`${projectRoot}/package.json`, 'utf8')) as {
  readonly exports: Readonly<Record<string, string | { readonly types: string; readonly default: string }>>;
};
const entries = Object.entries(manifest.exports).flatMap(([name, entry]) =>
  typeof entry === 'string' ? [] : [{ name: name === '.' ? 'wirebench' : `wirebench${name.slice(1)}`, ...entry }],
);

/** The names of a declaration file: of its lists, and of what it declares itself. */
function exported(types: string): string[] {
  const source = readFileSync(`${projectRoot}/${types}`, 'utf8');
  assert.not.match(source, /export \*/, 'lists only, so that each name is a decision');
  const lists = [...source.matchAll(/^export (?:type )?\{([^}]*)\}/gm)].flatMap(([, list]) =>
    list!.split(',').map((name) => name.replace(/^\s*type /, '').trim()),
  );
  const declared = [...source.matchAll(/^export declare (?:const|function|class) (\w+)/gm)].map(([, name]) => name!);
  return [...lists, ...declared].filter((name) => name !== '');
}

/** The names in the first column of the table under the entry's title. */
function documented(entry: string): string[] {
  const [, section] = doc.split(`\n## \`${entry}\`\n`);
  assert.ok(section, `docs/library.md has no section of ${entry}`);
  const rows = section.split('\n## ')[0]!.matchAll(/^\| (`.*?`) \| /gm);
  return [...rows].flatMap(([, cell]) => [...cell!.matchAll(/`(\w+)`/g)].map(([, name]) => name!));
}

for (const { name, types } of entries) {
  test(`every name of ${name} is documented, and no other`, () => {
    assert.equal(documented(name).sort(), exported(types).sort());
  });
}

test('the package has declarations and code of every entry, the examples, and no sources or tests', () => {
  for (const { types, default: code } of entries) {
    assert.ok(existsSync(`${projectRoot}/${types}`) && existsSync(`${projectRoot}/${code}`));
  }
  const out = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
    cwd: projectRoot,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const [packed] = JSON.parse(out) as [{ files: { path: string }[] }];
  const paths = packed.files.map(({ path }) => path);
  for (const { types, default: code } of entries) {
    assert.ok(paths.includes(types.slice(2)), types);
    assert.ok(paths.includes(code.slice(2)), code);
  }
  for (const path of [
    'docs/library.md',
    'examples/app.mjs',
    'dist/bundle/cli/command.js',
    'fixtures/keys/server.cert.pem',
    'LICENSE',
  ]) {
    assert.ok(paths.includes(path), path);
  }
  const others = paths.filter(
    (path) => !/^(dist\/(src|bundle)|docs|examples|fixtures\/keys)\/|^fixtures\/captures\/h2\.|^[\w.]+$/.test(path),
  );
  assert.equal(others, []);
  assert.equal(
    paths.filter((path) => /\.(map|tsbuildinfo)$/.test(path)),
    [],
  );
  assert.not.ok(paths.some((path) => /\.(test|spec)\.|^dist\/test/.test(path) && !path.startsWith('examples/')));
});

test.run();
