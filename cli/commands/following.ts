/** Following a task on the terminal until it ends, or until Ctrl-C. */
import type { RunView } from '../../shared/contract/runs.ts'
import type { TaskView } from '../../shared/contract/tasks.ts'
import type { TaskState } from '../../shared/domain/task.ts'
import type { Place } from '../../client/follow.ts'
import type { Context } from '../context.ts'
import { exit_codes, type ExitCode } from '../io.ts'
import { collect } from '../lookup.ts'
import { showBatch, showEnd, type FollowView } from '../render/follow.ts'
import { inputLines } from '../render/inputs.ts'

const codes: Partial<Record<TaskState, ExitCode>> = { done: exit_codes.done, cancelled: exit_codes.cancelled, dropped: exit_codes.cancelled }

/** How a command that waited for a task ends. */
export const exitCodeOf = (state: TaskState): ExitCode => codes[state] ?? exit_codes.failed

/** How to come back to a task that goes on. */
export const comeBack = (context: Context, task_id: string): string =>
  context.style.dim(`  see it: ${context.name} logs ${task_id} --follow\n  end it: ${context.name} tasks cancel ${task_id}\n`)

/** What became of the inputs of a run, a line for each. */
export const inputsOf = async (context: Context, run_id: string | undefined): Promise<string> => {
  if (run_id === undefined) return ''
  const { items } = await collect((query) => context.client.runs.inputs(run_id, query), inputs_shown_max)
  return inputLines(context.style, items)
}
const inputs_shown_max = 200
export interface Following {
  /** The prompt is shown: not to the one who has just typed it. */
  readonly with_prompt: boolean
  /** Only what follows this. */
  readonly after?: Place | undefined
}

interface Followed {
  readonly view: FollowView
  readonly task: TaskView | undefined
  readonly run: RunView | undefined
}

const printBatches = async (context: Context, task_id: string, { with_prompt, after }: Following, signal: AbortSignal): Promise<Followed> => {
  const { io, style, is_json } = context
  let followed: Followed = { view: {}, task: undefined, run: undefined }
  for await (const batch of context.client.streamTaskEvents(task_id, { signal, after })) {
    const { view, text } = showBatch({ style, columns: io.columns, with_prompt, name: context.name }, followed.view, batch)
    io.out(is_json ? `${JSON.stringify(batch)}\n` : text)
    followed = { view, task: batch.task ?? followed.task, run: batch.run ?? followed.run }
  }
  return followed
}

/** Prints what happens to a task. @returns its end as an exit code, or `detached` after Ctrl-C, which leaves the task alone */
export const followOnTerminal = async (context: Context, task_id: string, following: Following): Promise<ExitCode> => {
  const { io, style, is_json } = context
  const controller = new AbortController()
  const stopListening = io.onInterrupt(() => controller.abort())
  try {
    const { view, task, run } = await printBatches(context, task_id, following, controller.signal)
    if (task === undefined) return exit_codes.failed
    if (!is_json)
      io.out(
        showEnd({ style, columns: io.columns, with_prompt: following.with_prompt, name: context.name }, view, task, run) + (await inputsOf(context, run?.id)),
      )
    return exitCodeOf(task.state)
  } catch (error) {
    if (!controller.signal.aborted) throw error
    io.err(`\nDetached. ${task_id} goes on.\n${comeBack(context, task_id)}`)
    return exit_codes.detached
  } finally {
    stopListening()
  }
}
