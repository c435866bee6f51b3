/**
 * What must hold of the table after every commit: the checks of shared/audit over all that a journal knows. Each says what is wrong in a
 * sentence, or nothing.
 */
import { admissionFindings, admittedBy, changeFindings, type Change } from '../../shared/audit/changes.ts'
import { ceilingAdmissionFindings, ceilingFindings, ceilingWatchFindings, turnFindings } from '../../shared/audit/ceilings.ts'
import { counterFindings, healthFindings } from '../../shared/audit/classes.ts'
import { commandFindings } from '../../shared/audit/commands.ts'
import { coverageFindings, type Watch } from '../../shared/audit/coverage.ts'
import { inputFindings } from '../../shared/audit/inputs.ts'
import { lineFindings, placeFindings } from '../../shared/audit/lines.ts'
import { attemptFindings, eventFindings, runFindings } from '../../shared/audit/runs.ts'
import { firedFindings, ledgerFindings, rowFindings, rows_compared_max, tickOf, watchFindings } from '../../shared/audit/schedules.ts'
import { holderFindings, sessionFindings } from '../../shared/audit/sessions.ts'
import { taskFindings } from '../../shared/audit/tasks.ts'
import { ticksOf } from '../../shared/domain/cron-ticks.ts'
import { roomOf } from '../../shared/domain/instances.ts'
import { isTerminalTask } from '../../shared/domain/transitions.ts'
import type { Finding } from '../../shared/audit/finding.ts'
import type { Command } from '../../shared/domain/command.ts'
import type { Input } from '../../shared/domain/input.ts'
import type { Gate } from '../../shared/domain/gate.ts'
import type { Instance, Place } from '../../shared/domain/instance.ts'
import type { Run } from '../../shared/domain/run.ts'
import type { Schedule, Tick } from '../../shared/domain/schedule.ts'
import type { Session } from '../../shared/domain/session.ts'
import type { Task } from '../../shared/domain/task.ts'
import type { Journal } from './journal.ts'

/** The table, by what a check looks for. */
interface Table {
  readonly tasks: ReadonlyMap<string, Task>
  readonly runs: ReadonlyMap<string, Run>
  readonly places: ReadonlyMap<string, readonly Place[]>
  readonly instances: ReadonlyMap<string, Instance>
  readonly sessions: ReadonlyMap<string, Session>
  readonly commands: ReadonlyMap<string, Command>
  readonly inputs: ReadonlyMap<string, readonly Input[]>
  readonly gates: ReadonlyMap<string, Gate>
}

/** Sessions are named by clients, so two workspaces may use one name. */
const sessionKey = (workspace_id: string, session_id: string): string => `${workspace_id} ${session_id}`

const tableOf = (journal: Journal): Table => ({
  tasks: new Map(journal.all('task').map((task) => [task.id, task])),
  runs: new Map(journal.all('run').map((run) => [run.id, run])),
  places: Map.groupBy(journal.all('place'), (place) => place.task_id),
  instances: new Map(journal.all('instance').map((instance) => [instance.class_key, instance])),
  sessions: new Map(journal.all('session').map((session) => [sessionKey(session.workspace_id, session.id), session])),
  inputs: Map.groupBy(
    journal.all('input').toSorted((a, b) => a.seq - b.seq),
    (input) => input.task_id,
  ),
  gates: new Map(journal.all('gate').map((gate) => [gate.workspace_id, gate])),
  commands: new Map(journal.all('command').map((command) => [command.command_key, command])),
})

/** No handler's clock is further off than this. */
export const skew_max_ms = 1_500

const watchAt = (now_ms: number): Watch => ({ now_ms, watched_within_ms: 60_000 + 2 * skew_max_ms })

const ofTask = (task: Task, table: Table, watch: Watch): readonly Finding[] => {
  const places = table.places.get(task.id) ?? []
  const instance = table.instances.get(task.class_key)
  const session = table.sessions.get(sessionKey(task.workspace_id, task.session_id))
  const run = task.target_run_id === undefined ? undefined : table.runs.get(task.target_run_id)
  return [
    ...taskFindings(task, run),
    ...inputFindings(task, run, table.inputs.get(task.id) ?? []),
    ...lineFindings(task, places),
    ...coverageFindings({ task, places, run, instance, session, gate: table.gates.get(task.workspace_id) }, watch),
    ...commandFindings(task, table.commands.get(task.command_key)),
  ]
}

