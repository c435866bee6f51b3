/** The walk through schedules, each with the newest rows of its ledger and their tasks; and through tasks, each with the row of the tick that made it. */
import { overdueFindings } from '../../audit/coverage.ts'
import { foundIf } from '../../audit/finding.ts'
import { firedFindings, ledgerFindings, rowFindings, rows_compared_max, tickOf, watchFindings } from '../../audit/schedules.ts'
import { ticksOf } from '../../domain/cron-ticks.ts'
import { listPartitions, recordPartition, refs, type Ref } from '../../store/keys.ts'
import { merged } from '../pages.ts'
import { readNeighbours } from './read.ts'
import { taskWalk } from './tasks.ts'
import type { Look } from './settle.ts'
import type { AuditDeps, Walk } from './walk.ts'
import type { Command } from '../../domain/command.ts'
import type { Schedule, Tick } from '../../domain/schedule.ts'
import type { Task } from '../../domain/task.ts'

const newestRows = async ({ store }: AuditDeps, { workspace_id, id }: Schedule): Promise<readonly Tick[]> => {
  const page = await store.range({
    index: 'table',
    pk: recordPartition(workspace_id, id),
    from: 'TICK#',
    to: 'TICK#~',
    newest_first: true,
    limit: rows_compared_max,
  })
  return page.records.filter((record) => record.kind === 'tick')
}

/** The command of each row's task, by the task's id. */
const commandsOf = async ({ store, workspace_id }: AuditDeps, rows: readonly Tick[]): Promise<ReadonlyMap<string, Command>> => {
  const ids = rows.flatMap(({ end }) => (end.outcome === 'fired' ? [end.task_id] : []))
  const tasks = (await store.getMany(ids.map((id) => refs.task(workspace_id, id)))).filter((task) => task !== undefined)
  const commands = await store.getMany(tasks.map(({ command_key }) => refs.command(workspace_id, command_key)))
  return new Map(commands.flatMap((command) => (command === undefined ? [] : [[command.task_id, command]])))
}

/** The schedule is read before its ledger, and again by whoever compares versions: a fire writes to both. */
const lookAtOne = async (deps: AuditDeps, listed: Schedule): Promise<Look> => {
  const at = [refs.schedule(listed.workspace_id, listed.id), refs.agent(listed.workspace_id, listed.agent_id)] as const
  const near = await readNeighbours(deps.store, at)
  const schedule = near.at(at[0]) ?? listed
  const rows = await newestRows(deps, schedule)
  const commands = await commandsOf(deps, rows)
  const ticks = ticksOf(schedule.cron_expr, schedule.timezone)
  return {
    findings: [
      ...(ticks.ok ? ledgerFindings(schedule, ticks.value, rows) : []),
      ...watchFindings(schedule, deps.watch()),
      ...overdueFindings(schedule, deps.watch()),
      ...rows.flatMap((row) => rowFindings(row, row.end.outcome === 'fired' ? commands.get(row.end.task_id) : undefined)),
      ...foundIf(near.at(at[1]) === undefined, 'agent_missing', schedule, () => `${schedule.id} names ${schedule.agent_id}, which its workspace does not have`),
      ...near.misplaced(at),
    ],
    versions: `${near.versions(at)}\n${rows.map((row) => `${row.tick_at} ${row.version}`).join()}`,
  }
}

export const scheduleWalk: Walk<Schedule> = {
  page_size: 5,
  source: ({ store, workspace_id }) =>
    merged(
      store,
      'by_state',
      [listPartitions.schedules(workspace_id)],
      (record) => (record.kind === 'schedule' ? record : undefined),
      (schedule) => schedule.id,
    ),
  look: async (deps, schedules) => Promise.all(schedules.map(async (schedule) => lookAtOne(deps, schedule))),
  fresh: async ({ store }, schedule) => store.get(refs.schedule(schedule.workspace_id, schedule.id)),
}

const clean: Look = { findings: [], versions: '' }

/** Of the tasks, those that a tick made. */
export const scheduledTaskWalk: Walk<Task> = {
  ...taskWalk,
  look: async (deps, tasks) => {
    const { workspace_id } = deps
    const commands = await deps.store.getMany(tasks.map(({ command_key }) => refs.command(workspace_id, command_key)))
    const made = commands.map((command) => {
      const tick = command === undefined ? undefined : tickOf(command)
      return command === undefined || tick === undefined ? undefined : { command, row: refs.tick(workspace_id, tick.schedule_id, tick.tick_at) }
    })
    const near = await readNeighbours(
      deps.store,
      made.flatMap((one): readonly Ref[] => (one === undefined ? [] : [one.row])),
    )
    return made.map((one) => (one === undefined ? clean : { findings: firedFindings(one.command, near.at(one.row)), versions: near.versions([one.row]) }))
  },
}
