/** Questions: agents that ask before they use a tool, people who answer or do not, and runners that park with a question. */
import * as z from 'zod'
import { runner_routes } from '../../shared/contract/runner-protocol.ts'
import { ask as request, judgeIntrusion, keyOf, tenantOf } from './clients.ts'
import { request as send } from './handlers.ts'
import { beat, call, finish, hears, tokenOf } from './runners.ts'
import { parksWith, unanswered } from './tools.ts'
import type { Sandbox, World } from './world.ts'

const Asked = z.looseObject({
  approval_id: z.string(),
  answer: z.looseObject({ tool_use_id: z.string(), action: z.enum(['approve', 'reject']), approval_id: z.string() }).optional(),
})
const asked_max = 3

/** The runner asks, and asks again where it heard no answer. */
const askOf = (world: World, sandbox: Sandbox, tool_use_id: string): void =>
  call(
    world,
    sandbox,
    runner_routes.questions.path,
    { tool_use_id, tool: 'Bash', input: '{}', reason: 'asked' },
    tokenOf(sandbox),
    (answer) => {
      const { approval_id, answer: said } = Asked.parse(answer)
      const tool = sandbox.tools.get(tool_use_id)
      if (tool === undefined) return
      if (tool.approval_id !== undefined && tool.approval_id !== approval_id) world.violations.push(`${tool_use_id} is ${tool.approval_id} and ${approval_id}`)
      tool.approval_id = approval_id
      if (said !== undefined) hears(world, sandbox, [said])
    },
    ['too_many_questions'],
  )

/** The agent wants to use a tool, or its runner asks again. */
export const asks = (world: World, sandbox: Sandbox): void => {
  const { random } = world
  const waiting = unanswered(sandbox)
  if (!sandbox.open || sandbox.told_turn === sandbox.turn || !sandbox.counts_turns || sandbox.word !== undefined || sandbox.told_to_stop_at_ms !== undefined)
    return
  const again = waiting.length >= asked_max || (waiting.length > 0 && random.chance(0.4))
  const tool_use_id = again ? random.pick(waiting) : `use_${sandbox.attempt_id}_${sandbox.turn}_${sandbox.tools.size}`
  if (!again) sandbox.tools.set(tool_use_id, {})
  askOf(world, sandbox, tool_use_id)
}

/** A runner whose agent waits for answers asks until it is heard, and then listens, or parks with the last question. */
export const waitsOn = (world: World, sandbox: Sandbox): void => {
  const unheard = unanswered(sandbox).find((id) => sandbox.tools.get(id)?.approval_id === undefined)
  if (unheard !== undefined && sandbox.word === undefined) askOf(world, sandbox, unheard)
  else if (parksWith(sandbox) !== undefined && world.random.chance(0.5)) finish(world, sandbox)
  else beat(world, sandbox)
}

const Answered = z.looseObject({ state: z.string() })
const states = { approve: 'approved', reject: 'rejected' } as const

/** Somebody answers a question, which may be over; some answer twice, and not the same. */
export const answers = (world: World): void => {
  const { random, journal } = world
  const all = journal.all('approval')
  if (all.length === 0) return
  const open = all.filter(({ resolved }) => resolved === undefined)
  const { id, workspace_id } = random.pick(open.length > 0 && random.chance(0.8) ? open : all)
  const action = random.chance(0.6) ? 'approve' : 'reject'
  const tenant = tenantOf(world, workspace_id)
  request(world, keyOf(tenant, 'member'), ['POST', `/v1/approvals/${id}`, { action }], ['illegal_state'], (body) => {
    const first = world.answered.get(id) ?? action
    world.answered.set(id, first)
    if (Answered.parse(body).state !== states[action] || first !== action) world.violations.push(`${id} was answered with ${first} and with ${action}`)
  })
}

/** Somebody lists what is open, or answers what is another workspace's. */
export const looksOn = (world: World): void => {
  const { random, journal, tenants } = world
  const all = journal.all('approval')
  if (all.length === 0) return
  const { id, workspace_id, run_id } = random.pick(all)
  const own = tenantOf(world, workspace_id)
  if (random.chance(0.5)) {
    request(world, keyOf(own, 'viewer'), ['GET', random.pick(['/v1/approvals', `/v1/approvals/${id}`, `/v1/runs/${run_id}/approvals`])], [], () => undefined)
    return
  }
  world.faults.count('client_hostile')
  const key = keyOf(random.pick(tenants.filter((one) => one !== own)), 'admin')
  send(world, 'api', 'POST', `/v1/approvals/${id}`, { key, body: { action: 'approve' } }, (answered) =>
    judgeIntrusion(world, answered, `POST /v1/approvals/${id}`, 404),
  )
}
