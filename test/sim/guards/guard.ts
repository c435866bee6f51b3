/**
 * A guard is a line of the plane without which an invariant of SPEC §7 would break: a condition on a write, a token check, a due time, a
 * doorbell, a record of what was done already, a second look at what was read. The gate (mutants.ts) takes each away in turn and
 * wants to see the break.
 */

/** A text of one file, and what stands there without the guard. */
export interface Cut {
  readonly name: string
  /** Stands in the file exactly once. */
  readonly find: string
  readonly replace: string
  /** The number in SPEC §7. */
  readonly invariant: number
  /** What the guard keeps from happening. */
  readonly protects: string
  /** Why nothing breaks without it, and why it is there nevertheless. */
  readonly harmless?: string
}
export interface Guard extends Cut {
  /** From the root of the repository. */
  readonly file: string
}

export const guardsIn = (file: string, cuts: readonly Cut[]): readonly Guard[] => cuts.map((cut) => ({ ...cut, file }))
