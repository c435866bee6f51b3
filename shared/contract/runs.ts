/** Runs: executions of a task, with their attempts, snapshots and events. */
import * as z from 'zod'
import { RunEvent, Snapshot, type event_kinds } from '../domain/event.ts'
import { AgentId, AttemptId, ClassKey, InputId, RunId, SessionId, TaskId, WorkspaceId } from '../domain/ids.ts'
import { Policy } from '../domain/policy.ts'
import { Failure, run_statuses, StopReason } from '../domain/run.ts'
import { Timestamp } from '../domain/time.ts'
import { Usage } from '../domain/usage.ts'
import { Data, listOf, named, Nothing, page_query } from './common.ts'
import { operation } from './operation.ts'
import { InputView, SendInput } from './inputs.ts'
import { LiveAttempt, TaskView } from './tasks.ts'

/** How a run executes: the same for each of its attempts. */
const execution = {
  provider: z.string(),
  model: z.string().optional(),
  exec_host: Policy.shape.host.unwrap(),
  exec_security: Policy.shape.security.unwrap(),
  exec_ask: Policy.shape.ask.unwrap(),
  runtime_type: Policy.shape.runtime_type.unwrap(),
  workspace_access: Policy.shape.workspace_access.unwrap(),
  network_enabled: z.boolean(),
  interactive: z.boolean(),
  timeout_ms: z.int(),
} as const

export const RunView = named(
  'Run',
  z.object({
    id: RunId,
    workspace_id: WorkspaceId,
    agent_id: AgentId,
    origin_task_id: TaskId,
    /** The run of the same task before this one, if the task was restarted. */
    previous_run_id: RunId.optional(),
    status: z.enum(run_statuses),
    session_id: SessionId,
    session_key: z.string().optional(),
    execution_class_key: ClassKey,
    ...execution,
    /** The number of the latest attempt. */
    attempt_no: z.int(),
    started_at: Timestamp.optional(),
    ended_at: Timestamp.optional(),
    error: Failure.optional(),
    result: z.string().optional(),
    /** When the status last changed, in milliseconds since the epoch. */
    snapshot_ts: z.int(),
    usage: Usage,
    delivery: z.enum(['off']),
    created_at: Timestamp,
    updated_at: Timestamp,
  }),
)
export type RunView = z.infer<typeof RunView>

export const AttemptView = named(
  'Attempt',
  z.object({
    id: AttemptId,
    workspace_id: WorkspaceId,
    run_id: RunId,
    attempt_no: z.int(),
    /** `blocked`: running, and a question of its agent is open. */
    status: z.enum(['pending', 'running', 'blocked', 'stopping', 'ok', 'error', 'timeout', 'cancelled']),
    strategy: z.enum(['primary', 'retry']),
    ...execution,
    execution_id: z.string().optional(),
    fencing_token: z.int(),
    /** Why a stopping attempt was told to stop. */
    stop_reason: StopReason.optional(),
    started_at: Timestamp.optional(),
    ended_at: Timestamp.optional(),
    exit_code: z.int().optional(),
    error: Failure.optional(),
    usage: Usage,
    /** When the place in the class was taken. */
    admitted_at: Timestamp,
    created_at: Timestamp,
  }),
)
export type AttemptView = z.infer<typeof AttemptView>

export const SnapshotView = named('Snapshot', z.object({ ...Snapshot.shape, payload: Data }))
export type SnapshotView = z.infer<typeof SnapshotView>

export const RunEventView = named(
  'RunEvent',
  z.object({
    run_id: RunId,
    seq: z.int(),
    event_type: RunEvent.shape.event_type,
    kind: z.enum(['lifecycle', 'input', 'control'] satisfies (typeof event_kinds)[keyof typeof event_kinds][]),
    ts: z.int(),
    payload: Data,
  }),
)
export type RunEventView = z.infer<typeof RunEventView>

/** What a run is doing, as far as inputs are concerned (SPEC §4). */
export const interaction_states = ['working', 'waiting_for_input', 'closed'] as const

/** What a run is doing, and the inputs that it has yet to take or to consume. */
export const InteractionView = named(
  'Interaction',
  z.object({
    run_id: RunId,
    state: z.enum(interaction_states),
    active_execution_id: z.string().optional(),
    pending_inputs: z.array(InputView),
    pending_count: z.int(),
    updated_at: Timestamp,
  }),
)
export type InteractionView = z.infer<typeof InteractionView>

