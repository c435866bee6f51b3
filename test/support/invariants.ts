/**
 * What must hold of the table after every commit (SPEC §7). Each check says what is wrong in a sentence, or nothing.
 */
import { isLive, type Run } from '../../shared/domain/run.ts'
import { healthOf, roomOf } from '../../shared/domain/instances.ts'
import { isEndedRun, isTerminalTask, run_moves, task_moves, task_state_of_outcome } from '../../shared/domain/transitions.ts'
import { extractLeaseExecutionId } from '../../shared/domain/session.ts'
import { millis } from '../../shared/domain/time.ts'
import type { Change, Journal } from './journal.ts'
import type { Instance, Place } from '../../shared/domain/instance.ts'
import type { Session } from '../../shared/domain/session.ts'
import type { Task } from '../../shared/domain/task.ts'
import type { StoredRecord } from '../../shared/store/records.ts'

/** The table, by what a check looks for. */
export interface Table {
  readonly tasks: readonly Task[]
  readonly runs: ReadonlyMap<string, Run>
  readonly places: readonly Place[]
  readonly instances: ReadonlyMap<string, Instance>
  readonly sessions: ReadonlyMap<string, Session>
}

export const tableOf = (journal: Journal): Table => ({
  tasks: journal.all('task'),
  runs: new Map(journal.all('run').map((run) => [run.id, run])),
  places: journal.all('place'),
  instances: new Map(journal.all('instance').map((instance) => [instance.class_key, instance])),
  sessions: new Map(journal.all('session').map((session) => [session.id, session])),
})

type Finding = string | undefined

const counters = (table: Table): readonly Finding[] => {
  const runs = [...table.runs.values()]
  return [...table.instances.values()].map((instance) => {
    const count = (status: string) => runs.filter((run) => run.class_key === instance.class_key && run.attempt.status === status).length
    const truth = { pending: count('pending'), running: count('running'), stopping: count('stopping') }
    const { pending, running, stopping, live } = instance
    const equal = pending === truth.pending && running === truth.running && stopping === truth.stopping && live === pending + running + stopping
    return equal
      ? undefined
      : `counters ${JSON.stringify({ pending, running, stopping, live })} of ${instance.class_key}, but there are ${JSON.stringify(truth)}`
  })
}

const leases = (table: Table): readonly Finding[] => {
  const live = [...table.runs.values()].filter((run) => isLive(run.attempt))
  const held = live.map((run) => {
    const owner = table.sessions.get(run.session_id)?.owner
    const is_owner = owner?.attempt_id === run.attempt.id && owner.run_id === run.id && extractLeaseExecutionId(owner.lease_owner) === run.attempt.id
    return is_owner ? undefined : `live ${run.attempt.id} does not hold ${run.session_id}`
  })
  const holding = [...table.sessions.values()].map((session) =>
    session.owner === undefined || live.some((run) => run.attempt.id === session.owner?.attempt_id) ? undefined : `${session.id} is held by nobody alive`,
  )
  return [...held, ...holding]
}

const attemptFits = (run: Run): boolean => {
  const { attempt } = run
  if (run.status === 'accepted') return attempt.status === 'pending' || !isLive(attempt) || (attempt.status === 'stopping' && attempt.started_at === undefined)
  if (run.status === 'running') return attempt.status === 'running' || (attempt.status === 'stopping' && attempt.started_at !== undefined)
  return !isLive(attempt) && (attempt.status === run.status || run.status === 'cancelled' || run.status === 'error')
}

const taskFits = (task: Task, run: Run | undefined): boolean => {
  if (task.state === 'running') return run !== undefined && isLive(run.attempt)
  if (run !== undefined && isLive(run.attempt)) return false
  if (task.state === 'queued' || task.state === 'sleeping') return true
  if (run === undefined) return task.state === 'cancelled' || task.state === 'dropped'
  if (task.state === 'dropped' || task.state === 'cancelled') return isEndedRun(run)
  return isEndedRun(run) && task_state_of_outcome[run.status] === task.state
}

const consistency = (table: Table): readonly Finding[] => [
  ...[...table.runs.values()].map((run) => (attemptFits(run) ? undefined : `${run.id} is ${run.status}, its attempt ${run.attempt.status}`)),
  ...table.tasks.map((task) => {
    const run = task.target_run_id === undefined ? undefined : table.runs.get(task.target_run_id)
    return taskFits(task, run) ? undefined : `${task.id} is ${task.state}, its run ${run?.status} with an attempt ${run?.attempt.status}`
  }),
]

const places = (table: Table): readonly Finding[] =>
  table.tasks.map((task) => {
    const count = table.places.filter((place) => place.task_id === task.id).length
    return count === (task.state === 'queued' ? 1 : 0) ? undefined : `${task.id} is ${task.state} and has ${count} places`
  })

/** No handler's clock is further off than this. */
export const skew_max_ms = 1_500

/** What has a due time of its own is looked at this soon, whatever becomes of runners and doorbells. */
const watched_within_ms = 60_000 + 2 * skew_max_ms

const coveredInLine = (task: Task, table: Table): boolean => {
  const place = table.places.find((one) => one.task_id === task.id)
  const instance = table.instances.get(task.class_key)
  const session = table.sessions.get(task.session_id)
  if (place?.line === 'session') return session?.waiting === true && (session.owner !== undefined || session.due_at !== undefined)
  return instance !== undefined && (instance.due_at !== undefined || instance.live > 0)
}

