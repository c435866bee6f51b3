import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decideInput } from './input.ts'
import { decideTake, decideTurnEnd, type Taken } from './turn.ts'
import { InputId } from '../ids.ts'
import { pending_inputs_max, queue_modes, type Input, type QueueMode } from '../input.ts'
import { pendingInputs, rejectedInputs, settledInputs } from '../inputs.ts'
import { attemptSample, heldSession, inSeconds, now_ms, runSample, session_id, stored, taskSample, test_usage } from '../samples.ts'
import type { Decision } from '../decision.ts'
import type { Refusal } from '../result.ts'
import type { Run } from '../run.ts'

const inputId = (n: number) => InputId.parse(`inp_${String(n).padStart(26, '0')}`)

/** What the table would hold: the run and its inputs, moved on by decisions. */
interface Held {
  readonly run: Run
  readonly inputs: readonly Input[]
}
const applied = <T>(held: Held, decision: Decision<T> | Refusal): { held: Held; value: T } => {
  if (!decision.ok) throw new Error(`${decision.code}: ${decision.detail}`)
  const changed = stored(decision, 'input')
  const run = stored(decision, 'run')[0] ?? held.run
  const inputs = held.inputs.map((input) => changed.find((one) => one.id === input.id) ?? input)
  const fresh = changed.filter((one) => !held.inputs.some((input) => input.id === one.id))
  return { held: { run, inputs: [...inputs, ...fresh] }, value: decision.value }
}
const sent = (held: Held, n: number, queue_mode: QueueMode): Held =>
  applied(held, decideInput(held.run, { id: inputId(n), message: `m${n}`, queue_mode, body_hash: 'h' }, now_ms)).held
const take = (held: Held, turn: number, open: boolean): { held: Held; value: Taken } =>
  applied(held, decideTake(held, { attempt_no: held.run.attempt.attempt_no, turn, open }, now_ms))
const turnEnd = (held: Held, turn: number): Held => applied(held, decideTurnEnd(stateOf(held), { attempt_no: held.run.attempt.attempt_no, turn }, now_ms)).held
const stateOf = (held: Held) => ({ ...held, session: heldSession() })
const dispositions = (held: Held) => held.inputs.map((input) => input.settled?.disposition)
const numbers = (ids: readonly string[]): readonly number[] => ids.map((id) => Number(id.slice(-4)))

const live: Held = { run: runSample('running'), inputs: [] }
const withModes = (...modes: readonly QueueMode[]): Held => modes.reduce((held, mode, at) => sent(held, at + 1, mode), live)
/** The attempt has died and the next one is live. */
const nextAttempt = (held: Held): Held => ({
  ...held,
  run: { ...held.run, attempt: attemptSample('running', { attempt_no: held.run.attempt.attempt_no + 1 }) },
})
const consumed = (turn: number, attempt_no = 1) => ({ kind: 'consumed', run_id: live.run.id, attempt_no, turn })

test.each([
  ['running', 'steer', 'queued'],
  ['running', 'followup', 'queued'],
  ['running', 'collect', 'queued'],
  ['running', 'interrupt', 'interrupted'],
  ['accepted', 'interrupt', 'queued'],
  ['accepted', 'followup', 'queued'],
] as const)('to a run that is %s, %s is %s', (status, queue_mode, outcome) => {
  const decision = decideInput(runSample(status), { id: inputId(1), message: 'hi', queue_mode, body_hash: 'h', idempotency_key: 'k' }, now_ms)
  expect(decision).toMatchObject({ ok: true, value: { seq: 1, outcome, queue_mode } })
  if (!decision.ok) return
  expect(stored(decision, 'input_name').map((name) => name.name)).toEqual([inputId(1), expect.stringMatching(/^[0-9a-f]{32}$/)])
  expect(stored(decision, 'run')).toMatchObject([{ status, version: 4, inputs: { last_seq: 1, pending: [{ id: inputId(1), seq: 1 }] } }])
})

test.each(['ok', 'error', 'timeout', 'cancelled'] as const)('a run that has ended as %s takes no input', (status) => {
  expect(decideInput(runSample(status), { id: inputId(1), message: 'hi', queue_mode: 'steer', body_hash: 'h' }, now_ms)).toMatchObject({
    code: 'illegal_state',
    errors: [{ value: status }],
  })
})

