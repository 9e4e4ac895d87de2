// Help texts, from what is registered with cac. cac can print help itself, but only to the console, and knows no exit
// codes and no defaults that depend on other options.

import type { CAC, Command } from 'cac';
import { COMMANDS } from './commands.js';
import { ALL_EXIT_CODES, EXIT_CODES } from './exit-codes.js';

/** Help of one command, or of the whole when there is none. Ends in a newline. */
export function helpText(cli: CAC, command: Command | undefined): string {
  const shown = command ?? cli.commands.find((one) => one.isDefaultCommand)!;
  const sections = [`Usage:\n  ${cli.name} ${command === undefined ? '[command] [options]' : command.usageText}`];
  if (command === undefined) {
    sections.push(`Commands:\n${columns(cli.commands.map((one) => [one.usageText ?? one.name, one.description]))}`);
  } else {
    sections.push(command.description);
  }
  const title = command === undefined ? `Options of ${shown.name}, the default command:` : 'Options:';
  const options = [...shown.options, ...cli.globalCommand.options];
  sections.push(
    `${title}\n${columns(
      options.map(({ rawName, description, config }) => [
        rawName,
        config.default === undefined ? description : `${description} (default: ${config.default})`,
      ]),
    )}`,
  );
  sections.push(`Examples:\n${shown.examples.map((example) => `  ${example}`).join('\n')}`);
  const spec = COMMANDS.find(({ name }) => name === command?.name);
  sections.push(`Exit codes:\n${columns(spec === undefined ? ALL_EXIT_CODES : EXIT_CODES[spec.name])}`);
  if (spec?.exitNote !== undefined) sections.push(spec.exitNote);
  if (command === undefined) sections.push(`More about a command: ${cli.name} COMMAND --help`);
  return `${sections.join('\n\n')}\n`;
}

/** Two columns, the right one broken between words so that lines stay within WIDTH where they can. */
function columns(rows: readonly (readonly [string, string])[]): string {
  const leftWidth = Math.max(...rows.map(([left]) => left.length));
  return rows
    .map(
      ([left, right]) =>
        `  ${left.padEnd(leftWidth)}  ${broken(right, WIDTH - leftWidth - 4).join(`\n${' '.repeat(leftWidth + 4)}`)}`,
    )
    .join('\n');
}

const WIDTH = 100;

function broken(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  lines.push(line);
  return lines;
}
