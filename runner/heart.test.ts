import { expect, onTestFinished, test, vi } from 'vitest'
import { Assignment, type HeartbeatAnswer } from '../shared/contract/runner-protocol.ts'
import { AgentConfig } from '../shared/domain/agent.ts'
import { Policy } from '../shared/domain/policy.ts'
import { leaseDeadline, startHeart } from './heart.ts'
import { holdCredentials } from './model/credentials.ts'
import { createNews } from './news.ts'
import type { Plane, PlaneAnswer } from './plane.ts'
import { createStop } from './stop.ts'

const wall_ms = Date.parse('2026-11-22T12:00:00.000Z')
const lease = (left_ms: number): string => new Date(wall_ms + left_ms).toISOString()

test('the attempt ends itself a fifth before the lease does, at most five seconds', () => {
  const answered = { sent_monotonic_ms: 1_000, plane_now_ms: wall_ms }
  expect(leaseDeadline(lease(10_000), answered, wall_ms)).toBe(1_000 + 8_000)
  expect(leaseDeadline(lease(45_000), answered, wall_ms)).toBe(1_000 + 40_000)
  expect(leaseDeadline(lease(-5), answered, wall_ms)).toBe(1_000)
})

test('a clock that is off counts by the plane’s', () => {
  const behind_ms = wall_ms - 60_000
  expect(leaseDeadline(lease(10_000), { sent_monotonic_ms: 0, plane_now_ms: wall_ms }, behind_ms)).toBe(8_000)
  expect(leaseDeadline(lease(10_000), { sent_monotonic_ms: 0, plane_now_ms: wall_ms - 900 }, wall_ms)).toBe(8_000)
  expect(leaseDeadline(lease(10_000), { sent_monotonic_ms: 0, plane_now_ms: undefined }, wall_ms)).toBe(8_000)
})

const ulid = '01J8ZQ4M2N3P4Q5R6S7T8V9WXY'
const never = async (): Promise<never> => {
  throw new Error('not asked for')
}
const in_an_hour = () => new Date(Date.now() + 3_600_000).toISOString()

/** A heart that beats by itself once an hour, and a plane that answers when the test says so. */
const slowHeart = (heartbeat_ms = 3_600_000) => {
  const sent: ((answer: PlaneAnswer<HeartbeatAnswer>) => void)[] = []
  const heartbeat: Plane['heartbeat'] = () => new Promise((resolve) => sent.push(resolve))
  const plane: Plane = { claim: never, heartbeat, logs: never, inputs: never, turn: never, question: never, upload: never, finish: never }
  const assignment = Assignment.parse({
    workspace_id: `ws_${ulid}`,
    task_id: `task_${ulid}`,
    run_id: `run_${ulid}`,
    attempt_id: `att_${ulid}`,
    attempt_no: 1,
    fencing_token: 1,
    session_id: 's',
    agent_key: 'a',
    agent_config: AgentConfig.parse({}),
    policy: Policy.parse({}),
    message: 'm',
    attachments: [],
    timeout_ms: 1,
    spent_usd: 0,
    heartbeat_ms,
    lease_expires_at: in_an_hour(),
    restore: {},
  })
  const news = createNews(assignment)
  const claimed = { sent_monotonic_ms: performance.now(), plane_now_ms: undefined }
  const credentials = holdCredentials(undefined, () => undefined)
  const heart = startHeart({ plane, assignment, claimed, stop: createStop(), usage: () => undefined, credentials, news })
  const beat = (said: Partial<HeartbeatAnswer>): PlaneAnswer<HeartbeatAnswer> => ({
    ok: true,
    value: { order: 'go_on', heartbeat_ms, lease_expires_at: in_an_hour(), ...said },
    answered: { sent_monotonic_ms: performance.now(), plane_now_ms: undefined },
  })
  return { heart, news, sent, beat }
}

test('whoever rings gets a beat that was sent after it rang, and rings meanwhile share one', async () => {
  const { heart, news, sent, beat } = slowHeart()
  const first = heart.beatNow()
  expect(sent).toHaveLength(1)
  const rung = [heart.beatNow(), heart.beatNow()]
  sent[0]?.(beat({}))
  await first
  await new Promise((resolve) => setImmediate(resolve))
  expect(sent).toHaveLength(2)
  sent[1]?.(beat({ inputs_wait: true }))
  await Promise.all(rung)
  expect(sent).toHaveLength(2)
  expect(news.inputsWait()).toBe(true)
  await heart.end()
})

test('beats begin less than an interval apart, however long each takes to be answered', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance', 'Date'] })
  onTestFinished(() => void vi.useRealTimers())
  const { heart, sent, beat } = slowHeart(2_000)
  for (const beats of [1, 2, 3]) {
    await vi.advanceTimersByTimeAsync(beats === 1 ? 1_950 : 1_350)
    expect(sent).toHaveLength(beats)
    await vi.advanceTimersByTimeAsync(600)
    sent[beats - 1]?.(beat({}))
    await vi.advanceTimersByTimeAsync(0)
  }
  await heart.end()
})
