/** Those who use the plane: product engineers who submit and cancel, operators who change agents and limits, and one who is up to no good. */
import * as z from 'zod'
import { priorities } from '../../shared/domain/command.ts'
import type { Role } from '../../shared/domain/workspace.ts'
import { timestamp } from '../../shared/domain/time.ts'
import { hasForks, hasQuestions } from './beginnings.ts'
import { request, type Answered } from './handlers.ts'
import type { Submission, Tenant, World } from './world.ts'

const Problem = z.looseObject({ code: z.string() })

/** A request of a client. What is answered must be a success or one of the refusals that the client may rightly get. */
export const ask = (
  world: World,
  key: string,
  what: readonly [method: string, path: string, body?: object],
  refusals: readonly string[],
  heard: (body: unknown) => void,
): void => {
  const [method, path, body] = what
  request(world, 'api', method, path, body === undefined ? { key } : { key, body }, (answered) => {
    if (answered.status < 300) return heard(answered.body)
    const { code } = Problem.parse(answered.body)
    const is_noise = answered.status >= 500 && (answered.flow.hurt || code === 'too_many_conflicts')
    if (!is_noise && !refusals.includes(code)) world.violations.push(`${method} ${path} was answered ${answered.status} ${JSON.stringify(answered.body)}`)
  })
}

export const keyOf = (tenant: Tenant, role: Role): string => tenant.keys[role]
export const tenantOf = (world: World, workspace_id: string): Tenant => {
  const tenant = world.tenants.find((one) => one.workspace_id === workspace_id)
  if (tenant === undefined) throw new Error(`nobody works in ${workspace_id}`)
  return tenant
}

const policies = [
  {},
  {},
  { interactive: true },
  { interactive: true, retry: { max_attempts: 2 } },
  { retry: { max_attempts: 1 } },
  { retry: { max_attempts: 3, delay_ms: 5_000 } },
  { retry: { max_attempts: 3, delay_ms: 90_000, backoff_rate: 2 } },
] as const

/** Where agents ask, more of them are spoken to. */
const policiesOf = ({ seed }: World) => (hasQuestions(seed) ? [...policies, { interactive: true }, { interactive: true }] : policies)

/** Some go on from what another session has saved, in a new session of which they may say the name. */
const fork = ({ seed, random, journal }: World, workspace_id: string): object => {
  if (!hasForks(seed)) return {}
  const saved = journal.all('session').filter((session) => session.workspace_id === workspace_id && session.checkpoint !== undefined)
  if (!random.chance(saved.length === 0 ? 0.1 : 0.7)) return {}
  return {
    fork_from: { session_id: saved.length === 0 ? random.pick(['s1', 'f1']) : random.pick(saved).id },
    session_id: random.chance(0.7) ? random.pick(['f1', 'f2', 'f3', 'f4', 'f5']) : undefined,
  }
}

const newSubmission = (world: World): Submission | undefined => {
  const { random, journal } = world
  const tenant = random.pick(world.tenants)
  const agents = journal.all('agent').filter((agent) => agent.workspace_id === tenant.workspace_id)
  if (agents.length === 0) return undefined
  const body = {
    message: 'hello',
    agent_id: random.pick(agents).id,
    policy: random.pick(policiesOf(world)),
    priority: random.pick(priorities),
    ...(random.chance(0.7) ? { session_id: random.pick(hasForks(world.seed) ? ['s1', 's2', 'f1', 'f2', 'f3'] : ['s1', 's2']) } : {}),
    ...(random.chance(0.6) ? { hook_id: 'h' } : {}),
    ...(random.chance(0.4) ? { lane: random.pick(['a', 'b']) } : {}),
    ...(random.chance(0.5) ? { idempotency_key: random.pick(['k1', 'k2', 'k3', 'k4']) } : {}),
    ...(random.chance(0.15) ? { not_before: timestamp(world.now_ms + random.int(300_000)) } : {}),
    ...(random.chance(0.15) ? { queue_timeout_ms: 1 + random.int(600_000) } : {}),
    ...(random.chance(0.2) ? { timeout_ms: 30_000 } : {}),
    ...fork(world, tenant.workspace_id),
  }
  return { tenant, body }
}

