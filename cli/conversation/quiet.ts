/** What a conversation does not say: whoever is talked to comes and goes, and only the time tells. */
import type { RunEventView } from '../../shared/contract/runs.ts'
import type { TaskEventBatch } from '../../shared/contract/task-logs.ts'
import { eventSays } from './event-says.ts'

export interface Quiet {
  /** An attempt of the task was seen to start. Its state is told until then. */
  readonly is_started: boolean
  /** Someone is there to be asked: a question is shown with all that it says, and not as an event. */
  readonly is_typed: boolean
}

const isHeard = ({ is_started, is_typed }: Quiet, { event_type, payload }: RunEventView): boolean => {
  switch (event_type) {
    case 'started':
      return !is_started
    case 'parked':
      return eventSays(payload).waits_for === 'question'
    case 'approval_requested':
      return !is_typed
    case 'input_dispatched':
    case 'steer_fallback_dispatched':
      return false
    case 'accepted':
    case 'input_steered':
    case 'interrupted':
    case 'approval_resolved':
    case 'cancel_requested':
    case 'retry_scheduled':
    case 'attempt_superseded':
    case 'orphan_recovered':
    case 'start_rejected_terminal_run':
    case 'finished':
      return true
  }
}

/** The batch without what is not said. */
export const quietBatch = (quiet: Quiet, batch: TaskEventBatch): TaskEventBatch => {
  const { task, ...kept } = batch
  const run_events = batch.run_events.filter((event) => isHeard(quiet, event))
  const tells_state = !quiet.is_started && task !== undefined && task.state !== 'waiting'
  return { ...kept, run_events, ...(tells_state ? { task } : {}) }
}
