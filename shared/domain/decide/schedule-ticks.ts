/**
 * The ticks of a schedule: each nominal tick of an active schedule ends as exactly one ledger row, written in the commit that moves
 * `next_run_at` past it. A tick that fires is the accept of a command in that same commit, so there is nothing to undo.
 *
 * What is due is worked off in steps, oldest tick first. A step ends at most `tick_rows_max` ticks and submits at most one command,
 * so an outage of any length is recorded in bounded commits, and a crash loses no more than the step it was in.
 */
import { canonicalHash } from '../canonical-json.ts'
import { CommandParams, type Command } from '../command.ts'
import { decided, type Decision } from '../decision.ts'
import { millis, timestamp } from '../time.ts'
import { decideAccept } from './accept.ts'
import { decideCancel, type CancelState } from './cancel.ts'
import { activeDue, alarm_doubt_ms, alarm_grace_ms, alarmIsSet, changedAlarm, scheduleSignal, tickSeconds, withoutTick } from './schedule-alarm.ts'
import type { Agent } from '../agent.ts'
import type { SessionId, TaskId } from '../ids.ts'
import type { Refusal } from '../result.ts'
import { open_tasks_max, type Alarm, type Schedule, type ScheduleIn, type Tick, type TickOutcome } from '../schedule.ts'
import type { TickSource } from '../schedule-ticks.ts'
import type { Signal } from '../../ports/ports.ts'
import type { Deployment } from '../../settings.ts'
import type { Write } from '../../store/store.ts'

/** Rows in one commit: room is left for the schedule, a command's three records and the end of an earlier task. */
export const tick_rows_max = 80
/** A tick that fires later than this was made up for. */
const on_time_ms = 120_000
const label_characters = 60

type Active = ScheduleIn<'active'>

/** Why an active schedule stops having ticks; those that are due already are not fired then. */
export type Closing = 'paused' | 'deleted'

interface Ended {
  readonly tick_ms: number
  readonly end: TickOutcome
}
/** One step: these ticks end without a command, then perhaps one is submitted; `next_ms` is the first tick that is left. */
export interface Step {
  readonly ended: readonly Ended[]
  readonly submit_ms?: number
  readonly next_ms: number | undefined
}

/**
 * How the due ticks end. Older than the catch-up window: missed. With overlap `queue` all others fire, in order; with `skip` and
 * `cancel_previous`, which run one at a time, only the newest does.
 */
export const planStep = (schedule: Active, ticks: TickSource, now_ms: number, closing?: Closing): Step => {
  const first_ms = millis(schedule.next_run_at)
  const due = [first_ms, ...ticks.between(first_ms, now_ms, tick_rows_max)]
  const ended: Ended[] = []
  for (const [position, tick_ms] of due.entries()) {
    if (position === tick_rows_max) return { ended, next_ms: tick_ms }
    const newer_ms = due[position + 1]
    if (now_ms - tick_ms > schedule.catchup_window_ms) ended.push({ tick_ms, end: { outcome: 'missed', reason: 'outside_catchup_window' } })
    else if (closing !== undefined) ended.push({ tick_ms, end: { outcome: 'skipped', reason: closing } })
    else if (newer_ms !== undefined && schedule.overlap !== 'queue') ended.push({ tick_ms, end: { outcome: 'coalesced', reason: 'newer_tick_due' } })
    else return { ended, submit_ms: tick_ms, next_ms: newer_ms ?? ticks.after(tick_ms) }
  }
  return { ended, next_ms: ticks.after(due.at(-1) ?? first_ms) }
}

/** The newest tick to which a step gives a row; what the schedule had before where it gives none. */
export const tickedBy = ({ ended, submit_ms }: Step): Pick<Schedule, 'ticked_at'> => {
  const newest_ms = submit_ms ?? ended.at(-1)?.tick_ms
  return newest_ms === undefined ? {} : { ticked_at: timestamp(newest_ms) }
}

/** The ledger row of a tick. */
export const tickRow = (schedule: Schedule, tick_ms: number, end: TickOutcome, now_ms: number): Write => {
  const row: Tick = {
    kind: 'tick',
    workspace_id: schedule.workspace_id,
    schedule_id: schedule.id,
    tick_at: timestamp(tick_ms),
    decided_at: timestamp(now_ms),
    end,
    version: 1,
  }
  return { op: 'put_if_absent', record: row }
}

