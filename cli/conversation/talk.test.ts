import fc from 'fast-check'
import { expect, test } from 'vitest'
import { sample_ids, sampleApproval, sampleBatch, sampleEvent, sampleTask } from '../../client/testing/samples.ts'
import type { TaskEventBatch } from '../../shared/contract/task-logs.ts'
import { beginTalk, hear, isIdle, stop_message, type Deed, type Heard, type Talk } from './talk.ts'

const { run: run_id } = sample_ids
const interaction = (state: 'working' | 'waiting_for_input' | 'closed', pending_count = 0) => ({
  run_id,
  state,
  pending_inputs: [],
  pending_count,
  updated_at: '2026-11-22T09:00:00.000Z',
})
const batch = (change: Partial<TaskEventBatch>): Heard => ({ what: 'batch', batch: sampleBatch(change) })
const works = batch({ run_id, interaction: interaction('working') })
const waits = batch({ run_id, interaction: interaction('waiting_for_input') })
const ended = (state: 'done' | 'error' | 'cancelled' | 'dropped') => batch({ run_id, task: sampleTask({ state }), interaction: interaction('closed') })
/** The turn that took these is over. */
const answers = (...input_ids: string[]) =>
  batch({ run_id, interaction: interaction('waiting_for_input'), run_events: [sampleEvent(9, 'input_dispatched', 0, { turn: 2, input_ids })] })
const line = (text: string): Heard => ({ what: 'line', line: text })
const sent = (input_id: string): Heard => ({ what: 'sent', input_id })
const eof: Heard = { what: 'end_of_lines' }
const over: Heard = { what: 'stream_over' }
const ctrl_c: Heard = { what: 'interrupt' }
const question = (id: string = sample_ids.approval, state = 'open'): Heard => ({ what: 'question', approval: sampleApproval({ id, state }) })

/** The talk after all of it, and what came of the last. */
const after = (begin: Talk, ...news: readonly Heard[]): { readonly talk: Talk; readonly deeds: readonly Deed[] } =>
  news.reduce<{ talk: Talk; deeds: readonly Deed[] }>((step, one) => hear(step.talk, one), { talk: begin, deeds: [] })
const does = (...given: Parameters<typeof after>) => after(...given).deeds.map(({ does: deed }) => deed)
const typed = beginTalk({ is_typed: true, run_id })
const piped = beginTalk({ is_typed: false, run_id })

test('typed lines are read at once, those of a pipe when the agent has answered', () => {
  expect(does(typed, works)).toEqual(['read'])
  expect(does(piped, works)).toEqual([])
  expect(does(piped, works, waits)).toEqual(['read'])
  expect(does(piped, works, waits, waits)).toEqual([])
  expect(does(piped, waits, line('one'))).toEqual(['send'])
  expect(does(piped, waits, line('one'), sent('a'))).toEqual([])
  expect(does(piped, waits, line('one'), sent('a'), answers('a'))).toEqual(['read'])
  expect(does(piped, waits, line('  '))).toEqual(['read'])
})

test('a batch that is older than what was sent does not say that it was answered', () => {
  const stale = after(piped, waits, line('one'), sent('a'), waits)
  expect(stale.deeds).toEqual([{ does: 'look', input_ids: ['a'] }])
  expect(isIdle(stale.talk)).toBe(false)
  expect(does(stale.talk, { what: 'settled', input_ids: [] })).toEqual([])
  expect(does(stale.talk, answers('a'))).toEqual(['read'])
})

test('what was superseded is not waited for', () => {
  expect(does(piped, waits, line('one'), sent('a'), waits, { what: 'settled', input_ids: ['a'] })).toEqual(['read'])
})

test('the stream may know of an input before the answer to its request is here', () => {
  expect(isIdle(after(typed, waits, line('one'), answers('a'), sent('a')).talk)).toBe(true)
})

test('an input that is only handed to another attempt, or that still waits, was not answered', () => {
  const handed = batch({ run_id, interaction: interaction('waiting_for_input'), run_events: [sampleEvent(9, 'input_dispatched', 0, { input_ids: ['a'] })] })
  expect(isIdle(after(typed, waits, line('one'), sent('a'), handed).talk)).toBe(false)
  expect(isIdle(after(typed, batch({ run_id, interaction: interaction('waiting_for_input', 1) })).talk)).toBe(false)
})