const Accepted = z.looseObject({ task: z.looseObject({ id: z.string() }), idempotent_hit: z.boolean() })

const sameKey = (a: Submission, b: Submission): boolean =>
  a.tenant === b.tenant &&
  a.body['agent_id'] === b.body['agent_id'] &&
  a.body['idempotency_key'] === b.body['idempotency_key'] &&
  a.body['idempotency_key'] !== undefined

const accept_refusals = ['agent_inactive', 'not_found', 'workspace_killed', 'session_exists', 'checkpoint_missing'] as const

const send = (world: World, submission: Submission): void =>
  ask(world, keyOf(submission.tenant, 'member'), ['POST', '/v1/tasks', submission.body], accept_refusals, (body) => {
    const { task } = Accepted.parse(body)
    const others = world.submissions.filter((one) => one.task_id !== undefined && sameKey(one, submission) && one.task_id !== task.id)
    if (others.length > 0) world.violations.push(`invariant 2: one key made ${task.id} and ${others[0]?.task_id}`)
    submission.task_id = task.id
  })

export const submit = (world: World): void => {
  const submission = newSubmission(world)
  if (submission === undefined) return
  world.submissions.push(submission)
  send(world, submission)
}

/** A client that got no answer sends the same again. */
export const submitAgain = (world: World): void => {
  const open = world.submissions.filter((one) => one.body['idempotency_key'] !== undefined)
  if (open.length === 0) return
  world.faults.count('client_retried')
  send(world, world.random.pick(open))
}

const anyTask = (world: World) => {
  const tasks = world.journal.all('task')
  return tasks.length === 0 ? undefined : world.random.pick(tasks)
}

const CancelledTask = z.looseObject({ task: z.looseObject({ target_run_id: z.string().optional() }) })
const CancelledRun = z.looseObject({ run: z.looseObject({ id: z.string() }) })

export const cancelTask = (world: World): void => {
  const task = anyTask(world)
  if (task === undefined) return
  ask(world, keyOf(tenantOf(world, task.workspace_id), 'member'), ['POST', `/v1/tasks/${task.id}/cancel`], [], (body) => {
    const run_id = CancelledTask.parse(body).task.target_run_id
    if (run_id !== undefined) world.cancelled_runs.add(run_id)
  })
}

export const cancelRun = (world: World): void => {
  const task = anyTask(world)
  if (task?.target_run_id === undefined) return
  ask(world, keyOf(tenantOf(world, task.workspace_id), 'member'), ['POST', `/v1/runs/${task.target_run_id}/cancel`], [], (body) => {
    world.cancelled_runs.add(CancelledRun.parse(body).run.id)
  })
}

export const archiveOrRetry = (world: World): void => {
  const task = anyTask(world)
  if (task === undefined) return
  const verb = world.random.pick(['archive', 'retry'])
  ask(
    world,
    keyOf(tenantOf(world, task.workspace_id), 'member'),
    ['POST', `/v1/tasks/${task.id}/${verb}`],
    ['illegal_state', 'agent_inactive', 'not_found', 'workspace_killed'],
    () => undefined,
  )
}

/** Reads of every kind find something, and change nothing. */
export const read = (world: World): void => {
  const task = anyTask(world)
  if (task === undefined) return
  const tenant = tenantOf(world, task.workspace_id)
  const run =
    task.target_run_id === undefined
      ? []
      : [`/v1/runs/${task.target_run_id}`, `/v1/runs/${task.target_run_id}/events`, `/v1/runs/${task.target_run_id}/attempts`]
  const path = world.random.pick([
    `/v1/tasks/${task.id}`,
    `/v1/tasks/${task.id}/events`,
    `/v1/tasks/${task.id}/explain`,
    `/v1/tasks?session_id=${task.session_id}`,
    '/v1/execution-instances',
    '/v1/tasks',
    ...run,
  ])
  ask(world, keyOf(tenant, 'viewer'), ['GET', path], [], () => undefined)
}

