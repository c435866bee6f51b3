/** A schedule of every minute on the whole stack, in real time: about three minutes. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { allEnded, api, until, type Api } from '../support/api.ts'
import { startStack, type TestStack } from '../support/stack.ts'

let stack: TestStack
let plane: Api
beforeAll(async () => {
  stack = await startStack({ sweep_every_ms: 2_000 })
  plane = api(stack)
}, 120_000)
afterAll(async () => stack.stop(), 60_000)

const minute_ms = 60_000
const ticksOf = async (schedule_id: string, count: number) =>
  until(
    `tick ${count}`,
    async () => {
      const ticks = await plane.ticks(schedule_id)
      return ticks.length >= count ? ticks.toReversed() : undefined
    },
    2 * minute_ms,
    500,
  )

test('every tick is one row and one task: by its alarm, by the sweep after a kill -9 over the minute, by its alarm again', async () => {
  const agent = await plane.createAgent('minutely', { runner: 'process', command: ['true'] })
  const schedule = await plane.createSchedule({ agent_id: agent.id, cron_expr: '* * * * *', timezone: 'Asia/Kathmandu', prompt: 'tick' })
  await until('the alarm', async () => ((await plane.schedule(schedule.id)).alarm === 'set' ? true : undefined), 20_000)
  await ticksOf(schedule.id, 1)
  await stack.kill9()
  await new Promise((resolve) => setTimeout(resolve, minute_ms + 1_000 - (Date.now() % minute_ms)))
  await stack.restart()
  plane = api(stack)
  const ticks = await ticksOf(schedule.id, 3)
  const first_ms = Date.parse(ticks[0]?.tick_at ?? '')
  expect(ticks.map(({ tick_at }) => Date.parse(tick_at))).toEqual(ticks.map((_, position) => first_ms + position * minute_ms))
  expect(ticks.map(({ outcome }) => outcome)).toEqual(ticks.map(() => 'fired'))
  const task_ids = ticks.flatMap(({ task_id }) => task_id ?? [])
  const tasks = await allEnded(plane, task_ids, minute_ms)
  expect(tasks.map(({ state }) => state)).toEqual(tasks.map(() => 'done'))
  await plane.deleteSchedule(schedule.id)
  const entries = async () => (await fetch(`${stack.endpoints.scheduler}/schedules?NamePrefix=${schedule.id}`)).json()
  await until('the end of its alarms', async () => (JSON.stringify(await entries()) === '{"Schedules":[]}' ? true : undefined), 20_000)
  const fired = await plane.tasks(`?agent_id=${agent.id}`)
  expect(fired.length).toBe(task_ids.length)
}, 420_000)
