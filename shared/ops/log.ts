/**
 * Operators' words: every log line is a registered code and a sentence. The code is stable and is what alarms and queries
 * name; the sentence may improve. Fields hold ids and counts, never bodies, headers or secrets.
 */
export const log_events = {
  message_failed: 'A queue message could not be handled; it comes back, and ends in the dead-letter queue if it keeps failing.',
  attempt_event_applied: 'An attempt event changed its run.',
  attempt_event_ignored: 'An attempt event was late, doubled or about nobody, and changed nothing.',
  look_failed: 'Looking at a due record failed; it is due again at the next sweep.',
  swept: 'The sweep has looked at what was due.',
  signal_failed: 'A signal could not be sent after its commit; the due time covers for it.',
  stop_failed: 'Compute did not take the order to stop a sandbox; it is asked again.',
  launch_failed: 'Compute did not answer a launch; it is tried again.',
  file_left: 'A saved file that a later one has replaced could not be removed; nobody reads it, and it stays.',
  finish_deferred: 'The end of an attempt could not be applied when its runner reported it; it comes again through the queue.',
  credentials_failed: 'No fresh model credentials could be had for an attempt that runs; its next heartbeat asks again.',
  alarm_failed: 'The entries of a schedule in EventBridge Scheduler could not be set; they are set again, and the sweep fires what is due.',
  schedule_fired: 'An alarm of a schedule was answered; what was due has its rows in the ledger.',
  class_health_changed: 'The end of an attempt changed the health of its execution class.',
  instance_changed: 'An operator changed the limit or the health of an execution class; `key_id` says whose key it was.',
  ceiling_set: 'An operator set or took back the ceiling of a workspace.',
  workspace_killed: 'A workspace was killed: it takes and starts no work, and what was live is stopped.',
  workspace_resumed: 'A workspace that was killed takes and starts work again.',
  doorbell_answered: 'A runner asked to be rung; `status` says whether it is.',
  doorbell_failed: 'A runner could not be rung; it looks by itself with its next heartbeat.',
  request_handled: 'A request was answered.',
  request_unavailable: 'A part of the plane did not answer a request; the client got 503.',
  request_failed: 'A request met a bug; the client got 500.',
} as const
export type LogEvent = keyof typeof log_events

export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>

export interface Log {
  info(code: LogEvent, fields?: LogFields): void
  warn(code: LogEvent, fields?: LogFields, cause?: unknown): void
  error(code: LogEvent, fields?: LogFields, cause?: unknown): void
}
