/** One violation of each kind, and more where a kind has several forms: how it is planted, and where it must be found. */
import { keyText, type FindingCode } from '../../shared/audit/finding.ts'
import { AgentId, AttemptId, RunId, TaskId, WorkspaceId } from '../../shared/domain/ids.ts'
import { placeInLine } from '../../shared/domain/lines.ts'
import { refs, type Ref } from '../../shared/store/keys.ts'
import { commit, misplace, now, put, read, remove, replace, runOf, taskOf, worked, ws } from './audited.ts'
import type { Run } from '../../shared/domain/run.ts'

type Name = Parameters<typeof worked>[0]

const keyOf = (ref: Ref): string => keyText(ref)
const taskKey = (name: Name) => () => keyOf(refs.task(ws(), worked(name).id))
const runKey = (name: Name) => async () => keyOf(refs.run(ws(), (await runOf(name)).id))
const session = (name: string) => refs.session(ws(), name)
const nobody = '7ZZZZZZZZZZZZZZZZZZZZZZZZZ'

export interface Planted {
  readonly code: FindingCode
  readonly what: string
  readonly plant: () => Promise<void>
  /** Where it is found. Asked before it is planted. */
  readonly at: () => string | Promise<string>
}

const ended = (run: Run): Extract<Run['attempt'], { ended_at: string }> => {
  if (!('ended_at' in run.attempt)) throw new Error('the attempt lives')
  return run.attempt
}

