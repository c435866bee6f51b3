/**
 * Admit: give places of a class's line to attempts, as far as the class has room and their sessions are free.
 *
 * One decision admits several tasks at once, so that the class's counters are written once. Each admission is a place
 * deleted, a task moved, a run made or carried on, and a session granted with a greater fencing token.
 */
import { decided, type Decision } from '../decision.ts'
import { earlier, look_again_ms } from '../due.ts'
import { isEndedRun, movedTask } from '../transitions.ts'
import { healthOf } from '../instances.ts'
import { leaseOwner, type Session } from '../session.ts'
import { ceilingSignal, countAdmitted, open_passage, scopesOf, type Passage } from './ceiling.ts'
import { timestamp } from '../time.ts'
import { addUsage, no_usage } from '../usage.ts'
import type { Command } from '../command.ts'
import type { AttemptId, RunId } from '../ids.ts'
import type { PendingInput, RunInputs } from '../input.ts'
import type { Instance, Place } from '../instance.ts'
import type { Attempt, EndedAttempt, Run } from '../run.ts'
import type { Launch } from '../../ports/ports.ts'
import { refOf, refs } from '../../store/keys.ts'
import type { Write } from '../../store/store.ts'
import type { TaskIn } from '../task.ts'

/** The name of this plane in a lease's owner (`workerID:executionID`). */
export const worker_id = 'lanekeeper'

/** One task that may start: all that was read about it, and the ids for what is made. */
export interface Candidate {
  readonly place: Place
  readonly task: TaskIn<'queued'>
  readonly command: Command
  /** Absent where nobody ever held the session. */
  readonly session: Session | undefined
  /** The task's latest run: waiting for a retry, or ended (the task was restarted). */
  readonly run: Run | undefined
  readonly fresh: { readonly run_id: RunId; readonly attempt_id: AttemptId; readonly claim_token: string }
}

/** What is noted on an attempt when it is admitted: who counts it, and that its class was degraded. */
type AttemptMarks = Pick<Attempt, 'counted' | 'probe'>

const newAttempt = (candidate: Candidate, fencing_token: number, previous: EndedAttempt | undefined, marks: AttemptMarks, now_ms: number): Attempt => ({
  status: 'pending',
  id: candidate.fresh.attempt_id,
  attempt_no: (previous?.attempt_no ?? 0) + 1,
  strategy: previous === undefined || previous.attempt_no + 1 <= (candidate.run?.tries_from ?? 1) ? 'primary' : 'retry',
  fencing_token,
  admitted_at: timestamp(now_ms),
  ...marks,
  claim_token: candidate.fresh.claim_token,
})

/** The attempt that a retry takes over from; undefined where the run is new. */
const endedAttempt = (run: Run | undefined): EndedAttempt | undefined => {
  if (run === undefined || isEndedRun(run)) return undefined
  const { attempt } = run
  if (attempt.status === 'pending' || attempt.status === 'running' || attempt.status === 'stopping')
    throw new Error(`${run.id} has a live attempt and stands in line`)
  return attempt
}

const untaken = (input: PendingInput): PendingInput => {
  const { taken: _, ...kept } = input
  return kept
}

/** A new run of a task goes on with the count of its inputs, and takes over those that its last run has left for it. */
const handedOver = (last: Run, inputs: RunInputs, now_ms: number): { readonly inputs: RunInputs; readonly writes: readonly Write[] } => {
  const { last_seq, pending, next_knows_message, ...kept } = inputs
  if (pending.length === 0) return { inputs: { last_seq, turns: 0, pending }, writes: [] }
  const knows = next_knows_message === true ? { message_done: next_knows_message } : {}
  const emptied: Run = { ...last, inputs: { ...kept, last_seq, pending: [] }, updated_at: timestamp(now_ms) }
  return {
    inputs: { last_seq, turns: 0, pending: pending.map(untaken), ...knows },
    writes: [{ op: 'replace_if_version', record: emptied }],
  }
}

const runWrites = (candidate: Candidate, fencing_token: number, marks: AttemptMarks, now_ms: number): { run: Run; writes: readonly Write[] } => {
  const { task, run } = candidate
  const previous = endedAttempt(run)
  const attempt = newAttempt(candidate, fencing_token, previous, marks, now_ms)
  const now = timestamp(now_ms)
  if (run !== undefined && previous !== undefined) {
    const carried: Run = { ...run, attempt, usage: addUsage(run.usage ?? no_usage, previous.usage), updated_at: now }
    const kept: Write = { op: 'put_if_absent', record: { kind: 'attempt', workspace_id: run.workspace_id, run_id: run.id, attempt: previous, version: 1 } }
    return { run: carried, writes: [{ op: 'replace_if_version', record: carried }, kept] }
  }
  const made: Run = {
    kind: 'run',
    id: candidate.fresh.run_id,
    workspace_id: task.workspace_id,
    task_id: task.id,
    agent_id: task.agent_id,
    session_id: task.session_id,
    class_key: task.class_key,
    ...(run === undefined ? {} : { previous_run_id: run.id }),
    status: 'accepted',
    attempt,
    event_seq: 1,
    created_at: now,
    updated_at: now,
    version: 1,
  }
  if (run === undefined || run.inputs === undefined) return { run: made, writes: [{ op: 'put_if_absent', record: made }] }
  const handed = handedOver(run, run.inputs, now_ms)
  return { run: made, writes: [{ op: 'put_if_absent', record: { ...made, inputs: handed.inputs } }, ...handed.writes] }
}

