/** A question to a human that stays open for a day, with the real agent and the real handlers. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startScriptedModel, type ScriptedModel } from '../../local/scripted-model/server.ts'
import { hour_ms } from '../../shared/domain/time.ts'
import { operations } from '../../shared/contract/operations.ts'
import { answers } from '../support/api-steps.ts'
import { shaped } from '../support/http.ts'
import { startLivePlane, type LivePlane } from '../support/live-plane.ts'
import { bash, say } from './harness.ts'
import { until } from './situations.ts'

let model: ScriptedModel
let live: LivePlane
beforeAll(async () => {
  model = await startScriptedModel()
  live = await startLivePlane({ model_url: model.url, deployment: { question_grace_ms: 50, question_expires_ms: 72 * hour_ms } })
})
afterAll(async () => {
  await live.close()
  await model.close()
})

const get = async (path: string) => live.call('GET', path)

test('it holds no compute after the grace; approved a day later, the run goes on where it was, and the tool runs once', async () => {
  const config = { runner: 'claude_code', allowed_tools: ['Bash'] }
  const agent = shaped(answers.agent, await live.call('POST', '/v1/agents', { agent_key: 'asker', config }), 201)
  const message = `m\n${bash('echo x >> ran; wc -l < ran')}\n${say('done')}`
  const body = { agent_id: agent.id, message, policy: { security: 'full', ask: 'always' } }
  const { task } = shaped(answers.accepted, await live.call('POST', '/v1/tasks', body), 202)
  const run_id = await until('the run', async () => (await live.plane.task(task.id)).target_run_id)
  await until('the parked run', async () => ((await live.plane.run(run_id)).parked === 'question' ? true : undefined))
  await until('the end of the sandbox', () => (live.live().length === 0 ? true : undefined))
  const open = async () => shaped(operations.listApprovals.responses[200], await get('/v1/approvals')).items
  const [question] = await open()
  for (let hour = 0; hour < 24; hour += 1) {
    live.jump(hour_ms)
    // The sweep looks meanwhile.
    await new Promise((resolve) => setTimeout(resolve, 30))
    expect(live.live()).toEqual([])
  }
  expect(await open()).toEqual([question])
  await live.call('POST', `/v1/approvals/${question?.id ?? ''}`, { action: 'approve' })
  await until('the end of the task', async () => ((await live.plane.task(task.id)).state === 'done' ? true : undefined))
  const logs = shaped(answers.logs, await get(`/v1/tasks/${task.id}/logs?limit=200`)).items
  expect(logs.filter(({ chunk_type }) => chunk_type === 'tool_result').map(({ data }): unknown => JSON.parse(data))).toMatchObject([
    { is_error: false, content: '1' },
  ])
  expect(shaped(answers.run, await get(`/v1/runs/${run_id}`))).toMatchObject({ status: 'ok', result: 'done' })
  const attempts = shaped(answers.attempts, await get(`/v1/runs/${run_id}/attempts`)).items
  expect(attempts).toHaveLength(2)
  expect(attempts.reduce((sum, { usage }) => sum + usage.compute_seconds, 0)).toBeLessThan(120)
})
