/**
 * What a simulator does not do: requests of others. Each story asks the plane in memory for what it must refuse, with the wrong key, the wrong
 * token or in another's name, and throws where it gets it.
 */
import { createHash } from 'node:crypto'
import type { Operation } from '../../../shared/contract/operation.ts'
import { operations } from '../../../shared/contract/operations.ts'
import { Claim } from '../../../shared/contract/runner-protocol.ts'
import { ApiKeyId, RunId, WorkspaceId } from '../../../shared/domain/ids.ts'
import { roles, type Role } from '../../../shared/domain/workspace.ts'
import { cancelRun } from '../../../shared/flows/cancel.ts'
import { applyAttemptEvent } from '../../../shared/flows/finish.ts'
import { retryTask } from '../../../shared/flows/retry.ts'
import { claimAttempt, heartbeat, reportFinish, storeLogs } from '../../../shared/flows/runner.ts'
import { createApiKey, revokeApiKey } from '../../../shared/flows/workspaces.ts'
import type { Result } from '../../../shared/domain/result.ts'
import { apiPlane } from '../../support/http.ts'
import { secretOf, testPlane, test_usage, type Sandbox, type TestPlane } from '../../support/plane.ts'
import { twoWorkspaces, type World } from '../../support/two-workspaces.ts'
import { tell } from './tell.ts'

const all: readonly Operation[] = Object.values(operations)
const filled = (operation: Operation, ids: Readonly<Record<string, string>>): string =>
  operation.path.replace(/\{(\w+)\}/, (_, name: string) => ids[name] ?? '')

const mustBe = (what: string, seen: unknown, wanted: unknown): void => {
  if (seen !== wanted) throw new Error(`${what}: ${String(seen)} instead of ${String(wanted)}`)
}
const mustRefuse = (what: string, result: Result<unknown>, code: string): void => mustBe(what, result.ok ? 'allowed' : result.code, code)

const withKey = (role: Role, world: World): string => world.keys[role]

const requests: Readonly<Record<string, (world: World) => Promise<void>>> = {
  'a role does what it may': async (world) => {
    for (const operation of all) {
      const needed = operation.role
      if (needed === 'public' || needed === 'viewer') continue
      const below = roles[roles.indexOf(needed) - 1] ?? 'viewer'
      const answer = await world.plane.call(operation.method, filled(operation, world.own), { key: withKey(below, world), body: {} })
      mustBe(`${operation.id} with the role ${below}`, answer.status, 403)
    }
  },
  'a revoked key opens nothing': async (world) =>
    mustBe('a list with a revoked key', (await world.plane.call('GET', '/v1/tasks', { key: world.keys.revoked })).status, 401),
  'a key names no other workspace': async (world) => {
    const headers = { 'x-lanekeeper-workspace': world.foreign_workspace_id }
    mustBe("another's tasks", (await world.plane.call('GET', '/v1/tasks', { key: world.keys.admin, headers })).status, 403)
  },
  "another's records are not found": async (world) => {
    for (const operation of all.filter(({ path, method }) => path.includes('{') && method === 'GET')) {
      const answer = await world.plane.call('GET', filled(operation, world.foreign), { key: world.keys.admin })
      mustBe(`${operation.id} of another workspace`, answer.status, 404)
    }
  },
  "lists hold nothing of another's": async (world) => {
    for (const operation of all.filter(({ path, method, role }) => !path.includes('{') && method === 'GET' && role !== 'public' && role !== 'operator')) {
      const query = operation.id === 'audit' ? '?invariant=1' : ''
      const { text, status } = await world.plane.call('GET', `${operation.path}${query}`, { key: world.keys.admin })
      mustBe(operation.id, status, 200)
      mustBe(`${operation.id} names the other workspace`, text.includes(world.foreign_workspace_id), false)
      for (const id of Object.values(world.foreign)) mustBe(`${operation.id} names ${id}`, id !== '' && text.includes(id), false)
    }
  },
  'sessions of one name in two workspaces are two': async (world) => {
    for (const [key, id, headers] of [
      [world.keys.admin, world.own['task_id'], {}],
      [world.keys.operator, world.foreign['task_id'], { 'x-lanekeeper-workspace': world.foreign_workspace_id }],
    ] as const)
      mustBe('the task of each', (await world.plane.call('GET', `/v1/tasks/${id}`, { key, headers })).text.includes('"state":"running"'), true)
  },
  "another's idempotency key finds nothing": async (world) => {
    const body = { agent_id: world.foreign['agent_id'], message: 'x', idempotency_key: 'theirs' }
    const headers = { 'x-lanekeeper-workspace': world.foreign_workspace_id }
    mustBe('a command of their own', (await world.plane.call('POST', '/v1/tasks', { key: world.keys.operator, headers, body })).status, 202)
    mustBe('the same in my name', (await world.plane.call('POST', '/v1/tasks', { key: world.keys.admin, body })).status, 404)
  },
  'nobody makes or revokes a key above their own': async (world) => {
    const made = await world.plane.call('POST', '/v1/api-keys', { key: world.keys.admin, body: { name: 'k', role: 'operator' } })
    mustBe('an operator’s key made by an admin', made.status, 403)
    const { workspace_id, deps } = world.plane
    const operator = await createApiKey(deps, { workspace_id, name: 'op', role: 'operator' }, 'operator')
    if (!operator.ok) throw new Error(operator.detail)
    const revoked = await world.plane.call('DELETE', `/v1/api-keys/${operator.value.record.id}`, { key: world.keys.admin })
    mustBe('an operator’s key revoked by an admin', revoked.status, 403)
  },
}

