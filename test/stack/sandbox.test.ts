import { readFile, readdir } from 'node:fs/promises'
import { createServer } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { api, ended, request, type Api } from '../support/api.ts'
import { bashTurn, scripted, textTurn, toolTurn } from '../support/scripted.ts'
import { startScriptedModel } from '../../local/scripted-model/server.ts'
import { probeSandbox } from '../../runner/sandbox/probe.ts'
import { startStack, type TestStack } from '../support/stack.ts'

const model_key = `sk-ant-api03-${'planted'.repeat(8)}`
const planted = {
  message: 'ghp_1234567890abcdefghijABCDEFGHIJ123456',
  config: 'AKIAIOSFODNN7EXAMPLE',
  output: `xoxb-123456789012-1234567890123-${'a'.repeat(24)}`,
}
/** A service on this machine that is none of the agent's business. */
const bystander = createServer((socket) => socket.end('BYSTANDER_REACHED\n'))
let bystander_port = 0
let model: Awaited<ReturnType<typeof startScriptedModel>>
let stack: TestStack
let plane: Api
let tier: Awaited<ReturnType<typeof probeSandbox>>

beforeAll(async () => {
  tier = await probeSandbox()
  await new Promise<void>((resolve) => bystander.listen(0, '127.0.0.1', resolve))
  const address = bystander.address()
  bystander_port = address !== null && typeof address === 'object' ? address.port : 0
  model = await startScriptedModel({})
  stack = await startStack({ env: { ANTHROPIC_API_KEY: model_key, ANTHROPIC_BASE_URL: model.url } })
  plane = api(stack)
}, 120_000)
afterAll(async () => {
  await stack.stop()
  await model.close()
  bystander.close()
}, 60_000)

const agentWith = async (agent_key: string, config: object = {}) =>
  plane.createAgent(agent_key, { runner: 'claude_code', allowed_tools: ['Bash', 'Read', 'Write'], ...config })
const runScript = async (body: { readonly agent_id: string; readonly message: string } & Record<string, unknown>) => {
  const { task } = await plane.accept(body)
  const over = await ended(plane, task.id, 90_000)
  const logs = (await plane.logs(task.id)).filter((line) => line.task_id === task.id)
  return {
    task: over,
    logs,
    output: logs
      .filter((line) => line.chunk_type === 'tool_result')
      .map((line) => line.data)
      .join('\n'),
  }
}

const escapes = () => [
  `echo "tier uid $(id -u)"`,
  'for f in /proc/[0-9]*/environ; do tr "\\0" "\\n" < $f; done 2>/dev/null | grep -E "^LANEKEEPER_|^AWS_|planted" && echo ENVIRON_READ',
  `cat '${stack.data_dir}/local.json' && echo LOCAL_JSON_READ`,
  'cat /etc/shadow && echo SHADOW_READ',
  `(exec 3<>/dev/tcp/127.0.0.1/${new URL(stack.api_url).port}) 2>/dev/null && echo API_REACHED`,
  `(exec 3<>/dev/tcp/127.0.0.1/${bystander_port}) 2>/dev/null && echo BYSTANDER_CONNECTED`,
  '(timeout 2 bash -c "exec 3<>/dev/tcp/169.254.169.254/80") 2>/dev/null && echo METADATA_REACHED',
  '(timeout 2 bash -c "exec 3<>/dev/tcp/169.254.170.2/80") 2>/dev/null && echo TASK_METADATA_REACHED',
  'echo probe finished',
]

