import { expect, test } from 'vitest'
import { decideCancel, decideDrop } from './cancel.ts'
import { decideFinish } from './finish.ts'
import { decideInput } from './input.ts'
import { pendingInputs, waitingInputs } from '../inputs.ts'
import { InputId } from '../ids.ts'
import { attemptSample, boom, commandSample, heldSession, instanceSample, now_ms, placeSample, runSample, stored, taskSample } from '../samples.ts'
import type { Input } from '../input.ts'
import type { Run } from '../run.ts'
import type { Write } from '../../store/store.ts'

/** The run with one input that its attempt has taken. */
const withTaken = (run: Run): { run: Run; inputs: readonly Input[] } => {
  const decision = decideInput(
    runSample('running'),
    { id: InputId.parse(`inp_${'1'.repeat(26)}`), message: 'hi', queue_mode: 'followup', body_hash: 'h' },
    now_ms,
  )
  const inputs = stored({ writes: decision.ok ? decision.writes : [] }, 'input')
  const pending = inputs.map(({ id, seq, queue_mode }) => ({ id, seq, queue_mode, taken: { attempt_no: 1, turn: 1 } }))
  return { run: { ...run, inputs: { last_seq: 1, turns: 0, pending } }, inputs }
}
const endsOf = (decision: { readonly writes: readonly Write[] }) => stored(decision, 'input').map((input) => input.settled?.disposition)
const listOf = (decision: { readonly writes: readonly Write[] }) => stored(decision, 'run').map(pendingInputs)
const rejected = (reason: 'run_cancelled' | 'run_failed') => [{ kind: 'rejected', reason }]

const live = withTaken(runSample('running'))
const ending = { task: taskSample('running'), command: commandSample(), instance: instanceSample(), session: heldSession() }

test('a retry keeps what is pending, and what the dead attempt had taken waits for the next', () => {
  const decision = decideFinish({ ...ending, ...live }, { attempt_no: 1, outcome: 'error', error: boom }, now_ms)
  expect(endsOf(decision)).toEqual([])
  const [run] = stored(decision, 'run')
  expect(run).toMatchObject({ status: 'accepted', inputs: live.run.inputs })
  if (run === undefined) return
  expect(waitingInputs({ ...run, attempt: attemptSample('running', { attempt_no: 2 }) })).toHaveLength(1)
})

test('a run that ends as cancelled rejects its inputs in the same commit', () => {
  const run: Run = { ...live.run, attempt: attemptSample('stopping') }
  const decision = decideFinish({ ...ending, run, inputs: live.inputs }, { attempt_no: 1, outcome: 'ok' }, now_ms)
  expect(endsOf(decision)).toEqual(rejected('run_cancelled'))
  expect(listOf(decision)).toEqual([[]])
})

test('an ending that was not given the inputs of its run does not end it', () => {
  const run: Run = { ...live.run, attempt: attemptSample('stopping') }
  expect(() => decideFinish({ ...ending, run }, { attempt_no: 1, outcome: 'ok' }, now_ms)).toThrow('pending in its run, but not in its record')
})

const idle = withTaken(runSample('accepted', attemptSample('error')))

test.each(['queued', 'sleeping'] as const)('cancelling a %s task between two attempts rejects the inputs of its run', (state) => {
  const decision = decideCancel({ task: taskSample(state), place: undefined, ...idle }, now_ms)
  expect(endsOf(decision)).toEqual(rejected('run_cancelled'))
  expect(listOf(decision)).toEqual([[]])
})

test('dropping a task between two attempts rejects the inputs of its run', () => {
  const decision = decideDrop({ task: taskSample('queued'), place: placeSample(), ...idle }, 'queue_timeout', now_ms)
  expect(endsOf(decision)).toEqual(rejected('run_failed'))
  expect(listOf(decision)).toEqual([[]])
})
