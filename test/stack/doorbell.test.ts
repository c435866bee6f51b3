/** Doorbells through the whole local stack, in which no heartbeat could bring an order in time. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { api, ended, until } from '../support/api.ts'
import { startStack, type TestStack } from '../support/stack.ts'

let stack: TestStack
beforeAll(async () => {
  const minutes = 60_000
  stack = await startStack({ heartbeat_ms: 30 * minutes, lease_ms: 60 * minutes, parameters: { StopGraceMs: String(30 * minutes) } })
}, 240_000)
afterAll(async () => stack.stop(), 60_000)

const running = async (key: string, script: string) => {
  const agent = await api(stack).createAgent(key, { runner: 'process', command: ['sh', '-c', script] })
  const { task } = await api(stack).accept({ agent_id: agent.id, message: 'm' })
  await until('the start', async () => ((await api(stack).logs(task.id)).some((line) => line.data.includes('up')) ? true : undefined), 60_000)
  return task
}

test('a cancel reaches a runner by its doorbell', async () => {
  const task = await running('sleeper', 'echo up; sleep 300')
  // The doorbell is hung out once the attempt has lived for a second; what is ordered before is found when it is connected.
  await api(stack).cancel(task.id)
  expect((await ended(api(stack), task.id, 60_000)).state).toBe('cancelled')
  const later = await running('later', 'echo up; sleep 300')
  await new Promise((resolve) => setTimeout(resolve, 3_000))
  await api(stack).cancel(later.id)
  expect((await ended(api(stack), later.id, 60_000)).state).toBe('cancelled')
}, 180_000)

test('a doorbell is for runners: without a token there is no connection, and nobody rings one that is not there', async () => {
  const url = `${stack.api_url.replace('http', 'ws')}/doorbell`
  const outcome = await new Promise((resolve) => {
    const socket = new WebSocket(url, ['lanekeeper.doorbell', 'lkatt_nobody'])
    socket.addEventListener('open', () => resolve('open'))
    socket.addEventListener('error', () => resolve('refused'))
  })
  expect(outcome).toBe('refused')
  const gone = await fetch(`${stack.api_url}/doorbell/@connections/nobody`, { method: 'POST', body: 'look' })
  expect([gone.status, gone.headers.get('x-amzn-errortype')]).toEqual([410, 'GoneException'])
})
