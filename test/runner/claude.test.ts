/** Kind `claude_code`: the real agent of the SDK in the probed sandbox, with a scripted model. */
import { readdir, readFile } from 'node:fs/promises'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { probeSandbox, type SandboxProbe } from '../../runner/sandbox/probe.ts'
import { bash, model_key, say, startHarness, type Harness } from './harness.ts'

let harness: Harness
let probe: SandboxProbe
beforeAll(async () => {
  harness = await startHarness()
  probe = await probeSandbox()
})
afterAll(() => harness.close())
beforeEach(() => harness.plane.files.clear())

const full = { security: 'full' } as const
const turn = (value: unknown): string => `STUB: ${JSON.stringify(value)}`
const entries = (chunk_type: string) => harness.plane.seen.logs.filter((entry) => entry.chunk_type === chunk_type).map((entry) => entry.data)

/** The command lines of every process of this machine. */
const commandLines = async (): Promise<string> => {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  return (await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')))).join('\n')
}

test('the agent answers with tools in its workspace; the key, the token and the prompts are on the runner’s side only', async () => {
  let lines = ''
  const { code, finish, log } = await harness.run(
    {
      message: `planted-message-word\n${bash('echo started; env; cat /proc/*/environ | tr "\\0" "\\n"; sleep 1; echo written > file.txt')}\n${turn({ thinking: 'a thought', text: 'all done' })}`,
      config: { system_prompt: 'planted-system-word', workspace_dir: '/workspace/agents/tester' },
      extra_system_prompt: 'planted-extra-word',
      policy: full,
    },
    async () => {
      await harness.plane.logged(() => entries('tool_call').length > 0)
      lines = await commandLines()
    },
  )
  expect(code).toBe(0)
  expect(finish).toMatchObject({ outcome: 'ok', result: 'all done', saved: { workspace_bytes: expect.any(Number), transcript_bytes: expect.any(Number) } })
  expect(entries('prompt')).toEqual([])
  expect(entries('thinking')).toEqual(['a thought'])
  expect(entries('text')).toEqual(['all done'])
  expect(entries('result')).toEqual(['all done'])
  expect(JSON.parse(entries('tool_result')[0] ?? '')).toMatchObject({ is_error: false, content: expect.stringContaining('started') })
  expect(log).not.toMatch(/LANEKEEPER_|lkatt_/)
  expect(log).not.toContain(model_key)

  expect(lines).toMatch(/claude/)
  expect(lines).not.toMatch(/planted-(?:message|system|extra)-word.*stream-json|stream-json.*planted-(?:message|system|extra)-word/s)
  expect(lines).not.toMatch(/lkatt_|claim-token-of-the-fake-plane/)
  expect(lines).not.toContain(model_key)

  const [request] = harness.model_requests
  expect(request?.headers['x-api-key']).toBe(model_key)
  expect(request?.body).toContain('planted-system-word\\n\\nplanted-extra-word')
  expect(request?.body).toContain(probe.tier === 'bubblewrap' ? '/workspace/agents/tester' : '/workspace')
  expect(harness.model_requests.every(({ path }) => path === '/v1/messages')).toBe(true)
})

test('the next run of the session remembers the conversation and finds the files, and counts only what it used itself', async () => {
  const usage = { input_tokens: 1_000, output_tokens: 100 }
  const first = await harness.run({
    message: `my name is Ada\n${bash('echo from the first run > kept.txt')}\n${turn({ text: 'hello Ada', usage })}`,
    policy: full,
    session_id: 'memory',
  })
  expect(first.finish).toMatchObject({ outcome: 'ok', result: 'hello Ada' })
  const second = await harness.run({
    message: `who am I?\n${bash('cat kept.txt')}\n${turn({ text: 'still Ada', usage })}`,
    policy: full,
    session_id: 'memory',
    config: { workspace_dir: '/workspace/sub' },
    extra_system_prompt: 'planted-for-the-second',
  })
  expect(second.finish).toMatchObject({ outcome: 'ok', result: 'still Ada' })
  const sent = harness.model_requests.at(-1)?.body ?? ''
  expect(sent).toContain('my name is Ada')
  expect(sent).toContain('hello Ada')
  expect(sent).toContain('planted-for-the-second')
  expect(second.log).toContain('No such file')
  const third = await harness.run({ message: `and now?\n${turn({ text: 'Ada', usage })}`, policy: full, session_id: 'memory' })
  expect(harness.model_requests.at(-1)?.body).toContain('from the first run')
  expect(third.finish?.usage).toMatchObject(usage)
  expect(third.finish?.usage.model_usd).toBeCloseTo(0.003)
})

test('a fork remembers the conversation and has the files; then it and its source go ways of their own', async () => {
  const { files } = harness.plane
  await harness.run({ message: `my name is Ada\n${bash('echo from the source > kept.txt')}\n${say('hello Ada')}`, policy: full, session_id: 'source' })
  const saved = new Map(files)
  const usage = { input_tokens: 1_000, output_tokens: 100 }
  const fork = { policy: full, session_id: 'fork', transcript_of: 'source' }
  const first = await harness.run({ ...fork, message: `only in the fork\n${turn({ text: 'Ada', usage })}` })
  expect(harness.model_requests.at(-1)?.body).toContain('my name is Ada')
  // What the source has used is not the fork's.
  expect(first.finish?.usage).toMatchObject(usage)
  await harness.run({ ...fork, message: `and now?\n${bash('cat kept.txt; echo forked > kept.txt')}\n${say('ended')}` })
  expect(harness.model_requests.at(-1)?.body).toMatch(/my name is Ada[^]*only in the fork/)
  expect(JSON.parse(entries('tool_result').at(-1) ?? '')).toMatchObject({ content: expect.stringContaining('from the source') })
  for (const [kind, bytes] of saved) files.set(kind, bytes)
  await harness.run({ message: `and here?\n${bash('cat kept.txt')}\n${say('ended')}`, policy: full, session_id: 'source' })
  expect(harness.model_requests.at(-1)?.body).toContain('my name is Ada')
  expect(harness.model_requests.at(-1)?.body).not.toContain('only in the fork')
  expect(JSON.parse(entries('tool_result').at(-1) ?? '')).toMatchObject({ content: expect.stringContaining('from the source') })
})

test('without a script the demonstration shows tools, files and memory', async () => {
  await harness.run({ message: 'I like tea', policy: full, session_id: 'demo' })
  const { finish } = await harness.run({ message: 'What do I like?', policy: full, session_id: 'demo' })
  expect(finish?.result).toContain('(scripted model, no API key set) This is message 2 of this conversation; earlier you said: "I like tea"')
  expect(finish?.result).toContain('message 1: I like tea\nmessage 2: What do I like?')
})

test.each([
  ['deny', [], 'touch tried', false],
  ['allowlist', ['Bash(git *)'], 'git --version; touch tried', false],
  ['allowlist', ['Bash(touch *)'], 'touch tried', true],
] as const)('security %s with %j: `%s` runs: %s', async (security, allowed_tools, command, runs) => {
  const { finish } = await harness.run({ message: `m\n${bash(command)}\n${say('ended')}`, policy: { security }, config: { allowed_tools: [...allowed_tools] } })
  expect(finish).toMatchObject({ outcome: 'ok', result: 'ended' })
  expect(finish?.saved?.workspace_bytes !== undefined).toBe(runs)
  expect(JSON.parse(entries('tool_result')[0] ?? '{}')).toMatchObject({ is_error: !runs })
})

test('a file named in the message is not read past the gate, and a message is no command of the agent’s program', async () => {
  await harness.run({ message: '/clear @/etc/hostname @/etc/hosts', policy: { security: 'deny' } })
  expect(harness.model_requests.length).toBeGreaterThan(0)
  expect(harness.model_requests.at(-1)?.body).toContain('/clear @/etc/hostname')
  expect(harness.model_requests.at(-1)?.body).not.toContain('127.0.0.1 localhost')
})

test('attachments lie in the workspace and are named to the agent', async () => {
  const attachments = [{ name: 'data.bin', content: Buffer.from('binary').toString('base64'), encoding: 'base64' as const }]
  const { log } = await harness.run({ message: `see\n${bash('cat attachments/data.bin')}\n${say('ok')}`, policy: full, attachments })
  expect(log).toContain('"content":"binary"')
  expect(harness.model_requests[0]?.body).toMatch(/Files attached to this message:\\n- [^"]*attachments\/data\.bin/)
})

test('told to stop, a working agent ends, says what it used, and its memory is kept', async () => {
  const { code, finish } = await harness.run(
    { message: `remember me\n${bash('until [ -e never-65.0625 ]; do sleep 0.02; done')}\n${say('never')}`, policy: full },
    async () => {
      await harness.plane.logged(() => entries('tool_call').length > 0)
      harness.plane.orderStop('cancel')
    },
  )
  expect(code).toBe(0)
  expect(finish).toMatchObject({ outcome: 'cancelled', saved: { transcript_bytes: expect.any(Number) } })
  expect(finish?.usage.input_tokens).toBeGreaterThan(0)
  expect(harness.plane.seen.heartbeats.some((usage) => (usage?.input_tokens ?? 0) > 0 && (usage?.model_usd ?? 0) > 0)).toBe(true)
  expect(await commandLines()).not.toContain('never-65.0625')
  await harness.run({ message: `again\n${say('ok')}`, policy: full })
  expect(harness.model_requests.at(-1)?.body).toContain('remember me')
})

test.each([
  [401, 'model_unauthenticated', false],
  [529, 'model_overloaded', true],
])('a model that answers %d is %s, retryable: %s', async (status, code, retryable) => {
  const { finish } = await harness.run({ message: `m\n${turn({ error: status })}`, policy: full }, undefined, { LANEKEEPER_MODEL_RETRIES: '0' })
  expect(finish).toMatchObject({ outcome: 'error', error: { code, retryable } })
})

test('a model that is not there is an error worth a retry', async () => {
  const { finish } = await harness.run({ message: 'm', policy: full }, undefined, { LANEKEEPER_MODEL_RETRIES: '0', ANTHROPIC_BASE_URL: 'http://127.0.0.1:9' })
  expect(finish).toMatchObject({ outcome: 'error', error: { retryable: true, code: 'model_unavailable' } })
})

test('a run stops at its budget, and one that has none left does not start', async () => {
  const dear = turn({ tool: 'Bash', input: { command: 'echo dear' }, usage: { input_tokens: 1_000_000, output_tokens: 1 } })
  const stopped = await harness.run({ message: `m\n${dear}\n${say('never')}`, policy: full, budget_usd: 1.5, spent_usd: 0.5, session_id: 'budget-1' })
  expect(stopped.finish).toMatchObject({ outcome: 'error', error: { code: 'budget_exceeded', retryable: false } })
  expect(stopped.finish?.usage.model_usd).toBeGreaterThan(1)
  expect(entries('text')).not.toContain('never')
  const unstarted = await harness.run({ message: 'm', policy: full, budget_usd: 1, spent_usd: 1 })
  expect(unstarted.finish).toMatchObject({ outcome: 'error', error: { code: 'budget_exceeded', retryable: false } })
  expect(harness.model_requests).toHaveLength(0)
})

test('a run stops at its limit of turns', async () => {
  const { finish } = await harness.run({ message: `m\n${bash('true')}\n${bash('true')}\n${say('never')}`, policy: full, config: { max_turns: 1 } })
  expect(finish).toMatchObject({ outcome: 'error', error: { code: 'max_turns_reached', retryable: false } })
})

test('Bedrock is asked with a signature of the run’s own credentials, which the agent never sees', async () => {
  const secret_access_key = 'planted-secret-access-key'
  const model_credentials = {
    region: 'eu-central-1',
    access_key_id: 'AKIAPLANTED',
    secret_access_key,
    session_token: 'planted-session-token',
    expires_at: new Date(Date.now() + 3_600_000).toISOString(),
  }
  const { finish, log } = await harness.run({
    message: `m\n${bash('env')}\n${say('from Bedrock')}`,
    config: { model: 'us.anthropic.claude-sonnet-5' },
    policy: full,
    model_credentials,
    session_id: 'bedrock',
  })
  expect(finish).toMatchObject({ outcome: 'ok', result: 'from Bedrock' })
  expect(finish?.usage.input_tokens).toBeGreaterThan(0)
  const [request] = harness.model_requests
  expect(request?.path).toBe('/model/us.anthropic.claude-sonnet-5/invoke-with-response-stream')
  expect(request?.headers.authorization).toMatch(/^AWS4-HMAC-SHA256 Credential=AKIAPLANTED\/\d{8}\/eu-central-1\/bedrock\/aws4_request/)
  expect(request?.headers['x-amz-security-token']).toBe('planted-session-token')
  expect(log).not.toMatch(/AKIAPLANTED|planted-s/)
})
