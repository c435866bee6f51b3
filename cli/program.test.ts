import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import * as z from 'zod'
import { startFakeApi } from '../client/testing/fake-api.ts'
import { sample_ids } from '../client/testing/samples.ts'
import { exit_codes } from './io.ts'
import { runOn, type World } from './testing/run-on.ts'

let api: Awaited<ReturnType<typeof startFakeApi>>
beforeAll(async () => {
  api = await startFakeApi()
})
afterAll(() => api.close())
beforeEach(() => {
  api.seen.length = 0
})

const lanekeeper = async (line: readonly string[], world: World = {}) => runOn(api, line, world)
const Body = z.looseObject({ config: z.looseObject({}).optional() })
const sentBody = () => Body.parse(api.seen.at(-1)?.body)

test('run submits, follows to the end, and exits 0', async () => {
  const { code, out, err } = await lanekeeper(['run', 'Write a note', '--agent', 'demo', '--session', 'garden'])
  expect(err).toBe('')
  expect(code).toBe(exit_codes.done)
  expect(out).toMatch(
    /^task_\w+ accepted · agent demo · session garden\n○ queued\n● running\n! No model key is set: a scripted model answers\.\n→ Write note\.txt/,
  )
  expect(out).toContain('✓ done in 3.1s')
  expect(api.seen.find((request) => request.id === 'acceptAgentCommand')?.body).toMatchObject({
    agent_id: sample_ids.agent,
    message: 'Write a note',
    session_id: 'garden',
  })
})

test('run forks a session into a new one, which it may name', async () => {
  await lanekeeper(['run', 'Another way', '--agent', 'demo', '--fork-from', 'garden', '--session', 'garden-2'])
  expect(api.seen.find((request) => request.id === 'acceptAgentCommand')?.body).toMatchObject({
    session_id: 'garden-2',
    fork_from: { session_id: 'garden' },
  })
})

test.each([
  ['sentinel:error', exit_codes.failed],
  ['sentinel:timeout', exit_codes.failed],
  ['sentinel:cancelled', exit_codes.cancelled],
  ['sentinel:dropped', exit_codes.cancelled],
])('run of %s exits %d', async (message, code) => {
  expect(await lanekeeper(['run', message, '--agent', 'demo'])).toMatchObject({ code })
})

test.each([
  [['send', sample_ids.run, 'more'], 'followup'],
  [['send', sample_ids.task, 'more', '--mode', 'steer'], 'steer'],
  [['interrupt', sample_ids.task, 'more'], 'interrupt'],
])('%o says it to the run', async (line, queue_mode) => {
  const { code, out } = await lanekeeper([...line, '--idempotency-key', 'k'])
  expect(code).toBe(exit_codes.done)
  expect(api.seen.at(-1)).toMatchObject({ id: 'sendRunInput', body: { message: 'more', queue_mode, idempotency_key: 'k' } })
  expect(out).toContain(`✓ ${sample_ids.input}, a ${queue_mode} of ${sample_ids.task}: queued`)
})

test('send as JSON, from standard input, and with a mode that there is not', async () => {
  const { out } = await lanekeeper(['send', sample_ids.run, '-', '--json'], { stdin: 'from stdin' })
  expect(JSON.parse(out)).toMatchObject({ input: { message: 'from stdin' }, outcome: 'queued' })
  expect(await lanekeeper(['send', sample_ids.run, ' '])).toMatchObject({ code: exit_codes.usage })
  expect(await lanekeeper(['send', sample_ids.run, 'x', '--mode', 'never'])).toMatchObject({ code: exit_codes.usage })
})

test('every option of run reaches the API', async () => {
  const files = { '/project/a.txt': 'text', '/project/b.bin': new Uint8Array([255, 0, 1]), '/project/policy.json': '{"network_enabled": false}' }
  const line = [
    'run',
    '-',
    '--agent',
    sample_ids.agent,
    '--lane',
    'deploys',
    '--label',
    'nightly',
    '--priority',
    'high',
    '--timeout',
    '90s',
    '--policy',
    '@policy.json',
  ]
  const more = [
    '--attach',
    'a.txt',
    'b.bin',
    '--idempotency-key',
    'k',
    '--budget',
    '1.5',
    '--not-before',
    '10m',
    '--queue-timeout',
    '1h',
    '--metadata',
    'team=a=b',
    '--detach',
  ]
  const { code, out } = await lanekeeper([...line, ...more], { stdin: 'from stdin', files })
  expect(code).toBe(exit_codes.done)
  expect(out).toContain('see it: lanekeeper logs task_')
  expect(api.seen.at(-1)?.body).toMatchObject({
    message: 'from stdin',
    lane: 'deploys',
    label: 'nightly',
    priority: 'high',
    timeout_ms: 90_000,
    policy: { network_enabled: false },
    attachments: [
      { name: 'a.txt', content: 'text', encoding: 'text' },
      { name: 'b.bin', content: '/wAB', encoding: 'base64' },
    ],
    idempotency_key: 'k',
    budget_usd: 1.5,
    not_before: '2026-11-22T09:11:00.000Z',
    queue_timeout_ms: 3_600_000,
    metadata: { team: 'a=b' },
  })
})

