/** Conversations: clients that say something to a run, and runners that take it, end turns, and go on. */
import * as z from 'zod'
import { runner_routes } from '../../shared/contract/runner-protocol.ts'
import { hasQuestions } from './beginnings.ts'
import { ask, keyOf, tenantOf } from './clients.ts'
import { call, finish, tokenOf } from './runners.ts'
import { test_usage } from '../support/plane.ts'
import { unanswered } from './tools.ts'
import { waitsOn } from './questions.ts'
import type { Sandbox, World } from './world.ts'

const modes = ['steer', 'followup', 'collect', 'interrupt', 'queue', 'steer-backlog'] as const
const Sent = z.looseObject({ input: z.looseObject({ id: z.string(), task_id: z.string() }) })

/** What a client may rightly be told: the run stops, keeps enough, or its agent is gone or resting. */
const refusals = ['illegal_state', 'too_many_inputs', 'agent_inactive', 'not_found', 'workspace_killed']

/** One key names one input, however often it is sent. */
export const say = (world: World): void => {
  const { random, journal, sent_inputs } = world
  const runs = journal.all('run')
  if (runs.length === 0) return
  const waiting = runs.filter(({ waiting_since, parked }) => waiting_since !== undefined || (hasQuestions(world.seed) && parked === 'input'))
  const run = random.pick(waiting.length > 0 && random.chance(0.5) ? waiting : runs)
  const key = random.chance(0.4) ? random.pick(['i1', 'i2']) : undefined
  const body = { message: 'more', queue_mode: random.pick(modes), ...(key === undefined ? {} : { idempotency_key: key }) }
  ask(world, keyOf(tenantOf(world, run.workspace_id), 'member'), ['POST', `/v1/runs/${run.id}/input`, body], refusals, (answer) => {
    const { id, task_id } = Sent.parse(answer).input
    const name = key === undefined ? id : `${task_id} ${key}`
    const first = sent_inputs.get(name) ?? id
    if (first !== id) world.violations.push(`invariant 10: one key made ${first} and ${id}`)
    sent_inputs.set(name, first)
  })
}

/** Somebody answers an agent that waits for him, if one does. */
export const sayToWaiting = (world: World): void => {
  if (world.journal.all('run').some(({ waiting_since, parked }) => waiting_since !== undefined || parked === 'input')) say(world)
}

/** A refusal that says that another call was faster: the turn is another by now. */
const turned = ['illegal_state'] as const

const Waits = z.looseObject({ inputs_wait: z.boolean() })
const Taken = z.looseObject({ how: z.enum(['turn', 'steer', 'interrupt', 'nothing']), turn: z.int(), inputs: z.array(z.looseObject({ id: z.string() })) })

/** It gives up its sandbox with a question, and says so until it is heard. */
const isParking = ({ word }: Sandbox): boolean => word?.parks === 'question'

/** Takes what waits: into the turn that goes on, or as the one that begins. */
export const takes = (world: World, sandbox: Sandbox): void => {
  if (isParking(sandbox)) return
  const { turn, open } = sandbox
  call(
    world,
    sandbox,
    runner_routes.inputs.path,
    { turn, open },
    tokenOf(sandbox),
    (answer) => {
      const { how, inputs } = Taken.parse(answer)
      if ((how === 'nothing') !== (inputs.length === 0)) world.violations.push(`a take was answered ${how} with ${inputs.length} inputs`)
      if (sandbox.turn !== turn || sandbox.open !== open) return
      if (how === 'interrupt') {
        sandbox.knows_input = true
        // The agent is stopped, and with it what it asks.
        sandbox.tools.clear()
      }
      if (how === 'turn') sandbox.open = true
      if (how === 'nothing' || how === 'turn') sandbox.knows_input = false
    },
    turned,
  )
}

/** Ends the turn that goes on, and may wait for an input then. */
export const endsTurn = (world: World, sandbox: Sandbox): void => {
  const { turn, open } = sandbox
  if (!open || unanswered(sandbox).length > 0 || isParking(sandbox)) return
  sandbox.told_turn = turn
  const waits = sandbox.policy.interactive && world.random.chance(hasQuestions(world.seed) ? 0.9 : 0.5)
  const body = { turn, saved: { workspace_bytes: 1 }, usage: test_usage, waits }
  call(
    world,
    sandbox,
    runner_routes.turns.path,
    body,
    tokenOf(sandbox),
    (answer) => {
      if (sandbox.turn !== turn) return
      sandbox.turn += 1
      sandbox.open = false
      sandbox.tools.clear()
      sandbox.knows_input = Waits.parse(answer).inputs_wait
    },
    turned,
  )
}

/** One step of a runner that does what is right: it takes what it knows of, goes on with it, and ends where there is nothing. */
export const goesOn = (world: World, sandbox: Sandbox): void => {
  if (unanswered(sandbox).length > 0 && sandbox.told_to_stop_at_ms === undefined) waitsOn(world, sandbox)
  else if (isParking(sandbox) || !sandbox.counts_turns || sandbox.told_to_stop_at_ms !== undefined) finish(world, sandbox)
  else if (sandbox.open && sandbox.knows_input) endsTurn(world, sandbox)
  else if (!sandbox.open && sandbox.knows_input) takes(world, sandbox)
  else finish(world, sandbox)
}
