import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decideTicks, planStep, tick_rows_max, tickKey, type TickState } from './schedule-ticks.ts'
import { agentSample, commandSample, deployment, minutely, now_ms, runSample, scheduleSample, session_id, stored, taskId, taskSample } from '../samples.ts'
import { overlaps, type Schedule, type ScheduleIn } from '../schedule.ts'
import { millis, minute_ms, timestamp } from '../time.ts'

const fresh = { task_id: taskId(2), session_id, idempotency_key: 'unused' }
/** Active, with its next tick so many minutes ago. */
const due = (minutes: number, changes: object = {}): ScheduleIn<'active'> =>
  scheduleSample('active', { next_run_at: timestamp(now_ms - minutes * minute_ms), ...changes })
const state = (schedule: ScheduleIn<'active'>, changes: Partial<TickState> = {}): TickState => ({
  schedule,
  ticks: minutely(),
  agent: agentSample(),
  killed: undefined,
  open: [],
  taken: undefined,
  fresh,
  ...changes,
})
const moment = { now_ms, reached_ms: now_ms }
const decide = (given: TickState, by: 'alarm' | 'look' = 'alarm') => decideTicks(given, deployment, moment, by)
const ends = (given: TickState) => stored(decide(given), 'tick').map(({ end }) => end)

test('a tick is one commit: the accepted command, the row and the swap', () => {
  const decision = decide(state(due(0)))
  expect(stored(decision, 'tick')).toMatchObject([{ tick_at: timestamp(now_ms), end: { outcome: 'fired', reason: 'on_time', task_id: taskId(2) } }])
  expect(stored(decision, 'task')).toMatchObject([{ id: taskId(2), state: 'queued', label: 'Schedule: Look at the queue' }])
  const key = `schedule:${due(0).id}:${now_ms / 1_000}`
  expect(stored(decision, 'command')).toMatchObject([
    {
      params: {
        message: 'Look at the queue',
        idempotency_key: key,
        session_id: `schedule-session:${due(0).id}:${now_ms / 1_000}`,
        lane: `schedule-lane:${due(0).id}`,
        spawned_by: `schedule:${due(0).id}`,
        input_provenance: { source: 'scheduled_task' },
      },
    },
  ])
  expect(tickKey(due(0).id, now_ms)).toBe(key)
  expect(stored(decision, 'schedule')).toMatchObject([
    { version: 5, next_run_at: timestamp(now_ms + minute_ms), last_run_at: timestamp(now_ms), last_task_id: taskId(2), due_at: timestamp(now_ms + 90_000) },
  ])
  expect(decision.value).toEqual({ ended: 1, fired: [taskId(2)], more: false, rests: true })
  expect(decision.signals).toMatchObject([{ kind: 'class' }])
})

test('overlap queue fires every tick within the window, in order, one a step; older ones are missed', () => {
  const first = decide(state(due(3, { catchup_window_ms: 2 * minute_ms })))
  expect(stored(first, 'tick')).toMatchObject([
    { tick_at: timestamp(now_ms - 3 * minute_ms), end: { outcome: 'missed', reason: 'outside_catchup_window' } },
    { tick_at: timestamp(now_ms - 2 * minute_ms), end: { outcome: 'fired', reason: 'on_time' } },
  ])
  expect(first.value).toMatchObject({ ended: 2, more: true })
  expect(stored(first, 'schedule')).toMatchObject([{ next_run_at: timestamp(now_ms - minute_ms), due_at: timestamp(now_ms) }])
  expect(ends(state(due(5)))).toMatchObject([{ outcome: 'fired', reason: 'caught_up' }])
})

test.each(['skip', 'cancel_previous'] as const)('overlap %s fires the newest of several and coalesces the others', (overlap) => {
  expect(ends(state(due(3, { overlap, catchup_window_ms: 2 * minute_ms })))).toMatchObject([
    { outcome: 'missed' },
    { outcome: 'coalesced', reason: 'newer_tick_due' },
    { outcome: 'coalesced', reason: 'newer_tick_due' },
    { outcome: 'fired' },
  ])
})

test('overlap skip does not fire while the earlier task is unfinished', () => {
  const previous = { task: taskSample('running'), run: runSample('running'), place: undefined }
  const decision = decide(state(due(0, { overlap: 'skip', last_task_id: taskId(1) }), { open: [previous] }))
  expect(stored(decision, 'tick')).toMatchObject([{ end: { outcome: 'skipped', reason: 'previous_unfinished' } }])
  expect(stored(decision, 'task')).toEqual([])
  expect(stored(decision, 'schedule')).toMatchObject([{ last_task_id: taskId(1) }])
  expect(ends(state(due(0, { overlap: 'skip' })))).toMatchObject([{ outcome: 'fired' }])
})

