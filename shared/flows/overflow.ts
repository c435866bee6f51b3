/** Commands and inputs that are too large for the table: what is large of them lies in the bucket. */
import * as z from 'zod'
import { Attachment, type Command } from '../domain/command.ts'
import type { Input } from '../domain/input.ts'
import type { FlowDeps } from './flow.ts'
import type { Write } from '../store/store.ts'

/** An item may have 400 KB; index attributes and the agent's config need room too. */
const command_bytes_max = 300_000
/** Characters of the message that stay in the table, and with them the names of the attachments, for lists to show. */
export const command_head_max = 1_000

const Overflow = z.strictObject({ message: z.string(), attachments: z.array(Attachment) })

const slimmed = async (deps: FlowDeps, command: Command): Promise<Command> => {
  if (Buffer.byteLength(JSON.stringify(command)) <= command_bytes_max) return command
  const { message, attachments } = command.params
  const overflow = `commands/${command.workspace_id}/${command.command_key}/${command.task_id}.json`
  await deps.files.putText(overflow, JSON.stringify({ message, attachments }))
  return {
    ...command,
    overflow,
    params: { ...command.params, message: message.slice(0, command_head_max), attachments: attachments.map((attachment) => ({ ...attachment, content: '' })) },
  }
}

/** An input is written again when it is settled, and up to 50 in one commit: what is larger than this lies in the bucket. */
const input_bytes_max = 16_384

const slimmedInput = async (deps: FlowDeps, input: Input): Promise<Input> => {
  if (Buffer.byteLength(input.message) <= input_bytes_max) return input
  const overflow = `commands/${input.workspace_id}/inputs/${input.id}.json`
  await deps.files.putText(overflow, JSON.stringify(input.message))
  return { ...input, overflow, message: input.message.slice(0, command_head_max) }
}

const slimmedWrite = async (deps: FlowDeps, write: Write): Promise<Write> => {
  if (write.op !== 'put_if_absent') return write
  if (write.record.kind === 'command') return { ...write, record: await slimmed(deps, write.record) }
  return write.record.kind === 'input' ? { ...write, record: await slimmedInput(deps, write.record) } : write
}

/** Moves what is too large into the bucket before the commit. The file's name holds the id of the task or input, so a loser of a race overwrites nothing. */
export const withOverflow = async (deps: FlowDeps, writes: readonly Write[]): Promise<readonly Write[]> =>
  Promise.all(writes.map(async (write) => slimmedWrite(deps, write)))

/** The whole message of an input. */
export const wholeMessage = async (deps: FlowDeps, input: Input): Promise<string> => {
  if (input.overflow === undefined) return input.message
  const text = await deps.files.getText(input.overflow)
  if (text === undefined) throw new Error(`${input.overflow} of ${input.id} is missing`)
  return z.string().parse(JSON.parse(text))
}

/** The whole message and all attachments of a command. */
export const wholeInput = async (deps: FlowDeps, command: Command): Promise<z.infer<typeof Overflow>> => {
  if (command.overflow === undefined) return { message: command.params.message, attachments: command.params.attachments }
  const text = await deps.files.getText(command.overflow)
  if (text === undefined) throw new Error(`${command.overflow} of ${command.task_id} is missing`)
  return Overflow.parse(JSON.parse(text))
}
