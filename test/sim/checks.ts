/** What must hold after every commit. The invariants of the table are those of shared/audit; these are what only the simulator can see. */
import { admittedBy, type Change } from '../../shared/audit/changes.ts'
import type { Gate } from '../../shared/domain/gate.ts'
import { standsBefore } from '../../shared/domain/lines.ts'
import { isLive, type Run } from '../../shared/domain/run.ts'
import type { Tick } from '../../shared/domain/schedule.ts'
import { millis } from '../../shared/domain/time.ts'
import { attemptWrongs } from './checks/attempts.ts'
import { questionWrongs } from './checks/questions.ts'
import { tickWrongs } from './checks/schedules.ts'
import { killWrongs } from './checks/kills.ts'
import { sharedFileWrongs } from './checks/shared-files.ts'
import { findings, skew_max_ms } from '../support/invariants.ts'
import type { Journal } from '../support/journal.ts'
import { noteOrders } from './orders.ts'
import { settings } from './settings.ts'
import type { World } from './world.ts'

/** One that waits for the same session in the same class, and did so before the handler began, goes first; a session that is kept for a run is that run's. */
const overtaken = (world: World, journal: Journal, changes: readonly Change[]): readonly string[] =>
  admittedBy(changes).flatMap((run) => {
    if (changes.some(({ before }) => before?.kind === 'session' && before.parked_run_id === run.id)) return []
    const own = changes.flatMap(({ before }) => (before?.kind === 'place' && before.task_id === run.task_id ? [before] : []))
    const others = journal.all('place').filter((place) => place.session_id === run.session_id && place.class_key === run.class_key)
    const began = world.committer?.began ?? 0
    const standing = others.filter((place) => journal.stepOf((record) => record.kind === 'place' && record.task_id === place.task_id) <= began)
    return standing.filter((place) => own.some((mine) => standsBefore(place, mine))).map((place) => `${run.task_id} overtook ${place.task_id}`)
  })

/** After a cancel was answered, no attempt of the run is admitted or claims. */
const startedAfterCancel = (world: World, changes: readonly Change[]): readonly string[] =>
  changes.flatMap(({ before, after }) => {
    if (after?.kind !== 'run' || !world.cancelled_runs.has(after.id)) return []
    const started = after.attempt.status === 'running' && before?.kind === 'run' && before.attempt.status !== 'running'
    return started || admittedBy([{ before, after }]).length > 0 ? [`invariant 8: ${after.id} started after its cancel was answered`] : []
  })

/** Nobody writes into a workspace but for it. */
const strayed = (world: World, changes: readonly Change[]): readonly string[] => {
  const workspaces = new Set(changes.flatMap(({ after }) => (after !== undefined && 'workspace_id' in after ? [after.workspace_id] : [])))
  return workspaces.size > 1 ? [`invariant 11: one commit of ${world.committer?.name} wrote to ${workspaces.size} workspaces`] : []
}

const seesExpired = (world: World, journal: Journal): boolean =>
  journal
    .all('run')
    .some(
      ({ attempt }) =>
        isLive(attempt) && 'lease_expires_at' in attempt && attempt.lease_expires_at !== undefined && millis(attempt.lease_expires_at) < world.now_ms,
    )

/** The commit that wrote the gate last. */
const shutAt = (journal: Journal, gate: Gate): number => journal.stepOf((record) => record.kind === 'gate' && record.workspace_id === gate.workspace_id)

const commandOf = (journal: Journal) => (run: Run) => {
  const task = journal.all('task').find(({ id }) => id === run.task_id)
  return journal.all('command').find(({ command_key }) => command_key === task?.command_key)
}

const newestTick =
  (journal: Journal) =>
  (schedule_id: string, but: readonly Tick[]): number =>
    Math.max(0, ...journal.all('tick').flatMap((tick) => (tick.schedule_id === schedule_id && !but.includes(tick) ? [millis(tick.tick_at)] : [])))

/** What a commit broke; nothing if all is well. */
export const checkCommit = (world: World, journal: Journal, changes: readonly Change[]): readonly string[] => {
  noteOrders(world, changes)
  if (world.faults.on && seesExpired(world, journal)) world.faults.count('lease_expired_visible')
  return [
    ...findings(journal, changes, world.now_ms),
    ...overtaken(world, journal, changes),
    ...startedAfterCancel(world, changes),
    ...strayed(world, changes),
    ...sharedFileWrongs(journal, changes),
    ...questionWrongs(journal, changes),
    ...tickWrongs(changes, newestTick(journal)),
    ...killWrongs(journal, changes, (gate) => (world.committer?.began ?? 0) >= shutAt(journal, gate)),
    ...attemptWrongs(changes, {
      now_ms: world.now_ms,
      skew_ms: 2 * skew_max_ms,
      deployment: settings.present,
      sandboxes: world.sandboxes,
      refused: world.refused,
      commandOf: commandOf(journal),
    }),
  ]
}
