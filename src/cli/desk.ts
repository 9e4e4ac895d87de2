// Who answers besides the site: an application of the user's own, the files of a directory.

import { createSite } from '../core/http/site.js';
import { loadApp } from '../io/app.js';
import { directoryFiles } from '../io/files.js';
import { Desk } from '../io/outside.js';
import { isOurs } from './blame.js';
import { say } from './output.js';

export interface Answerers {
  /** A module. */
  readonly app: string | undefined;
  /** A directory. */
  readonly root: string | undefined;
}

let listens = false;
let listensForApp = false;

/** Undefined: the site alone. Rejects with AppError or FileError. */
export async function openDesk({ app, root }: Answerers): Promise<Desk | undefined> {
  if (app === undefined && root === undefined) return undefined;
  if (app !== undefined && !listensForApp) {
    listensForApp = true;
    // Before it is loaded: what it leaves running may throw at any time.
    tellUncaught();
  }
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

/**
 * An exception in a callback of the application ends no request, and must not end the server. One of our own goes where it went
 * without an application.
 */
function tellUncaught(): void {
  const others = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException');
  process.on('uncaughtException', (error, origin) => {
    if (!isOurs(error)) {
      say(`the application threw outside of a request: ${stackOf(error)}`);
      return;
    }
    if (others.length === 0) throw error;
    for (const listener of others) listener(error, origin);
  });
}

export function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
