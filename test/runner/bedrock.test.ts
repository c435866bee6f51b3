/** Bedrock as the model: each request is signed with the newest credentials that the plane gave, and the agent sees none of them. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { VendedCredentials } from '../../shared/contract/runner-protocol.ts'
import { bash, say, startHarness, type Harness } from './harness.ts'
import { attemptFolders } from '../support/attempt-folders.ts'

let harness: Harness
beforeAll(async () => {
  harness = await startHarness()
})
afterAll(() => harness.close())

const vended = (name: string, minutes: number): VendedCredentials => ({
  region: 'eu-central-1',
  access_key_id: `ASIA${name}`,
  secret_access_key: `planted-${name}-secret-access-key`,
  session_token: `planted-${name}-session-token`,
  expires_at: new Date(Date.now() + minutes * 60_000).toISOString(),
})
const policy = { security: 'full' } as const
const bedrock = { LANEKEEPER_MODEL_PROVIDER: 'bedrock' }
const scripted = (...turns: readonly string[]) => ['Do as scripted.', ...turns].join('\n')
const signers = () => harness.model_requests.map(({ headers }) => /Credential=([^/]+)/.exec(headers.authorization ?? '')?.[1])

const until = async (condition: () => boolean, what: string): Promise<void> => {
  for (let tries = 0; !condition(); tries += 1) {
    if (tries > 2_000) throw new Error(`never came: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

test('once a heartbeat has brought fresh credentials, requests are signed with them, and neither pair is seen', async () => {
  const given = vended('GIVEN', 5)
  const fresh = vended('FRESH', 60)
  const act = async () => {
    await until(() => harness.model_requests.length > 0, 'the first request')
    harness.plane.renewCredentials(fresh)
    await until(() => harness.plane.seen.credentials_expire_at.includes(fresh.expires_at), 'a heartbeat that names the fresh ones')
    const [attempt = ''] = await attemptFolders(harness.work_dir)
    await writeFile(join(harness.work_dir, attempt, 'workspace', 'go'), '')
  }
  const message = scripted(bash('until [ -e go ]; do sleep 0.02; done; env'), say('renewed'))
  const { finish, log } = await harness.run(
    { message, session_id: 'renewed', config: { model: 'claude-sonnet-5' }, policy, model_credentials: given },
    act,
    bedrock,
  )
  expect(finish).toMatchObject({ outcome: 'ok', result: 'renewed' })
  expect(signers()).toEqual(['ASIAGIVEN', 'ASIAFRESH'])
  expect(harness.model_requests.map(({ headers }) => headers['x-amz-security-token'])).toEqual([given.session_token, fresh.session_token])
  expect(harness.plane.seen.credentials_expire_at[0]).toBe(given.expires_at)
  expect(log).toContain('CLAUDE_CODE_USE_BEDROCK=1')
  expect(log).not.toMatch(/planted-|ASIA/)
})

test('the agent names models by the region of the credentials, and whatever it starts asks its own model', async () => {
  const message = scripted(
    `STUB: ${JSON.stringify({ tool: 'Task', input: { description: 'd', prompt: scripted(say('helped')), subagent_type: 'general-purpose', model: 'haiku', run_in_background: false } })}`,
    say('done'),
  )
  const { finish } = await harness.run(
    { message, session_id: 'aliases', config: { model: 'claude-sonnet-5' }, policy, model_credentials: vended('GIVEN', 60) },
    undefined,
    bedrock,
  )
  expect(finish).toMatchObject({ outcome: 'ok' })
  expect(harness.model_requests.length).toBeGreaterThan(1)
  expect([...new Set(harness.model_requests.map(({ path }) => path))]).toEqual(['/model/eu.anthropic.claude-sonnet-5/invoke-with-response-stream'])
})

test('without any from the plane, those of the runner’s own environment sign', async () => {
  const env = { ...bedrock, AWS_REGION: 'us-west-2', AWS_ACCESS_KEY_ID: 'AKIAOWN', AWS_SECRET_ACCESS_KEY: 'planted-own-secret' }
  const { finish, log } = await harness.run(
    { message: scripted(bash('env'), say('own')), session_id: 'own', config: { model: 'claude-sonnet-5' }, policy },
    undefined,
    env,
  )
  expect(finish).toMatchObject({ outcome: 'ok', result: 'own' })
  expect(harness.model_requests[0]?.path).toBe('/model/us.anthropic.claude-sonnet-5/invoke-with-response-stream')
  expect(harness.model_requests[0]?.headers.authorization).toMatch(/Credential=AKIAOWN\/\d{8}\/us-west-2\/bedrock\/aws4_request/)
  expect(harness.plane.seen.credentials_expire_at.every((expire_at) => expire_at === undefined)).toBe(true)
  expect(log).not.toMatch(/planted-|AKIA/)
})

test('where nobody gives any, the attempt ends and says so, and no retry mends it', async () => {
  const { finish } = await harness.run({ message: 'm', session_id: 'none', config: { model: 'claude-sonnet-5' }, policy }, undefined, bedrock)
  expect(finish).toMatchObject({ outcome: 'error', error: { code: 'model_credentials_missing', retryable: false } })
  expect(harness.model_requests).toEqual([])
})