/** Two admins' keys, and each is revoked at the same moment. */
const lastKeys = async (): Promise<void> => {
  const plane = apiPlane()
  const workspace_id = WorkspaceId.parse(plane.workspace_id)
  const made = await Promise.all(['a', 'b'].map(async (name) => createApiKey(plane.deps, { workspace_id, name, role: 'admin' }, 'admin')))
  const ids = made.map((one) => ApiKeyId.parse(one.ok ? one.value.record.id : ''))
  const revoked = await Promise.all(ids.map(async (api_key_id) => revokeApiKey(plane.deps, { workspace_id, api_key_id }, 'admin')))
  mustBe('of two last keys revoked at once', revoked.filter((one) => one.ok).length, 1)
}

const identity = (plane: TestPlane, sandbox: Sandbox, change: { readonly secret?: string; readonly attempt_no?: number } = {}) => ({
  workspace_id: plane.workspace_id,
  run_id: sandbox.run_id,
  attempt_no: sandbox.attempt_no,
  secret: secretOf(sandbox),
  ...change,
})
const claimOf = (plane: TestPlane, sandbox: Sandbox, change: { readonly claim_token?: string; readonly secret?: string; readonly attempt_no?: number } = {}) =>
  Claim.parse({
    workspace_id: plane.workspace_id,
    run_id: sandbox.run_id,
    attempt_no: change.attempt_no ?? sandbox.attempt_no,
    claim_token: change.claim_token ?? sandbox.claim_token,
    attempt_token_hash: createHash('sha256')
      .update(change.secret ?? secretOf(sandbox))
      .digest('hex'),
  })
const started = async (plane: TestPlane, max_attempts = 2): Promise<Sandbox> => {
  const { id } = await plane.makeAgent()
  await plane.accept({ agent_id: id, policy: { retry: { max_attempts } } })
  await plane.deliver()
  return newest(plane)
}
const newest = (plane: TestPlane): Sandbox => {
  const sandbox = plane.sandboxes.at(-1)
  if (sandbox === undefined) throw new Error('nothing was launched')
  return sandbox
}
const fails = { outcome: 'error', error: { code: 'boom', message: 'x', retryable: true } } as const
const entry = { seq: 1, timestamp: 1, stream: 'agent', chunk_type: 'text', data: 'x' } as const

