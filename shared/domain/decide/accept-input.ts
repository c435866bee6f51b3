/** A command for a session that already has a run of the same agent: it becomes a followup input of that run (SPEC §3). */
import { decided, type Decision } from '../decision.ts'
import { redactText } from '../redact.ts'
import { isEndedRun } from '../transitions.ts'
import { commandOf, type AcceptRequest } from './accept.ts'
import { decideInput } from './input.ts'
import type { Refusal } from '../result.ts'
import type { Command } from '../command.ts'
import type { InputId } from '../ids.ts'
import type { Input } from '../input.ts'
import type { Run } from '../run.ts'
import type { Task } from '../task.ts'

/** What an input does not carry: a command that has any of it stands in line as a task of its own. */
const onlyATaskHas = ({ params }: AcceptRequest): boolean =>
  params.attachments.length > 0 || params.extra_system_prompt !== undefined || params.not_before !== undefined || params.budget_usd !== undefined

/**
 * Whether the run takes the command as an input: it is of the same agent, lane and policy, so of the same class; the command has no `hook_id`, and
 * nothing that only a task has. Otherwise the command stands in line as its own task, until the session is free.
 */
export const takesCommand = (run: Run, request: AcceptRequest, command: Command): boolean =>
  request.params.hook_id === undefined && !isEndedRun(run) && run.class_key === command.class_key && !onlyATaskHas(request)

export interface AcceptedInput {
  readonly input: Input
}

/** Stores the command under its idempotency key together with the input that it becomes; either all of it or none. */
export const decideAcceptInput = (
  { run, task, command: first }: { readonly run: Run; readonly task: Task; readonly command: Command },
  request: AcceptRequest,
  input_id: InputId,
  now_ms: number,
): Decision<AcceptedInput> | Refusal => {
  const { params, body_hash } = request
  const decision = decideInput(run, { id: input_id, message: redactText(params.message), queue_mode: 'followup', body_hash }, now_ms, task, first)
  if (!decision.ok) return decision
  const input = decision.value
  const command: Command = { ...commandOf(request, now_ms), task_id: run.task_id, input: { id: input.id, seq: input.seq } }
  return decided([{ op: 'put_if_absent', record: command }, ...decision.writes], decision.signals, { input })
}
