/** Accepting an input: for a live run, or for one that is over, whose task goes on for it. */
import { decided, type Decision } from '../decision.ts'
import { inputName } from '../class-key.ts'
import { pending_inputs_max, type Input, type QueueMode } from '../input.ts'
import { ringRunner } from '../doorbell.ts'
import { knowsMessage, pendingInputs } from '../inputs.ts'
import { refuse, type Refusal } from '../result.ts'
import { isEndedRun, isTerminalTask, type EndedRun } from '../transitions.ts'
import { timestamp } from '../time.ts'
import { decideRetry } from './cancel.ts'
import { unparked } from './park.ts'
import type { Command } from '../command.ts'
import type { InputId } from '../ids.ts'
import type { Run } from '../run.ts'
import type { Task } from '../task.ts'
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

const outcomeOf = (run: Run, queue_mode: QueueMode): Input['outcome'] => {
  if ((run.waiting_since !== undefined || run.parked === 'input') && pendingInputs(run).length === 0) return 'direct'
  return queue_mode === 'interrupt' && run.status === 'running' ? 'interrupted' : 'queued'
}

const refuseFull = (run: Run): Refusal | undefined => {
  const { length } = pendingInputs(run)
  if (length < pending_inputs_max) return undefined
  return refuse('too_many_inputs', `${run.id} has ${length} pending inputs, the most that a run keeps: send it again when some are consumed`)
}

/** The run with the input at the end of its list, and the input's own records. */
const listed = (run: Run, request: InputRequest, outcome: Input['outcome'], now_ms: number) => {
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
    outcome,
    body_hash,
    created_at: timestamp(now_ms),
    version: 1,
  }
  const writes: readonly Write[] = [{ op: 'put_if_absent', record: input }, ...names(input, request.idempotency_key)]
  const inputs = { turns: 0, ...run.inputs, last_seq: seq, pending: [...pendingInputs(run), { id, seq, queue_mode }] }
  return { input, inputs, writes }
}

/**
 * Puts an input at the end of the run's list. The condition on the run's version lets either this or the run's end win, never both;
 * the name of the idempotency key is stored only if it is free. A run that is told to stop takes none: it would be rejected at once. A run
 * that is parked until an input comes takes its place in line. @param task of the run, as it was read with it
 */
export const decideInput = (run: Run, request: InputRequest, now_ms: number, task?: Task, command?: Command): Decision<Input> | Refusal => {
  if (isEndedRun(run) || run.attempt.status === 'stopping')
    return refuse('illegal_state', `${run.id} takes no input: it is ${isEndedRun(run) ? 'over' : 'told to stop'}`, [
      { field: 'run_id', message: 'takes no input', value: isEndedRun(run) ? run.status : 'stopping', allowed: ['accepted', 'running'] },
    ])
  const full = refuseFull(run)
  if (full) return full
  const { input, inputs, writes } = listed(run, request, outcomeOf(run, request.queue_mode), now_ms)
  const listening: Run = { ...run, inputs, updated_at: timestamp(now_ms) }
  if (run.parked !== 'input') return decided([{ op: 'replace_if_version', record: listening }, ...writes], ringRunner(run), input)
  if (task?.state !== 'waiting' || command === undefined) throw new Error(`${run.id} is parked, and ${run.task_id} is ${task?.state ?? 'not read'}`)
  const going = unparked(task, listening, command, now_ms)
  return decided([{ op: 'replace_if_version', record: going.run }, ...writes, ...going.writes], going.signals, input)
}

export interface OverState {
  readonly run: EndedRun
  readonly task: Task
  readonly command: Command
}

/**
 * An input for a task whose latest run is over: the run that comes next takes it. A task that is over too is put in line again for it; one that
 * stands in line already, or sleeps, is written as well, so that either this or the making of that run wins.
 */
export const decideInputAfterRun = (
  { run, task, command }: OverState,
  request: InputRequest,
  now_ms: number,
): Decision<{ input: Input; task: Task }> | Refusal => {
  const full = refuseFull(run)
  if (full) return full
  const now = timestamp(now_ms)
  const restarts = isTerminalTask(task)
  const { input, inputs, writes } = listed(run, request, restarts ? 'restarted' : 'queued', now_ms)
  const keep = (kept: typeof inputs): Write => ({ op: 'replace_if_version', record: { ...run, inputs: kept, updated_at: now } })
  if (!restarts) {
    const touched: Task = { ...task, updated_at: now }
    return decided([keep(inputs), { op: 'replace_if_version', record: touched }, ...writes], [], { input, task: touched })
  }
  const queued = decideRetry(task, command, now_ms)
  if (!queued.ok) return queued
  const knows = run.status === 'ok' || knowsMessage(run) ? ({ next_knows_message: true } as const) : {}
  return decided([keep({ ...inputs, ...knows }), ...queued.writes, ...writes], queued.signals, { input, task: queued.value })
}
