/** Every decision, applied to records in every state that it may meet, makes only moves that the tables allow. */
import { expect, test } from 'vitest'
import { decideAdmit } from './admit.ts'
import { decideArchive, decideCancel, decideDrop, decideRetry, decideStop } from './cancel.ts'
import { decideClaim, decideHeartbeat } from './claim.ts'
import { decideFinish } from './finish.ts'
import { decideOverdueInLine, decideWake } from './look.ts'
import { outcomes, run_statuses, stop_reasons, type Attempt, type Run, type RunStatus } from '../run.ts'
import { task_states, type Task } from '../task.ts'
import { run_moves, task_moves } from '../transitions.ts'
import {
  attemptId,
  attemptSample,
  boom,
  commandSample,
  deployment,
  heldSession,
  instanceSample,
  now_ms,
  placeSample,
  runId,
  runSample,
  stored,
  taskSample,
} from '../samples.ts'
import type { Write } from '../../store/store.ts'

type Made = { readonly writes: readonly Write[] } | { readonly ok: false }
interface Row {
  readonly name: string
  readonly task: Task
  readonly run: Run | undefined
  readonly decide: () => Made
}

const later_ms = now_ms + 100_000
const command = commandSample({ policy: { retry: { max_attempts: 2 } } })
const slow = commandSample({ policy: { retry: { max_attempts: 2, delay_ms: 1_000 } } })
const lives: readonly { readonly status: RunStatus; readonly attempt: Attempt }[] = [
  { status: 'accepted', attempt: attemptSample('pending') },
  { status: 'accepted', attempt: attemptSample('stopping', { started_at: undefined, lease_expires_at: undefined, token_hash: undefined }) },
  { status: 'running', attempt: attemptSample('running') },
  ...stop_reasons.map((stop_reason) => ({ status: 'running' as const, attempt: attemptSample('stopping', { stop_reason }) })),
]
const idle_runs: readonly (Run | undefined)[] = [undefined, runSample('accepted', attemptSample('error')), ...outcomes.map((outcome) => runSample(outcome))]

const onLive = ({ status, attempt }: (typeof lives)[number]): readonly Row[] => {
  const task = taskSample('running')
  const run = runSample(status, attempt)
  const state = { task, run, instance: instanceSample(), session: heldSession() }
  const name = (what: string) => `${what} a ${attempt.status} attempt of a run that is ${status}`
  const claim = { attempt_no: 1, claim_token: 'claim', attempt_token_hash: 'e'.repeat(64) }
  return [
    { name: name('cancel'), task, run, decide: () => decideCancel({ task, run, place: undefined }, later_ms) },
    { name: name('claim'), task, run, decide: () => decideClaim(run, claim, deployment, later_ms) },
    { name: name('heartbeat of'), task, run, decide: () => decideHeartbeat(run, undefined, deployment, later_ms) },
    ...stop_reasons.map((reason): Row => ({ name: name(`stop for ${reason}`), task, run, decide: () => decideStop(task, run, reason, later_ms) })),
    ...outcomes.flatMap((outcome) =>
      [command, slow].flatMap((one) =>
        [true, false].map((lost): Row => ({
          name: name(`${outcome} of`),
          task,
          run,
          decide: () => decideFinish({ ...state, command: one }, { attempt_no: 1, outcome, lost, error: boom }, later_ms),
        })),
      ),
    ),
  ]
}

const onIdle = (run: Run | undefined): readonly Row[] => {
  const queued = taskSample('queued')
  const late = taskSample('queued', { queue_timeout_at: queued.queued_at })
  const sleeping = taskSample('sleeping')
  const name = (what: string) => `${what}, with ${run === undefined ? 'no run' : `a run that is ${run.status}`}`
  const state = { run, place: placeSample(), command, instance: instanceSample() }
  const fresh = { run_id: runId(2), attempt_id: attemptId(2), claim_token: 'claim' }
  return [
    {
      name: name('admit'),
      task: queued,
      run,
      decide: () => decideAdmit(instanceSample(), [{ place: placeSample(), task: queued, command, session: undefined, run, fresh }], later_ms),
    },
    { name: name('drop'), task: queued, run, decide: () => decideDrop({ ...state, task: queued }, 'agent_deleted', later_ms) },
    { name: name('look in line'), task: queued, run, decide: () => decideOverdueInLine({ ...state, task: queued }, later_ms) },
    { name: name('look in line, late'), task: late, run, decide: () => decideOverdueInLine({ ...state, task: late }, later_ms) },
    { name: name('wake'), task: sleeping, run, decide: () => decideWake(sleeping, command, later_ms) },
    ...task_states
      .filter((task_state) => task_state !== 'running')
      .flatMap((task_state): Row[] => {
        const task = taskSample(task_state)
        return [
          { name: name(`cancel of a ${task_state} task`), task, run, decide: () => decideCancel({ task, run, place: undefined }, later_ms) },
          { name: name(`retry of a ${task_state} task`), task, run, decide: () => decideRetry(task, command, later_ms) },
          { name: name(`archive of a ${task_state} task`), task, run, decide: () => decideArchive(task, later_ms) },
        ]
      }),
  ]
}

const rows = [...lives.flatMap(onLive), ...idle_runs.flatMap(onIdle)]

test.each(rows)('$name', ({ task, run, decide }) => {
  const decision = decide()
  if (!('writes' in decision)) return
  for (const after of stored(decision, 'task')) if (after.state !== task.state) expect(task_moves[task.state]).toContain(after.state)
  for (const after of stored(decision, 'run')) {
    if (run === undefined || after.id !== run.id) expect(after.status).toBe('accepted')
    else if (after.status !== run.status) expect(run_moves[run.status]).toContain(after.status)
    const events = stored(decision, 'event')
    expect(events.map((event) => event.seq)).toEqual(events.map((_, index) => (run?.event_seq ?? 1) + 1 + index))
    expect(events.at(-1)?.seq ?? run?.event_seq ?? 1).toBe(after.id === run?.id ? after.event_seq : (run?.event_seq ?? 1))
    const told = events.findLast((event) => event.snapshot !== undefined)?.snapshot?.status
    if (run !== undefined && after.id === run.id && after.status !== run.status) expect(told).toBe(after.status)
  }
})

test('the rows meet every state of tasks and runs', () => {
  expect(new Set(rows.map(({ task }) => task.state))).toEqual(new Set(task_states))
  expect(new Set(rows.flatMap(({ run }) => run?.status ?? []))).toEqual(new Set(run_statuses))
})
