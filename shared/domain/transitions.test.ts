import { expect, test } from 'vitest'
import { outcomes, run_statuses } from './run.ts'
import { attemptSample, runSample, taskSample } from './samples.ts'
import { task_states } from './task.ts'
import { isArchivable, isEndedRun, isTerminalTask, movedRun, movedTask, task_state_of_outcome } from './transitions.ts'

/** SPEC §4, written down a second time. */
const legal_task_moves = [
  'sleeping queued',
  'sleeping cancelled',
  'queued running',
  'queued dropped',
  'queued cancelled',
  'running waiting',
  'running sleeping',
  'running done',
  'running error',
  'running queued',
  'running dropped',
  'running cancelled',
  'waiting running',
  'waiting queued',
  'waiting done',
  'waiting error',
  'waiting cancelled',
  'done queued',
  'error queued',
  'dropped queued',
  'cancelled queued',
]
const legal_run_moves = [
  'accepted running',
  'accepted ok',
  'accepted error',
  'accepted timeout',
  'accepted cancelled',
  'running accepted',
  'running ok',
  'running error',
  'running timeout',
  'running cancelled',
]

test.each(task_states.flatMap((from) => task_states.map((to) => ({ from, to }))))('a task goes from $from to $to only if SPEC says so', ({ from, to }) => {
  const target = taskSample(to)
  const move = () => movedTask(taskSample(from), target)
  if (legal_task_moves.includes(`${from} ${to}`)) expect(move()).toBe(target)
  else expect(move).toThrow(`illegal move of ${target.id}: ${from} to ${to}`)
})

test.each(run_statuses.flatMap((from) => run_statuses.map((to) => ({ from, to }))))('a run goes from $from to $to only if SPEC says so', ({ from, to }) => {
  const target = runSample(to, attemptSample('ok'))
  const move = () => movedRun(runSample(from, attemptSample('ok')), target)
  if (from === to || legal_run_moves.includes(`${from} ${to}`)) expect(move()).toBe(target)
  else expect(move).toThrow(`illegal move of ${target.id}: ${from} to ${to}`)
})

test('what is over, what can be archived', () => {
  expect(task_states.filter((state) => isTerminalTask(taskSample(state)))).toEqual(['done', 'error', 'dropped', 'cancelled'])
  expect(task_states.filter((state) => isArchivable(taskSample(state)))).toEqual(['waiting', 'done', 'error', 'dropped', 'cancelled'])
  expect(run_statuses.filter((status) => isEndedRun(runSample(status, attemptSample('ok'))))).toEqual(['ok', 'error', 'timeout', 'cancelled'])
  expect(outcomes.map((outcome) => task_state_of_outcome[outcome])).toEqual(['done', 'error', 'error', 'cancelled'])
})