const agent_changes = [
  { active: false },
  { active: true },
  { active: true },
  { config: { concurrency: 1 } },
  { config: { concurrency: 3 } },
  { active: true, config: { concurrency: 2 } },
] as const

export const changeAgent = (world: World): void => {
  const agent = world.random.pick(world.journal.all('agent'))
  ask(
    world,
    keyOf(tenantOf(world, agent.workspace_id), 'admin'),
    ['PATCH', `/v1/agents/${agent.id}`, world.random.pick(agent_changes)],
    ['not_found'],
    () => undefined,
  )
}

export const deleteAgent = (world: World): void => {
  const agent = world.random.pick(world.journal.all('agent'))
  const query = world.random.chance(0.5) ? '?cancel=true' : ''
  ask(world, keyOf(tenantOf(world, agent.workspace_id), 'admin'), ['DELETE', `/v1/agents/${agent.id}${query}`], ['not_found', 'agent_busy'], () => undefined)
}

const limit_changes = [
  { desired_dispatch_concurrency: 0 },
  { desired_dispatch_concurrency: 1 },
  { desired_dispatch_concurrency: 4 },
  { desired_dispatch_concurrency: null },
  { reset: true },
] as const

export const changeLimit = (world: World): void => {
  const instances = world.journal.all('instance')
  if (instances.length === 0) return
  const instance = world.random.pick(instances)
  const path = `/v1/execution-instances/${instance.class_key}`
  ask(world, keyOf(tenantOf(world, instance.workspace_id), 'admin'), ['PATCH', path, world.random.pick(limit_changes)], [], () => undefined)
}

/** Somebody with a key of one workspace asks for what another has, or for more than his role allows. He learns and changes nothing. */
export const intrude = (world: World): void => {
  const task = anyTask(world)
  if (task === undefined) return
  const own = tenantOf(world, task.workspace_id)
  const other = world.random.pick(world.tenants.filter((one) => one !== own))
  world.faults.count('client_hostile')
  const foreign: readonly (readonly [string, string, object?])[] = [
    ['GET', `/v1/tasks/${task.id}`],
    ['POST', `/v1/tasks/${task.id}/cancel`],
    ['POST', `/v1/tasks/${task.id}/retry`],
    ['POST', `/v1/tasks/${task.id}/archive`],
    ['GET', `/v1/tasks/${task.id}/logs`],
    ['GET', `/v1/runs/${task.target_run_id ?? 'run_7ZZZZZZZZZZZZZZZZZZZZZZZZZ'}`],
    ['POST', `/v1/runs/${task.target_run_id ?? 'run_7ZZZZZZZZZZZZZZZZZZZZZZZZZ'}/cancel`],
    ['PATCH', `/v1/agents/${task.agent_id}`, { active: false }],
    ['DELETE', `/v1/agents/${task.agent_id}?cancel=true`],
    ['PATCH', `/v1/execution-instances/${task.class_key}`, { reset: true }],
    ['POST', '/v1/tasks', { agent_id: task.agent_id, message: 'mine' }],
  ]
  const low = world.random.chance(0.3)
  const [method, path, body] = low ? (['POST', `/v1/tasks/${task.id}/cancel`, undefined] as const) : world.random.pick(foreign)
  const key = low ? keyOf(own, 'viewer') : keyOf(other, 'admin')
  request(world, 'api', method, path, body === undefined ? { key } : { key, body }, (answered) =>
    judgeIntrusion(world, answered, `${method} ${path}`, low ? 403 : 404),
  )
}

export const judgeIntrusion = (world: World, { status, flow }: Answered, what: string, expected: number): void => {
  if (flow.commits > 0) world.violations.push(`invariant 11: ${what} of a stranger changed something`)
  if (status !== expected && !(status >= 500 && flow.hurt))
    world.violations.push(`invariant 11: ${what} of a stranger was answered ${status} instead of ${expected}`)
}
