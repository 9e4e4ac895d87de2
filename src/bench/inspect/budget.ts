// What all connections of a capture together may hold, whatever each of them may by itself: 20,000 connections of a few kilobytes
// each are no more than one of many megabytes. Who is over it and holds more than a small part has to let go. Sizes are reckoned.

import { streamLimits } from './stream-limits.js';

export class Budget {
  readonly #bytes: number;
  /** An account of no more than this is left alone, so that a few that hold much do not cost the others theirs. */
  readonly #free: number;
  /** Of connections that are over: they are kept as long as there is room. */
  readonly #spent = new Set<Account>();
  #held = 0;

  constructor(bytes: number, free: number) {
    this.#bytes = bytes;
    this.#free = free;
  }

  get held(): number {
    return this.#held;
  }

  /** `letGo` is called when something that is over has to make room. */
  open(letGo: () => void): Account {
    return new Account(this, letGo);
  }

  /** Whether the account may hold so much. For `Account` alone, as what follows. */
  change(from: number, to: number): boolean {
    this.#held += to - from;
    if (this.#held <= this.#bytes || to <= this.#free) return true;
    for (const account of this.#spent) account.letGo();
    return this.#held <= this.#bytes;
  }

  spend(account: Account, isSpent: boolean): void {
    if (isSpent) this.#spent.add(account);
    else this.#spent.delete(account);
  }
}

/** The part of one holder. */
export class Account {
  readonly #budget: Budget;
  readonly #letGo: () => void;
  #held = 0;

  constructor(budget: Budget, letGo: () => void) {
    this.#budget = budget;
    this.#letGo = letGo;
  }

  /** Says how much is held now. False: it is too much, and has to be let go. */
  set(bytes: number): boolean {
    const before = this.#held;
    this.#held = bytes;
    return before === bytes || this.#budget.change(before, bytes);
  }

  /** What it is for is over. */
  spend(): void {
    this.#budget.spend(this, true);
  }

  close(): void {
    this.set(0);
    this.#budget.spend(this, false);
  }

  letGo(): void {
    this.close();
    this.#letGo();
  }
}

/** Those of one capture. */
export class Budgets {
  readonly hpack = new Budget(streamLimits.hpackBytesInAll, streamLimits.hpackFreeBytes);
  readonly readers = new Budget(streamLimits.readerBytesInAll, streamLimits.readerFreeBytes);
}

/** The accounts of one connection. */
export class Accounts {
  readonly #budgets: Budgets;
  readonly #open: Account[] = [];

  constructor(budgets: Budgets) {
    this.#budgets = budgets;
  }

  open(what: keyof Budgets, letGo: () => void): Account {
    const account = this.#budgets[what].open(letGo);
    this.#open.push(account);
    return account;
  }

  /** The connection is forgotten, or let go. */
  close(): void {
    // An account keeps alive what it is of.
    for (const account of this.#open.splice(0)) account.close();
  }
}
