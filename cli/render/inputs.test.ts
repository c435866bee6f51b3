import { expect, test } from 'vitest'
import { sampleInput, sample_ids } from '../../client/testing/samples.ts'
import { inputLines } from './inputs.ts'
import { plain } from './style.ts'

test.each([
  [{}, '» followup And now water it · pending (queued)\n'],
  [{ disposition: { kind: 'consumed', run_id: sample_ids.run, attempt_no: 1, turn: 2 } }, '» followup And now water it · consumed in turn 2 of attempt 1\n'],
  [{ queue_mode: 'collect', disposition: { kind: 'merged', into: sample_ids.input } }, `» collect And now water it · merged into ${sample_ids.input}\n`],
  [{ disposition: { kind: 'superseded', by: sample_ids.input } }, `» followup And now water it · superseded by ${sample_ids.input}\n`],
  [{ message: 'a\u001b[31m\nb', disposition: { kind: 'rejected', reason: 'run_failed' } }, expect.stringMatching(/^» followup a.*b · rejected: run_failed\n$/)],
])('%o', (change, line) => {
  expect(inputLines(plain, [sampleInput(change)])).toEqual(line)
})