test('overlap cancel_previous tells the earlier task to stop in the commit that fires the next', () => {
  const previous = { task: taskSample('running'), run: runSample('running'), place: undefined }
  const decision = decide(state(due(0, { overlap: 'cancel_previous' }), { open: [previous] }))
  expect(stored(decision, 'run')).toMatchObject([{ attempt: { status: 'stopping', stop_reason: 'cancel' } }])
  expect(stored(decision, 'tick')).toMatchObject([{ end: { outcome: 'fired', task_id: taskId(2) } }])
  const asleep = { task: taskSample('sleeping'), run: undefined, place: undefined }
  expect(stored(decide(state(due(0, { overlap: 'cancel_previous' }), { open: [asleep] })), 'task').map((task) => task.state)).toEqual(['cancelled', 'queued'])
})

test('a refused command ends the tick with the reason, cancels nothing, and the schedule goes on', () => {
  const previous = { task: taskSample('running'), run: runSample('running'), place: undefined }
  const decision = decide(state(due(0, { overlap: 'cancel_previous' }), { agent: agentSample({ active: false }), open: [previous] }))
  expect(stored(decision, 'tick')).toMatchObject([{ end: { outcome: 'skipped', reason: 'refused', refusal: { code: 'agent_inactive' } } }])
  expect(stored(decision, 'run')).toEqual([])
  expect(stored(decision, 'schedule')).toMatchObject([{ status: 'active', next_run_at: timestamp(now_ms + minute_ms) }])
  const killed = { ok: false, code: 'workspace_killed', detail: 'killed' } as const
  expect(ends(state(due(0), { killed }))).toMatchObject([{ outcome: 'skipped', reason: 'refused', refusal: { code: 'workspace_killed' } }])
  expect(ends(state(due(0), { agent: undefined }))).toMatchObject([{ outcome: 'skipped', reason: 'refused', refusal: { code: 'not_found' } }])
})

test('a key that somebody used before gives the row that task', () => {
  const decision = decide(state(due(0), { taken: commandSample() }))
  expect(stored(decision, 'tick')).toMatchObject([{ end: { outcome: 'fired', task_id: taskId(1) } }])
  expect(stored(decision, 'task')).toEqual([])
})

test('a cron that the alarm clock cannot say gets a new alarm with each tick', () => {
  const decision = decide(state(due(0), { ticks: { ...minutely(), native: undefined } }))
  expect(stored(decision, 'schedule')).toMatchObject([{ alarm: { revision: 2, set: 1 } }])
  expect(decision.signals).toContainEqual(expect.objectContaining({ kind: 'schedule' }))
})

test('an alarm clock that let a tick pass is set anew, once an hour at most', () => {
  const long_ago = { alarm: { revision: 1, set: 1, set_at: timestamp(now_ms - 2 * 3_600_000) } }
  const revisionAfter = (schedule: ScheduleIn<'active'>, by: 'alarm' | 'look') => stored(decide(state(schedule), by), 'schedule')[0]?.alarm.revision
  expect(revisionAfter(due(1, long_ago), 'look')).toBe(2)
  expect(revisionAfter(due(1, long_ago), 'alarm')).toBe(1)
  expect(revisionAfter(due(0, long_ago), 'look')).toBe(1)
  expect(revisionAfter(due(1), 'look')).toBe(1)
})

test('a cron without another tick pauses the schedule and says why', () => {
  const decision = decide(state(due(0), { ticks: { after: () => undefined, between: () => [], native: undefined } }))
  expect(stored(decision, 'schedule')).toMatchObject([{ status: 'paused', paused_reason: 'no_next_tick' }])
  expect(stored(decision, 'tick')).toMatchObject([{ end: { outcome: 'fired' } }])
})

test('every due tick ends exactly once, in order, in bounded commits, whatever the outage and the policy', () => {
  fc.assert(
    fc.property(
      fc.record({
        minutes: fc.integer({ min: 0, max: 400 }),
        window: fc.integer({ min: 0, max: 30 }),
        overlap: fc.constantFrom(...overlaps),
        closing: fc.boolean(),
      }),
      ({ minutes, window, overlap, closing }) => {
        let schedule: Schedule = due(minutes, { overlap, catchup_window_ms: window * minute_ms })
        const rows: number[] = []
        const fired: number[] = []
        while (schedule.status === 'active' && millis(schedule.next_run_at) <= now_ms) {
          const step = planStep(schedule, minutely(), now_ms, closing ? 'paused' : undefined)
          expect(step.ended.length).toBeLessThanOrEqual(tick_rows_max)
          rows.push(...step.ended.map(({ tick_ms }) => tick_ms))
          if (step.submit_ms !== undefined) {
            rows.push(step.submit_ms)
            fired.push(step.submit_ms)
          }
          schedule = { ...schedule, next_run_at: timestamp(step.next_ms ?? Infinity) }
        }
        expect(rows).toEqual(Array.from({ length: minutes + 1 }, (_, position) => now_ms - (minutes - position) * minute_ms))
        const caught_up = overlap === 'queue' ? Math.min(minutes, window) + 1 : 1
        expect(fired.length).toBe(closing ? 0 : caught_up)
      },
    ),
  )
})
