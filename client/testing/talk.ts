/** A conversation with the fake API: what its script goes on with when something is said to it. */
import type { InputView } from '../../shared/contract/inputs.ts'
import type { TaskEventBatch } from '../../shared/contract/task-logs.ts'
import { sample_ids, sample_start_ms, sampleBatch, sampleEvent, sampleLog, sampleRun, sampleTask } from './samples.ts'

type Script = readonly TaskEventBatch[]
const { run: run_id } = sample_ids
const now = new Date(sample_start_ms).toISOString()
const state = (said: 'working' | 'waiting_for_input' | 'closed'): TaskEventBatch['interaction'] => ({
  run_id,
  state: said,
  pending_inputs: [],
  pending_count: 0,
  updated_at: now,
})

const task = (said: 'running' | 'waiting') => sampleTask({ state: said, target_run_id: run_id })
const working = sampleBatch({ run_id, run: sampleRun({ interactive: true }), task: task('running'), interaction: state('working') })
const waiting = sampleBatch({ ...working, task: task('waiting'), interaction: state('waiting_for_input') })

/** Only scripts of conversations go on. */
const isTalk = (script: Script): boolean => script.some((batch) => batch.run?.interactive === true)
const goOn = (script: Script, more: Script): Script => (isTalk(script) ? [...script, ...more] : script)

/** A first turn, and then it waits. */
export const talkScript = (queued: TaskEventBatch, running: TaskEventBatch): Script => [
  queued,
  sampleBatch({ ...running, run: sampleRun({ interactive: true }), interaction: state('working') }),
  { ...waiting, logs: [sampleLog(2, 'text', 'What else?')] },
]

/** Each input is answered with an echo; `sentinel:asks` makes the agent ask first, and `sentinel:parks` parks the run before and after. */
export const afterInput = (script: Script, { id, message }: InputView): Script => {
  const seq = script.length
  const taken = { ...working, run_events: [sampleEvent(seq, 'input_dispatched', 1_000 * seq, { attempt_no: 1, turn: seq, input_ids: [id] })] }
  const answered = { ...waiting, logs: [sampleLog(10 * seq, 'text', `You said ${message}`)] }
  if (message === 'sentinel:asks') {
    const asked = sampleEvent(seq + 1, 'approval_requested', 1_100 * seq, { approval_id: sample_ids.approval, tool: 'Bash' })
    return goOn(script, [taken, { ...working, run_events: [asked] }])
  }
  if (message !== 'sentinel:parks') return goOn(script, [taken, answered])
  const parked = { ...waiting, run_events: [sampleEvent(seq, 'parked', 1_000 * seq, { waits_for: 'input' })] }
  const queued = sampleBatch({ ...working, task: sampleTask({ state: 'queued', target_run_id: run_id }) })
  const started = { ...taken, run_events: [sampleEvent(seq + 1, 'started', 1_010 * seq, { attempt_no: 2 }), ...taken.run_events] }
  return goOn(script, [queued, started, answered, parked])
}

export const afterAnswer = (script: Script, is_approved: boolean): Script => {
  const seq = script.length
  const resolved = sampleEvent(seq, 'approval_resolved', 1_200 * seq, { approval_id: sample_ids.approval, action: is_approved ? 'approve' : 'reject' })
  const text = is_approved ? 'Then I do it.' : 'Then I do not.'
  return goOn(script, [
    { ...working, run_events: [resolved] },
    { ...waiting, logs: [sampleLog(10 * seq, 'text', text)] },
  ])
}

export const afterCancel = (script: Script): Script =>
  goOn(script, [
    sampleBatch({
      ...working,
      task: sampleTask({ state: 'cancelled', target_run_id: run_id, finished_at: now }),
      run: sampleRun({ status: 'cancelled', ended_at: now }),
      interaction: state('closed'),
    }),
  ])
