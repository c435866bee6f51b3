/** Sandboxes and the runners in them: what they say to the plane over the runner protocol, and how they fail. */
import { createHash } from 'node:crypto'
import * as z from 'zod'
import { runner_routes, type Finish } from '../../shared/contract/runner-protocol.ts'
import { secretOf, test_usage } from '../support/plane.ts'
import { request, type Answered } from './handlers.ts'
import { parksWith, unanswered } from './tools.ts'
import type { Sandbox, World } from './world.ts'

export const tokenOf = (sandbox: Sandbox, secret = secretOf(sandbox)): string =>
  `lkatt_${sandbox.workspace_id}.${sandbox.run_id}.${sandbox.attempt_no}.${secret}`

/** A task state change of ECS, unless it is lost; doubled and late ones come out of order. The rule leaves out runners that left with 0. */
const tellStopped = (world: World, sandbox: Sandbox, exit_code: number | undefined): void => {
  const { faults, random, now_ms } = world
  if (exit_code === 0) return
  if (faults.strikes('state_event_lost', 0.25)) return
  const detail = {
    taskArn: sandbox.execution_id,
    lastStatus: 'STOPPED',
    startedBy: `${sandbox.workspace_id}/${sandbox.run_id}/${sandbox.attempt_no}`,
    stoppedReason: 'it left',
    containers: [{ name: 'runner', ...(exit_code === undefined ? {} : { exitCode: exit_code }) }],
  }
  const body = JSON.stringify({ 'detail-type': 'ECS Task State Change', detail })
  const late_ms = faults.strikes('state_event_late', 0.2) ? random.int(600_000) : 0
  world.queues.attempt_events.send(now_ms, body, 'ecs', late_ms)
  if (faults.strikes('state_event_doubled', 0.15)) world.queues.attempt_events.send(now_ms, body, 'ecs', random.int(120_000))
}

/** The sandbox is gone. */
export const exit = (world: World, sandbox: Sandbox, exit_code: number | undefined): void => {
  if (sandbox.state === 'stopped') return
  sandbox.state = 'stopped'
  world.trace.add(world.now_ms, sandbox.attempt_id, `its sandbox stops with ${exit_code ?? 'no code'}`)
  tellStopped(world, sandbox, exit_code)
}

const Problem = z.looseObject({ code: z.string() })
const codeOf = ({ body }: Answered): string => Problem.safeParse(body).data?.code ?? ''

const over = ['attempt_superseded', 'unauthenticated', 'claim_rejected'] as const

/** A call of a runner. A refusal that a runner may rightly get ends it; a failure lets it try again. */
export const call = (
  world: World,
  sandbox: Sandbox,
  path: string,
  body: object,
  token: string | undefined,
  heard: (body: unknown) => void,
  harmless: readonly string[] = [],
): void => {
  const sent = token === undefined ? { body } : { body, authorization: `Bearer ${token}` }
  request(world, 'runner-api', 'POST', path, sent, (answered) => {
    if (answered.status === 200 || answered.status === 202) return heard(answered.body)
    const code = codeOf(answered)
    if (answered.status >= 500) {
      if (!answered.flow.hurt && code !== 'too_many_conflicts') world.violations.push(`${path} was answered ${answered.status} ${code} for no reason`)
      return
    }
    if (harmless.includes(code)) return
    if (!over.some((one) => one === code)) world.violations.push(`${path} was answered ${code}`)
    if (!sandbox.zombie) exit(world, sandbox, 1)
  })
}

const Answer = z.looseObject({ approval_id: z.string(), tool_use_id: z.string(), action: z.enum(['approve', 'reject']) })
const Begins = z.looseObject({
  turn: z.int(),
  begins_with: z.enum(['message', 'inputs', 'answer']),
  inputs_wait: z.boolean(),
  answers: z.array(Answer),
})

