/** What may happen next, and how often in relation. */
import * as admins from './admins.ts'
import * as clients from './clients.ts'
import { deliver, fireSweep } from './handlers.ts'
import { hasQuestions, hasSchedules } from './beginnings.ts'
import * as doorbells from './doorbells.ts'
import { deliverRing, ringEarly } from './rings.ts'
import * as operators from './operators.ts'
import { redeploy } from './orders.ts'
import * as questions from './questions.ts'
import * as runners from './runners.ts'
import * as schedulers from './schedulers.ts'
import * as talk from './talk.ts'
import { unanswered } from './tools.ts'
import type { Sandbox, World } from './world.ts'

const tasks_max = 16

const sandboxIn = (world: World, matches: (sandbox: Sandbox) => boolean): Sandbox | undefined => {
  const all = world.sandboxes.filter(matches)
  return all.length === 0 ? undefined : world.random.pick(all)
}

type Act = (world: World) => void
const withSandbox =
  (matches: (sandbox: Sandbox, world: World) => boolean, act: (world: World, sandbox: Sandbox) => void): Act =>
  (world) => {
    const sandbox = sandboxIn(world, (one) => matches(one, world))
    if (sandbox !== undefined) act(world, sandbox)
  }

const canStart = (sandbox: Sandbox, world: World): boolean => sandbox.state === 'starting' && sandbox.starts_at_ms <= world.now_ms
/** A runner that speaks: alive, or living on without compute's knowledge. */
const speaks = (sandbox: Sandbox): boolean => sandbox.claimed && !sandbox.hung && (sandbox.state === 'running' || sandbox.zombie)

const ways_to_die: readonly { readonly exit_code?: number }[] = [{ exit_code: 0 }, { exit_code: 1 }, { exit_code: 137 }, {}]

const dies = (world: World, sandbox: Sandbox): void => {
  if (!world.faults.strikes('sandbox_died', 1)) return
  sandbox.zombie = world.faults.strikes('agent_cut_off', 0.4)
  const { exit_code } = world.random.pick(ways_to_die)
  runners.exit(world, sandbox, exit_code)
}
const isStillborn = (world: World, sandbox: Sandbox): void => {
  if (world.faults.strikes('launch_stillborn', 1)) runners.exit(world, sandbox, undefined)
}
const hangs = (world: World, sandbox: Sandbox): void => {
  if (world.faults.strikes('agent_hung', 1)) sandbox.hung = true
}

const receiveAny: Act = (world) => {
  const names = world.random.chance(0.5) ? (['dispatch', 'attempt_events', 'wake'] as const) : (['attempt_events', 'dispatch', 'wake'] as const)
  const most = world.random.pick([1, 1, 3, 10])
  for (const name of names) if (deliver(world, name, most)) return
}

/** The minute schedule: on time, late, twice or not at all. */
const minute: Act = (world) => {
  if (world.faults.strikes('sweep_missed', 0.15)) return
  if (world.faults.strikes('sweep_late', 0.15)) world.now_ms += 120_000
  fireSweep(world)
  if (world.faults.strikes('sweep_doubled', 0.1)) fireSweep(world)
}

const redrive: Act = (world) => {
  for (const queue of Object.values(world.queues)) queue.redrive(world.now_ms)
}

const acts: readonly (readonly [weight: number, Act])[] = [
  [14, (world) => void (world.journal.all('task').length < tasks_max && clients.submit(world))],
  [2, clients.submitAgain],
  [40, receiveAny],
  [16, withSandbox(canStart, runners.claim)],
  [8, withSandbox(speaks, runners.beat)],
  [8, talk.say],
  [5, withSandbox((sandbox) => speaks(sandbox) && sandbox.counts_turns, talk.takes)],
  [5, withSandbox((sandbox) => speaks(sandbox) && sandbox.counts_turns, talk.endsTurn)],
  [3, withSandbox(speaks, talk.goesOn)],
  [13, withSandbox(speaks, runners.finish)],
  [2, withSandbox(speaks, runners.writeLogs)],
  [1, withSandbox(speaks, runners.reportUsage)],
  [2, withSandbox((sandbox) => sandbox.state === 'running', dies)],
  [1, withSandbox((sandbox) => sandbox.state === 'starting', isStillborn)],
  [1, withSandbox((sandbox) => sandbox.state === 'running' && sandbox.claimed, hangs)],
  [2, withSandbox((sandbox) => sandbox.claimed, runners.replay)],
  [2, withSandbox(() => true, runners.forge)],
  [4, runners.computeGoesOn],
  [3, clients.cancelTask],
  [2, clients.cancelRun],
  [3, clients.archiveOrRetry],
  [2, clients.read],
  [3, clients.changeAgent],
  [1.5, clients.changeLimit],
  [0.3, clients.deleteAgent],
  [1, admins.makeAgent],
  [5, admins.guestDoes],
  [1.5, operators.changeCeiling],
  [0.5, redeploy],
  [0.4, operators.kill],
  [1, operators.resumeAny],
  [2, clients.intrude],
  [6, minute],
  [1, redrive],
  [10, (world) => void (world.now_ms += world.random.pick([1_000, 5_000, 20_000, 60_000, 300_000]))],
]
/** What happens beside it where there are schedules. */
const acts_with_schedules: readonly (readonly [weight: number, Act])[] = [
  ...acts,
  [12, schedulers.makeSchedule],
  [10, schedulers.changeSchedule],
  [1.5, schedulers.deleteSchedule],
  [3, schedulers.fireByHand],
  [2, schedulers.readSchedule],
  [1, schedulers.intrude],
  [18, schedulers.untilTick],
  [24, deliverRing],
  [4, ringEarly],
  [1.5, schedulers.goDown],
  [1, clients.deleteAgent],
]

/** What happens beside it where agents ask. */
const acts_of_questions: readonly (readonly [weight: number, Act])[] = [
  [22, withSandbox((sandbox) => speaks(sandbox) && sandbox.open, questions.asks)],
  [8, questions.answers],
  [12, withSandbox((sandbox) => speaks(sandbox) && unanswered(sandbox).length > 0, questions.waitsOn)],
  [10, talk.sayToWaiting],
  [12, withSandbox((sandbox) => speaks(sandbox) && sandbox.open && sandbox.policy.interactive && unanswered(sandbox).length === 0, talk.endsTurn)],
  [2, questions.looksOn],
  [10, withSandbox(speaks, doorbells.hangs)],
  [6, (world) => void doorbells.hearsRing(world)],
]

/** The seed chooses one. */
export const actOnce = (world: World): void => {
  const possible = [...(hasSchedules(world.seed) ? acts_with_schedules : acts), ...(hasQuestions(world.seed) ? acts_of_questions : [])]
  let left = world.random.next() * possible.reduce((sum, [weight]) => sum + weight, 0)
  for (const [weight, act] of possible) {
    left -= weight
    if (left < 0) return act(world)
  }
}
