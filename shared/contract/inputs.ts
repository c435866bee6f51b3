/** Inputs: messages for a run that exists already, and what became of them. */
import * as z from 'zod'
import { Message, optionalText } from '../domain/command.ts'
import { InputId, RunId, TaskId, WorkspaceId } from '../domain/ids.ts'
import { Disposition, QueueMode, queue_modes } from '../domain/input.ts'
import { Timestamp } from '../domain/time.ts'
import { named } from './common.ts'

/** Older names of the modes. */
const mode_aliases = { 'steer-backlog': 'steer', queue: 'followup' } as const

/** A mode as a client names it. */
export const QueueModeName = z
  .enum([...queue_modes, 'steer-backlog', 'queue'])
  .transform((name): QueueMode => (name === 'steer-backlog' || name === 'queue' ? mode_aliases[name] : name))
  .default('followup')

export const SendInput = z.strictObject({ message: Message, queue_mode: QueueModeName, idempotency_key: optionalText(200) })
export type SendInput = z.infer<typeof SendInput>

/** An input, redacted. A long message is cut, and `truncated` says so. */
export const InputView = named(
  'Input',
  z.object({
    id: InputId,
    workspace_id: WorkspaceId,
    task_id: TaskId,
    /** The run that it was accepted for; where that is over, the one before the run that takes it. */
    run_id: RunId,
    /** Counts through all inputs of the task. */
    seq: z.int(),
    queue_mode: QueueMode,
    message: z.string(),
    truncated: z.boolean(),
    outcome: z.enum(['direct', 'queued', 'interrupted', 'restarted']),
    /** Its one end. Absent while it is pending. */
    disposition: Disposition.optional(),
    created_at: Timestamp,
    settled_at: Timestamp.optional(),
  }),
)
export type InputView = z.infer<typeof InputView>
