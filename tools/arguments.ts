// The command lines of the tools: --help, and for what cannot be read one sentence with the usage behind it.

import { type ParseArgsConfig, parseArgs } from 'node:util';

/** Ends the process where there is nothing to do: 0 behind --help, 2 behind words that cannot be read. */
export function toolArguments<Config extends ParseArgsConfig>(
  usage: string,
  config: Config,
): ReturnType<typeof parseArgs<Config>> {
  if (process.argv.slice(2).some((word) => word === '--help' || word === '-h')) {
    process.stdout.write(usage);
    process.exit(0);
  }
  try {
    return parseArgs(config);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code?.startsWith('ERR_PARSE_ARGS_') !== true) throw error;
    return wrongUsage(usage, message);
  }
}

export function wrongUsage(usage: string, problem: string): never {
  process.stderr.write(`${problem}\n${usage}`);
  process.exit(2);
}
