// Errors of the outside world that end a command with a documented exit code. The message says what is wrong, `advice`
// what to do about it.

/** Exit codes of the command (README, "Exit codes"). */
export const EXIT = {
  ok: 0,
  different: 1,
  usage: 2,
  unreadable: 3,
  device: 4,
  internal: 6,
  interrupted: 130,
} as const;

/** A privilege, a device, an address or a native package is missing: exit code 4. */
export class DeviceError extends Error {
  override readonly name = 'DeviceError';
  readonly advice: string;

  constructor(what: string, advice: string) {
    super(what);
    this.advice = advice;
  }
}

/** A file that cannot be read, written or understood: exit code 3. */
export class FileError extends Error {
  override readonly name = 'FileError';
  readonly advice: string;
  /** It was to be written. */
  readonly isOutput: boolean;

  constructor(file: string, what: string, advice: string, isOutput = false) {
    super(`${file}: ${what}`);
    this.advice = advice;
    this.isOutput = isOutput;
  }
}
