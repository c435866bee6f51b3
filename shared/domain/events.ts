/** Making run events. Event 1, `accepted`, is the creation of the run itself and has no record (domain/run.ts). */
import { millis } from './time.ts'
import type { RunEvent, RunEventType } from './event.ts'
import type { Run } from './run.ts'

type Payload = RunEvent['payload']

/**
 * The next event of a run. @param after the run as it is once the event is true, with `event_seq` already the event's own
 * @param status_changed whether the event carries a snapshot
 */
export const runEvent = (after: Run, event_type: RunEventType, now_ms: number, payload: Payload, status_changed: boolean): RunEvent => ({
  kind: 'event',
  workspace_id: after.workspace_id,
  run_id: after.id,
  seq: after.event_seq,
  event_type,
  ts: now_ms,
  payload,
  ...(status_changed ? { snapshot: snapshotOf(after) } : {}),
  version: 1,
})

const snapshotOf = (run: Run): NonNullable<RunEvent['snapshot']> => ({
  status: run.status,
  ...(run.started_at === undefined ? {} : { started_at_ms: millis(run.started_at) }),
  ...('ended_at' in run ? { ended_at_ms: millis(run.ended_at) } : {}),
  ...('error' in run && run.error !== undefined ? { error: run.error } : {}),
})