const coverage = (table: Table, now_ms: number): readonly Finding[] =>
  table.tasks.map((task) => {
    if (isTerminalTask(task)) return task.due_at === undefined ? undefined : `${task.id} is over and due`
    if (task.state === 'sleeping') return task.due_at === task.wake_at ? undefined : `${task.id} sleeps and nothing wakes it`
    if (task.state === 'running')
      return task.due_at !== undefined && millis(task.due_at) <= now_ms + watched_within_ms ? undefined : `${task.id} runs unwatched: ${task.due_at}`
    const timed_out = task.queue_timeout_at !== undefined && (task.due_at === undefined || task.due_at > task.queue_timeout_at)
    if (timed_out) return `${task.id} has a queue timeout that nobody sees`
    const own = task.due_at !== undefined && millis(task.due_at) <= now_ms + watched_within_ms
    return own || coveredInLine(task, table) ? undefined : `${task.id} is in line and forgotten`
  })

const isRun = (record: StoredRecord | undefined): record is Run => record?.kind === 'run'

const eventsOf = (journal: Journal, changes: readonly Change[]): readonly Finding[] =>
  changes.map(({ after }) => {
    if (!isRun(after)) return undefined
    const events = journal.all('event').filter((event) => event.run_id === after.id)
    const gapless = events.every((event, index) => event.seq === index + 2) && events.length === after.event_seq - 1
    const told = events.findLast((event) => event.snapshot !== undefined)?.snapshot?.status ?? 'accepted'
    if (!gapless) return `${after.id} is at event ${after.event_seq}, but has ${events.map((event) => event.seq).join(', ')}`
    return told === after.status ? undefined : `${after.id} is ${after.status}, its events say ${told}`
  })

const movesOf = ({ before, after }: Change): Finding => {
  if (before?.kind === 'task' && after?.kind === 'task')
    return before.state === after.state || task_moves[before.state].includes(after.state)
      ? undefined
      : `${after.id} went from ${before.state} to ${after.state}`
  if (before?.kind === 'run' && after?.kind === 'run') {
    if (isEndedRun(before)) return `${after.id} was ${before.status} and was written`
    return before.status === after.status || run_moves[before.status].includes(after.status)
      ? undefined
      : `${after.id} went from ${before.status} to ${after.status}`
  }
  if (before?.kind === 'session') return after?.kind === 'session' && after.fencing_token >= before.fencing_token ? undefined : `the token of ${before.id} fell`
  if (before?.kind === 'event' || before?.kind === 'attempt' || before?.kind === 'command') return `a ${before.kind} was changed`
  return undefined
}

/** The runs that a commit admitted an attempt of. */
export const admittedBy = (changes: readonly Change[]): readonly Run[] =>
  changes.flatMap(({ before, after }) =>
    isRun(after) && after.attempt.status === 'pending' && (!isRun(before) || before.attempt.id !== after.attempt.id) ? [after] : [],
  )

const admissions = (table: Table, changes: readonly Change[]): readonly Finding[] =>
  admittedBy(changes).flatMap((run) => {
    const instance = table.instances.get(run.class_key)
    const session = changes.find(({ after }) => after?.kind === 'session' && after.id === run.session_id)
    const token = session?.before?.kind === 'session' ? session.before.fencing_token : 0
    const most = instance === undefined ? 0 : healthOf(instance) === 'degraded' ? 1 : instance.limit
    return [
      instance !== undefined && instance.live <= most ? undefined : `${instance?.live} attempts of ${run.class_key} are live, ${most} may be`,
      run.attempt.fencing_token > token ? undefined : `${run.attempt.id} got token ${run.attempt.fencing_token} after ${token}`,
    ]
  })

/** What a commit broke; nothing if all is well. */
export const findings = (journal: Journal, changes: readonly Change[], now_ms: number): readonly string[] => {
  const table = tableOf(journal)
  return [
    ...counters(table),
    ...leases(table),
    ...consistency(table),
    ...places(table),
    ...coverage(table, now_ms),
    ...eventsOf(journal, changes),
    ...changes.map(movesOf),
    ...admissions(table, changes),
  ].filter((finding) => finding !== undefined)
}

/** What is not at rest once all work is over. */
export const unrest = (journal: Journal, now_ms: number): readonly string[] => {
  const table = tableOf(journal)
  return [
    ...table.tasks.map((task) => (isTerminalTask(task) ? undefined : `${task.id} is still ${task.state}, due ${task.due_at}`)),
    ...[...table.instances.values()].map((instance) => (instance.live === 0 && roomOf(instance, now_ms) > 0 ? undefined : `${instance.class_key} has no room`)),
    ...[...table.instances.values()].map((instance) => (instance.due_at === undefined ? undefined : `${instance.class_key} is still due ${instance.due_at}`)),
    ...[...table.sessions.values()].map((session) =>
      session.owner === undefined && !session.waiting && session.due_at === undefined ? undefined : `${session.id} is not at rest`,
    ),
    ...table.places.map((place) => `${place.task_id} still stands in line`),
  ].filter((finding) => finding !== undefined)
}
