/** Schedules: crons that submit commands, and the ledger of their ticks. */
import * as z from 'zod'
import { AgentId, ApiKeyId, ScheduleId, TaskId, WorkspaceId } from '../domain/ids.ts'
import { catchup_window_ms_default, catchup_window_ms_max, Overlap, pause_reasons, prompt_characters_max } from '../domain/schedule.ts'
import { draft_words_max } from '../domain/schedule-draft.ts'
import { Timestamp } from '../domain/time.ts'
import { listOf, named, Nothing, page_query, queryInt, shown } from './common.ts'
import { operation } from './operation.ts'
import { TaskView } from './tasks.ts'

export const ScheduleView = named(
  'Schedule',
  z.object({
    id: ScheduleId,
    workspace_id: WorkspaceId,
    agent_id: AgentId,
    cron_expr: z.string(),
    timezone: z.string(),
    prompt: z.string(),
    skill_paths: z.array(z.string()),
    overlap: Overlap,
    catchup_window_ms: z.int(),
    active: z.boolean(),
    /** Why it is not active. */
    paused_reason: z.enum(pause_reasons).optional(),
    /** The next tick; absent while it is not active. */
    next_run_at: Timestamp.optional(),
    /** The nominal time of the latest tick that was fired, and its task. */
    last_run_at: Timestamp.optional(),
    last_task_id: TaskId.optional(),
    /** Whether EventBridge Scheduler has its alarms. While it has not, the sweep fires what is due. */
    alarm: z.enum(['set', 'pending']),
    created_by: ApiKeyId,
    deleted_at: Timestamp.optional(),
    created_at: Timestamp,
    updated_at: Timestamp,
  }),
)
export type ScheduleView = z.infer<typeof ScheduleView>

/** How one nominal tick ended, and why. */
export const TickView = named(
  'Tick',
  z.object({
    schedule_id: ScheduleId,
    tick_at: Timestamp,
    decided_at: Timestamp,
    outcome: z.enum(['fired', 'skipped', 'coalesced', 'missed']),
    reason: z.string(),
    /** Of a tick that was fired. */
    task_id: TaskId.optional(),
    /** Why the command was refused. */
    refusal: z.object({ code: z.string(), detail: z.string() }).optional(),
  }),
)
export type TickView = z.infer<typeof TickView>

/** Ticks to come. What a change of the zone's offset does to them is seen by the changes among them. */
export const NextTicks = named(
  'NextTicks',
  z.object({
    cron_expr: z.string(),
    timezone: z.string(),
    /** `local_time` is what a clock in the zone shows, with its offset. */
    items: z.array(z.object({ at: Timestamp, local_time: z.string() })),
    offset_changes: z.array(z.object({ at: Timestamp, offset_before: z.string(), offset_after: z.string() })),
  }),
)
export type NextTicks = z.infer<typeof NextTicks>

/** The task that firing now made, or the one that the key made before. */
export const FiredSchedule = named('FiredSchedule', z.object({ task: TaskView, idempotent_hit: z.boolean() }))

const cron_expr = z.string().trim().min(1).max(500)
const timezone = z.string().trim().min(1).max(100)
const prompt = z
  .string()
  .max(prompt_characters_max)
  .refine((value) => value.trim() !== '', { error: 'must not be empty' })
const skill_paths = z.array(z.string().max(500)).max(100)
const catchup_window_ms = z.int().min(0).max(catchup_window_ms_max)

export const CreateSchedule = z.strictObject({
  agent_id: AgentId,
  /** Five fields: minute, hour, day of the month, month, day of the week. */
  cron_expr,
  timezone: timezone.default('UTC'),
  prompt,
  skill_paths: skill_paths.default([]),
  overlap: Overlap.default('queue'),
  catchup_window_ms: catchup_window_ms.default(catchup_window_ms_default),
  active: z.boolean().default(true),
})
/** What is absent stays. `active: false` pauses, `active: true` resumes from the next tick on. */
export const UpdateSchedule = z.strictObject({
  agent_id: AgentId.optional(),
  cron_expr: cron_expr.optional(),
  timezone: timezone.optional(),
  prompt: prompt.optional(),
  skill_paths: skill_paths.optional(),
  overlap: Overlap.optional(),
  catchup_window_ms: catchup_window_ms.optional(),
  active: z.boolean().optional(),
})

