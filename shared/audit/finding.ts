/**
 * What may be found wrong in the table (SPEC §7). A check is a function of a few records that belong together, a neighbourhood,
 * and says what it finds; it reads nothing and has no clock. Each kind of finding is listed here once, with its invariant.
 */
import { refOf } from '../store/keys.ts'
import type { StoredRecord } from '../store/records.ts'

interface FindingKind {
  /** The number in SPEC §7. */
  readonly invariant: number
  readonly means: string
}

export const finding_kinds = {
  task_without_place: { invariant: 1, means: 'a queued task does not stand in exactly one line' },
  place_without_task: { invariant: 1, means: 'a place in line belongs to no queued task' },
  task_forgotten: { invariant: 1, means: 'nothing will look at an unfinished task: it has no due time, and neither its class nor its session has one' },
  task_over_and_due: { invariant: 1, means: 'a task that is over has a due time' },
  queue_timeout_unseen: { invariant: 1, means: 'a queued task is not looked at when its queue timeout has come' },
  run_missing: { invariant: 1, means: 'a task names a run that does not exist' },
  command_missing: { invariant: 2, means: 'the command of a task does not exist' },
  command_of_another: { invariant: 2, means: 'two tasks share one idempotency key, or a command does not lie under its own' },
  lease_not_held: { invariant: 3, means: 'a live attempt does not hold the lease of its session' },
  lease_without_owner: { invariant: 3, means: 'a lease is held by an attempt that is not live' },
  token_not_greater: { invariant: 3, means: 'a fencing token is not greater than all that were granted before' },
  file_uncounted: { invariant: 3, means: 'a session names a file that it shares with others, and nobody counts it: it may be removed' },
  attempt_history: { invariant: 3, means: 'the earlier attempts of a run are not all there, or not all over' },
  counters: { invariant: 4, means: 'the counters of a class are not the attempts in those states' },
  ceiling_count: { invariant: 4, means: 'the count of a ceiling is not the live attempts that it counts' },
  over_limit: { invariant: 5, means: 'more attempts of a class are live than its limit allowed when the newest was admitted' },
  over_ceiling: { invariant: 5, means: 'an attempt was admitted above a ceiling, or while what lives under it was still being counted' },
  cooldown_missing: { invariant: 5, means: 'a degraded class has no cool-down that holds its next attempt back' },
  events_gap: { invariant: 6, means: 'the events of a run are not gapless up to its newest' },
  events_disagree: { invariant: 6, means: 'the events of a run do not lead to its status by legal moves' },
  illegal_move: { invariant: 7, means: 'a record went from one state to another that is no legal move' },
  record_changed: { invariant: 7, means: 'a record that never changes was changed' },
  states_disagree: { invariant: 7, means: 'the states of a task, its run and its attempt do not fit together' },
  started_after_cancel: { invariant: 8, means: 'an attempt started, or a retry was planned, after the run was cancelled' },
  tick_without_row: { invariant: 9, means: 'a tick of an active schedule has passed and has no row in the ledger' },
  row_without_tick: { invariant: 9, means: 'the ledger has a row for what is no tick of its schedule' },
  row_without_task: { invariant: 9, means: 'a row says fired, and its task does not exist or is that of another tick' },
  task_without_row: { invariant: 9, means: 'a tick has made a task, and its row does not say so' },
  schedule_forgotten: { invariant: 9, means: 'nothing will look at a schedule when its tick has come, or take its alarms out' },
  inputs_unlisted: { invariant: 10, means: 'the inputs of a task that have no end are not those that its latest run lists' },
  inputs_gap: { invariant: 10, means: 'the inputs of a task are not gapless up to its newest' },
  input_forgotten: { invariant: 10, means: 'an input is pending, and its task is over' },
  inputs_out_of_order: { invariant: 10, means: 'an input was consumed before another of its mode that was accepted earlier' },
  out_of_place: { invariant: 11, means: 'a record lies under the key of another record or workspace' },
  agent_missing: { invariant: 11, means: 'a record names an agent that its workspace does not have' },
  session_unwatched: { invariant: 12, means: 'a session is free, tasks wait for it, and nothing will look at it' },
  ceiling_unwatched: { invariant: 12, means: 'a ceiling has room for who waits, or live attempts to count, and nothing will look at it' },
  turn_missing: { invariant: 12, means: 'a class waits for a turn at a ceiling that it does not have' },
  wait_unmarked: { invariant: 12, means: 'a task waits for a session that does not know of it' },
  overdue: { invariant: 12, means: 'the time to look at something is long past, and nobody has looked' },
} as const satisfies Record<string, FindingKind>
export type FindingCode = keyof typeof finding_kinds
export type Invariant = (typeof finding_kinds)[FindingCode]['invariant']

/** The invariants that a look at the table can hold: those of which a finding says something. */
export const audited_invariants = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12] as const satisfies readonly Invariant[]
export type AuditedInvariant = (typeof audited_invariants)[number]

/** What each says, in a few words. */
export const invariant_titles: Readonly<Record<AuditedInvariant, string>> = {
  1: 'no accepted task is lost',
  2: 'one task per idempotency key',
  3: 'one live attempt holds a session, and tokens grow',
  4: 'counters equal the attempts',
  5: 'limits hold',
  6: 'run events are gapless and lead to the status',
  7: 'states move legally and fit together',
  8: 'nothing starts after a cancel',
  9: 'every tick has one row, fired rows and tasks match',
  10: 'every input ends once, and in order',
  11: 'every record lies in its own workspace',
  12: 'whatever waits is woken',
}

export interface Finding {
  readonly invariant: Invariant
  /** Stable. */
  readonly code: FindingCode
  /** Where the record lies that the finding is about: `pk / sk`. */
  readonly key: string
  /** For people; may improve. */
  readonly sentence: string
}

/** The key of a record as people read it. */
export const keyText = ({ pk, sk }: { readonly pk: string; readonly sk: string }): string => `${pk} / ${sk}`

/** @param about the record that is wrong, or that names what is missing */
export const found = (code: FindingCode, about: StoredRecord, sentence: string): Finding => ({
  invariant: finding_kinds[code].invariant,
  code,
  key: keyText(refOf(about)),
  sentence,
})

/** The finding where it is true, else none. */
export const foundIf = (is_wrong: boolean, code: FindingCode, about: StoredRecord, sentence: () => string): readonly Finding[] =>
  is_wrong ? [found(code, about, sentence())] : []
