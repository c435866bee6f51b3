/** What becomes of a task of the fake API, as the batches that a follower gets. The message names the script. */
import type { TaskEventBatch } from '../../shared/contract/task-logs.ts'
import { talkScript } from './talk.ts'
import { no_usage } from '../../shared/domain/usage.ts'
import { sample_ids, sample_start_ms, sampleBatch, sampleEvent, sampleLog, sampleRun, sampleTask } from './samples.ts'

const at = (after_ms: number) => new Date(sample_start_ms + after_ms).toISOString()
const usage = { ...no_usage, input_tokens: 1_200, output_tokens: 56, cache_read_tokens: 300, model_usd: 0.004_2, compute_seconds: 3.1 }

const queued = sampleBatch({ task: sampleTask(), logs: [{ ...sampleLog(1, 'prompt', 'Write a note'), seq: 0 }] })
const running = sampleBatch({
  run_id: sample_ids.run,
  task: sampleTask({ state: 'running', dispatched_at: at(20), target_run_id: sample_ids.run }),
  run: sampleRun(),
  run_events: [sampleEvent(1, 'accepted', 20), sampleEvent(2, 'started', 30, { attempt_no: 1 })],
  logs: [sampleLog(1, 'notice', 'No model key is set: a scripted model answers.', 'system')],
})
const working = sampleBatch({
  ...running,
  run_events: [],
  logs: [
    sampleLog(2, 'tool_call', JSON.stringify({ id: 'toolu_1', tool: 'Write', input: { file_path: 'note.txt', content: 'hello' } })),
    sampleLog(3, 'tool_result', JSON.stringify({ id: 'toolu_1', content: 'File created', is_error: false })),
    sampleLog(4, 'text', 'I wrote note.txt.'),
  ],
})

const ending = (state: 'done' | 'error' | 'cancelled', run: Parameters<typeof sampleRun>[0], logs: TaskEventBatch['logs'] = []): TaskEventBatch =>
  sampleBatch({
    run_id: sample_ids.run,
    task: sampleTask({ state, dispatched_at: at(20), finished_at: at(3_150), target_run_id: sample_ids.run, usage }),
    run: sampleRun({ ended_at: at(3_150), usage, ...run }),
    run_events: [sampleEvent(3, 'finished', 3_150)],
    logs,
  })

const failure = (code: string, message: string) => ({ code, message, retryable: false })

/** By what the message holds; any other message is `done`. */
export const scripts: Readonly<Record<string, readonly TaskEventBatch[]>> = {
  done: [queued, running, working, ending('done', { status: 'ok', result: 'I wrote note.txt.' }, [sampleLog(5, 'result', 'I wrote note.txt.')])],
  'sentinel:error': [queued, running, ending('error', { status: 'error', error: failure('agent_failed', 'The program ended with exit code 3') })],
  'sentinel:timeout': [queued, running, ending('error', { status: 'timeout', error: failure('attempt_timeout', 'It ran longer than 600 s') })],
  'sentinel:cancelled': [queued, running, ending('cancelled', { status: 'cancelled' })],
  'sentinel:dropped': [queued, sampleBatch({ task: sampleTask({ state: 'dropped', dropped_reason: 'queue_timeout', finished_at: at(5_000) }) })],
  'sentinel:retry': [
    queued,
    running,
    sampleBatch({
      ...running,
      run: sampleRun({ attempt_no: 2, status: 'accepted' }),
      logs: [],
      run_events: [sampleEvent(3, 'orphan_recovered', 900), sampleEvent(4, 'retry_scheduled', 910, { attempt_no: 2, delay_ms: 1_000 })],
    }),
    sampleBatch({ ...running, run: sampleRun({ attempt_no: 2 }), logs: [], run_events: [sampleEvent(5, 'started', 2_000, { attempt_no: 2 })] }),
    ending('done', { status: 'ok', attempt_no: 2, result: 'second time lucky' }),
  ],
  /** Waits for an input; what is said to it then is played as well (talk.ts). */
  'sentinel:talk': talkScript(queued, running),
  /** Runs for ever: for Ctrl-C. */
  'sentinel:endless': [queued, running],
}

export const scriptOf = (message: string): readonly TaskEventBatch[] =>
  Object.entries(scripts).find(([name]) => name.startsWith('sentinel:') && message.includes(name))?.[1] ?? scripts['done'] ?? []
