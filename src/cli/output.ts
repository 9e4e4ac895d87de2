// Standard output in large pieces: a log of a hundred thousand lines is not a hundred thousand system calls. What is
// written in one turn of the event loop appears at its end.

/** A message about the run, for people. */
export function say(text: string): void {
  process.stderr.write(`wirebench: ${text}\n`);
}

const PIECE_CHARACTERS = 65_536;

export interface Output {
  write(text: string): void;
  /** Everything up to here has been handed to the system then. */
  flush(): void;
}

export function createOutput(stream: NodeJS.WritableStream): Output {
  let held = '';
  let scheduled = false;
  const flush = (): void => {
    if (held === '') return;
    const text = held;
    held = '';
    stream.write(text);
  };
  return {
    write(text) {
      held += text;
      if (held.length >= PIECE_CHARACTERS) flush();
      else if (!scheduled) {
        scheduled = true;
        setImmediate(() => {
          scheduled = false;
          flush();
        });
      }
    },
    flush,
  };
}
