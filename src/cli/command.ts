// The command. Reads its arguments, runs one of the commands, and turns every error into a message that says what to do
// and a documented exit code. Standard output is data, standard error is what is said about it.

import type { RecordingError } from '../bench/recording.js';
import type { AppError } from '../io/app.js';
import { CaptureError } from '../io/capture-types.js';
import { DeviceError, EXIT, FileError } from '../io/errors.js';
import { commandNamed, parseArguments, UsageError } from './arguments.js';
import { version } from './version.js';

async function main(argv: readonly string[]): Promise<number> {
  const parsed = parseArguments(argv, process.env);
  switch (parsed.command) {
    case 'help':
      process.stdout.write(parsed.text);
      return EXIT.ok;
    case 'version':
      process.stdout.write(`wirebench ${version()}\n`);
      return EXIT.ok;
    // Each command loads what it needs and no more: start-up is most of what a small capture takes.
    case 'serve': {
      for (const notice of parsed.notices) process.stderr.write(`wirebench: ${notice}\n`);
      const { serve } = await import('./serve.js');
      return serve(parsed.options, outputLost);
    }
    case 'replay': {
      for (const notice of parsed.notices) process.stderr.write(`wirebench: ${notice}\n`);
      const { replay } = await import('./replay.js');
      return replay(parsed.options, outputLost);
    }
    case 'doctor': {
      const { doctor } = await import('./doctor.js');
      return doctor(parsed.options);
    }
    case 'completion': {
      const { completionScript } = await import('./completion.js');
      process.stdout.write(completionScript(parsed.shell));
      return EXIT.ok;
    }
    case 're-execute': {
      void outputLost.then((code) => process.exit(code));
      const { reExecuteCaptures } = await import('./re-execute.js');
      return reExecuteCaptures(parsed.options);
    }
    case 'inspect': {
      void outputLost.then((code) => process.exit(code));
      const { inspect } = await import('./inspect.js');
      return inspect(parsed.options);
    }
    case 'diff': {
      void outputLost.then((code) => process.exit(code));
      const { diff } = await import('./diff.js');
      return diff(parsed.options);
    }
    case 'cert': {
      const { cert } = await import('./cert.js');
      return cert(parsed.options, (text) => void process.stdout.write(text));
    }
    case 'record': {
      const { record } = await import('./record.js');
      return record(parsed.options);
    }
    default:
      return parsed satisfies never;
  }
}

/** For errors of modules that were perhaps never loaded. */
function isNamed<Kind extends Error>(error: unknown, name: Kind['name']): error is Kind {
  return error instanceof Error && error.name === name;
}

/** What to print for an error, and the exit code. */
function explain(error: unknown): { lines: readonly string[]; code: number } {
  if (error instanceof UsageError) {
    const command = commandNamed(process.argv.slice(2));
    const help =
      command === undefined
        ? 'wirebench --help lists the commands and options'
        : `wirebench ${command} --help lists its options`;
    return { lines: [error.message, error.suggestion ?? help], code: EXIT.usage };
  }
  if (isNamed<AppError>(error, 'AppError')) return { lines: [error.message, error.advice], code: EXIT.usage };
  if (error instanceof DeviceError) return { lines: [error.message, error.advice], code: EXIT.device };
  if (error instanceof FileError) return { lines: [error.message, error.advice], code: EXIT.unreadable };
  if (error instanceof CaptureError || isNamed<RecordingError>(error, 'RecordingError')) {
    return { lines: [error.message], code: EXIT.unreadable };
  }
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return {
    lines: [
      `internal error: ${stack}`,
      `this is a bug. To repeat it: wirebench ${process.argv.slice(2).join(' ')}`,
      'a run with --record FILE keeps everything up to the error: wirebench replay FILE',
    ],
    code: EXIT.internal,
  };
}

function complain(error: unknown): number {
  const { lines, code } = explain(error);
  for (const line of lines) process.stderr.write(`wirebench: ${line}\n`);
  return code;
}

/** A reader that closes the pipe early (`| head`) wants no more: that is no error of ours. */
const outputLost = new Promise<number>((resolve) => {
  let lost = false;
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (lost) return;
    lost = true;
    const what = `cannot be written (${error.code ?? error.message})`;
    resolve(error.code === 'EPIPE' ? EXIT.ok : complain(new FileError('standard output', what, 'make room for it')));
  });
});
// Nobody is left to be told.
process.stderr.on('error', () => {});
// Node's own answer would be exit code 1, which here means that a comparison failed.
process.on('uncaughtException', (error) => process.exit(complain(error)));

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.exitCode = complain(error);
  // It was loaded all the same, and what it has begun would keep the process.
  if (isNamed<AppError>(error, 'AppError')) process.exit();
}