/** What was recorded of an answer that a runner hears. */
const isRecorded = (world: World, { approval_id, action }: z.infer<typeof Answer>): boolean => {
  const resolution = world.journal.all('approval').find(({ id }) => id === approval_id)?.resolved?.resolution
  return resolution?.kind === 'answered' ? resolution.action === action : resolution?.kind === 'expired' && action === 'reject'
}

/** The agent uses the tool that it was allowed to. Answers come again and again; each use is one. */
export const hears = (world: World, sandbox: Sandbox, answers: readonly z.infer<typeof Answer>[]): void => {
  for (const answer of answers) {
    const { tool_use_id, approval_id, action } = answer
    if (!isRecorded(world, answer)) world.violations.push(`${sandbox.attempt_id} was told ${action} to ${approval_id}, which is not so`)
    const tool = sandbox.tools.get(tool_use_id)
    if (tool === undefined) continue
    if (tool.action !== undefined && tool.action !== action) world.violations.push(`${approval_id} was answered with ${tool.action} and ${action}`)
    if (tool.action === undefined && action === 'approve') world.used.set(tool_use_id, [...(world.used.get(tool_use_id) ?? []), sandbox.attempt_id])
    Object.assign(tool, { action, approval_id })
  }
}

/** Where the run stands. A runner of an older release counts no turns and takes no inputs. */
const begins = (world: World, sandbox: Sandbox, { turn, begins_with, inputs_wait, answers }: z.infer<typeof Begins>): void => {
  sandbox.turn = turn
  sandbox.open = begins_with !== 'inputs'
  sandbox.knows_input = inputs_wait
  sandbox.counts_turns = !world.faults.on || world.random.chance(0.85) || begins_with === 'answer'
  if (begins_with !== 'answer') return
  if (answers.length === 0) world.violations.push(`${sandbox.attempt_id} goes on from an answer, and there is none`)
  for (const { tool_use_id } of answers) sandbox.tools.set(tool_use_id, {})
  hears(world, sandbox, answers)
}

export const claim = (world: World, sandbox: Sandbox): void => {
  const { workspace_id, run_id, attempt_no, claim_token, execution_id } = sandbox
  const attempt_token_hash = createHash('sha256').update(secretOf(sandbox)).digest('hex')
  const named = world.random.chance(0.8) ? { execution_id } : {}
  call(world, sandbox, runner_routes.claim.path, { workspace_id, run_id, attempt_no, claim_token, attempt_token_hash, ...named }, undefined, (answer) => {
    if (!sandbox.claimed) begins(world, sandbox, Begins.parse(answer))
    sandbox.claimed = true
    if (sandbox.state === 'starting') sandbox.state = 'running'
  })
}

const Order = z.looseObject({ order: z.enum(['go_on', 'stop']), inputs_wait: z.boolean().optional(), answers: z.array(Answer).optional() })

export const beat = (world: World, sandbox: Sandbox): void => {
  const body = world.random.chance(0.5) ? { usage: test_usage } : {}
  call(world, sandbox, runner_routes.heartbeat.path, body, tokenOf(sandbox), (answer) => {
    const { order, inputs_wait, answers = [] } = Order.parse(answer)
    hears(world, sandbox, answers)
    if (order === 'stop') sandbox.told_to_stop_at_ms ??= world.now_ms
    if (inputs_wait === true) sandbox.knows_input = true
  })
}

export const writeLogs = (world: World, sandbox: Sandbox): void => {
  const entry = { seq: 1 + world.random.int(3), timestamp: world.now_ms, stream: 'agent', chunk_type: 'text', data: 'working' }
  call(world, sandbox, runner_routes.logs.path, { entries: [entry] }, tokenOf(sandbox), () => undefined)
}

export const reportUsage = (world: World, sandbox: Sandbox): void =>
  call(world, sandbox, runner_routes.events.path, { events: [{ type: 'usage', usage: test_usage }] }, tokenOf(sandbox), () => undefined)