export const SentInput = named(
  'SentInput',
  z.object({
    task: TaskView,
    input: InputView,
    /** What it came to: `direct`, the agent was waiting for it; `restarted`, the run was over and the task has a new one. */
    outcome: InputView.shape.outcome,
    /** The input was there already, under the same task and idempotency key. */
    idempotent_hit: z.boolean(),
    /** There, and the body of this request is another one. Absent where they are equal. */
    idempotency_mismatch: z.boolean().optional(),
  }),
)

export const CancelledRun = named('CancelledRun', z.object({ run: RunView, live: LiveAttempt.optional() }))

const params = z.strictObject({ run_id: RunId })

const ofRun = { method: 'GET', tag: 'runs', role: 'viewer', params, query: Nothing, problems: ['not_found'] } as const

export const run_operations = {
  listRuns: operation({
    id: 'listRuns',
    method: 'GET',
    path: '/v1/runs',
    tag: 'runs',
    summary: 'List runs, newest first, by any combination of filters',
    role: 'viewer',
    query: z.strictObject({
      status: z.enum(run_statuses).optional(),
      agent_id: AgentId.optional(),
      session_id: SessionId.optional(),
      task_id: TaskId.optional(),
      ...page_query,
    }),
    params: Nothing,
    responses: { 200: listOf('RunList', RunView) },
    problems: [],
  }),
  getRun: operation({ ...ofRun, id: 'getRun', path: '/v1/runs/{run_id}', summary: 'Get a run', responses: { 200: RunView } }),
  listRunAttempts: operation({
    ...ofRun,
    id: 'listRunAttempts',
    path: '/v1/runs/{run_id}/attempts',
    summary: 'The attempts of a run, first to latest',
    query: z.strictObject({ ...page_query }),
    responses: { 200: listOf('AttemptList', AttemptView) },
  }),
  listRunSnapshots: operation({
    ...ofRun,
    id: 'listRunSnapshots',
    path: '/v1/runs/{run_id}/snapshots',
    summary: 'One snapshot for every change of the status of a run',
    query: z.strictObject({ ...page_query }),
    responses: { 200: listOf('SnapshotList', SnapshotView) },
  }),
  listRunEvents: operation({
    ...ofRun,
    id: 'listRunEvents',
    path: '/v1/runs/{run_id}/events',
    summary: 'What happened to a run, gapless from 1',
    query: z.strictObject({ ...page_query }),
    responses: { 200: listOf('RunEventList', RunEventView) },
  }),
  getRunInteraction: operation({
    ...ofRun,
    id: 'getRunInteraction',
    path: '/v1/runs/{run_id}/interaction',
    summary: 'What a run is doing',
    responses: { 200: InteractionView },
  }),
  sendRunInput: operation({
    id: 'sendRunInput',
    method: 'POST',
    path: '/v1/runs/{run_id}/input',
    tag: 'runs',
    summary: 'Say something to a run, exactly once; one that is over goes on with it in a new run of its task. 200 if it was accepted before',
    role: 'member',
    params,
    body: SendInput,
    query: Nothing,
    responses: { 202: SentInput, 200: SentInput },
    problems: [
      'not_found',
      'illegal_state',
      'too_many_inputs',
      'agent_inactive',
      'workspace_killed',
      'runner_unsupported',
      'provider_unsupported',
      'feature_unsupported',
      'too_many_conflicts',
    ],
  }),
  listRunInputs: operation({
    ...ofRun,
    id: 'listRunInputs',
    path: '/v1/runs/{run_id}/inputs',
    summary: 'The inputs of a run, oldest first, and what became of each',
    query: z.strictObject({ state: z.enum(['pending', 'settled']).optional(), ...page_query }),
    responses: { 200: listOf('InputList', InputView) },
  }),
  getInput: operation({
    ...ofRun,
    id: 'getInput',
    path: '/v1/inputs/{input_id}',
    summary: 'An input and what became of it',
    params: z.strictObject({ input_id: InputId }),
    responses: { 200: InputView },
  }),
  cancelRun: operation({
    id: 'cancelRun',
    method: 'POST',
    path: '/v1/runs/{run_id}/cancel',
    tag: 'runs',
    summary: 'Cancel a run that is not terminal; repeating it is fine',
    role: 'member',
    params,
    body: Nothing,
    query: Nothing,
    responses: { 200: CancelledRun },
    problems: ['not_found', 'illegal_state', 'too_many_conflicts'],
  }),
} as const