const ofHistory = (run: Run, journal: Journal): readonly Finding[] => [
  ...eventFindings(
    run,
    journal
      .all('event')
      .filter((event) => event.run_id === run.id)
      .toSorted((a, b) => a.seq - b.seq),
  ),
  ...attemptFindings(
    run,
    journal.all('attempt').filter((attempt) => attempt.run_id === run.id),
  ),
]

/** What a commit has touched: only what belongs to one of these can have become wrong by it. */
interface Touched {
  readonly tasks: ReadonlySet<string>
  readonly classes: ReadonlySet<string>
  readonly sessions: ReadonlySet<string>
}

const touchedBy = (changes: readonly Change[]): Touched => {
  const records = changes.flatMap(({ before, after }) => [before, after]).filter((record) => record !== undefined)
  const tasks = new Set<string>()
  const classes = new Set<string>()
  const sessions = new Set<string>()
  for (const record of records) {
    if (record.kind === 'task') tasks.add(record.id)
    if ('task_id' in record) tasks.add(record.task_id)
    if ('class_key' in record) classes.add(record.class_key)
    if (record.kind === 'session') sessions.add(sessionKey(record.workspace_id, record.id))
    else if ('session_id' in record) sessions.add(sessionKey(record.workspace_id, record.session_id))
  }
  return { tasks, classes, sessions }
}

const belongs = (
  { tasks, classes, sessions }: Touched,
  record: { readonly workspace_id: string; readonly class_key: string; readonly session_id: string },
  task_id: string,
): boolean => tasks.has(task_id) || classes.has(record.class_key) || sessions.has(sessionKey(record.workspace_id, record.session_id))

const sentences = (found: readonly Finding[]): readonly string[] => found.map(({ invariant, code, sentence }) => `invariant ${invariant}, ${code}: ${sentence}`)

/** @param is which records are looked at, each with what belongs to it */
const tableFindings = (
  table: Table,
  now_ms: number,
  is: (name: keyof Touched, id: string) => boolean,
  near: (record: Task | Run | Place, task_id: string) => boolean,
) => {
  const runs = [...table.runs.values()]
  const places = [...table.places.values()].flat()
  const sessionOf = ({ workspace_id, session_id }: Run | Place) => table.sessions.get(sessionKey(workspace_id, session_id))
  return [
    ...[...table.instances.values()]
      .filter(({ class_key }) => is('classes', class_key))
      .flatMap((instance) => [...counterFindings(instance, runs), ...healthFindings(instance)]),
    ...runs.filter((run) => near(run, run.task_id)).flatMap((run) => [...runFindings(run), ...holderFindings(run, sessionOf(run))]),
    ...[...table.sessions]
      .filter(([key]) => is('sessions', key))
      .flatMap(([, session]) => sessionFindings(session, table.runs.get(session.owner?.run_id ?? ''))),
    ...[...table.tasks.values()].filter((task) => near(task, task.id)).flatMap((task) => ofTask(task, table, watchAt(now_ms))),
    ...places.filter((place) => near(place, place.task_id)).flatMap((place) => placeFindings(place, table.tasks.get(place.task_id), sessionOf(place))),
  ]
}

const newestFirst = (a: Tick, b: Tick): number => (a.tick_at < b.tick_at ? 1 : -1)

/** A schedule with its ledger, and each row with its task. */
const ofSchedule = (schedule: Schedule, journal: Journal, now_ms: number): readonly Finding[] => {
  const rows = journal
    .all('tick')
    .filter(({ schedule_id }) => schedule_id === schedule.id)
    .toSorted(newestFirst)
  const commands = new Map(journal.all('command').map((command) => [command.task_id, command]))
  const ticks = ticksOf(schedule.cron_expr, schedule.timezone)
  return [
    ...(ticks.ok ? ledgerFindings(schedule, ticks.value, rows.slice(0, rows_compared_max)) : []),
    ...watchFindings(schedule, watchAt(now_ms)),
    ...rows.flatMap((row) => rowFindings(row, row.end.outcome === 'fired' ? commands.get(row.end.task_id) : undefined)),
  ]
}