test("an agent that tries cannot read the runner's environment, the key or files, nor reach the control API or metadata addresses", async () => {
  const agent = await agentWith('prober')
  for (const network_enabled of tier.network ? [true, false] : [true]) {
    const { task, output } = await runScript({
      agent_id: agent.id,
      message: scripted(bashTurn(escapes().join('\n')), textTurn('done')),
      policy: { network_enabled },
    })
    expect(task.state).toBe('done')
    expect(output).toContain('probe finished')
    for (const mark of ['ENVIRON_READ', 'API_REACHED', 'BYSTANDER_CONNECTED', 'METADATA_REACHED', 'planted']) expect(output).not.toContain(mark)
    if (tier.files) for (const mark of ['LOCAL_JSON_READ', 'SHADOW_READ']) expect(output).not.toContain(mark)
  }
}, 240_000)

test('workspace_access none, ro and rw hold, and what is written is there for the next run of the session', async () => {
  const agent = await agentWith('writer')
  const session_id = 'keeps'
  const write = toolTurn('Write', { file_path: '/workspace/note.txt', content: 'kept-for-later' })
  await runScript({ agent_id: agent.id, session_id, message: scripted(write, textTurn('written')) })
  const look = 'cat /workspace/note.txt; touch /workspace/more.txt && echo WRITABLE; ls /workspace'
  const rw = await runScript({ agent_id: agent.id, session_id, message: scripted(bashTurn(look), textTurn('ok')) })
  expect(rw.output).toContain('kept-for-later')
  expect(rw.output).toContain('WRITABLE')
  for (const workspace_access of ['ro', 'none'] as const) {
    const body = { agent_id: agent.id, session_id, message: scripted(bashTurn(look), textTurn('ok')), policy: { workspace_access } }
    if (!tier.files) {
      expect(await request(stack, 'POST', '/v1/tasks', body)).toMatchObject({ status: 400, body: { code: 'sandbox_unavailable' } })
      continue
    }
    const { output } = await runScript(body)
    expect(output.includes('kept-for-later')).toBe(workspace_access === 'ro')
    expect(output).not.toContain('WRITABLE')
  }
}, 240_000)

const everyFile = async (dir: string): Promise<string> => {
  const entries = await readdir(dir, { withFileTypes: true, recursive: true })
  const texts = await Promise.all(
    entries.filter((entry) => entry.isFile()).map(async (entry) => readFile(`${entry.parentPath}/${entry.name}`, 'latin1').catch(() => '')),
  )
  return texts.join('\n')
}

/** The arguments of every process of this machine, gathered until told to stop. */
const watchArguments = () => {
  const seen = new Set<string>()
  let on = true
  const loop = (async () => {
    while (on) {
      for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) seen.add(await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => ''))
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  })()
  return async () => {
    on = false
    await loop
    return [...seen].join('\n')
  }
}

test('secrets planted in message, config and tool output appear in no log, event, response or process argument', async () => {
  const agent = await agentWith('leaky', { system_prompt: `Use ${planted.config} wisely.` })
  const stopWatching = watchArguments()
  const halves = [planted.output.slice(0, 20), planted.output.slice(20)]
  const message = `${scripted(bashTurn(`printf %s%s '${halves[0]}' '${halves[1]}'; sleep 1`), textTurn('done'))}\nThe token is ${planted.message}`
  const { task } = await runScript({ agent_id: agent.id, message, label: 'leak test' })
  const args = await stopWatching()
  const paths = [
    `/v1/tasks/${task.id}`,
    `/v1/tasks/${task.id}/logs`,
    `/v1/tasks/${task.id}/events`,
    `/v1/runs/${task.target_run_id}`,
    `/v1/runs/${task.target_run_id}/events`,
    `/v1/runs/${task.target_run_id}/snapshots`,
    `/v1/agents/${agent.id}`,
    '/v1/agents',
  ]
  const responses = JSON.stringify(await Promise.all(paths.map(async (path) => request(stack, 'GET', path))))
  const logs = await everyFile(`${stack.data_dir}/logs`)
  for (const secret of [planted.message, planted.config, planted.output, model_key]) {
    for (const [where, text] of Object.entries({ responses, logs, args })) expect(text.includes(secret), `${secret.slice(0, 6)}… in ${where}`).toBe(false)
  }
}, 180_000)