/** The idempotency key of a tick's command (SPEC §5). */
export const tickKey = (schedule_id: string, tick_ms: number): string => `schedule:${schedule_id}:${tickSeconds(tick_ms)}`

/** The command of a schedule. @param key what tells its commands apart, in the idempotency key and in the session's name */
export const scheduleCommand = (schedule: Schedule, key: { readonly idempotency: string; readonly session: string }): CommandParams =>
  CommandParams.parse({
    message: schedule.prompt,
    agent_id: schedule.agent_id,
    idempotency_key: key.idempotency,
    session_id: `schedule-session:${schedule.id}:${key.session}`,
    lane: `schedule-lane:${schedule.id}`,
    label: `Schedule: ${schedule.prompt.slice(0, label_characters)}`,
    spawned_by: `schedule:${schedule.id}`,
    input_provenance: { source: 'scheduled_task' },
  })

/** The schedule after a step. @param doubted its alarm clock let a tick pass */
const movedOn = (schedule: Active, ticks: TickSource, next_ms: number | undefined, now_ms: number, doubted: boolean): Schedule => {
  const { next_run_at: _, due_at: __, status: ___, ...kept } = schedule
  if (next_ms === undefined)
    return {
      ...kept,
      status: 'paused',
      paused_reason: 'no_next_tick',
      alarm: withoutTick(schedule.alarm, schedule.next_run_at),
      due_at: timestamp(now_ms),
      updated_at: timestamp(now_ms),
    }
  // An entry that should ring once and was made too late may lie there for ever.
  const once = ticks.native === undefined ? withoutTick(schedule.alarm, schedule.next_run_at) : undefined
  const alarm: Alarm = once ?? (doubted ? changedAlarm(schedule.alarm) : schedule.alarm)
  const due_at = next_ms <= now_ms ? timestamp(now_ms) : activeDue(next_ms, alarm, now_ms)
  return { ...kept, status: 'active', next_run_at: timestamp(next_ms), alarm, due_at }
}

/** Tasks of the schedule that overlap policies ask for, oldest first. An older release writes the latest only. */
export const openTasksOf = ({ open_task_ids = [], last_task_id }: Schedule): readonly TaskId[] =>
  last_task_id === undefined || open_task_ids.includes(last_task_id) ? open_task_ids : [...open_task_ids, last_task_id]

/** With one more; the oldest of many is forgotten. */
export const withOpenTask = (known: readonly TaskId[], task_id: TaskId): TaskId[] => [...known.filter((id) => id !== task_id), task_id].slice(-open_tasks_max)

export interface TickState {
  readonly schedule: Active
  readonly ticks: TickSource
  readonly agent: Agent | undefined
  /** The workspace was killed: nothing of it is accepted. */
  readonly killed: Refusal | undefined
  /** Tasks of the schedule that are not over, oldest first; not needed with overlap `queue`. */
  readonly open: readonly CancelState[]
  /** The command that has the tick's key already, if somebody else used that. */
  readonly taken: Command | undefined
  readonly fresh: { readonly task_id: TaskId; readonly session_id: SessionId; readonly idempotency_key: string }
}
/** When it is decided: `now_ms` by the plane's clock, `reached_ms` as far as ticks are due, which an alarm may say a little earlier. */
export interface Moment {
  readonly now_ms: number
  readonly reached_ms: number
}
export interface StepResult {
  /** Ticks that have got their row; none in a step that only cancels. */
  readonly ended: number
  readonly fired: readonly TaskId[]
  /** There are ticks left that are due. */
  readonly more: boolean
  /** Nothing is left to do: it waits for its next tick, and its alarm is set. */
  readonly rests: boolean
}

/** Cancels the oldest task that is open and was not told to stop yet. Each writes to the counters of their class, so it is one a commit. */
const cancelOne = (open: readonly CancelState[], now_ms: number): Decision<{ readonly more: boolean }> => {
  const [first, ...others] = open.map((one) => decideCancel(one, now_ms)).filter(({ writes }) => writes.length > 0)
  return decided(first?.writes ?? [], first?.signals ?? [], { more: others.length > 0 })
}

interface Submitted {
  readonly end: TickOutcome
  readonly writes: readonly Write[]
  readonly signals: readonly Signal[]
  readonly task_id?: TaskId
  /** More than one earlier task is to be cancelled: one of them is, and the tick stays due. */
  readonly only_cancels?: boolean
}

const refused = ({ code, detail }: Refusal): Submitted => ({
  end: { outcome: 'skipped', reason: 'refused', refusal: { code, detail: detail.slice(0, 1_000) } },
  writes: [],
  signals: [],
})

