import { TaskPayload, TaskView } from '../contract/tasks.ts'
import type { Attachment, Command } from '../domain/command.ts'
import { redactDeep, redactText } from '../domain/redact.ts'
import type { Task } from '../domain/task.ts'
import { no_usage } from '../domain/usage.ts'
import { command_head_max } from '../flows/overflow.ts'
import { shownText } from './text.ts'

const sizeOf = (attachment: Attachment): number => Buffer.byteLength(attachment.content, attachment.encoding === 'base64' ? 'base64' : 'utf8')

const payloadOf = ({ params, overflow }: Command, max: number): TaskView['payload'] => {
  const message = shownText(params.message, max)
  const prompt = params.extra_system_prompt === undefined ? undefined : shownText(params.extra_system_prompt, max)
  return {
    message: message.text,
    ...(prompt === undefined ? {} : { extra_system_prompt: prompt.text }),
    truncated: [
      ...(message.cut || (overflow !== undefined && params.message.length >= command_head_max) ? (['message'] as const) : []),
      ...(prompt?.cut === true ? (['extra_system_prompt'] as const) : []),
    ],
    // Of a command that was too large for the table only the head is in it; its attachments are not, so their sizes are not known here.
    attachments: params.attachments.map((attachment) => ({
      name: redactText(attachment.name),
      encoding: attachment.encoding,
      ...(overflow === undefined ? { size_bytes: sizeOf(attachment) } : {}),
    })),
    policy: params.policy,
    timeout_ms: params.timeout_ms,
    ...(params.session_key === undefined ? {} : { session_key: redactText(params.session_key) }),
    ...(params.fork_from === undefined ? {} : { fork_from: params.fork_from }),
    ...(params.lane === undefined ? {} : { lane: redactText(params.lane) }),
    ...(params.hook_id === undefined ? {} : { hook_id: redactText(params.hook_id) }),
    ...(params.spawned_by === undefined ? {} : { spawned_by: redactText(params.spawned_by) }),
    ...(params.input_provenance === undefined ? {} : { input_provenance: TaskPayload.shape.input_provenance.parse(redactDeep(params.input_provenance)) }),
    ...(params.not_before === undefined ? {} : { not_before: params.not_before }),
    ...(params.queue_timeout_ms === undefined ? {} : { queue_timeout_ms: params.queue_timeout_ms }),
    ...(params.budget_usd === undefined ? {} : { budget_usd: params.budget_usd }),
  }
}

/** What only some states have. */
const stateFields = (task: Task): Partial<TaskView> => ({
  ...('wake_at' in task ? { wake_at: task.wake_at } : {}),
  ...('queued_at' in task && task.queued_at !== undefined ? { queued_at: task.queued_at } : {}),
  ...('dispatched_at' in task && task.dispatched_at !== undefined ? { dispatched_at: task.dispatched_at } : {}),
  ...('finished_at' in task ? { finished_at: task.finished_at } : {}),
  ...('archived_at' in task && task.archived_at !== undefined ? { archived_at: task.archived_at } : {}),
  ...('dropped_reason' in task ? { dropped_reason: task.dropped_reason } : {}),
})

/** A task and its command as a client sees them: redacted, texts cut. @param max characters of a text, see `text_max` */
export const taskView = (task: Task, command: Command, max: number): TaskView => {
  const { params } = command
  return {
    id: task.id,
    workspace_id: task.workspace_id,
    agent_id: task.agent_id,
    session_id: task.session_id,
    execution_class_key: task.class_key,
    queue_mode: 'followup',
    state: task.state,
    priority: task.priority,
    idempotency_key: params.idempotency_key,
    payload: payloadOf(command, max),
    routing: TaskView.shape.routing.parse(redactDeep(params.routing)),
    ...(params.parent_task_id === undefined ? {} : { parent_task_id: params.parent_task_id }),
    ...(task.target_run_id === undefined ? {} : { target_run_id: task.target_run_id }),
    ...(task.label === undefined ? {} : { label: redactText(task.label) }),
    ...(params.metadata === undefined ? {} : { metadata: TaskView.shape.metadata.parse(redactDeep(params.metadata)) }),
    accepted_at: task.accepted_at,
    usage: task.usage ?? no_usage,
    created_at: task.accepted_at,
    updated_at: task.updated_at,
    ...stateFields(task),
  }
}
