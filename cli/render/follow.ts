/** A task as it goes: what each batch of its events adds to the terminal. Pure: the view before and a batch give the view after and text. */
import * as z from 'zod'
import type { LogView, TaskEventBatch } from '../../shared/contract/task-logs.ts'
import type { RunEventView, RunView } from '../../shared/contract/runs.ts'
import type { TaskView } from '../../shared/contract/tasks.ts'
import type { TaskState } from '../../shared/domain/task.ts'
import { duration, oneLine } from './format.ts'
import { renderLog } from './log.ts'
import { clean, type Style } from './style.ts'
import { usageLine } from './usage.ts'
import { waitLine } from './wait-line.ts'

export interface FollowView {
  readonly state?: TaskState
  /** Something of the attempt was shown: it runs. */
  readonly is_started?: boolean
  /** The last words that were shown, so that a result that repeats them is not shown again. */
  readonly last_words?: string
}
export interface Shown {
  readonly view: FollowView
  readonly text: string
}
export interface FollowOptions {
  readonly style: Style
  readonly columns?: number | undefined
  /** The prompt is shown: not to the one who has just typed it. */
  readonly with_prompt: boolean
  /** How this command was started, as in `npx lanekeeper`. */
  readonly name: string
}

const EventPayload = z.looseObject({
  attempt_no: z.int().optional(),
  delay_ms: z.number().optional(),
  error: z.looseObject({ code: z.string().optional(), message: z.string().optional() }).optional().catch(undefined),
  reason: z.string().optional().catch(undefined),
  turn: z.int().optional().catch(undefined),
  input_ids: z.array(z.string()).catch([]),
})

/** Reasons are cut to this many characters; `tasks get` shows them whole. */
const reason_max = 160

const countOf = (ids: readonly string[]): string => (ids.length === 1 ? 'an input' : `${ids.length} inputs`)

/** The line of a run event, or '' for one that the end of the task or its logs say anyway. */
const eventLine = (style: Style, event: RunEventView): string => {
  const { attempt_no, delay_ms, error, reason, turn, input_ids } = EventPayload.catch({ input_ids: [] }).parse(event.payload)
  const why = error === undefined ? '' : `: ${oneLine(clean(error.message ?? error.code ?? ''), reason_max)}`
  switch (event.event_type) {
    case 'started':
      return style.cyan(`● running${attempt_no === undefined || attempt_no === 1 ? '' : ` (attempt ${attempt_no})`}`)
    case 'retry_scheduled':
      return style.yellow(`↻ the attempt failed${why}; it is retried${delay_ms === undefined || delay_ms === 0 ? '' : ` in ${duration(delay_ms)}`}`)
    case 'orphan_recovered':
      return style.yellow('↻ the sandbox was lost')
    case 'cancel_requested':
      return style.yellow(reason === undefined || reason === 'cancel' ? '■ told to stop' : `■ told to stop (${clean(reason)})`)
    case 'approval_requested':
    case 'approval_resolved':
    case 'parked':
      return waitLine(style, event)
    case 'interrupted':
      return style.yellow('■ interrupted: the next turn is an input')
    case 'input_steered':
      return style.cyan(`» ${countOf(input_ids)} into the turn`)
    case 'input_dispatched':
    case 'steer_fallback_dispatched':
      return turn === undefined ? style.cyan(`» ${countOf(input_ids)} for another attempt`) : style.cyan(`» turn ${turn} begins with ${countOf(input_ids)}`)
    case 'accepted':
    case 'finished':
    case 'attempt_superseded':
    case 'start_rejected_terminal_run':
      return ''
  }
}

type News = { readonly at: number; readonly log: LogView } | { readonly at: number; readonly event: RunEventView }

/** Events and logs in the order they happened; the events of one moment come first. */
const newsOf = (batch: TaskEventBatch): readonly News[] =>
  [...batch.run_events.map((event) => ({ at: event.ts, event })), ...batch.logs.map((log) => ({ at: log.timestamp, log }))].toSorted((a, b) => a.at - b.at)