test('a run that is told to stop takes no input', () => {
  const run = runSample('running', attemptSample('stopping'))
  expect(decideInput(run, { id: inputId(1), message: 'hi', queue_mode: 'steer', body_hash: 'h' }, now_ms)).toMatchObject({ code: 'illegal_state' })
})

test('a run keeps so many inputs and refuses the next', () => {
  const full = withModes(...Array.from({ length: pending_inputs_max }, () => 'followup' as const))
  expect(decideInput(full.run, { id: inputId(99), message: 'hi', queue_mode: 'steer', body_hash: 'h' }, now_ms)).toMatchObject({ code: 'too_many_inputs' })
})

test('followups get one turn each, in order', () => {
  const first = take(withModes('followup', 'followup'), 1, false)
  expect(first.value).toEqual({ how: 'turn', turn: 1, ids: [inputId(1)] })
  const second = take(turnEnd(first.held, 1), 2, false)
  expect(second.value).toEqual({ how: 'turn', turn: 2, ids: [inputId(2)] })
  expect(dispositions(turnEnd(second.held, 2))).toEqual([consumed(1), consumed(2)])
})

test('what is collected makes one turn: the first is consumed, the others are merged into it', () => {
  const { held, value } = take(withModes('collect', 'collect', 'followup', 'collect'), 1, false)
  expect(numbers(value.ids)).toEqual([1, 2, 4])
  const merged = { kind: 'merged', into: inputId(1) }
  expect(dispositions(turnEnd(held, 1))).toEqual([consumed(1), merged, undefined, merged])
})

test('a steer goes into the turn that is going on, and nothing else does', () => {
  const { held, value } = take(withModes('followup', 'steer', 'collect', 'steer'), 1, true)
  expect(value).toEqual({ how: 'steer', turn: 1, ids: [inputId(2), inputId(4)] })
  expect(dispositions(turnEnd(held, 1))).toEqual([undefined, consumed(1), undefined, consumed(1)])
})

test.each([
  ['followup', 'input_dispatched'],
  ['collect', 'input_dispatched'],
  ['interrupt', 'input_dispatched'],
  ['steer', 'steer_fallback_dispatched'],
] as const)('with no turn going on, %s begins one: %s', (mode, event_type) => {
  const held = withModes(mode)
  const decision = decideTake(held, { attempt_no: 1, turn: 1, open: false }, now_ms)
  if (!decision.ok) throw new Error(decision.detail)
  expect(decision.value).toMatchObject({ how: 'turn', turn: 1 })
  expect(stored(decision, 'event')).toMatchObject([{ event_type, seq: 3, payload: { attempt_no: 1, turn: 1, input_ids: [inputId(1)] } }])
  expect(stored(decision, 'run')).toMatchObject([{ event_seq: 3 }])
})

test('an interrupt supersedes what waited before it, leaves what came after, and is the next turn', () => {
  const { held, value } = take(withModes('followup', 'interrupt', 'steer', 'interrupt', 'followup'), 1, true)
  expect(value).toEqual({ how: 'interrupt', turn: 2, ids: [inputId(4)] })
  const superseded = { kind: 'superseded', by: inputId(4) }
  expect(dispositions(held)).toEqual([superseded, superseded, superseded, undefined, undefined])
  const next = take(turnEnd(held, 1), 2, false)
  expect(next.value).toEqual({ how: 'turn', turn: 2, ids: [inputId(4)] })
  expect(dispositions(turnEnd(next.held, 2))).toEqual([superseded, superseded, superseded, consumed(2), undefined])
})

test('an interrupt does not supersede what the interrupted turn has taken', () => {
  const steered = take(withModes('steer'), 1, true).held
  const { held } = take(sent(steered, 2, 'interrupt'), 1, true)
  expect(dispositions(turnEnd(held, 1))).toEqual([consumed(1), undefined])
})

test('the end of an attempt gives back what it had taken, in order', () => {
  const taken = take(turnEnd(take(withModes('followup', 'followup', 'followup'), 1, false).held, 1), 2, false).held
  const { held, value } = take(nextAttempt(taken), 2, false)
  expect(value.ids).toEqual([inputId(2)])
  expect(dispositions(turnEnd(held, 2))).toEqual([consumed(1), consumed(2, 2), undefined])
})

