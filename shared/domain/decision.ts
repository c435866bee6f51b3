/**
 * What `decide` returns: what to write in one commit, what to signal once it is written, and what to answer. Handlers load,
 * decide, commit, signal; nothing else knows a legal move.
 */
import type { Write } from '../store/store.ts'
import type { Signal } from '../ports/ports.ts'

export interface Decision<T = undefined> {
  readonly ok: true
  readonly writes: readonly Write[]
  readonly signals: readonly Signal[]
  readonly value: T
}

export const decided = <T>(writes: readonly Write[], signals: readonly Signal[], value: T): Decision<T> => ({ ok: true, writes, signals, value })