const runners: Readonly<Record<string, (plane: TestPlane) => Promise<void>>> = {
  'a stranger claims nothing': async (plane) => {
    const sandbox = await started(plane)
    mustRefuse('a claim with a wrong token', await claimAttempt(plane.deps, claimOf(plane, sandbox, { claim_token: 'w'.repeat(40) })), 'claim_rejected')
    await plane.claim(sandbox)
    mustBe('a claim that is repeated', (await plane.claim(sandbox)).ok, true)
    mustRefuse('a claim by a second runner', await claimAttempt(plane.deps, claimOf(plane, sandbox, { secret: 'z'.repeat(40) })), 'claim_rejected')
  },
  'a stranger speaks for no attempt': async (plane) => {
    const sandbox = await started(plane)
    await plane.claim(sandbox)
    mustRefuse(
      'a heartbeat with a wrong secret',
      await heartbeat(plane.deps, identity(plane, sandbox, { secret: 'z'.repeat(40) }), undefined),
      'unauthenticated',
    )
    mustRefuse('a heartbeat of a later attempt', await heartbeat(plane.deps, identity(plane, sandbox, { attempt_no: 2 }), undefined), 'unauthenticated')
  },
  'an attempt that was replaced changes nothing': async (plane) => {
    const first = await started(plane)
    await plane.claim(first)
    await plane.finish(first, fails)
    mustRefuse('logs after the end', await storeLogs(plane.deps, identity(plane, first), [entry]), 'attempt_superseded')
    const word = await reportFinish(plane.deps, identity(plane, first), { outcome: 'ok', usage: test_usage })
    mustBe('a word that has arrived already', word.ok && word.value.recorded, true)
    await plane.deliver()
    mustRefuse('a heartbeat of an attempt that was replaced', await heartbeat(plane.deps, identity(plane, first), undefined), 'attempt_superseded')
    mustRefuse('a claim of an attempt that was replaced', await claimAttempt(plane.deps, claimOf(plane, first)), 'claim_rejected')
    const second = newest(plane)
    mustRefuse(
      'a claim with the number of the next',
      await claimAttempt(plane.deps, claimOf(plane, first, { attempt_no: second.attempt_no })),
      'claim_rejected',
    )
    await plane.claim(second)
    mustBe('the word of the first about the second', await plane.finish({ ...second, attempt_no: first.attempt_no }), false)
    mustBe('the second', (await plane.run(second.run_id)).attempt.status, 'running')
  },
  'an attempt that was told to stop does not start, and its lease is not renewed': async (plane) => {
    const unclaimed = await started(plane)
    await cancelRun(plane.deps, { workspace_id: plane.workspace_id, run_id: RunId.parse(unclaimed.run_id) })
    mustRefuse('a claim after the cancel', await plane.claim(unclaimed), 'claim_rejected')
    const claimed = await started(plane)
    await plane.claim(claimed)
    await cancelRun(plane.deps, { workspace_id: plane.workspace_id, run_id: RunId.parse(claimed.run_id) })
    const order = await heartbeat(plane.deps, identity(plane, claimed), undefined)
    mustBe('a heartbeat after the cancel', order.ok && order.value.order, 'stop')
  },
  'another sandbox than its own does not end an attempt, nor one that left in peace': async (plane) => {
    const sandbox = await started(plane)
    await plane.claim(sandbox)
    const { run_id, attempt_no, execution_id } = sandbox
    const gone = { type: 'stopped', workspace_id: plane.workspace_id, run_id, attempt_no, execution_id, exit_code: 1, reason: 'gone' } as const
    mustBe('another sandbox of the attempt', await applyAttemptEvent(plane.deps, { ...gone, execution_id: 'arn:task/other' }), false)
    mustBe('its own, which left with 0', await applyAttemptEvent(plane.deps, { ...gone, exit_code: 0 }), false)
    await plane.finish(sandbox, fails)
    await plane.deliver()
    mustBe('its own, when the next attempt starts', await applyAttemptEvent(plane.deps, gone), false)
    await plane.claim(newest(plane))
    mustBe(
      'its own usage',
      await applyAttemptEvent(plane.deps, { type: 'usage', workspace_id: plane.workspace_id, run_id, attempt_no, usage: test_usage }),
      false,
    )
  },
  'the cancel of a run that is over cancels no later one': async (plane) => {
    const sandbox = await started(plane)
    await plane.claim(sandbox)
    await plane.finish(sandbox)
    plane.signals.splice(0)
    const { task_id } = await plane.run(sandbox.run_id)
    await retryTask(plane.deps, { workspace_id: plane.workspace_id, task_id })
    await cancelRun(plane.deps, { workspace_id: plane.workspace_id, run_id: RunId.parse(sandbox.run_id) })
    mustBe('the task', (await plane.task(task_id)).state, 'queued')
  },
  'an attempt that was given up is told so': async (plane) => {
    const sandbox = await started(plane, 1)
    await plane.claim(sandbox)
    const { run_id, attempt_no, execution_id } = sandbox
    const gone = { type: 'stopped', workspace_id: plane.workspace_id, run_id, attempt_no, execution_id, exit_code: 137, reason: 'killed' } as const
    await plane.deps.signals.send([{ kind: 'attempt', event: gone }])
    await plane.deliver()
    mustRefuse('its word', await reportFinish(plane.deps, identity(plane, sandbox), { outcome: 'ok', usage: test_usage }), 'attempt_superseded')
  },
}

await tell([
  ...Object.entries(requests).map(([name, story]) => [name, async () => story(await twoWorkspaces())] as const),
  ['a workspace keeps one key', lastKeys],
  ...Object.entries(runners).map(([name, story]) => [name, async () => story(testPlane())] as const),
])