const good_word: Finish = { outcome: 'ok', usage: test_usage, result: 'done', saved: { workspace_bytes: 1 } }
const bad_words: readonly Finish[] = [
  { outcome: 'error', usage: test_usage, error: { code: 'boom', message: 'x', retryable: true }, exit_code: 1 },
  { outcome: 'error', usage: test_usage, error: { code: 'bad', message: 'x', retryable: false }, exit_code: 78 },
  { outcome: 'timeout', usage: test_usage },
]

const chosenWord = (world: World, sandbox: Sandbox): Finish => {
  if (sandbox.told_to_stop_at_ms !== undefined && world.random.chance(0.8)) return { outcome: 'cancelled', usage: test_usage }
  if (world.faults.strikes('agent_crashed', 0.4)) return world.random.pick(bad_words)
  return unanswered(sandbox).length === 0 ? good_word : { ...good_word, parks: 'question' }
}

const Recorded = z.looseObject({ recorded: z.boolean(), inputs_wait: z.boolean().optional() })

/** The turn that the end is of: the one that goes on, or where none does, the last; an attempt that waits gives up its sandbox. */
const withTurn = (sandbox: Sandbox, word: Finish): Finish => {
  if (!sandbox.counts_turns) return word
  const turn = sandbox.open ? sandbox.turn : Math.max(1, sandbox.turn - 1)
  return { ...word, turn, ...(word.outcome === 'ok' && !sandbox.open && sandbox.policy.interactive ? { parks: 'input' } : {}) }
}

/** The runner says how it ended, the same each time, and leaves once the table has it. */
export const finish = (world: World, sandbox: Sandbox): void => {
  // An agent that waits for answers has nothing to say; one whose last question is known may give up its sandbox.
  if (sandbox.word === undefined && sandbox.told_to_stop_at_ms === undefined && unanswered(sandbox).length > 0 && parksWith(sandbox) === undefined)
    return beat(world, sandbox)
  sandbox.word ??= withTurn(sandbox, chosenWord(world, sandbox))
  sandbox.said.add(sandbox.word.outcome)
  if (sandbox.told_to_stop_at_ms !== undefined && world.faults.on) world.faults.count('finished_while_cancelled')
  call(world, sandbox, runner_routes.finish.path, sandbox.word, tokenOf(sandbox), (answer) => {
    const { recorded, inputs_wait } = Recorded.parse(answer)
    if (recorded) return exit(world, sandbox, 0)
    if (inputs_wait !== true) return
    sandbox.knows_input = true
    delete sandbox.word
  })
}

/** Somebody repeats what a runner said long ago. */
export const replay = (world: World, sandbox: Sandbox): void => {
  world.faults.count('callback_replayed')
  world.random.pick([claim, beat, finish])(world, sandbox)
}

/** Somebody calls with a secret, a number or a workspace that is not his. Nothing of it may be taken. */
export const forge = (world: World, sandbox: Sandbox): void => {
  world.faults.count('callback_forged')
  const other = world.random.pick(world.sandboxes)
  const token = world.random.pick([
    tokenOf(sandbox, 'a-guess-that-is-wrong'),
    tokenOf({ ...sandbox, attempt_no: sandbox.attempt_no + 1 }),
    ...(other.workspace_id === sandbox.workspace_id ? [] : [tokenOf({ ...sandbox, workspace_id: other.workspace_id })]),
  ])
  const path = world.random.pick([runner_routes.heartbeat.path, runner_routes.finish.path])
  const body = path === runner_routes.finish.path ? good_word : {}
  request(world, 'runner-api', 'POST', path, { body, authorization: `Bearer ${token}` }, ({ status, flow }) => {
    if (status < 400 || flow.commits > 0) world.violations.push(`a forged call of ${path} was answered ${status}`)
  })
}

/** What compute does by itself: starts nothing too early, and ends what was told to stop once it obeys or its grace is over. */
export const computeGoesOn = (world: World): void => {
  for (const sandbox of world.sandboxes) {
    if (sandbox.told_to_stop_at_ms === undefined || sandbox.state === 'stopped') continue
    if (sandbox.deaf_until_ms === undefined || sandbox.deaf_until_ms <= world.now_ms) exit(world, sandbox, 143)
  }
}