/** What words about times mean: nothing is stored. Creating the schedule with it is the confirmation. */
export const ScheduleDraft = named('ScheduleDraft', NextTicks.extend({ sentence: z.string(), /** Which model said so. */ model: z.string() }))
export type ScheduleDraft = z.infer<typeof ScheduleDraft>

const DraftSchedule = z.strictObject({
  text: z.string().trim().min(1).max(draft_words_max),
  /** Of words that name no place. */
  timezone: timezone.default('UTC'),
})

const params = z.strictObject({ schedule_id: ScheduleId })
const count_default = 5
const count_max = 100

const base = { tag: 'schedules', params, query: Nothing } as const

export const schedule_operations = {
  createSchedule: operation({
    ...base,
    id: 'createSchedule',
    method: 'POST',
    path: '/v1/schedules',
    summary: 'Create a schedule; its first tick is the first one after now',
    role: 'admin',
    body: CreateSchedule,
    params: Nothing,
    responses: { 201: ScheduleView },
    problems: ['not_found', 'runner_unsupported', 'provider_unsupported', 'feature_unsupported', 'too_many_conflicts'],
  }),
  draftSchedule: operation({
    ...base,
    id: 'draftSchedule',
    method: 'POST',
    path: '/v1/schedules/draft',
    summary: 'Turn plain words into a cron and a zone, with the next five ticks; nothing is stored',
    role: 'admin',
    body: DraftSchedule,
    params: Nothing,
    responses: { 200: ScheduleDraft },
    problems: ['draft_unclear', 'model_not_configured'],
  }),
  listSchedules: operation({
    ...base,
    id: 'listSchedules',
    method: 'GET',
    path: '/v1/schedules',
    summary: 'List schedules, newest first',
    role: 'viewer',
    query: z.strictObject({ agent_id: AgentId.optional(), ...page_query }),
    params: Nothing,
    responses: { 200: listOf('ScheduleList', ScheduleView) },
    problems: [],
  }),
  getSchedule: operation({
    ...base,
    id: 'getSchedule',
    method: 'GET',
    path: '/v1/schedules/{schedule_id}',
    summary: 'Get a schedule',
    role: 'viewer',
    responses: { 200: ScheduleView },
    problems: ['not_found'],
  }),
  updateSchedule: operation({
    ...base,
    id: 'updateSchedule',
    method: 'PATCH',
    path: '/v1/schedules/{schedule_id}',
    summary: 'Change, pause or resume a schedule; ticks that are due end first',
    role: 'admin',
    body: UpdateSchedule,
    responses: { 200: ScheduleView },
    problems: ['not_found', 'runner_unsupported', 'provider_unsupported', 'feature_unsupported', 'too_many_conflicts'],
  }),
  deleteSchedule: operation({
    ...base,
    id: 'deleteSchedule',
    method: 'DELETE',
    path: '/v1/schedules/{schedule_id}',
    summary: 'Delete a schedule; tasks that it submitted go on',
    role: 'admin',
    responses: { 200: ScheduleView },
    problems: ['not_found', 'too_many_conflicts'],
  }),
  nextScheduleTicks: operation({
    ...base,
    id: 'nextScheduleTicks',
    method: 'GET',
    path: '/v1/schedules/{schedule_id}/next',
    summary: 'The next ticks, were the schedule active, and the changes of the offset among them',
    role: 'viewer',
    query: z.strictObject({
      count: queryInt(1, count_max)
        .default(count_default)
        .meta(shown({ type: 'integer', minimum: 1, maximum: count_max, default: count_default })),
    }),
    responses: { 200: NextTicks },
    problems: ['not_found'],
  }),
  listScheduleTicks: operation({
    ...base,
    id: 'listScheduleTicks',
    method: 'GET',
    path: '/v1/schedules/{schedule_id}/ticks',
    summary: 'The ledger: how each tick ended and why, newest first',
    role: 'viewer',
    query: z.strictObject({ ...page_query }),
    responses: { 200: listOf('TickList', TickView) },
    problems: ['not_found'],
  }),
  fireSchedule: operation({
    ...base,
    id: 'fireSchedule',
    method: 'POST',
    path: '/v1/schedules/{schedule_id}/fire',
    summary: 'Submit the command of a schedule now, active or not; this is no tick',
    role: 'member',
    body: z.strictObject({ idempotency_key: z.string().trim().min(1).max(100).optional() }),
    responses: { 202: FiredSchedule, 200: FiredSchedule },
    problems: ['not_found', 'agent_inactive', 'runner_unsupported', 'provider_unsupported', 'feature_unsupported', 'too_many_conflicts'],
  }),
} as const
