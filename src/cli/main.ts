#!/usr/bin/env node
// Starts the command: out of the bundle of tools/bundle.mjs, which loads in half the time that two hundred modules take, or out of
// the modules themselves where they were compiled after it. Both are the same code.

import { statSync } from 'node:fs';

const here = (path: string): URL => new URL(path, import.meta.url);
const BUNDLE = here('../../bundle/cli/command.js');
/** The compiler writes them last. A package has none: its bundle is what was packed. */
const BUILDS = [here('../tsconfig.tsbuildinfo'), here('../core/tsconfig.tsbuildinfo')];

/** -1: there is no such file. */
function changedMs(file: URL): number {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? -1;
}

const bundledMs = changedMs(BUNDLE);
const isCurrent = bundledMs >= 0 && BUILDS.every((build) => changedMs(build) <= bundledMs);
await import(isCurrent ? BUNDLE.href : here('./command.js').href);
