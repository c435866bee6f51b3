/** Turns of a live attempt: handing inputs to the runner for one, and its end. */
import { decided, type Decision } from '../decision.ts'
import { runEvent } from '../events.ts'
import { pendingInputs, settledInputs, takenInputs, waitingInputs, type Settlement } from '../inputs.ts'
import { withdrawnQuestions } from '../questions.ts'
import { refuse, type Refusal } from '../result.ts'
import { savedCheckpoint, type SavedBytes, type Session } from '../session.ts'
import { releaseWrites } from '../shared-file.ts'
import { movedTask } from '../transitions.ts'
import { timestamp } from '../time.ts'
import { laterUsage, type ModelUsage } from '../usage.ts'
import type { RunEventType } from '../event.ts'
import type { Approval } from '../approval.ts'
import type { InputId } from '../ids.ts'
import type { Input, PendingInput } from '../input.ts'
import type { Run } from '../run.ts'
import type { Task } from '../task.ts'
import type { Write } from '../../store/store.ts'

export interface TakeState {
  readonly run: Run
  /** Those that are pending in the run. */
  readonly inputs: readonly Input[]
  /** Of a run that waits for an input. */
  readonly task?: Task | undefined
}
export interface TakeRequest {
  readonly attempt_no: number
  /** The turn that is going on, or the one that would be next. */
  readonly turn: number
  readonly open: boolean
}
/** How the runner hands them to the agent: as a turn, into the turn that is going on, or in its place. */
export interface Taken {
  readonly how: 'turn' | 'steer' | 'interrupt' | 'nothing'
  readonly turn: number
  readonly ids: readonly InputId[]
}

interface Choice {
  readonly how: 'turn' | 'steer' | 'interrupt'
  readonly event: RunEventType
  readonly turn: number
  readonly chosen: readonly PendingInput[]
  /** What an interrupt leaves behind. */
  readonly superseded: readonly PendingInput[]
}

const choose = (waiting: readonly PendingInput[], { open, turn }: TakeRequest): Choice | undefined => {
  const interrupt = waiting.findLast((input) => input.queue_mode === 'interrupt')
  if (interrupt !== undefined) {
    const superseded = waiting.filter((input) => input.seq < interrupt.seq)
    return open
      ? { how: 'interrupt', event: 'interrupted', turn: turn + 1, chosen: [interrupt], superseded }
      : { how: 'turn', event: 'input_dispatched', turn, chosen: [interrupt], superseded }
  }
  if (open) {
    const chosen = waiting.filter((input) => input.queue_mode === 'steer')
    return chosen.length === 0 ? undefined : { how: 'steer', event: 'input_steered', turn, chosen, superseded: [] }
  }
  const [first] = waiting
  if (first === undefined) return undefined
  const chosen = first.queue_mode === 'collect' ? waiting.filter((input) => input.queue_mode === 'collect') : [first]
  return { how: 'turn', event: first.queue_mode === 'steer' ? 'steer_fallback_dispatched' : 'input_dispatched', turn, chosen, superseded: [] }
}

/**
 * What was taken before: the answer may have been lost. An interrupt that is held for the next turn comes before all else, or what
 * came after it would be handed out for an earlier turn.
 */
const repeated = (run: Run, { open, turn }: TakeRequest): Taken | undefined => {
  const next = takenInputs(run, turn + 1)
  if (next.length > 0) return { how: 'interrupt', turn: turn + 1, ids: next.map(({ id }) => id) }
  const same = open ? [] : takenInputs(run, turn)
  return same.length === 0 ? undefined : { how: 'turn', turn, ids: same.map(({ id }) => id) }
}

/** Steered into a turn before, or steers that began it. */
const steersOf = (run: Run, turn: number): readonly InputId[] =>
  takenInputs(run, turn)
    .filter((input) => input.queue_mode === 'steer' && input.taken?.in_files !== true)
    .map(({ id }) => id)

