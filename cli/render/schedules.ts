/** Schedules and their ticks as tables and as fields. */
import type { NextTicks, ScheduleView, TickView } from '../../shared/contract/schedules.ts'
import { cronWords } from './cron-words.ts'
import { ago, duration, oneLine } from './format.ts'
import type { Shown } from './records.ts'
import { clean, toned } from './style.ts'
import { fields, table } from './table.ts'

const state = (schedule: ScheduleView): string => (schedule.active ? 'active' : 'inactive')
const when = (at: string | undefined, now_ms: number): string | undefined => (at === undefined ? undefined : `${ago(at, now_ms)} (${at})`)

export const scheduleTable = ({ style, now_ms, agents }: Shown, schedules: readonly ScheduleView[]): string =>
  schedules.length === 0
    ? 'No schedules.\n'
    : table(
        style,
        [
          { title: 'SCHEDULE', cell: (schedule) => schedule.id },
          { title: 'STATUS', cell: (schedule) => toned(style, state(schedule)) },
          { title: 'AGENT', cell: (schedule) => agents.get(schedule.agent_id) ?? style.dim(schedule.agent_id) },
          { title: 'CRON', cell: (schedule) => clean(schedule.cron_expr) },
          { title: 'ZONE', cell: (schedule) => clean(schedule.timezone) },
          { title: 'NEXT', cell: (schedule) => (schedule.next_run_at === undefined ? '' : ago(schedule.next_run_at, now_ms)) },
          { title: 'LAST', cell: (schedule) => (schedule.last_run_at === undefined ? '' : ago(schedule.last_run_at, now_ms)) },
          { title: 'PROMPT', cell: (schedule) => oneLine(clean(schedule.prompt), 40) },
        ],
        schedules,
      )

export const scheduleFields = ({ style, now_ms, agents }: Shown, schedule: ScheduleView): string =>
  fields(style, [
    ['schedule', style.bold(schedule.id)],
    ['status', toned(style, state(schedule))],
    ['paused', schedule.paused_reason?.replaceAll('_', ' ')],
    ['agent', `${agents.get(schedule.agent_id) ?? ''} ${style.dim(schedule.agent_id)}`.trim()],
    ['cron', clean(schedule.cron_expr)],
    ['says', cronWords(schedule.cron_expr)],
    ['zone', clean(schedule.timezone)],
    ['prompt', clean(schedule.prompt).trimEnd()],
    ['overlap', schedule.overlap],
    ['catch-up', duration(schedule.catchup_window_ms)],
    ['next', when(schedule.next_run_at, now_ms)],
    ['last', when(schedule.last_run_at, now_ms)],
    ['last task', schedule.last_task_id],
    ['alarm', schedule.alarm === 'set' ? 'set' : style.yellow('pending: ticks are fired by the sweep until it is set')],
    ['made by', schedule.created_by],
    ['created', when(schedule.created_at, now_ms)],
    ['updated', when(schedule.updated_at, now_ms)],
  ])

const why = (tick: TickView): string =>
  tick.refusal === undefined ? tick.reason.replaceAll('_', ' ') : `refused, ${clean(tick.refusal.code)}: ${clean(tick.refusal.detail)}`

export const tickTable = ({ style }: Shown, ticks: readonly TickView[]): string =>
  ticks.length === 0
    ? 'No tick has come yet.\n'
    : table(
        style,
        [
          { title: 'TICK', cell: (tick) => tick.tick_at },
          { title: 'OUTCOME', cell: (tick) => (tick.outcome === 'fired' ? style.green(tick.outcome) : style.yellow(tick.outcome)) },
          { title: 'TASK', cell: (tick) => tick.task_id ?? '' },
          { title: 'WHY', cell: (tick) => oneLine(why(tick), 80) },
        ],
        ticks,
      )

/** Ticks to come, with a line where the zone's clocks change between two of them. */
export const nextLines = ({ style, now_ms }: Shown, next: NextTicks): string => {
  const ticks = next.items.map(({ at, local_time }) => ({ at, line: `${local_time}  ${style.dim(ago(at, now_ms))}` }))
  const changes = next.offset_changes.map(({ at, offset_before, offset_after }) => ({
    at,
    line: style.yellow(`the clocks change from ${offset_before} to ${offset_after}`),
  }))
  const lines = [...ticks, ...changes].toSorted((a, b) => (a.at < b.at ? -1 : 1)).map(({ line }) => line)
  const words = cronWords(next.cron_expr)
  return `${[...(words === undefined ? [] : [words]), style.dim(clean(next.timezone)), ...lines].join('\n')}\n`
}
