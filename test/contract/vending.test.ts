/** Model credentials on their way to the runner: with the claim, and again with a heartbeat before they end. */
import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { routes } from '../../functions/runner-api/routes.ts'
import { Assignment, Claim, HeartbeatAnswer, runner_routes, type VendedCredentials } from '../../shared/contract/runner-protocol.ts'
import type { AgentConfig } from '../../shared/domain/agent.ts'
import { timestamp } from '../../shared/domain/time.ts'
import { cancelTask } from '../../shared/flows/cancel.ts'
import type { FlowDeps } from '../../shared/flows/flow.ts'
import type { ModelCredentials } from '../../shared/ports/ports.ts'
import { refs } from '../../shared/store/keys.ts'
import { at, identity, named } from '../support/looks.ts'
import { secretOf, testPlane, test_usage } from '../support/plane.ts'

type Vended = Parameters<ModelCredentials['vend']>
const minute_ms = 60_000

/** A plane with one attempt that was launched, and a port that notes what it is asked for. */
const launched = async (config: Partial<AgentConfig> = {}) => {
  const plane = testPlane()
  const asked: Vended[] = []
  const reported: unknown[] = []
  let failure: Error | undefined
  const model_credentials: ModelCredentials = {
    vend: async (...asking) => {
      if (failure !== undefined) throw failure
      asked.push(asking)
      const expires_at = timestamp(plane.deps.clock.now() + asking[1])
      return { region: 'eu-central-1', access_key_id: `ASIA${asked.length}`, secret_access_key: 'vended-secret', session_token: 'vended-token', expires_at }
    },
  }
  const deps: FlowDeps = { ...plane.deps, model_credentials, report: (...what) => void reported.push(what) }
  const agent = await plane.makeAgent({ runner: 'claude_code', ...config })
  const { task } = await plane.accept({ agent_id: agent.id })
  await plane.deliver()
  const sandbox = at(plane.sandboxes, 0)
  const call = async (path: string, body: object, to: FlowDeps = deps) => {
    const route = routes.find((one) => one.path === path)
    if (route === undefined) throw new Error(`no route ${path}`)
    return route.answer(to, route.body.parse(body), route.needs_token ? identity(plane, sandbox) : undefined)
  }
  const answered = async (answer: ReturnType<typeof call>) => {
    const result = await answer
    if (!result.ok) throw new Error(`${result.code}: ${result.detail}`)
    return result.value
  }
  const claim = Claim.parse({
    workspace_id: plane.workspace_id,
    run_id: sandbox.run_id,
    attempt_no: 1,
    claim_token: sandbox.claim_token,
    attempt_token_hash: createHash('sha256').update(secretOf(sandbox)).digest('hex'),
  })
  return {
    plane,
    deps,
    task,
    asked,
    reported,
    named: { workspace_id: plane.workspace_id, run_id: sandbox.run_id, attempt_no: 1 },
    fail: (error: Error | undefined) => void (failure = error),
    claim: async (to?: FlowDeps) => Assignment.parse(await answered(call(runner_routes.claim.path, claim, to))),
    beat: async (held: VendedCredentials | undefined) =>
      HeartbeatAnswer.parse(
        await answered(
          call(runner_routes.heartbeat.path, { usage: test_usage, ...(held === undefined ? {} : { model_credentials_expire_at: held.expires_at }) }),
        ),
      ),
  }
}

test('a claim brings credentials for the agent’s model, good for an hour, and stores nothing of them', async () => {
  const run = await launched({ model: 'eu.anthropic.claude-x' })
  const { model_credentials } = await run.claim()
  expect(model_credentials).toMatchObject({ access_key_id: 'ASIA1', region: 'eu-central-1' })
  expect(run.asked).toEqual([[{ ...run.named, model: 'eu.anthropic.claude-x' }, 60 * minute_ms]])
  expect(JSON.stringify(await run.deps.store.get(refs.run(run.named.workspace_id, run.named.run_id)))).not.toMatch(/vended|ASIA/)
})

test('an agent that names no model has the deployment’s, in its credentials and in its assignment', async () => {
  const run = await launched()
  expect((await run.claim()).agent_config.model).toBe(run.deps.deployment.default_model)
  expect(run.asked[0]?.[0].model).toBe(run.deps.deployment.default_model)
})

test('a program gets none, and nobody does where the deployment has no port for them', async () => {
  const program = await launched({ runner: 'process', command: ['true'] })
  expect((await program.claim()).model_credentials).toBeUndefined()
  expect(program.asked).toEqual([])
  const agent = await launched()
  expect((await agent.claim(agent.plane.deps)).model_credentials).toBeUndefined()
})

test('a claim whose credentials cannot be had fails, and succeeds when it is repeated', async () => {
  const run = await launched()
  run.fail(new Error('STS is out'))
  await expect(run.claim()).rejects.toThrow('STS is out')
  run.fail(undefined)
  expect((await run.claim()).model_credentials).toBeDefined()
})

test('a heartbeat brings fresh ones once those that the runner holds end within ten minutes', async () => {
  const run = await launched()
  let held = (await run.claim()).model_credentials
  for (let minute = 1; minute <= 120; minute += 1) {
    run.plane.advance(minute_ms)
    const { order, model_credentials } = await run.beat(held)
    expect(order).toBe('go_on')
    held = model_credentials ?? held
    expect(Date.parse(held?.expires_at ?? '') - run.deps.clock.now()).toBeGreaterThanOrEqual(9 * minute_ms)
  }
  expect(run.asked).toHaveLength(3)
  expect(new Set(run.asked.map(([asking]) => JSON.stringify(asking))).size).toBe(1)
})

test('a runner that was given none is brought none', async () => {
  const run = await launched()
  await run.claim(run.plane.deps)
  expect((await run.beat(undefined)).model_credentials).toBeUndefined()
  expect(run.asked).toEqual([])
})

test('an attempt that is told to stop is brought none', async () => {
  const run = await launched()
  const held = (await run.claim()).model_credentials
  run.plane.advance(55 * minute_ms)
  await cancelTask(run.plane.deps, named(run.plane, run.task))
  expect(await run.beat(held)).toMatchObject({ order: 'stop' })
  expect(run.asked).toHaveLength(1)
})

test('credentials that cannot be had cost no lease: the operator is told, and the next heartbeat asks again', async () => {
  const run = await launched()
  const held = (await run.claim()).model_credentials
  run.plane.advance(51 * minute_ms)
  run.fail(new Error('STS is out'))
  const answer = await run.beat(held)
  expect(answer).toMatchObject({ order: 'go_on', lease_expires_at: timestamp(run.deps.clock.now() + run.deps.deployment.lease_ms) })
  expect(answer.model_credentials).toBeUndefined()
  expect(run.reported).toEqual([['credentials_failed', new Error('STS is out')]])
  run.fail(undefined)
  expect((await run.beat(held)).model_credentials).toMatchObject({ access_key_id: 'ASIA2' })
})

test('a heartbeat writes what it always wrote, with fresh credentials or without', async () => {
  const run = await launched()
  const held = (await run.claim()).model_credentials
  const version = async () => (await run.deps.store.get(refs.run(run.named.workspace_id, run.named.run_id)))?.version ?? 0
  const before = await version()
  await run.beat(held)
  run.plane.advance(55 * minute_ms)
  await run.beat(held)
  expect(await version()).toBe(before + 2)
  expect(run.asked).toHaveLength(2)
})
