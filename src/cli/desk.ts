// Who answers besides the site: an application of the user's own, the files of a directory.

import { createSite } from '../core/http/site.js';
import { loadApp } from '../io/app.js';
import { directoryFiles } from '../io/files.js';
import { Desk } from '../io/outside.js';
import { say } from './output.js';

export interface Answerers {
  /** A module. */
  readonly app: string | undefined;
  /** A directory. */
  readonly root: string | undefined;
}

let listens = false;

/** Undefined: the site alone. Rejects with AppError or FileError. */
export async function openDesk({ app, root }: Answerers): Promise<Desk | undefined> {
  if (app === undefined && root === undefined) return undefined;
  // The application first: it may have reasons to answer for a file.
  const answerers = [
    ...(app === undefined ? [] : [await loadApp(app)]),
    ...(root === undefined ? [] : [await directoryFiles(root)]),
  ];
  if (!listens) {
    listens = true;
    // A promise that the application has forgotten is its own affair, too.
    process.on('unhandledRejection', (error) => say(`the application left a rejected promise: ${stackOf(error)}`));
  }
  return new Desk({
    answerers,
    otherwise: createSite(),
    onError: (error, { method, path }) => say(`the application failed at ${method} ${path}: ${stackOf(error)}`),
  });
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
