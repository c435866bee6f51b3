import { expect, test } from 'vitest'
import { decideCreateSchedule, decideStopSchedule, decideUpdateSchedule, type NewSchedule } from './schedule.ts'
import { activeDue, alarmEntries, decideAlarmSet, decideRested } from './schedule-alarm.ts'
import { agent_id, agentSample, deployment, inSeconds, minutely, now, now_ms, schedule_id, scheduleSample, stored } from '../samples.ts'
import { minute_ms, timestamp } from '../time.ts'
import { ApiKeyId } from '../ids.ts'

const making = { agent: agentSample(), ticks: minutely(), deployment }
const never = { after: () => undefined, between: () => [], native: undefined }
const wanted: NewSchedule = {
  id: schedule_id,
  agent_id,
  cron_expr: '* * * * *',
  timezone: 'UTC',
  prompt: 'hello',
  skill_paths: [],
  overlap: 'queue',
  catchup_window_ms: 600_000,
  active: true,
  created_by: ApiKeyId.parse(`key_${'0'.repeat(26)}`),
}

test('a new schedule waits for the first tick after now, and its alarm clock is to be set', () => {
  expect(decideCreateSchedule(wanted, making, now_ms)).toMatchObject({
    value: { status: 'active', next_run_at: inSeconds(60), alarm: { revision: 1 }, due_at: inSeconds(60) },
    signals: [{ kind: 'schedule', schedule_id }],
  })
  expect(decideCreateSchedule({ ...wanted, active: false }, making, now_ms)).toMatchObject({ value: { status: 'paused' }, signals: [] })
})

test('what cannot run is refused with the field', () => {
  const refused = (decision: object) => decision
  expect(refused(decideCreateSchedule(wanted, { ...making, ticks: never }, now_ms))).toMatchObject({
    code: 'invalid_request',
    errors: [{ field: 'cron_expr' }],
  })
  expect(refused(decideCreateSchedule({ ...wanted, skill_paths: ['a'] }, making, now_ms))).toMatchObject({
    code: 'feature_unsupported',
    errors: [{ field: 'skill_paths' }],
  })
  expect(refused(decideCreateSchedule(wanted, { ...making, agent: agentSample({ deleted_at: now }) }, now_ms))).toMatchObject({ code: 'not_found' })
  expect(refused(decideCreateSchedule({ ...wanted, prompt: 'key [redacted]' }, making, now_ms))).toMatchObject({ code: 'invalid_request' })
  expect(decideCreateSchedule(wanted, { ...making, agent: agentSample({ active: false }) }, now_ms).ok).toBe(true)
})

test('new times count from now on, and the tick that was given up loses its alarm', () => {
  const decision = decideUpdateSchedule(scheduleSample('active'), { cron_expr: '*/5 * * * *' }, making, now_ms)
  expect(decision).toMatchObject({ value: { cron_expr: '*/5 * * * *', next_run_at: inSeconds(60), alarm: { revision: 2, obsolete: [inSeconds(60)] } } })
  expect(decideUpdateSchedule(scheduleSample('active'), { cron_expr: 'x' }, { ...making, ticks: never }, now_ms)).toMatchObject({ code: 'invalid_request' })
})

test('a schedule whose agent is gone can be changed while it is paused, and not resumed', () => {
  const gone = { ...making, agent: agentSample({ deleted_at: now }) }
  expect(decideUpdateSchedule(scheduleSample('paused'), { prompt: 'other', active: false }, gone, now_ms)).toMatchObject({
    ok: true,
    value: { prompt: 'other' },
  })
  expect(decideUpdateSchedule(scheduleSample('paused'), { active: true }, gone, now_ms)).toMatchObject({ code: 'not_found' })
  expect(decideUpdateSchedule(scheduleSample('paused'), { agent_id }, gone, now_ms)).toMatchObject({ code: 'not_found' })
})

test('a change of the prompt leaves the times alone', () => {
  const schedule = scheduleSample('active', { next_run_at: inSeconds(30) })
  expect(decideUpdateSchedule(schedule, { prompt: 'other' }, making, now_ms)).toMatchObject({
    value: { prompt: 'other', next_run_at: inSeconds(30), alarm: { revision: 1 } },
    signals: [],
  })
})

test('a schedule is not changed while ticks are due', () => {
  expect(() => decideUpdateSchedule(scheduleSample('active', { next_run_at: now }), { prompt: 'x' }, making, now_ms)).toThrow('ticks are due')
})

test('resumed, it has no ticks of the past', () => {
  expect(decideUpdateSchedule(scheduleSample('paused'), { active: true }, making, now_ms)).toMatchObject({
    value: { status: 'active', next_run_at: inSeconds(60), alarm: { revision: 2 } },
  })
  expect(decideUpdateSchedule(scheduleSample('paused'), { prompt: 'x' }, making, now_ms)).toMatchObject({ value: { status: 'paused', prompt: 'x' } })
})

