import type { LogView } from '../contract/task-logs.ts'
import type { LogEntry } from '../domain/event.ts'
import type { Run } from '../domain/run.ts'
import { millis } from '../domain/time.ts'
import { shownText } from './text.ts'

const prompt_max = 65_536

/** The prompt that a run began with, as its first log entry. No attempt wrote it, so its `seq` is 0. */
export const promptView = (run: Run, message: string): LogView => ({
  task_id: run.task_id,
  run_id: run.id,
  attempt_no: 1,
  seq: 0,
  timestamp: millis(run.created_at),
  stream: 'system',
  chunk_type: 'prompt',
  data: shownText(message, prompt_max).text,
})

/** A log entry as it was stored: the runner redacted it before. */
export const logView = (run: Pick<Run, 'id' | 'task_id'>, attempt_no: number, entry: LogEntry): LogView => ({
  task_id: run.task_id,
  run_id: run.id,
  attempt_no,
  ...entry,
})
