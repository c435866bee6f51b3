import { Data } from '../contract/common.ts'
import type { RunEventView, SnapshotView } from '../contract/runs.ts'
import { event_kinds, type RunEvent } from '../domain/event.ts'
import { redactDeep, redactText } from '../domain/redact.ts'
import type { Run } from '../domain/run.ts'
import { millis } from '../domain/time.ts'

/** Event 1 of every run. It has no record: the run's own creation is that event. */
export const acceptedEvent = (run: Run): RunEventView => ({
  run_id: run.id,
  seq: 1,
  event_type: 'accepted',
  kind: event_kinds.accepted,
  ts: millis(run.created_at),
  payload: { task_id: run.task_id, session_id: run.session_id, ...(run.previous_run_id === undefined ? {} : { previous_run_id: run.previous_run_id }) },
})

export const eventView = (event: RunEvent): RunEventView => ({
  run_id: event.run_id,
  seq: event.seq,
  event_type: event.event_type,
  kind: event_kinds[event.event_type],
  ts: event.ts,
  payload: Data.parse(redactDeep(event.payload)),
})

/** The snapshot that comes with event 1. */
export const acceptedSnapshot = (run: Run): SnapshotView => ({ run_id: run.id, seq: 1, status: 'accepted', ts: millis(run.created_at), payload: {} })

/** The snapshot of an event that changed the run's status; undefined of one that did not. */
export const snapshotView = ({ snapshot, ...event }: RunEvent): SnapshotView | undefined => {
  if (snapshot === undefined) return undefined
  const { error, ...rest } = snapshot
  return {
    ...rest,
    ...(error === undefined ? {} : { error: { ...error, message: redactText(error.message) } }),
    run_id: event.run_id,
    seq: event.seq,
    ts: event.ts,
    payload: Data.parse(redactDeep(event.payload)),
  }
}