const sessionWrite = (candidate: Candidate, run: Run, now_ms: number): Write => {
  const now = timestamp(now_ms)
  const owner = { lease_owner: leaseOwner(worker_id, run.attempt.id), run_id: run.id, attempt_id: run.attempt.id }
  const { session, task } = candidate
  if (session === undefined) {
    const made: Session = {
      kind: 'session',
      workspace_id: task.workspace_id,
      id: task.session_id,
      owner,
      fencing_token: run.attempt.fencing_token,
      waiting: false,
      created_at: now,
      updated_at: now,
      version: 1,
    }
    return { op: 'put_if_absent', record: made }
  }
  const { due_at: _, parked_run_id: __, last_run_id: ___, ...kept } = session
  return { op: 'replace_if_version', record: { ...kept, owner, fencing_token: run.attempt.fencing_token, updated_at: now } }
}

const admitOne = (candidate: Candidate, marks: AttemptMarks, now_ms: number): { writes: readonly Write[]; launch: Launch } => {
  const { task, place, command } = candidate
  const fencing_token = (candidate.session?.fencing_token ?? 0) + 1
  const { run, writes } = runWrites(candidate, fencing_token, marks, now_ms)
  const now = timestamp(now_ms)
  const running = movedTask(task, {
    ...task,
    state: 'running',
    dispatched_at: now,
    target_run_id: run.id,
    due_at: earlier(task.due_at, timestamp(now_ms + look_again_ms)),
    updated_at: now,
  })
  return {
    writes: [
      { op: 'delete_if_version', ref: refOf(place), version: place.version },
      sessionWrite(candidate, run, now_ms),
      ...writes,
      { op: 'replace_if_version', record: running },
    ],
    launch: {
      workspace_id: task.workspace_id,
      run_id: run.id,
      attempt_no: run.attempt.attempt_no,
      attempt_id: run.attempt.id,
      claim_token: candidate.fresh.claim_token,
      policy: command.params.policy,
    },
  }
}

/** Admits all candidates or none. They must be of one class, with distinct free sessions, and no more than its room. */
export const decideAdmit = (
  instance: Instance,
  candidates: readonly Candidate[],
  now_ms: number,
  passage: Passage = open_passage,
): Decision<readonly Launch[]> => {
  const counted = scopesOf(passage)
  const degraded = healthOf(instance) === 'degraded'
  const marks: AttemptMarks = { ...(counted.length === 0 ? {} : { counted: [...counted] }), ...(degraded ? { probe: true } : {}) }
  const admitted = candidates.map((candidate) => admitOne(candidate, marks, now_ms))
  const count = candidates.length
  const counters: Write = {
    op: 'add_within_limit',
    ref: refs.instance(instance.workspace_id, instance.class_key),
    change: {
      add: { pending: count, live: count },
      set: { last_event_at: timestamp(now_ms) },
      ...(passage.turn === undefined ? {} : { remove: ['turn_owner', 'turn_rank'] }),
    },
    conditions: [
      { field: 'limit', is: 'equals', value: instance.limit },
      { field: 'live', is: 'at_most', value: degraded ? 0 : instance.limit - count },
      ...(degraded ? [] : [{ field: 'failures', is: 'at_most', value: instance.failed_attempt_threshold - 1 } as const]),
    ],
  }
  return decided(
    [...admitted.flatMap((one) => one.writes), counters, ...countAdmitted(passage, count)],
    passage.turn === undefined ? [] : [ceilingSignal(passage.turn.owner)],
    admitted.map((one) => one.launch),
  )
}

/** The session is held: moves the place to the session's waiting line, where the release finds it. */
export const decideWait = (place: Place, session: Session, now_ms: number): Decision =>
  decided(
    [
      { op: 'delete_if_version', ref: refOf(place), version: place.version },
      { op: 'put_if_absent', record: { ...place, line: 'session' } },
      { op: 'replace_if_version', record: { ...session, waiting: true, updated_at: timestamp(now_ms) } },
    ],
    [],
    undefined,
  )