test('what is typed before the task has a run is sent, in order, once it has one', () => {
  const before = beginTalk({ is_typed: true })
  const held = after(before, batch({}), line('one'), line('/steer two'))
  expect(held.deeds).toContainEqual({ does: 'tell', note: { kind: 'held' } })
  expect(after(held.talk, works).deeds).toEqual([
    { does: 'send', message: 'one', queue_mode: 'followup' },
    { does: 'send', message: 'two', queue_mode: 'steer' },
  ])
  expect(after(held.talk, works).talk.held).toEqual([])
})

test.each([
  ['works: the turn is stopped, once', [works, ctrl_c], ['tell', 'send']],
  ['was told to stop already', [works, ctrl_c, sent('a'), ctrl_c], ['leave']],
  ['waits', [waits, ctrl_c], ['leave']],
  ['waits again, after it was stopped, and works on the next', [works, ctrl_c, sent('a'), answers('a'), line('b'), sent('b'), works, ctrl_c], ['tell', 'send']],
] as const)('Ctrl-C while the agent %s', (_, news, deeds) => expect(does(typed, ...news)).toEqual(deeds))

test('Ctrl-C leaves a pipe, and a task that has not begun', () => {
  expect(after(piped, works, ctrl_c).deeds).toEqual([{ does: 'leave', how: 'detached' }])
  expect(after(beginTalk({ is_typed: true }), batch({}), ctrl_c).deeds).toEqual([{ does: 'leave', how: 'detached' }])
})

test('stopping goes on with a message that asks for nothing', () => {
  expect(after(typed, works, line('/interrupt')).deeds).toContainEqual({ does: 'send', message: stop_message, queue_mode: 'interrupt' })
  expect(after(typed, works, line('/interrupt now')).deeds).toContainEqual({ does: 'send', message: 'now', queue_mode: 'interrupt' })
  expect(after(typed, waits, line('/interrupt')).deeds).toContainEqual({ does: 'tell', note: { kind: 'nothing_to_stop' } })
})

test.each([
  ['Ctrl-D while it works', [works, eof], 'detached'],
  ['Ctrl-D while it waits', [waits, eof], 'answered'],
  ['/detach', [works, line('/detach')], 'detached'],
  ['Ctrl-D when the task is over', [ended('done'), over, eof], 'over'],
  ['/cancel when the task is over', [ended('error'), over, line('/cancel')], 'over'],
  ['the end of a task that was cancelled', [ended('cancelled'), over], 'over'],
  ['the end of a task that was dropped', [ended('dropped'), over], 'over'],
] as const)('%s leaves', (_, news, how) => expect(after(typed, ...news).deeds).toEqual([{ does: 'leave', how }]))

test('/cancel ends the task, and is left when it has ended', () => {
  expect(does(typed, works, line('/cancel'))).toEqual(['cancel', 'read'])
})

test('a task that is over begins anew with what is typed', () => {
  const done = after(typed, works, ended('error'), over)
  expect(done.deeds).toContainEqual({ does: 'tell', note: { kind: 'begin_anew' } })
  expect(does(done.talk, line('go on'))).toEqual(['send'])
  expect(does(done.talk, line('go on'), sent('a'))).toEqual(['follow', 'read'])
  expect(isIdle(after(done.talk, line('go on'), sent('a')).talk)).toBe(false)
  expect(does(done.talk, line('go on'), sent('a'), line('and on'), sent('b'))).toEqual(['read'])
})

test('an input that came as the task ended shows if the task is followed again', () => {
  const raced = after(typed, works, line('late'), sent('a'), ended('done'), over)
  expect(raced.deeds).toEqual([{ does: 'follow' }])
  expect(after(raced.talk, over).deeds).toContainEqual({ does: 'tell', note: { kind: 'begin_anew' } })
})

test('at the end of a pipe all that there is is fetched before it is left', () => {
  const answered = after(piped, works, waits, eof)
  expect(answered.deeds).toEqual([{ does: 'drain' }])
  expect(after(answered.talk, waits).deeds).toEqual([])
  expect(after(answered.talk, waits, { what: 'drained' }).deeds).toEqual([{ does: 'leave', how: 'answered' }])
  expect(after(answered.talk, works, { what: 'drained' }).deeds).toEqual([{ does: 'follow' }])
  expect(does(piped, works, waits, line('one'), sent('a'), answers('a'), eof)).toEqual(['drain'])
})

