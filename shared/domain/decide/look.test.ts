import { expect, test } from 'vitest'
import { decideOverdueInLine, decideWake } from './look.ts'
import {
  class_key,
  commandSample,
  counterWrites,
  inSeconds,
  instanceSample,
  now_ms,
  placeSample,
  runSample,
  attemptSample,
  stored,
  taskId,
  taskSample,
  workspace_id,
} from '../samples.ts'

const later_ms = now_ms + 60_000
const class_signal = { kind: 'class', workspace_id, class_key }
const state = { task: taskSample('queued'), place: placeSample(), run: undefined, command: commandSample(), instance: instanceSample() }

test('a sleeper whose time has not come sleeps on, and the doorbell is set again', () => {
  expect(decideWake(taskSample('sleeping'), commandSample(), now_ms)).toEqual({
    ok: true,
    writes: [],
    signals: [{ kind: 'task', workspace_id, task_id: taskId(1), delay_ms: 30_000 }],
    value: undefined,
  })
})

test('a sleeper whose time has come stands in line', () => {
  const decision = decideWake(
    taskSample('sleeping', { queue_timeout_at: inSeconds(1) }),
    commandSample({ lane: 'a', queue_timeout_ms: 40_000 }),
    now_ms + 30_000,
  )
  const [task] = stored(decision, 'task')
  expect(task).toMatchObject({ state: 'queued', queued_at: inSeconds(30), due_at: inSeconds(70), queue_timeout_at: inSeconds(70), version: 7 })
  expect(task).not.toHaveProperty('wake_at')
  expect(stored(decision, 'place')).toMatchObject([{ line: 'class', lane: 'a', version: 7 }])
  expect(decision.signals).toEqual([class_signal])
  expect(stored(decideWake(taskSample('sleeping'), commandSample(), now_ms + 30_000), 'task')).toMatchObject([{ due_at: inSeconds(90) }])
})

test('an overdue task is handed over to its class, which gets a due time and is rung', () => {
  const decision = decideOverdueInLine(state, later_ms)
  expect(stored(decision, 'task')[0]).not.toHaveProperty('due_at')
  expect(counterWrites(decision)).toMatchObject([{ change: { add: {}, set: { due_at: inSeconds(90) } }, conditions: [] }])
  expect(decision.signals).toEqual([class_signal])
})

test('where the class is due already it is left alone', () => {
  const decision = decideOverdueInLine({ ...state, instance: instanceSample({ due_at: inSeconds(80) }) }, later_ms)
  expect(stored(decision, 'task')[0]).not.toHaveProperty('due_at')
  expect(counterWrites(decision)).toEqual([])
  expect(decision.signals).toEqual([])
})

test.each([
  ['is not due', undefined],
  ['is due', inSeconds(80)],
])('with a queue timeout ahead, the task stays due then, whether the class %s', (_, due_at) => {
  const task = taskSample('queued', { queue_timeout_at: inSeconds(600) })
  const decision = decideOverdueInLine({ ...state, task, instance: instanceSample({ due_at }) }, later_ms)
  expect(stored(decision, 'task')).toMatchObject([{ due_at: inSeconds(600) }])
  expect(decision.signals).toContainEqual({ kind: 'task', workspace_id, task_id: taskId(1), delay_ms: 540_000 })
})

test('a task whose class nobody has looked at keeps its own due time', () => {
  const decision = decideOverdueInLine({ ...state, instance: undefined }, later_ms)
  expect(stored(decision, 'task')).toMatchObject([{ due_at: inSeconds(120) }])
  expect(decision.signals).toContainEqual(class_signal)
})

test.each([undefined, inSeconds(80)])('a task without a place is put back in line and keeps its own due time (class due %s)', (due_at) => {
  const decision = decideOverdueInLine({ ...state, place: undefined, instance: instanceSample({ due_at }) }, later_ms)
  expect(stored(decision, 'place')).toMatchObject([{ line: 'class', task_id: taskId(1), version: 7 }])
  expect(stored(decision, 'task')).toMatchObject([{ due_at: inSeconds(120) }])
  expect(decision.signals).toContainEqual(class_signal)
})

test('a task that was too long in line is dropped, and its run between two attempts with it', () => {
  const task = taskSample('queued', { queue_timeout_at: inSeconds(60) })
  const decision = decideOverdueInLine({ ...state, task, run: runSample('accepted', attemptSample('error')) }, later_ms)
  expect(stored(decision, 'task')).toMatchObject([{ state: 'dropped', dropped_reason: 'queue_timeout' }])
  expect(stored(decision, 'run')).toMatchObject([{ status: 'error' }])
  expect(decideOverdueInLine({ ...state, task }, later_ms - 1).writes[0]).toMatchObject({ record: { state: 'queued' } })
})
