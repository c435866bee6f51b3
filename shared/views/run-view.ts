import type { AttemptView, InteractionView, RunView } from '../contract/runs.ts'
import type { Command } from '../domain/command.ts'
import { openQuestions } from '../domain/questions.ts'
import type { Input } from '../domain/input.ts'
import { redactText } from '../domain/redact.ts'
import { isLive, type Attempt, type Failure, type Run } from '../domain/run.ts'
import { millis } from '../domain/time.ts'
import { no_usage, runUsage } from '../domain/usage.ts'
import { inputView } from './input-view.ts'
import { text_max } from './text.ts'

const executionOf = ({ params: { policy, timeout_ms }, agent_config }: Command) => ({
  provider: agent_config.provider,
  ...(agent_config.model === undefined ? {} : { model: agent_config.model }),
  exec_host: policy.host,
  exec_security: policy.security,
  exec_ask: policy.ask,
  runtime_type: policy.runtime_type,
  workspace_access: policy.workspace_access,
  network_enabled: policy.network_enabled,
  interactive: policy.interactive,
  timeout_ms,
})

const failureView = (failure: Failure | undefined): { readonly error?: Failure } =>
  failure === undefined ? {} : { error: { ...failure, message: redactText(failure.message) } }

/** When the status last changed: the end, the claim, the end of the attempt before a retry, or the creation. */
const statusSince = (run: Run): string => {
  if ('ended_at' in run) return run.ended_at
  const { attempt } = run
  if (run.status === 'running' && 'started_at' in attempt && attempt.started_at !== undefined) return attempt.started_at
  if ('ended_at' in attempt) return attempt.ended_at
  return attempt.attempt_no === 1 ? run.created_at : attempt.admitted_at
}

/** A run as a client sees it, with what its command says about its execution. */
export const runView = (run: Run, command: Command): RunView => ({
  id: run.id,
  workspace_id: run.workspace_id,
  agent_id: run.agent_id,
  origin_task_id: run.task_id,
  ...(run.previous_run_id === undefined ? {} : { previous_run_id: run.previous_run_id }),
  status: run.status,
  session_id: run.session_id,
  ...(command.params.session_key === undefined ? {} : { session_key: redactText(command.params.session_key) }),
  execution_class_key: run.class_key,
  ...executionOf(command),
  attempt_no: run.attempt.attempt_no,
  ...(run.started_at === undefined ? {} : { started_at: run.started_at }),
  ...('ended_at' in run ? { ended_at: run.ended_at, ...failureView(run.error) } : {}),
  ...('result' in run && run.result !== undefined ? { result: redactText(run.result) } : {}),
  snapshot_ts: millis(statusSince(run)),
  usage: runUsage(run),
  delivery: 'off',
  created_at: run.created_at,
  updated_at: run.updated_at,
})

const endFields = (attempt: Attempt): Partial<AttemptView> => {
  if (!('ended_at' in attempt)) return attempt.status === 'stopping' ? { stop_reason: attempt.stop_reason } : {}
  return {
    ended_at: attempt.ended_at,
    ...(attempt.exit_code === undefined ? {} : { exit_code: attempt.exit_code }),
    ...failureView(attempt.error),
    usage: attempt.usage,
  }
}

/** Its agent waits for an answer (SPEC §4). */
const isBlocked = (run: Run, attempt: Attempt): boolean => attempt.status === 'running' && attempt.id === run.attempt.id && openQuestions(run).length > 0

/** An attempt as a client sees it: without its claim token and the hash of its attempt token. */
export const attemptView = (run: Run, attempt: Attempt, command: Command): AttemptView => ({
  id: attempt.id,
  workspace_id: run.workspace_id,
  run_id: run.id,
  attempt_no: attempt.attempt_no,
  status: isBlocked(run, attempt) ? 'blocked' : attempt.status,
  strategy: attempt.strategy,
  ...executionOf(command),
  ...(attempt.execution_id === undefined ? {} : { execution_id: attempt.execution_id }),
  fencing_token: attempt.fencing_token,
  ...('started_at' in attempt && attempt.started_at !== undefined ? { started_at: attempt.started_at } : {}),
  usage: run.live_usage ?? no_usage,
  admitted_at: attempt.admitted_at,
  created_at: attempt.admitted_at,
  ...endFields(attempt),
})

/** With a sandbox that waits, or without one. */
const waitsForInput = (run: Run): boolean => run.waiting_since !== undefined || run.parked === 'input'

/** What a run is doing. @param pending the inputs that it has yet to take or to consume */
export const interactionView = (run: Run, pending: readonly Input[]): InteractionView => ({
  run_id: run.id,
  state: 'ended_at' in run ? 'closed' : waitsForInput(run) ? 'waiting_for_input' : 'working',
  ...(isLive(run.attempt) && run.attempt.execution_id !== undefined ? { active_execution_id: run.attempt.execution_id } : {}),
  pending_inputs: pending.map((input) => inputView(input, text_max.listed)),
  pending_count: pending.length,
  updated_at: run.updated_at,
})