test('a pipe ends with a task that failed, and goes on with one that is done', () => {
  expect(after(piped, ended('error'), over).deeds).toEqual([{ does: 'leave', how: 'over' }])
  expect(does(piped, ended('done'), over)).toEqual(['read'])
  expect(after(piped, ended('done'), over, eof).deeds).toEqual([{ does: 'leave', how: 'over' }])
  expect(after(piped, waits, line('one'), sent('a'), answers('a'), ended('done'), over).deeds).toEqual([{ does: 'follow' }])
})

const asks = (id: string) => batch({ run_id, interaction: interaction('working'), run_events: [sampleEvent(3, 'approval_requested', 0, { approval_id: id })] })
const resolves = (id: string) =>
  batch({ run_id, interaction: interaction('working'), run_events: [sampleEvent(4, 'approval_resolved', 0, { approval_id: id })] })
const second = `apr_${sample_ids.approval.slice(4, -1)}9` as const

test('a question is fetched and shown to whoever types, and to nobody else', () => {
  expect(after(typed, asks(sample_ids.approval)).deeds).toContainEqual({ does: 'load', approval_id: sample_ids.approval })
  expect(does(typed, works, question())).toEqual(['show'])
  expect(does(typed, works, question(), question())).toEqual([])
  expect(does(typed, works, question(sample_ids.approval, 'expired'))).toEqual([])
  expect(does(piped, asks(sample_ids.approval))).toEqual([])
})

test('questions are answered one after the other', () => {
  const two = after(typed, works, question(), question(second)).talk
  expect(after(two, line('n, not that file')).deeds).toEqual([
    { does: 'answer', approval_id: sample_ids.approval, action: 'reject', reason: 'not that file' },
    { does: 'show', approval: sampleApproval({ id: second }) },
    { does: 'read' },
  ])
  expect(after(two, line('y'), line('/approve')).deeds).toContainEqual({ does: 'answer', approval_id: second, action: 'approve' })
  expect(after(two, line('y'), line('/approve')).talk.questions).toEqual([])
  expect(after(two, line('and a title')).deeds).toContainEqual({ does: 'tell', note: { kind: 'answer_first' } })
  expect(after(typed, works, line('/approve')).deeds).toContainEqual({ does: 'tell', note: { kind: 'no_question' } })
})

test('a question that somebody else answered is gone, and the next is shown', () => {
  const two = after(typed, works, question(), question(second)).talk
  expect(after(two, resolves(sample_ids.approval)).deeds).toContainEqual({ does: 'show', approval: sampleApproval({ id: second }) })
  expect(does(two, resolves(second))).toEqual([])
})

const anything: fc.Arbitrary<Heard> = fc.oneof(
  fc.constantFrom(works, waits, over, eof, ctrl_c, question(), question(second), ended('done'), ended('error'), { what: 'drained' } as const),
  fc.constantFrom('one', 'y', 'n', '/cancel', '/steer a', '/interrupt', '/frob', '').map(line),
  fc.constantFrom('a', 'b').map(sent),
  fc.constantFrom('a', 'b').map((id) => answers(id)),
)

test('whatever is heard: no line is sent twice, and none is read while one is', () => {
  fc.assert(
    fc.property(fc.boolean(), fc.array(anything), (is_typed, news) => {
      let talk = beginTalk({ is_typed, run_id })
      let reading = false
      for (const one of news) {
        if ((one.what === 'line' || one.what === 'end_of_lines') && !reading) continue
        const step = hear(talk, one)
        talk = step.talk
        if (one.what === 'line' || one.what === 'end_of_lines') reading = false
        const reads = step.deeds.filter(({ does: deed }) => deed === 'read').length
        const messages = step.deeds.filter(({ does: deed }) => deed === 'send').length
        expect(reads).toBeLessThanOrEqual(reading ? 0 : 1)
        expect(messages).toBeLessThanOrEqual(one.what === 'line' || one.what === 'interrupt' ? 1 : 0)
        reading ||= reads === 1
        if (reads === 1 && !is_typed) expect(isIdle(talk)).toBe(true)
        if (step.deeds.some(({ does: deed }) => deed === 'leave')) return
      }
    }),
  )
})
