import { afterAll, beforeAll, expect, test } from 'vitest'
import { startFakeApi } from '../client/testing/fake-api.ts'
import { exit_codes } from './io.ts'
import { runOn, type World } from './testing/run-on.ts'

let api: Awaited<ReturnType<typeof startFakeApi>>
beforeAll(async () => {
  api = await startFakeApi()
})
afterAll(() => api.close())
const lanekeeper = async (line: readonly string[], world: World = {}) => runOn(api, line, world)

/** An address of loopback where nobody listens any more. */
const deadUrl = async (): Promise<string> => {
  const gone = await startFakeApi()
  await gone.close()
  return gone.url
}

test('where nothing answers, it says what to do', async () => {
  const url = await deadUrl()
  const files = { '/project/.lanekeeper/local.json': JSON.stringify({ api_url: url, api_key: 'k', workspace_id: 'w' }) }
  const local = await lanekeeper(['health'], { files })
  expect(local.code).toBe(exit_codes.failed)
  expect(local.err).toContain(`Nothing answers at ${url} (ECONNREFUSED)`)
  expect(local.err).toMatch(/Is the local stack running\? Start it with `npm start`/)
  expect((await lanekeeper(['health', '--url', url, '--key', 'k'])).err).toContain('Is the address right? (It is from --url.)')
})
