import { expect, test } from 'vitest'
import type { TaskEventBatch } from '../../shared/contract/task-logs.ts'
import { sampleBatch, sampleLog, sampleRun, sampleTask } from '../../client/testing/samples.ts'
import { scripts } from '../../client/testing/scripts.ts'
import { showBatch, showEnd, type FollowView } from './follow.ts'
import { plain } from './style.ts'

const options = { style: plain, with_prompt: false, name: 'npx lanekeeper' } as const

/** All that a terminal shows of these batches. */
const shown = (batches: readonly TaskEventBatch[], with_prompt = false): string => {
  let view: FollowView = {}
  let text = ''
  for (const batch of batches) {
    const next = showBatch({ ...options, with_prompt }, view, batch)
    view = next.view
    text += next.text
  }
  const last = batches.at(-1)
  return last?.task === undefined ? text : text + showEnd(options, view, last.task, last.run)
}
const script = (name: string): readonly TaskEventBatch[] => scripts[name] ?? []

test('a run from line to result', () => {
  expect(shown(script('done'))).toBe(
    `○ queued
● running
! No model key is set: a scripted model answers.
→ Write note.txt
  ↳ File created
I wrote note.txt.
✓ done in 3.1s · 1,500 in (300 from cache) + 56 out tokens · model $0.0042 · compute 3.1s
  session garden · task_01KAN8QZ000000000000000003
`,
  )
})

test('the prompt is shown to those who did not type it', () => {
  expect(shown(script('done'), true)).toMatch(/^○ queued\n› Write a note\n/)
})

test.each([
  ['sentinel:error', '✗ error after 3.1s: agent_failed: The program ended with exit code 3'],
  ['sentinel:timeout', '✗ timeout after 3.1s: attempt_timeout: It ran longer than 600 s'],
  ['sentinel:cancelled', '■ cancelled after 3.1s'],
  ['sentinel:dropped', '✗ dropped after 5.0s: queue_timeout'],
])('the end of %s', (name, line) => expect(shown(script(name))).toContain(line))

test('what failed can be retried, and says how', () => {
  expect(shown(script('sentinel:error'))).toContain('retry it: npx lanekeeper tasks retry task_')
  expect(shown(script('done'))).not.toContain('retry it')
})

test('a lost attempt and its retry are told', () => {
  expect(shown(script('sentinel:retry'))).toContain(
    '↻ the sandbox was lost\n↻ the attempt failed; it is retried in 1.0s\n● running (attempt 2)\nsecond time lucky\n✓ done',
  )
})

test('a result that was not said before is shown, one that was is not repeated', () => {
  const done = sampleTask({ state: 'done', finished_at: '2026-11-22T09:00:01.000Z' })
  const run = sampleRun({ status: 'ok', result: '42' })
  expect(shown([sampleBatch({ task: done, run, logs: [sampleLog(1, 'output', 'thinking\n', 'stdout')] })])).toContain('thinking\n42\n✓')
  expect(shown([sampleBatch({ task: done, run, logs: [sampleLog(1, 'output', 'thinking\n42\n', 'stdout')] })])).toContain('thinking\n42\n✓')
})

test('a task that was admitted and has not started says what it waits for', () => {
  const admitted = sampleBatch({ task: sampleTask({ state: 'running' }), run: sampleRun({ status: 'accepted', started_at: undefined }) })
  expect(showBatch(options, { state: 'queued' }, admitted).text).toBe('○ starting a sandbox\n')
})

test('events and logs of one batch come in the order of their times', () => {
  const [first, second] = script('done').slice(1)
  const merged = sampleBatch({ ...first, logs: [...(second?.logs ?? []), ...(first?.logs ?? [])] })
  expect(showBatch(options, {}, merged).text).toMatch(/^● running\n! No model.*\n→ Write.*\n {2}↳ .*\nI wrote/)
})