/** Submits the command of a tick. A key that is taken gives the task that has it, as it would for a client. */
const submit = (state: TickState, tick_ms: number, deployment: Deployment, now_ms: number): Submitted => {
  const { schedule, agent, taken } = state
  const reason = now_ms - tick_ms <= on_time_ms ? 'on_time' : 'caught_up'
  if (taken !== undefined) return { end: { outcome: 'fired', reason, task_id: taken.task_id }, writes: [], signals: [], task_id: taken.task_id }
  if (state.open.length > 0 && schedule.overlap === 'skip') return { end: { outcome: 'skipped', reason: 'previous_unfinished' }, writes: [], signals: [] }
  if (state.killed !== undefined) return refused(state.killed)
  if (agent === undefined) return refused({ ok: false, code: 'not_found', detail: `no agent ${schedule.agent_id}` })
  const params = scheduleCommand(schedule, { idempotency: tickKey(schedule.id, tick_ms), session: String(tickSeconds(tick_ms)) })
  const accepted = decideAccept({ agent, params, body_hash: canonicalHash(params), fresh: state.fresh }, deployment, now_ms)
  if (!accepted.ok) return refused(accepted)
  const cancelled = cancelOne(schedule.overlap === 'cancel_previous' ? state.open : [], now_ms)
  const task_id = accepted.value.task.id
  const end = { outcome: 'fired', reason, task_id } as const
  if (cancelled.value.more) return { end, writes: cancelled.writes, signals: cancelled.signals, only_cancels: true }
  return {
    end,
    writes: [...cancelled.writes, ...accepted.writes],
    signals: [...cancelled.signals, ...accepted.signals],
    task_id,
  }
}

/** A task was submitted by hand: overlap policies ask for it from now on. */
export const decideFiredByHand = (schedule: Schedule, task_id: TaskId): Decision => {
  const known = openTasksOf(schedule)
  if (known.includes(task_id)) return decided([], [], undefined)
  return decided([{ op: 'replace_if_version', record: { ...schedule, open_task_ids: withOpenTask(known, task_id) } }], [], undefined)
}

/** The next step of a schedule that is due. @param by who noticed: a look after the grace means that the alarm clock let the tick pass */
export const decideTicks = (state: TickState, deployment: Deployment, { now_ms, reached_ms }: Moment, by: 'alarm' | 'look'): Decision<StepResult> => {
  const { schedule, ticks } = state
  const step = planStep(schedule, ticks, reached_ms)
  const submitted: Submitted | undefined = step.submit_ms === undefined ? undefined : submit(state, step.submit_ms, deployment, now_ms)
  if (submitted?.only_cancels === true) return decided([...submitted.writes], [...submitted.signals], { ended: 0, fired: [], more: true, rests: false })
  const overslept = by === 'look' && now_ms - millis(schedule.next_run_at) >= alarm_grace_ms
  const doubted = overslept && alarmIsSet(schedule.alarm) && now_ms - millis(schedule.alarm.set_at ?? schedule.created_at) >= alarm_doubt_ms
  const moved = movedOn(schedule, ticks, step.next_ms, now_ms, doubted)
  const task_id = submitted?.task_id
  const known = schedule.overlap === 'queue' ? openTasksOf(schedule) : state.open.map(({ task }) => task.id)
  const run =
    task_id === undefined || step.submit_ms === undefined
      ? {}
      : { last_run_at: timestamp(step.submit_ms), last_task_id: task_id, open_task_ids: withOpenTask(known, task_id) }
  const rows = [...step.ended, ...(submitted === undefined || step.submit_ms === undefined ? [] : [{ tick_ms: step.submit_ms, end: submitted.end }])]
  const more = step.next_ms !== undefined && step.next_ms <= reached_ms
  const alarm_signals = more || alarmIsSet(moved.alarm) ? [] : [scheduleSignal(schedule)]
  return decided(
    [
      ...(submitted?.writes ?? []),
      ...rows.map(({ tick_ms, end }) => tickRow(schedule, tick_ms, end, now_ms)),
      { op: 'replace_if_version', record: { ...moved, ...run, ...tickedBy(step) } },
    ],
    [...(submitted?.signals ?? []), ...alarm_signals],
    { ended: rows.length, fired: task_id === undefined ? [] : [task_id], more, rests: !more && moved.status === 'active' && alarmIsSet(moved.alarm) },
  )
}
