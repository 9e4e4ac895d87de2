// Two captures of one thing hold mostly the same fields, and one capture holds most of its fields many times: each is kept once.

import { diffLimits } from './limits.js';
import { Content, type DiffField, type DiffValue, fieldBytes } from './unit.js';

/** Shared by what is compared with each other. */
export class FieldPool {
  readonly #byName = new Map<string, Map<DiffValue, DiffField>>();

  /** Puts what is known already in place of what is the same. What the list holds besides that, as reckoned, in bytes. */
  share(fields: DiffField[]): number {
    let bytes = 0;
    for (const [at, field] of fields.entries()) {
      const known = this.#knownAs(field);
      if (known === field) bytes += fieldBytes(field);
      else fields[at] = known;
    }
    return bytes;
  }

  #knownAs(field: DiffField): DiffField {
    const { name, value, text } = field;
    let values = this.#byName.get(name);
    if (values === undefined) {
      if (this.#byName.size >= diffLimits.pooledNames) return field;
      values = new Map();
      this.#byName.set(name, values);
    }
    const key = value instanceof Content ? value.digest : value;
    const known = values.get(key);
    if (known === undefined) {
      // Sequence numbers and the like never come again. Content does, and is large.
      if (values.size < diffLimits.pooledValues || value instanceof Content) values.set(key, field);
      return field;
    }
    const isSame = known.text === text && known.value instanceof Content === value instanceof Content;
    return isSame ? known : field;
  }
}