test('what was taken but not consumed is not settled by the next attempt that did not take it', () => {
  const taken = take(withModes('followup'), 1, false).held
  expect(dispositions(turnEnd(nextAttempt(taken), 1))).toEqual([undefined])
})

test.each([
  [false, 'turn'],
  [true, 'interrupt'],
] as const)('asked again for the same turn (open %s), the answer is the same and nothing is written', (open, how) => {
  const first = take(withModes('followup', open ? 'interrupt' : 'followup'), 1, open)
  const again = decideTake(first.held, { attempt_no: 1, turn: 1, open }, now_ms)
  expect(again).toMatchObject({ ok: true, writes: [], value: { ...first.value, how } })
})

test('steers that were answered are answered again with those that came since', () => {
  const held = sent(take(withModes('steer'), 1, true).held, 2, 'steer')
  expect(numbers(take(held, 1, true).value.ids)).toEqual([1, 2])
})

test('nothing waits: nothing is written', () => {
  for (const held of [live, withModes('followup')])
    expect(decideTake(held, { attempt_no: 1, turn: 1, open: true }, now_ms)).toMatchObject({ writes: [], value: { how: 'nothing', ids: [] } })
})

test('a superseded attempt takes nothing and ends no turn, and a turn has its number', () => {
  const held = nextAttempt(withModes('followup'))
  const late = { attempt_no: 1, turn: 1, open: false }
  expect(decideTake(held, late, now_ms)).toMatchObject({ code: 'attempt_superseded' })
  expect(decideTurnEnd(stateOf(held), late, now_ms)).toMatchObject({ code: 'attempt_superseded' })
  expect(decideTurnEnd(stateOf(held), { attempt_no: 2, turn: 2 }, now_ms)).toMatchObject({ code: 'illegal_state' })
})

test('the end of a turn is told once; a repeat changes nothing', () => {
  const held = turnEnd(take(withModes('followup', 'followup'), 1, false).held, 1)
  expect(decideTurnEnd(stateOf(held), { attempt_no: 1, turn: 1 }, now_ms)).toMatchObject({ writes: [], value: { pending_count: 1 } })
})

test('a run without inputs counts its turns too', () => {
  expect(turnEnd(turnEnd(live, 1), 2).run).toMatchObject({ inputs: { last_seq: 0, turns: 2, pending: [] } })
})

test('a turn that ends makes what it saved current, keeps the usage so far, and begins the count of tries anew', () => {
  const state = stateOf(withModes('followup'))
  const request = { attempt_no: 1, turn: 1, saved: { transcript_bytes: 7 }, usage: test_usage }
  const decision = decideTurnEnd(state, request, now_ms)
  if (!decision.ok) throw new Error(decision.detail)
  expect(stored(decision, 'session')).toMatchObject([{ id: session_id, checkpoint: { transcript: { fencing_token: 1, turn: 1, bytes: 7 } } }])
  expect(stored(decision, 'run')).toMatchObject([{ tries_from: 1, live_usage: { input_tokens: 10 } }])
  expect(stored(decision, 'run')[0]?.waiting_since).toBeUndefined()
})

test('an attempt that does not hold its session ends no turn', () => {
  const session = heldSession({ owner: undefined })
  expect(decideTurnEnd({ ...live, session }, { attempt_no: 1, turn: 1 }, now_ms)).toMatchObject({ code: 'attempt_superseded' })
})

const waits = { attempt_no: 1, turn: 1, waits: true }
const waiting = () => applied(live, decideTurnEnd({ ...stateOf(live), task: taskSample('running') }, waits, now_ms)).held

test('an attempt that waits for an input has its run and task say so, and the input is direct', () => {
  const decision = decideTurnEnd({ ...stateOf(live), task: taskSample('running') }, waits, now_ms)
  if (!decision.ok) throw new Error(decision.detail)
  expect(stored(decision, 'run')).toMatchObject([{ status: 'running', waiting_since: inSeconds(0) }])
  expect(stored(decision, 'task')).toMatchObject([{ state: 'waiting' }])
  const request = { message: 'hi', queue_mode: 'followup', body_hash: 'h' } as const
  const direct = applied(waiting(), decideInput(waiting().run, { id: inputId(1), ...request }, now_ms))
  expect(direct.value).toMatchObject({ outcome: 'direct' })
  expect(decideInput(direct.held.run, { id: inputId(2), ...request }, now_ms)).toMatchObject({ value: { outcome: 'queued' } })
})