const stateLine = (style: Style, batch: TaskEventBatch, view: FollowView): string => {
  const { task } = batch
  if (task === undefined || task.state === view.state) return ''
  switch (task.state) {
    case 'queued':
      return style.dim(view.state === undefined ? '○ queued' : '○ queued again')
    case 'sleeping':
      return style.dim(`○ sleeping until ${task.wake_at ?? 'later'}`)
    case 'running': {
      const starts_here = batch.run_events.some((event) => event.event_type === 'started')
      if (starts_here || view.is_started === true) return ''
      return batch.run?.started_at === undefined ? style.dim('○ starting a sandbox') : style.cyan('● running')
    }
    case 'waiting':
      return style.yellow('○ waiting')
    case 'done':
    case 'error':
    case 'dropped':
    case 'cancelled':
      return ''
  }
}

const spokenTypes: ReadonlySet<LogView['chunk_type']> = new Set(['text', 'output'])

/** What a batch adds. Every text ends in a newline. */
export const showBatch = (options: FollowOptions, view: FollowView, batch: TaskEventBatch): Shown => {
  const { style, columns, with_prompt } = options
  const line = stateLine(style, batch, view)
  const logs = batch.logs.filter((log) => with_prompt || log.chunk_type !== 'prompt')
  const texts = newsOf({ ...batch, logs }).map((news) => {
    if ('log' in news) return renderLog(style, news.log, columns)
    const text = eventLine(style, news.event)
    return text === '' ? '' : `${text}\n`
  })
  const last_words = logs.findLast((log) => spokenTypes.has(log.chunk_type))?.data ?? view.last_words
  const is_started = view.is_started === true || batch.run?.started_at !== undefined || batch.run_events.some((event) => event.event_type === 'started')
  return {
    view: {
      is_started,
      ...(batch.task?.state === undefined ? {} : { state: batch.task.state }),
      ...(last_words === undefined ? {} : { last_words }),
    },
    text: (line === '' ? '' : `${line}\n`) + texts.join(''),
  }
}

const tookMs = (task: TaskView): number => Date.parse(task.finished_at ?? task.updated_at) - Date.parse(task.accepted_at)

const endWord = (style: Style, task: TaskView, run: RunView | undefined): string => {
  const took = duration(tookMs(task))
  switch (task.state) {
    case 'done':
      return style.green(`✓ done in ${took}`)
    case 'cancelled':
      return style.yellow(`■ cancelled after ${took}`)
    case 'dropped':
      return style.red(`✗ dropped after ${took}: ${task.dropped_reason ?? 'no reason'}`)
    case 'error':
    case 'sleeping':
    case 'queued':
    case 'running':
    case 'waiting': {
      const what = run?.status === 'timeout' ? 'timeout' : task.state
      const error = run?.error === undefined ? '' : `: ${run.error.code}: ${oneLine(clean(run.error.message), 2 * reason_max)}`
      return style.red(`✗ ${what} after ${took}${error}`)
    }
  }
}

/** The end of a task: its result where it was not shown already, how it ended, what it used, and what can be done next. */
export const showEnd = (options: FollowOptions, view: FollowView, task: TaskView, run: RunView | undefined): string => {
  const { style } = options
  const result = run?.result?.trim() ?? ''
  const is_new = result !== '' && !(view.last_words ?? '').trim().endsWith(result)
  const used = usageLine(task.usage)
  const next = task.state === 'error' || task.state === 'dropped' ? `\n${style.dim(`  retry it: ${options.name} tasks retry ${task.id}`)}` : ''
  const session = style.dim(`  session ${clean(task.session_id)} · ${task.id}`)
  return `${is_new ? `${clean(result)}\n` : ''}${endWord(style, task, run)}${used === '' ? '' : style.dim(` · ${used}`)}\n${session}${next}\n`
}
