import type { InputView } from '../contract/inputs.ts'
import type { Input } from '../domain/input.ts'
import { shownText } from './text.ts'

/** An input as a client sees it. @param max characters of its message */
export const inputView = (input: Input, max: number): InputView => {
  const { text, cut } = shownText(input.message, max)
  return {
    id: input.id,
    workspace_id: input.workspace_id,
    task_id: input.task_id,
    run_id: input.run_id,
    seq: input.seq,
    queue_mode: input.queue_mode,
    message: text,
    truncated: cut || input.overflow !== undefined,
    outcome: input.outcome,
    ...(input.settled === undefined ? {} : { disposition: input.settled.disposition, settled_at: input.settled.at }),
    created_at: input.created_at,
  }
}