const worksAgain = (run: Run, task: Task | undefined, now_ms: number): readonly Write[] => {
  if (run.waiting_since === undefined) return []
  if (task?.state !== 'waiting') throw new Error(`${run.id} waits for an input, and ${run.task_id} is ${task?.state ?? 'missing'}`)
  const { archived_at: _, ...kept } = task
  return [{ op: 'replace_if_version', record: movedTask(task, { ...kept, state: 'running', updated_at: timestamp(now_ms) }) }]
}

const isTurnOf = (run: Run, request: { readonly attempt_no: number; readonly turn: number }): Refusal | undefined => {
  if (run.attempt.status !== 'running' || run.attempt.attempt_no !== request.attempt_no)
    return refuse('attempt_superseded', `attempt ${request.attempt_no} of ${run.id} is not the live one`)
  const next = (run.inputs?.turns ?? 0) + 1
  return request.turn === next ? undefined : refuse('illegal_state', `turn ${request.turn} of ${run.id} is not the one after those that have ended: ${next}`)
}

/**
 * Hands waiting inputs to the runner. An interrupt goes first and supersedes what waited before it; into a turn that is going on go
 * steers alone; a turn begins with the oldest, and if that is a collect, with all collects. Asked again, it answers the same.
 * In an open turn a repeat of steers is answered with all that the turn has: the runner knows them by id. A run that waited for an input
 * works again, and so does its task.
 */
export const decideTake = ({ run, inputs: records, task }: TakeState, request: TakeRequest, now_ms: number): Decision<Taken> | Refusal => {
  const refusal = isTurnOf(run, request)
  if (refusal) return refusal
  const before = repeated(run, request)
  if (before) return decided([], [], before)
  const held = request.open ? steersOf(run, request.turn) : []
  const choice = choose(waitingInputs(run), request)
  if (choice === undefined || run.inputs === undefined) return decided([], [], { how: held.length === 0 ? 'nothing' : 'steer', turn: request.turn, ids: held })
  const { how, event, turn, chosen, superseded } = choice
  const ids = chosen.map(({ id }) => id)
  const by = ids[0]
  if (by === undefined) throw new Error(`nothing was chosen of ${run.id}`)
  const pending = run.inputs.pending.map((input) => (ids.includes(input.id) ? { ...input, taken: { attempt_no: request.attempt_no, turn } } : input))
  const { waiting_since: _, ...working } = run
  const taken: Run = { ...working, inputs: { ...run.inputs, pending }, event_seq: run.event_seq + 1, updated_at: timestamp(now_ms) }
  const left = settledInputs(
    taken,
    records,
    superseded.map(({ id }) => ({ id, disposition: { kind: 'superseded', by } })),
    now_ms,
  )
  return decided(
    [
      { op: 'replace_if_version', record: left.run },
      { op: 'put_if_absent', record: runEvent(left.run, event, now_ms, { attempt_no: request.attempt_no, turn, input_ids: ids }, false) },
      ...left.writes,
      ...worksAgain(run, task, now_ms),
    ],
    [],
    { how, turn, ids: how === 'steer' ? [...held, ...ids] : ids },
  )
}

/** What becomes of the inputs of a turn that ends: consumed, but of those that were collected only the first, the others merged into it. */
export const turnSettlements = (run: Run, attempt_no: number, turn: number): readonly Settlement[] => {
  const taken = takenInputs(run, turn)
  const collected = taken.find((input) => input.queue_mode === 'collect')
  return taken.map(({ id, queue_mode }) => ({
    id,
    disposition:
      collected === undefined || queue_mode !== 'collect' || id === collected.id
        ? { kind: 'consumed', run_id: run.id, attempt_no, turn }
        : { kind: 'merged', into: collected.id },
  }))
}

