/** The list of a run's pending inputs: what waits, what is taken, and settling some of them. */
import { movedRun } from './transitions.ts'
import { timestamp } from './time.ts'
import type { Disposition, Input, PendingInput } from './input.ts'
import type { Run } from './run.ts'
import type { Write } from '../store/store.ts'

const none: readonly PendingInput[] = []

export const pendingInputs = (run: Run): readonly PendingInput[] => run.inputs?.pending ?? none

/** Handed to the run's latest attempt. What an earlier one had taken waits again. */
const isTaken = (run: Run, input: PendingInput): boolean => input.taken?.attempt_no === run.attempt.attempt_no

export const waitingInputs = (run: Run): readonly PendingInput[] => pendingInputs(run).filter((input) => !isTaken(run, input))

/** What the latest attempt holds for a turn. */
export const takenInputs = (run: Run, turn: number): readonly PendingInput[] =>
  pendingInputs(run).filter((input) => isTaken(run, input) && input.taken?.turn === turn)

/** Whether the saved session knows the command's message: a turn of the run has ended, or an earlier run's had. */
export const knowsMessage = (run: Run): boolean => run.inputs?.message_done === true || (run.inputs?.turns ?? 0) > 0

/** What becomes of one input. */
export interface Settlement {
  readonly id: Input['id']
  readonly disposition: Disposition
}

/**
 * Takes inputs from the list of their run, and the writes that give each its disposition. @param records at least those that are
 * settled. Throws if one is missing or was settled before: the list would lie.
 */
export const settledInputs = (
  run: Run,
  records: readonly Input[],
  settlements: readonly Settlement[],
  now_ms: number,
): { readonly run: Run; readonly writes: readonly Write[] } => {
  if (run.inputs === undefined || settlements.length === 0) return { run, writes: [] }
  const gone = new Set(settlements.map((settlement) => settlement.id))
  const writes = settlements.map(({ id, disposition }): Write => {
    const record = records.find((one) => one.id === id)
    if (record === undefined || record.settled !== undefined) throw new Error(`${id} of ${run.id} is pending in its run, but not in its record`)
    return { op: 'replace_if_version', record: { ...record, settled: { at: timestamp(now_ms), disposition } } }
  })
  const pending = run.inputs.pending.filter((input) => !gone.has(input.id))
  return { run: movedRun(run, { ...run, inputs: { ...run.inputs, pending } }), writes }
}

/** Every pending input of a run gets the same end: the run will take none of them. */
export const rejectedInputs = (
  run: Run,
  records: readonly Input[],
  reason: Extract<Disposition, { kind: 'rejected' }>['reason'],
  now_ms: number,
): { readonly run: Run; readonly writes: readonly Write[] } => {
  const settlements = pendingInputs(run).map(({ id }): Settlement => ({ id, disposition: { kind: 'rejected', reason } }))
  const settled = settledInputs(run, records, settlements, now_ms)
  if (settled.run.inputs === undefined) return settled
  const { next_knows_message: _, ...inputs } = settled.run.inputs
  return { run: { ...settled.run, inputs }, writes: settled.writes }
}
