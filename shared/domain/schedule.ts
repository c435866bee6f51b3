/**
 * A schedule is a cron that submits a command. Its record is also the compare-and-swap of its fires: `next_run_at` is the first
 * nominal tick that has no ledger row yet, and moves on in the commit that writes the row.
 */
import * as z from 'zod'
import { AgentId, ApiKeyId, ScheduleId, TaskId, WorkspaceId } from './ids.ts'
import { Timestamp } from './time.ts'
import { problems, type ProblemCode } from './result.ts'

/** What happens to a tick while the task of an earlier one is unfinished. */
export const overlaps = ['queue', 'skip', 'cancel_previous'] as const
export const Overlap = z.enum(overlaps)
export type Overlap = z.infer<typeof Overlap>

/** The record is written with each fire, so it must stay small: what is longer belongs into the agent's system prompt or a file. */
export const prompt_characters_max = 20_000
export const catchup_window_ms_default = 600_000
/** A day: longer and the first look after an outage would start more than anybody wants to pay for. */
export const catchup_window_ms_max = 86_400_000

/**
 * The schedule's entries in the alarm clock. `revision` counts what they should be, `set` is the revision that they are known to
 * have: while the two differ, somebody has to set them.
 */
export const Alarm = z.strictObject({
  revision: z.int().min(1),
  set: z.int().optional(),
  set_at: Timestamp.optional(),
  /** Ticks that were given up and may have an entry of their own, which is to be taken out. */
  obsolete: z.array(Timestamp).max(20).default([]),
})
export type Alarm = z.infer<typeof Alarm>

/** The record is written with each fire: a longer list would make each of them dearer. */
export const open_tasks_max = 5

const base = {
  kind: z.literal('schedule'),
  id: ScheduleId,
  workspace_id: WorkspaceId,
  agent_id: AgentId,
  cron_expr: z.string().min(1).max(500),
  timezone: z.string().min(1).max(100),
  prompt: z.string().min(1).max(prompt_characters_max),
  skill_paths: z.array(z.string().max(500)).max(100),
  overlap: Overlap,
  catchup_window_ms: z.int().min(0).max(catchup_window_ms_max),
  alarm: Alarm,
  /** The nominal time of the latest tick that was fired, and its task. */
  last_run_at: Timestamp.optional(),
  last_task_id: TaskId.optional(),
  /** Tasks, submitted by a tick or by hand, that were not known to be over when the latest of them was; of many the newest. What overlap policies ask for. */
  open_task_ids: z.array(TaskId).max(open_tasks_max).optional(),
  /**
   * The newest tick that has its row. Times that are set anew begin after it: an alarm may ring a little early, and the clocks of two functions
   * differ, so it may lie ahead of whoever sets them.
   */
  ticked_at: Timestamp.optional(),
  /** When its times were set, or it was resumed: of every tick since then, up to `next_run_at`, there is a row. */
  ticks_since: Timestamp.optional(),
  created_by: ApiKeyId,
  created_at: Timestamp,
  updated_at: Timestamp,
  version: z.int(),
}

export const pause_reasons = ['by_request', 'agent_deleted', 'no_next_tick'] as const
export const PauseReason = z.enum(pause_reasons)
export type PauseReason = z.infer<typeof PauseReason>

export const Schedule = z.discriminatedUnion('status', [
  z.strictObject({ ...base, status: z.literal('active'), next_run_at: Timestamp, due_at: Timestamp }),
  /** `due_at` only while its entries in the alarm clock are not known to be gone. */
  z.strictObject({ ...base, status: z.literal('paused'), paused_reason: PauseReason, due_at: Timestamp.optional() }),
  z.strictObject({ ...base, status: z.literal('deleted'), deleted_at: Timestamp, due_at: Timestamp.optional() }),
])
export type Schedule = z.infer<typeof Schedule>
export type ScheduleStatus = Schedule['status']
export type ScheduleIn<S extends ScheduleStatus> = Extract<Schedule, { status: S }>

const codes = Object.keys(problems).filter((code): code is ProblemCode => code in problems)

/** How one nominal tick ended, and why. */
export const TickOutcome = z.union([
  /** A task was submitted: within two minutes of the tick, or when a look made up for it. */
  z.strictObject({ outcome: z.literal('fired'), reason: z.enum(['on_time', 'caught_up']), task_id: TaskId }),
  z.strictObject({ outcome: z.literal('skipped'), reason: z.enum(['previous_unfinished', 'paused', 'deleted']) }),
  /** The command was refused, as a client's would have been. */
  z.strictObject({
    outcome: z.literal('skipped'),
    reason: z.literal('refused'),
    refusal: z.strictObject({ code: z.enum(codes), detail: z.string().max(1_000) }),
  }),
  /** A newer tick was due as well when the plane came to this one, and the overlap policy runs one at a time. */
  z.strictObject({ outcome: z.literal('coalesced'), reason: z.literal('newer_tick_due') }),
  /** The plane came to it too late. */
  z.strictObject({ outcome: z.literal('missed'), reason: z.literal('outside_catchup_window') }),
])
export type TickOutcome = z.infer<typeof TickOutcome>

/** The ledger row of a tick. Written once, never changed. */
export const Tick = z.strictObject({
  kind: z.literal('tick'),
  workspace_id: WorkspaceId,
  schedule_id: ScheduleId,
  tick_at: Timestamp,
  decided_at: Timestamp,
  end: TickOutcome,
  version: z.int(),
})
export type Tick = z.infer<typeof Tick>