test('an idempotency key that was used before is told, with the mismatch', async () => {
  const { out } = await lanekeeper(['run', 'x', '--agent', 'demo', '--idempotency-key', 'again', '--detach'])
  expect(out).toContain('this idempotency key was used before with another body, which is ignored')
})

test('Ctrl-C detaches, leaves the task alone, and says how to come back', async () => {
  const world = { interrupt_after: 'running', env: { npm_lifecycle_event: 'npx' } }
  const { code, err } = await lanekeeper(['run', 'sentinel:endless', '--agent', 'demo'], world)
  expect(code).toBe(exit_codes.detached)
  expect(err).toContain(`Detached. ${sample_ids.task} goes on.`)
  expect(err).toContain(`see it: npx lanekeeper logs ${sample_ids.task} --follow`)
  expect(api.seen.some((request) => request.id === 'cancelTask')).toBe(false)
})

test('attach shows only what follows, --history all of the run, and both exit as the task ends', async () => {
  await lanekeeper(['run', 'sentinel:error', '--agent', 'demo', '--detach'])
  const attached = await lanekeeper(['attach', sample_ids.task])
  expect(attached).toMatchObject({ code: exit_codes.failed, out: expect.stringMatching(/^✗ error after/) })
  await lanekeeper(['run', 'sentinel:error', '--agent', 'demo', '--detach'])
  expect(await lanekeeper(['attach', sample_ids.task, '--history'])).toMatchObject({
    code: exit_codes.failed,
    out: expect.stringMatching(/● running[^]*✗ error after/),
  })
})

test('--json prints one document a line and nothing else', async () => {
  const { out } = await lanekeeper(['run', 'Write a note', '--agent', 'demo', '--json'])
  const lines = out
    .trimEnd()
    .split('\n')
    .map((line) => z.looseObject({ task: z.looseObject({ state: z.string() }) }).parse(JSON.parse(line)))
  expect(lines.map((line) => line.task.state)).toEqual(['queued', 'queued', 'running', 'running', 'done'])
  expect(JSON.parse((await lanekeeper(['agents', 'list', '--json'])).out)).toMatchObject({ items: [{ agent_key: 'demo' }] })
})

test('an agent gets the default tools, and they are named', async () => {
  const { code, out } = await lanekeeper(['agents', 'create', 'demo'])
  expect(code).toBe(exit_codes.done)
  expect(sentBody()).toEqual({ agent_key: 'demo', config: { allowed_tools: ['Read', 'Write', 'Edit', 'Glob', 'Grep', 'Bash'] } })
  expect(out).toContain('It may use Read, Write, Edit, Glob, Grep, Bash (the default')
})

test.each([
  [['--allow-tool', 'Read', 'Bash(git *)', '--model', 'm', '--concurrency', '3'], { allowed_tools: ['Read', 'Bash(git *)'], model: 'm', concurrency: 3 }],
  [['--no-tools', '--system-prompt', 'Be brief.'], { allowed_tools: [], system_prompt: 'Be brief.' }],
  [['--command', 'true'], { command: ['true'], runner: 'process' }],
  [['--command', '["sh", "-c", "cat"]'], { command: ['sh', '-c', 'cat'], runner: 'process' }],
  [['--', 'sh', '-c', 'cat'], { command: ['sh', '-c', 'cat'], runner: 'process' }],
  [['--config', '{"allowed_tools": ["Read"], "max_turns": 5}', '--max-turns', '9'], { allowed_tools: ['Read'], max_turns: 9 }],
])('agents create with %j', async (flags, config) => {
  await lanekeeper(['agents', 'create', 'worker', ...flags])
  expect(sentBody().config).toEqual(config)
})

test('lists go over pages up to the limit and say that there is more', async () => {
  const { out } = await lanekeeper(['tasks', 'list', '--limit', '3'])
  expect(out.split('\n').filter((line) => line.startsWith('task_'))).toHaveLength(3)
  expect(out).toMatch(/^TASK +STATE +AGENT +SESSION/)
  expect(out).toContain('job 0')
  expect(out).toContain('There may be more: --cursor')
  expect((await lanekeeper(['tasks', 'list'])).out).not.toContain('There may be more')
})