test.each([
  ['paused', { to: 'paused', reason: 'by_request' }],
  ['deleted', { to: 'deleted' }],
] as const)('what is due ends as skipped when it is %s', (status, stop) => {
  const schedule = scheduleSample('active', { next_run_at: timestamp(now_ms - minute_ms) })
  const decision = decideStopSchedule(schedule, minutely(), stop, now_ms)
  expect(stored(decision, 'tick').map(({ end }) => end)).toEqual([
    { outcome: 'skipped', reason: status },
    { outcome: 'skipped', reason: status },
  ])
  expect(stored(decision, 'schedule')).toMatchObject([{ status, due_at: inSeconds(60) }])
  expect(decision.value.more).toBe(false)
  expect(decideStopSchedule(scheduleSample('paused'), minutely(), { to: 'deleted' }, now_ms).value.schedule).toMatchObject({
    status: 'deleted',
    alarm: { revision: 2 },
  })
})

test('a long outage is recorded before a schedule stops', () => {
  const decision = decideStopSchedule(scheduleSample('active', { next_run_at: timestamp(now_ms - 200 * minute_ms) }), minutely(), { to: 'deleted' }, now_ms)
  expect(decision.value.more).toBe(true)
  expect(stored(decision, 'tick').length).toBe(80)
  expect(stored(decision, 'schedule')).toMatchObject([{ status: 'active', next_run_at: timestamp(now_ms - 120 * minute_ms), due_at: now }])
})

test('pausing what is paused changes nothing', () => {
  expect(decideStopSchedule(scheduleSample('paused'), minutely(), { to: 'paused', reason: 'by_request' }, now_ms).writes).toEqual([])
})

test('the alarm clock has the entries of an active schedule and no others', () => {
  expect(alarmEntries(scheduleSample('active'), minutely(['cron(a)']), now_ms)).toEqual({
    entries: [{ name: `${schedule_id}-1`, expression: 'cron(a)', timezone: 'UTC', once: false }],
    gone: [`${schedule_id}-2`],
  })
  const given_up = scheduleSample('active', { alarm: { revision: 2, obsolete: [now, inSeconds(60)] } })
  const seconds = now_ms / 1_000
  expect(alarmEntries(given_up, { ...minutely(), native: undefined }, now_ms)).toEqual({
    entries: [{ name: `${schedule_id}-at-${seconds + 60}`, expression: 'at(2026-11-22T09:01:00)', timezone: 'UTC', once: true }],
    gone: [`${schedule_id}-1`, `${schedule_id}-2`, `${schedule_id}-at-${seconds}`],
  })
  expect(alarmEntries(scheduleSample('deleted'), minutely(), now_ms)).toEqual({ entries: [], gone: [`${schedule_id}-1`, `${schedule_id}-2`] })
})

test('the sweep looks soon where the alarm clock is not set, else after the grace', () => {
  expect(activeDue(now_ms + 600_000, { revision: 1, obsolete: [] }, now_ms)).toBe(inSeconds(60))
  expect(activeDue(now_ms + 600_000, { revision: 1, set: 1, obsolete: [] }, now_ms)).toBe(inSeconds(630))
})

test('entries that were set while the schedule changed are set again', () => {
  const changed = scheduleSample('active', { alarm: { revision: 3, set: 3 } })
  const decision = decideAlarmSet(changed, 2, now_ms)
  expect(decision.value.again).toBe(true)
  const [stale] = stored(decision, 'schedule')
  expect(stale?.alarm).toEqual({ revision: 3, obsolete: [] })
  expect(decideAlarmSet(scheduleSample('active', { alarm: { revision: 2 } }), 2, now_ms).value.again).toBe(false)
})

test('a schedule that rests is due no more than it has to be', () => {
  const [rested] = stored(decideAlarmSet(scheduleSample('deleted', { alarm: { revision: 2 }, due_at: now }), 2, now_ms), 'schedule')
  expect(rested).not.toHaveProperty('due_at')
  expect(stored(decideRested(scheduleSample('active', { due_at: now }), now_ms), 'schedule')).toMatchObject([{ due_at: inSeconds(90) }])
  expect(stored(decideRested(scheduleSample('paused', { alarm: { revision: 2 }, due_at: now }), now_ms), 'schedule')).toMatchObject([{ due_at: inSeconds(60) }])
  expect(decideRested(scheduleSample('active'), now_ms).writes).toEqual([])
  expect(decideRested(scheduleSample('active', { next_run_at: now, due_at: now }), now_ms).writes).toEqual([])
})