/** A command that a tick made, with the row of that tick. */
const ofFired = (command: Command, journal: Journal): readonly Finding[] => {
  const name = tickOf(command)
  const is_row = (row: Tick): boolean => row.schedule_id === name?.schedule_id && row.tick_at === name.tick_at
  return name === undefined ? [] : firedFindings(command, journal.all('tick').find(is_row))
}
/** Ceilings are few, so all of them are looked at. */
const ofCeilings = (journal: Journal): readonly Finding[] => {
  const turns = journal.all('turn')
  const runs = journal.all('run')
  return [
    ...journal.all('ceiling').flatMap((ceiling) => [
      ...ceilingFindings(ceiling, runs),
      ...ceilingWatchFindings(
        ceiling,
        turns.filter(({ owner }) => owner === ceiling.owner),
      ),
    ]),
    ...journal.all('instance').flatMap((instance) =>
      turnFindings(
        instance,
        turns.find(({ owner, rank, class_key }) => owner === instance.turn_owner && rank === instance.turn_rank && class_key === instance.class_key),
      ),
    ),
  ]
}

/** What is wrong with ceilings after a commit. */
export const ceilingWrongs = (journal: Journal, changes: readonly Change[]): readonly Finding[] => [
  ...ofCeilings(journal),
  ...ceilingAdmissionFindings(changes, journal.all('run')),
]

/** What a commit broke; nothing if all is well. Only what the commit touched is looked at, and what belongs to that. */
export const findings = (journal: Journal, changes: readonly Change[], now_ms: number): readonly string[] => {
  const table = tableOf(journal)
  const touched = touchedBy(changes)
  return sentences([
    ...tableFindings(
      table,
      now_ms,
      (name, id) => touched[name].has(id),
      (record, task_id) => belongs(touched, record, task_id),
    ),
    ...changes.flatMap(({ after }) => (after?.kind === 'run' ? ofHistory(after, journal) : [])),
    ...changes.flatMap(({ after }) => (after?.kind === 'schedule' ? ofSchedule(after, journal, now_ms) : [])),
    ...changes.flatMap(({ after }) => (after?.kind === 'command' ? ofFired(after, journal) : [])),
    ...changes.flatMap(changeFindings),
    ...ceilingWrongs(journal, changes),
    ...admittedBy(changes).flatMap((run) => admissionFindings(run, table.instances.get(run.class_key), changes)),
  ])
}

/** What is wrong anywhere in the table. */
export const allFindings = (journal: Journal, now_ms: number): readonly string[] => {
  const table = tableOf(journal)
  const everything = (): boolean => true
  return sentences([
    ...tableFindings(table, now_ms, everything, everything),
    ...[...table.runs.values()].flatMap((run) => ofHistory(run, journal)),
    ...journal.all('schedule').flatMap((schedule) => ofSchedule(schedule, journal, now_ms)),
    ...journal.all('command').flatMap((command) => ofFired(command, journal)),
    ...ofCeilings(journal),
    ...[...table.runs.values()].flatMap((run) => ofHistory(run, journal)),
  ])
}

/** What is not at rest once all work is over. */
export const unrest = (journal: Journal, now_ms: number): readonly string[] => {
  const table = tableOf(journal)
  const instances = [...table.instances.values()]
  return [
    ...[...table.tasks.values()].map((task) => (isTerminalTask(task) ? undefined : `${task.id} is still ${task.state}, due ${task.due_at}`)),
    ...instances.map((instance) => (instance.live === 0 && roomOf(instance, now_ms) > 0 ? undefined : `${instance.class_key} has no room`)),
    ...instances.map((instance) => (instance.due_at === undefined ? undefined : `${instance.class_key} is still due ${instance.due_at}`)),
    ...[...table.sessions.values()].map((session) =>
      session.owner === undefined && !session.waiting && session.due_at === undefined ? undefined : `${session.id} is not at rest`,
    ),
    ...journal.all('schedule').map((schedule) => (schedule.due_at === undefined ? undefined : `${schedule.id} is ${schedule.status} and still due`)),
    ...journal.all('shared_file').map(({ session_id, due_at }) => (due_at === undefined ? undefined : `a file of ${session_id} is still due`)),
    ...journal.all('turn').map((turn) => `${turn.class_key} still has a turn`),
    ...journal.all('ceiling').map(({ owner, live, due_at }) => (live === 0 && due_at === undefined ? undefined : `the ceiling of ${owner} is not at rest`)),
    ...journal.all('gate').map((gate) => (gate.due_at === undefined ? undefined : `the gate of ${gate.workspace_id} is still due`)),
    ...[...table.places.keys()].map((task_id) => `${task_id} still stands in line`),
  ].filter((finding) => finding !== undefined)
}