test.each([
  [['health'], /ok http:\/\/127\.0\.0\.1:\d+ \(from \/project\/\.lanekeeper\/local\.json\)/],
  [['agents', 'get', 'demo'], /tools +Read, Write/],
  [['agents', 'update', 'demo', '--name', 'Demo'], /key +demo/],
  [['agents', 'delete', 'demo', '--cancel'], /deleted agent demo/],
  [['tasks', 'get', sample_ids.task], /message +Write a note/],
  [['tasks', 'cancel', sample_ids.task], /is cancelled; attempt 1 was running and is told to stop/],
  [['tasks', 'archive', sample_ids.task], /is archived/],
  [['tasks', 'retry', sample_ids.task], /is queued again/],
  [['tasks', 'retry', sample_ids.task, '--follow'], /✓ done/],
  [['explain', sample_ids.task], /held by +class limit[^]*place +2 of 12 in the class’s line[^]*forked from +session garden, as saved at 20/],
  [['logs', sample_ids.task], /^› Write a note\nDone\.\n$/],
  [['runs', 'list', '--status', 'ok'], /run_\w+ +ok +demo/],
  [['runs', 'get', sample_ids.run], /ATTEMPT +STATUS +ADMITTED +LAUNCH/],
  [['runs', 'cancel', sample_ids.run], /is cancelled; nothing of it was live/],
  [
    ['schedules', 'create', 'Look', '--agent', 'demo', '--cron', '0 9 * * 1-5', '--timezone', 'Europe/Berlin'],
    /created schedule sch_\w+; its first tick is in 22h/,
  ],
  [
    ['schedules', 'draft', 'weekdays at nine in Berlin'],
    /^0 9 \* \* 1-5 +Every weekday at 09:00[^]*Said by scripted\. Nothing is stored; create it: .*--timezone Europe\/Berlin/,
  ],
  [['schedules', 'list', '--agent', 'demo'], /sch_\w+ +active +demo +0 9 \* \* 1-5 +Europe\/Berlin +in 22h +2m ago +Look at the queue/],
  [['schedules', 'get', sample_ids.schedule], /catch-up +10m/],
  [['schedules', 'update', sample_ids.schedule, '--overlap', 'skip', '--catchup', '1h'], /overlap +skip\ncatch-up +1h/],
  [['schedules', 'pause', sample_ids.schedule], /status +inactive\npaused +by request/],
  [['schedules', 'resume', sample_ids.schedule], /status +active/],
  [['schedules', 'fire', sample_ids.schedule], /submitted task_/],
  [['schedules', 'fire', sample_ids.schedule, '--follow'], /✓ done/],
  [['schedules', 'ticks', sample_ids.schedule], /fired +task_\w+ +on time\n.*skipped +refused, agent_inactive/],
  [['schedules', 'next', sample_ids.schedule], /2026-11-23T09:00:00\+01:00 +in 22h\nthe clocks change from \+01:00 to \+02:00/],
  [['schedules', 'delete', sample_ids.schedule], /deleted schedule sch_/],
  [['instances', 'list'], /demo +deploys +healthy +1 +0 +0 +1 +12/],
  [['instances', 'get', sample_ids.class_key], /limit +1, of the lane/],
  [['instances', 'set-limit', sample_ids.class_key, '3'], /limit +1/],
  [['instances', 'reset', sample_ids.class_key], /healthy/],
  [['keys', 'create', 'ci', '--role', 'viewer'], /lk_secret_once\nThis is the only time/],
  [['keys', 'list'], /old +member +lk_abc… +revoked/],
  [['keys', 'revoke', sample_ids.apiKeyNo(1)], /revoked key ci/],
  [['workspaces', 'set-ceiling', sample_ids.workspace, '5'], /5 live attempts at most; 3 are live[^]*being counted/],
  [['kill', '--workspace', sample_ids.workspace, '--yes', '--hold'], /what waits is held\n  stopping task_\w+[^]*0 stopped[^]*1 stopping[^]*under way/],
  [['resume', '--workspace', sample_ids.workspace], /takes work again/],
  [['workspaces', 'create', 'second'], /keys create admin --role admin --workspace ws_/],
  [['workspaces', 'list'], /Default +1d ago +ws_/],
])('%j', async (line, text) => {
  const { code, out, err } = await lanekeeper(line)
  expect(err).toBe('')
  expect(out).toMatch(text)
  expect(code).toBe(exit_codes.done)
})