test('an attempt does not wait where an input came meanwhile, and may say later that it does', () => {
  const held = withModes('followup')
  const ended = decideTurnEnd({ ...stateOf(held), task: taskSample('running') }, waits, now_ms)
  expect(ended).toMatchObject({ ok: true, value: { pending_count: 1 } })
  if (!ended.ok) return
  expect(stored(ended, 'task')).toEqual([])
  expect(stored(ended, 'run')[0]?.waiting_since).toBeUndefined()
  const later = decideTurnEnd({ ...stateOf(turnEnd(live, 1)), task: taskSample('running') }, waits, now_ms)
  expect(later.ok && stored(later, 'task')).toMatchObject([{ state: 'waiting' }])
})

test('what a waiting run takes brings it and its task back to work', () => {
  const held = sent(waiting(), 1, 'followup')
  const taken = decideTake({ ...held, task: taskSample('waiting', { archived_at: inSeconds(0) }) }, { attempt_no: 1, turn: 2, open: false }, now_ms)
  if (!taken.ok) throw new Error(taken.detail)
  expect(stored(taken, 'run')[0]?.waiting_since).toBeUndefined()
  expect(stored(taken, 'task')).toMatchObject([{ state: 'running' }])
  expect(stored(taken, 'task')[0]).not.toHaveProperty('archived_at')
})

test('a cancelled run rejects all that is pending, taken or not', () => {
  const held = take(withModes('followup', 'steer'), 1, false).held
  const { run, writes } = rejectedInputs(held.run, held.inputs, 'run_cancelled', now_ms)
  expect(pendingInputs(run)).toEqual([])
  expect(stored({ writes }, 'input').map((input) => input.settled?.disposition)).toEqual(
    Array.from({ length: 2 }, () => ({ kind: 'rejected', reason: 'run_cancelled' })),
  )
})

test('an input is never settled twice', () => {
  const held = turnEnd(take(withModes('followup'), 1, false).held, 1)
  const before = withModes('followup').run
  const again = { id: inputId(1), disposition: { kind: 'rejected', reason: 'run_failed' } } as const
  expect(() => settledInputs(before, held.inputs, [again], now_ms)).toThrow('pending in its run, but not in its record')
  expect(() => settledInputs(before, [], [again], now_ms)).toThrow('pending in its run')
})

const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('send' as const), mode: fc.constantFrom(...queue_modes) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('take' as const), open: fc.boolean() }) },
  { weight: 2, arbitrary: fc.constant({ do: 'turn_end' as const }) },
  { weight: 1, arbitrary: fc.constant({ do: 'die' as const }) },
)
const walked = (held: Held, one: typeof step extends fc.Arbitrary<infer S> ? S : never): Held => {
  const turn = (held.run.inputs?.turns ?? 0) + 1
  switch (one.do) {
    case 'send':
      return pendingInputs(held.run).length < pending_inputs_max ? sent(held, held.inputs.length + 1, one.mode) : held
    case 'take':
      return take(held, turn, one.open).held
    case 'turn_end':
      return turnEnd(held, turn)
    case 'die':
      return nextAttempt(held)
  }
}
const drained = (held: Held): Held => {
  const turn = (held.run.inputs?.turns ?? 0) + 1
  return pendingInputs(held.run).length === 0 ? held : drained(turnEnd(take(held, turn, false).held, turn))
}

test('however sends, takes, turns and deaths come, each input ends once, and the consumed ones of a mode in order', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const { inputs } = drained(steps.reduce(walked, live))
      expect(inputs.map((input) => input.seq)).toEqual(inputs.map((_, at) => at + 1))
      for (const input of inputs) expect(input.settled).toBeDefined()
      for (const mode of queue_modes) {
        const turns = inputs.flatMap(({ queue_mode, settled }) =>
          queue_mode === mode && settled?.disposition.kind === 'consumed' ? [settled.disposition.turn] : [],
        )
        expect(turns).toEqual(turns.toSorted((a, b) => a - b))
      }
    }),
    { numRuns: 1000 },
  )
})