export const planted: readonly Planted[] = [
  {
    code: 'task_without_place',
    what: 'a queued task without a place',
    plant: async () => remove(refs.place(placeInLine(await taskOf('queued'), undefined))),
    at: taskKey('queued'),
  },
  {
    code: 'task_without_place',
    what: 'a queued task in two lines',
    plant: async () => put({ ...placeInLine(await taskOf('queued'), 'l'), line: 'session' }),
    at: taskKey('queued'),
  },
  {
    code: 'place_without_task',
    what: 'a running task that stands in line',
    plant: async () => put(placeInLine(await taskOf('running'), undefined)),
    at: async () => keyOf(refs.place(placeInLine(await taskOf('running'), undefined))),
  },
  {
    code: 'place_without_task',
    what: 'a place of no task',
    plant: async () => put({ ...placeInLine(await taskOf('queued'), 'l'), rank: 0, task_id: TaskId.parse(`task_${nobody}`) }),
    at: async () => keyOf(refs.place({ ...placeInLine(await taskOf('queued'), 'l'), rank: 0, task_id: `task_${nobody}` })),
  },
  {
    code: 'task_forgotten',
    what: 'a running task without a due time',
    plant: async () => replace({ ...(await taskOf('running')), due_at: undefined }),
    at: taskKey('running'),
  },
  {
    code: 'task_forgotten',
    what: 'a sleeping task that wakes too late',
    plant: async () => replace({ ...(await taskOf('sleeping')), due_at: now(86_400_000) }),
    at: taskKey('sleeping'),
  },
  {
    code: 'task_forgotten',
    what: 'a task that waits for a session which is free and not due',
    plant: async () => {
      await replace({ ...(await taskOf('waits')), due_at: undefined })
      await replace({ ...(await read(session('held'))), owner: undefined })
    },
    at: taskKey('waits'),
  },
  {
    code: 'task_over_and_due',
    what: 'a task that is over and due',
    plant: async () => replace({ ...(await taskOf('retried')), due_at: now() }),
    at: taskKey('retried'),
  },
  {
    code: 'queue_timeout_unseen',
    what: 'a queue timeout behind the due time',
    plant: async () => replace({ ...(await taskOf('queued')), due_at: now(900_000) }),
    at: taskKey('queued'),
  },
  { code: 'run_missing', what: 'a task whose run is gone', plant: async () => remove(refs.run(ws(), (await runOf('retried')).id)), at: taskKey('retried') },
  { code: 'run_missing', what: 'a run whose task is gone', plant: async () => remove(refs.task(ws(), worked('retried').id)), at: runKey('retried') },
  {
    code: 'command_missing',
    what: 'a task without a command',
    plant: async () => remove(refs.command(ws(), worked('sleeping').command_key)),
    at: taskKey('sleeping'),
  },
  {
    code: 'command_of_another',
    what: 'two tasks of one idempotency key',
    plant: async () => replace({ ...(await taskOf('sleeping')), command_key: worked('retried').command_key }),
    at: taskKey('sleeping'),
  },
  {
    code: 'command_of_another',
    what: 'a command under the key of another',
    plant: async () => {
      const command = await read(refs.command(ws(), worked('sleeping').command_key))
      await replace({ ...command, params: { ...command.params, idempotency_key: 'another' } })
    },
    at: () => keyOf(refs.command(ws(), worked('sleeping').command_key)),
  },
  {
    code: 'lease_not_held',
    what: 'a live attempt whose session is free',
    plant: async () => replace({ ...(await read(session('held'))), owner: undefined, due_at: now() }),
    at: runKey('running'),
  },
  {
    code: 'lease_without_owner',
    what: 'a session that an ended attempt holds',
    plant: async () => {
      const { id, attempt } = await runOf('retried')
      await replace({ ...(await read(session('retried'))), owner: { lease_owner: `x:${attempt.id}`, run_id: id, attempt_id: attempt.id } })
    },
    at: () => keyOf(session('retried')),
  },
  {
    code: 'token_not_greater',
    what: 'a session whose token fell',
    plant: async () => replace({ ...(await read(session('retried'))), fencing_token: 1 }),
    at: runKey('retried'),
  },
  {
    code: 'token_not_greater',
    what: 'a retry under the token of its predecessor',
    plant: async () => {
      const run = await runOf('retried')
      await replace({ ...run, attempt: { ...run.attempt, fencing_token: 1 } })
    },
    at: runKey('retried'),
  },
  {
    code: 'attempt_history',
    what: 'a retry whose predecessor is gone',
    plant: async () => remove(refs.attempt(ws(), (await runOf('retried')).id, 1)),
    at: runKey('retried'),
  },
  {
    code: 'counters',
    what: 'a counter that is one too high',
    plant: async () =>
      commit({ op: 'add_within_limit', ref: refs.instance(ws(), worked('running').class_key), change: { add: { running: 1, live: 1 } }, conditions: [] }),
    at: () => keyOf(refs.instance(ws(), worked('running').class_key)),
  },
  {
    code: 'over_limit',
    what: 'two live attempts of one lane',
    plant: async () => {
      const run = await runOf('lane')
      const id = RunId.parse(`run_${nobody}`)
      await put({ ...run, id, version: 1, attempt: { ...run.attempt, id: AttemptId.parse(`att_${nobody}`) } })
    },
    at: () => keyOf(refs.instance(ws(), worked('lane').class_key)),
  },
  {
    code: 'cooldown_missing',
    what: 'a degraded class without a cool-down',
    plant: async () => commit({ op: 'add_within_limit', ref: refs.instance(ws(), worked('lane').class_key), change: { add: { failures: 9 } }, conditions: [] }),
    at: () => keyOf(refs.instance(ws(), worked('lane').class_key)),
  },
  { code: 'events_gap', what: 'an event that is gone', plant: async () => remove(refs.event(ws(), (await runOf('retried')).id, 3)), at: runKey('retried') },
  {
    code: 'events_disagree',
    what: 'a status that no event tells of',
    plant: async () => {
      const run = await runOf('retried')
      if (run.status !== 'ok') throw new Error(run.status)
      await replace({ ...run, status: 'timeout' })
    },
    at: runKey('retried'),
  },
  {
    code: 'states_disagree',
    what: 'a task that is done and whose run failed',
    plant: async () => {
      const task = await taskOf('cancelled')
      if (task.state !== 'cancelled') throw new Error(task.state)
      await replace({ ...task, state: 'done' })
    },
    at: taskKey('cancelled'),
  },
  {
    code: 'states_disagree',
    what: 'a run that works and whose attempt is over',
    plant: async () => {
      const [run, over] = [await runOf('running'), ended(await runOf('retried'))]
      await replace({ ...run, attempt: over })
    },
    at: runKey('running'),
  },
  {
    code: 'started_after_cancel',
    what: 'an attempt that started after the cancel',
    plant: async () => {
      const run = await runOf('cancelled')
      const event = await read(refs.event(ws(), run.id, 2))
      await put({ ...event, seq: run.event_seq + 1 })
      await replace({ ...run, event_seq: run.event_seq + 1 })
    },
    at: runKey('cancelled'),
  },
  {
    code: 'out_of_place',
    what: "another workspace's task under this one's key",
    plant: async () => misplace('running', WorkspaceId.parse(`ws_${nobody}`)),
    at: taskKey('running'),
  },
  {
    code: 'agent_missing',
    what: 'a task of an agent that is not there',
    plant: async () => replace({ ...(await taskOf('sleeping')), agent_id: AgentId.parse(`agt_${nobody}`) }),
    at: taskKey('sleeping'),
  },
  {
    code: 'file_uncounted',
    what: 'a session that names a shared file which nobody counts',
    plant: async () => {
      const workspace = { fencing_token: 1, bytes: 1, shared: true } as const
      await replace({ ...(await read(session('retried'))), checkpoint: { workspace, saved_at: now() } })
    },
    at: () => keyOf(session('retried')),
  },
  {
    code: 'session_unwatched',
    what: 'a free session for which a task waits',
    plant: async () => replace({ ...(await read(session('held'))), owner: undefined }),
    at: () => keyOf(session('held')),
  },
  {
    code: 'wait_unmarked',
    what: 'a task that waits for a session which does not know',
    plant: async () => replace({ ...(await read(session('held'))), waiting: false }),
    at: async () => keyOf(refs.place({ ...placeInLine(await taskOf('waits'), undefined), line: 'session' })),
  },
  {
    code: 'overdue',
    what: 'a task that was due half an hour ago',
    plant: async () => replace({ ...(await taskOf('running')), due_at: now(-1_800_000) }),
    at: taskKey('running'),
  },
  {
    code: 'overdue',
    what: 'a class that was due half an hour ago',
    plant: async () =>
      commit({
        op: 'add_within_limit',
        ref: refs.instance(ws(), worked('lane').class_key),
        change: { add: {}, set: { due_at: now(-1_800_000) } },
        conditions: [],
      }),
    at: () => keyOf(refs.instance(ws(), worked('lane').class_key)),
  },
]