test.each([
  [['run', 'x'], exit_codes.usage, /required option '--agent/],
  [['run', '', '--agent', 'demo'], exit_codes.usage, /message is missing/],
  [['run', 'x', '--agent', 'demo', '--timeout', '90'], exit_codes.usage, /--timeout is not a duration: 90[^]*90s/],
  [['run', 'x', '--agent', 'demo', '--priority', 'huge'], exit_codes.usage, /--priority: must be low, normal, high or urgent/],
  [['run', 'x', '--agent', 'demo', '--budget', 'much'], exit_codes.usage, /--budget: /],
  [['run', 'x', '--agent', 'demo', '--policy', '{"ask": "maybe"}'], exit_codes.usage, /--policy is not valid:[^]*ask/],
  [['run', 'x', '--agent', 'demo', '--policy', '{'], exit_codes.usage, /--policy is not JSON/],
  [['run', 'x', '--agent', 'demo', '--attach', 'none.txt'], exit_codes.usage, /--attach: there is no file none\.txt/],
  [['run', 'x', '--agent', 'demo', '--not-before', 'soon'], exit_codes.usage, /--not-before is not a point in time/],
  [['run', 'x', '--agent', 'demo', '--metadata', 'k'], exit_codes.usage, /--metadata is not key=value/],
  [['run', 'x', '--agent', 'nobody'], exit_codes.failed, /There is no agent nobody[^]*lanekeeper agents create nobody/],
  [['run', 'x', '--agent', 'demo', '--session', 'no spaces'], exit_codes.usage, /invalid_request: [^]*session_id: must be 1 to 200[^]*request req-fake/],
  [['kill', '--workspace', sample_ids.workspace], exit_codes.usage, /stops all live work[^]*--yes/],
  [['kill', '--yes'], exit_codes.usage, /say which workspace/],
  [['agents', 'create', 'taken'], exit_codes.failed, /agent_key_taken/],
  [['agents', 'create', 'demo', '--command', '[1]'], exit_codes.usage, /not a JSON array of words/],
  [['agents', 'update', 'demo'], exit_codes.usage, /nothing to change/],
  [['agents', 'delete', 'demo'], exit_codes.failed, /agent_busy: The agent demo has 3 tasks in line/],
  [['tasks', 'get', sample_ids.taskNo(7)], exit_codes.failed, /not_found/],
  [['tasks', 'list', '--state', 'odd'], exit_codes.usage, /--state: must be one of sleeping, queued/],
  [['tasks', 'list', '--limit', '0'], exit_codes.usage, /--limit: /],
  [['agents', 'create', 'demo', '--key', 'lk_viewer'], exit_codes.failed, /forbidden: .*role admin[^]*Use the key of a role/],
  [['agents', 'list', '--key', 'wrong'], exit_codes.failed, /unauthenticated[^]*wrong or revoked/],
  [['health', '--data', '/nowhere'], exit_codes.usage, /There is no \/nowhere\/local\.json[^]*npm start -- --data/],
  [['frobnicate'], exit_codes.usage, /unknown command 'frobnicate'/],
  [['run', 'x', '--agent', 'demo', '--frob'], exit_codes.usage, /unknown option '--frob'/],
])('%j exits %d and says why', async (line, code, text) => {
  const failed = await lanekeeper(line)
  expect(failed.err).toMatch(text)
  expect(failed.code).toBe(code)
})

test('with --json an error is JSON too', async () => {
  const { code, out, err } = await lanekeeper(['tasks', 'get', sample_ids.taskNo(7), '--json'])
  expect({ code, out }).toEqual({ code: exit_codes.failed, out: '' })
  expect(JSON.parse(err)).toMatchObject({ error: { code: 'not_found', status: 404, request_id: 'req-fake' } })
})

test('help is no failure, and no command at all is told what there is', async () => {
  const help = await lanekeeper(['run', '--help'])
  expect(help).toMatchObject({ code: exit_codes.done, out: expect.stringMatching(/--idempotency-key[^]*--json/) })
  const bare = await lanekeeper([])
  expect(bare).toMatchObject({ code: exit_codes.usage, err: expect.stringContaining('Commands:') })
})

test('a 503 is tried again before it is told', async () => {
  const { code, err } = await lanekeeper(['run', 'sentinel:unavailable', '--agent', 'demo'])
  expect(code).toBe(exit_codes.failed)
  expect(err).toContain('unavailable: The table does not answer')
  expect(api.seen.filter((request) => request.id === 'acceptAgentCommand')).toHaveLength(4)
})
