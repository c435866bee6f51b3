/** Inputs of a live run: accepting one, handing some to the runner for a turn, and the end of a turn. */
import { decided, type Decision } from '../decision.ts'
import { runEvent } from '../events.ts'
import { inputName } from '../class-key.ts'
import { pending_inputs_max, type Input, type PendingInput, type QueueMode } from '../input.ts'
import { pendingInputs, settledInputs, takenInputs, waitingInputs, type Settlement } from '../inputs.ts'
import { refuse, type Refusal } from '../result.ts'
import { isEndedRun } from '../transitions.ts'
import { timestamp } from '../time.ts'
import type { RunEventType } from '../event.ts'
import type { InputId } from '../ids.ts'
import type { Run } from '../run.ts'
import type { Write } from '../../store/store.ts'

export interface InputRequest {
  readonly id: InputId
  /** Redacted already. */
  readonly message: string
  readonly queue_mode: QueueMode
  readonly body_hash: string
  readonly idempotency_key?: string | undefined
}

const names = (input: Input, idempotency_key: string | undefined): readonly Write[] =>
  [input.id, ...(idempotency_key === undefined ? [] : [inputName(input.task_id, idempotency_key)])].map((name) => ({
    op: 'put_if_absent',
    record: { kind: 'input_name', workspace_id: input.workspace_id, name, task_id: input.task_id, seq: input.seq, version: 1 },
  }))

/**
 * Puts an input at the end of the run's list. The condition on the run's version lets either this or the run's end win, never both;
 * the name of the idempotency key is stored only if it is free. A run that is told to stop takes none: it would be rejected at once.
 */
export const decideInput = (run: Run, request: InputRequest, now_ms: number): Decision<Input> | Refusal => {
  if (isEndedRun(run) || run.attempt.status === 'stopping')
    return refuse('illegal_state', `${run.id} takes no input: it is ${isEndedRun(run) ? 'over' : 'told to stop'}`, [
      { field: 'run_id', message: 'takes no input', value: isEndedRun(run) ? run.status : 'stopping', allowed: ['accepted', 'running'] },
    ])
  const pending = pendingInputs(run)
  if (pending.length >= pending_inputs_max)
    return refuse('too_many_inputs', `${run.id} has ${pending.length} pending inputs, the most that a run keeps: send it again when some are consumed`)
  const seq = (run.inputs?.last_seq ?? 0) + 1
  const { id, queue_mode, message, body_hash } = request
  const input: Input = {
    kind: 'input',
    id,
    workspace_id: run.workspace_id,
    task_id: run.task_id,
    run_id: run.id,
    seq,
    queue_mode,
    message,
    outcome: queue_mode === 'interrupt' && run.status === 'running' ? 'interrupted' : 'queued',
    body_hash,
    created_at: timestamp(now_ms),
    version: 1,
  }
  const inputs = { last_seq: seq, turns: run.inputs?.turns ?? 0, pending: [...pending, { id, seq, queue_mode }] }
  return decided(
    [
      { op: 'replace_if_version', record: { ...run, inputs, updated_at: timestamp(now_ms) } },
      { op: 'put_if_absent', record: input },
      ...names(input, request.idempotency_key),
    ],
    [],
    input,
  )
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
    .filter((input) => input.queue_mode === 'steer')
    .map(({ id }) => id)

const isTurnOf = (run: Run, request: { readonly attempt_no: number; readonly turn: number }): Refusal | undefined => {
  if (run.attempt.status !== 'running' || run.attempt.attempt_no !== request.attempt_no)
    return refuse('attempt_superseded', `attempt ${request.attempt_no} of ${run.id} is not the live one`)
  const next = (run.inputs?.turns ?? 0) + 1
  return request.turn === next ? undefined : refuse('illegal_state', `turn ${request.turn} of ${run.id} is not the one after those that have ended: ${next}`)
}

/**
 * Hands waiting inputs to the runner. An interrupt goes first and supersedes what waited before it; into a turn that is going on go
 * steers alone; a turn begins with the oldest, and if that is a collect, with all collects. Asked again, it answers the same.
 * In an open turn a repeat of steers is answered with all that the turn has: the runner knows them by id.
 * @param records the inputs that wait
 */
export const decideTake = (run: Run, records: readonly Input[], request: TakeRequest, now_ms: number): Decision<Taken> | Refusal => {
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
  const taken: Run = { ...run, inputs: { ...run.inputs, pending }, event_seq: run.event_seq + 1, updated_at: timestamp(now_ms) }
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
    ],
    [],
    { how, turn, ids: how === 'steer' ? [...held, ...ids] : ids },
  )
}

/** What became of the inputs of a turn that has ended: consumed, but of those that were collected only the first, the others merged into it. */
const settlementsOf = (run: Run, taken: readonly PendingInput[], attempt_no: number, turn: number): readonly Settlement[] => {
  const collected = taken.find((input) => input.queue_mode === 'collect')
  return taken.map(({ id, queue_mode }) => ({
    id,
    disposition:
      collected === undefined || queue_mode !== 'collect' || id === collected.id
        ? { kind: 'consumed', run_id: run.id, attempt_no, turn }
        : { kind: 'merged', into: collected.id },
  }))
}

/** The run after a turn of it, and what its inputs became: to be committed with the checkpoint that knows them. A repeat changes nothing. */
export const decideTurnEnd = (
  run: Run,
  records: readonly Input[],
  request: { readonly attempt_no: number; readonly turn: number },
  now_ms: number,
): Decision<{ readonly pending_count: number }> | Refusal => {
  const { inputs, attempt } = run
  if (inputs !== undefined && request.turn <= inputs.turns && attempt.attempt_no === request.attempt_no)
    return decided([], [], { pending_count: inputs.pending.length })
  const refusal = isTurnOf(run, request)
  if (refusal) return refusal
  if (inputs === undefined) return decided([], [], { pending_count: 0 })
  const ended: Run = { ...run, inputs: { ...inputs, turns: request.turn }, updated_at: timestamp(now_ms) }
  const settled = settledInputs(ended, records, settlementsOf(run, takenInputs(run, request.turn), request.attempt_no, request.turn), now_ms)
  return decided([{ op: 'replace_if_version', record: settled.run }, ...settled.writes], [], { pending_count: pendingInputs(settled.run).length })
}