/** All that is read to end a turn. */
export interface TurnState extends TakeState {
  readonly session: Session | undefined
  /** Those that are open in the run. */
  readonly approvals?: readonly Approval[]
}
export interface TurnEndRequest {
  readonly attempt_no: number
  readonly turn: number
  readonly saved?: SavedBytes | undefined
  readonly usage?: ModelUsage | undefined
  /** The attempt waits for an input, if none waits for it. */
  readonly waits?: boolean
}

const waitWrites = (task: Task | undefined, now_ms: number): readonly Write[] => {
  if (task?.state !== 'running') throw new Error(`${task?.id ?? 'a task'} cannot wait for an input: it is ${task?.state ?? 'missing'}`)
  return [{ op: 'replace_if_version', record: movedTask(task, { ...task, state: 'waiting', updated_at: timestamp(now_ms) }) }]
}

/** The turn that ended last is told again: nothing changes, but that the attempt may wait now. */
const toldAgain = (state: TurnState, request: TurnEndRequest, now_ms: number): Decision<{ readonly pending_count: number }> => {
  const { run, task } = state
  const pending_count = pendingInputs(run).length
  const waits = request.waits === true && pending_count === 0 && run.waiting_since === undefined && request.turn === run.inputs?.turns
  if (!waits || run.attempt.status !== 'running') return decided([], [], { pending_count })
  const waiting: Run = { ...run, waiting_since: timestamp(now_ms), updated_at: timestamp(now_ms) }
  return decided([{ op: 'replace_if_version', record: waiting }, ...waitWrites(task, now_ms)], [], { pending_count })
}

/** The session with its next checkpoint, and what it shared of the one before. */
const sessionWrites = (before: Session, after: Session, now_ms: number): readonly Write[] => [
  { op: 'replace_if_version', record: after },
  ...releaseWrites(before, after, now_ms),
]

/**
 * The end of a turn of an attempt that goes on. What was taken for it is consumed in the commit that makes what it saved the session's
 * checkpoint; both only under the attempt's fencing token, and only if the turn is the one after those that have ended. A saved turn begins the
 * count of tries anew, and what the agent has asked in it is of no use any more. An attempt that waits for an input has its run say so, unless one
 * came meanwhile. A repeat changes nothing.
 */
export const decideTurnEnd = (state: TurnState, request: TurnEndRequest, now_ms: number): Decision<{ readonly pending_count: number }> | Refusal => {
  const { run, session } = state
  const { attempt, inputs } = run
  if (inputs !== undefined && request.turn <= inputs.turns && attempt.attempt_no === request.attempt_no) return toldAgain(state, request, now_ms)
  const refusal = isTurnOf(run, request)
  if (refusal) return refusal
  if (session?.owner?.attempt_id !== attempt.id) return refuse('attempt_superseded', `attempt ${request.attempt_no} of ${run.id} does not hold its session`)
  const ended: Run = {
    ...run,
    inputs: { last_seq: 0, pending: [], ...inputs, turns: request.turn },
    tries_from: attempt.attempt_no,
    ...(request.usage === undefined ? {} : { live_usage: laterUsage(run.live_usage, request.usage) }),
    updated_at: timestamp(now_ms),
  }
  const withdrawn = withdrawnQuestions(ended, state.approvals ?? [], false, 'attempt_ended', now_ms)
  const settled = settledInputs(withdrawn.run, state.inputs, turnSettlements(run, attempt.attempt_no, request.turn), now_ms)
  const pending_count = pendingInputs(settled.run).length
  const waits = request.waits === true && pending_count === 0
  const checkpoint = savedCheckpoint(session, attempt.fencing_token, request, now_ms)
  return decided(
    [
      { op: 'replace_if_version', record: waits ? { ...settled.run, waiting_since: timestamp(now_ms) } : settled.run },
      ...withdrawn.writes,
      ...settled.writes,
      ...(checkpoint === undefined ? [] : sessionWrites(session, { ...session, checkpoint, updated_at: timestamp(now_ms) }, now_ms)),
      ...(waits ? waitWrites(state.task, now_ms) : []),
    ],
    [],
    { pending_count },
  )
}
