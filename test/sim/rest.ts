/** The end of a run: no more faults, and everybody does what is right. Then the plane comes to rest, even where no doorbell is heard. */
import { allFindings, unrest } from '../support/invariants.ts'
import { ask } from './clients.ts'
import { deliver, fireSweep } from './handlers.ts'
import { endSchedules, quietAlarms, type Rest } from './rest-schedules.ts'
import { letAllWork } from './operators.ts'
import * as runners from './runners.ts'
import * as talk from './talk.ts'
import { check, openAll, Violation } from './steps.ts'
import type { World } from './world.ts'

/** Cool-downs, retries and an agent that was activated without a word take a while. */
const rest_minutes = 240

/** What every client wanted has come true: agents are active, which nobody rings for, and limits that let nothing start are taken back. */
const settle = async (world: World): Promise<void> => {
  const { journal } = world
  world.committer = undefined
  for (const agent of journal.all('agent')) await journal.store.commit([{ op: 'replace_if_version', record: { ...agent, active: true } }])
  for (const { workspace_id, class_key, limit } of journal.all('instance')) {
    const key = world.tenants.find((tenant) => tenant.workspace_id === workspace_id)?.keys.admin
    if (limit > 0) continue
    ask(world, key ?? '', ['PATCH', `/v1/execution-instances/${class_key}`, { desired_dispatch_concurrency: null }], [], () => undefined)
    await openAll(world)
  }
}

/** Steps of a runner in a minute. */
const steps_max = 12

const hearAll = async (world: World, deaf: boolean): Promise<void> => {
  for (let heard = 0; heard < 1_000; heard += 1) {
    if (deaf) for (const name of ['dispatch', 'wake'] as const) world.queues[name].messages.splice(0)
    const any = deliver(world, 'attempt_events', 10) || deliver(world, 'dispatch', 10) || deliver(world, 'wake', 10)
    if (!any) return
    await openAll(world)
  }
  throw new Error('doorbells never end')
}

/** A runner does its work, and says so until it is heard. */
const work = async (world: World, deaf: boolean): Promise<void> => {
  for (const sandbox of world.sandboxes) {
    if (sandbox.state === 'starting' && sandbox.starts_at_ms <= world.now_ms) {
      runners.claim(world, sandbox)
      await openAll(world)
    }
    if (sandbox.state !== 'running' || sandbox.hung) continue
    for (let said = 0; said < steps_max && sandbox.state === 'running'; said += 1) {
      talk.goesOn(world, sandbox)
      await openAll(world)
      await hearAll(world, deaf)
    }
  }
}

/** One minute. @param deaf what nobody but the sweep and the runners rings is lost */
const orderlyMinute = async (world: World, deaf: boolean): Promise<void> => {
  world.now_ms += 60_000
  for (const queue of Object.values(world.queues)) queue.redrive(world.now_ms)
  if (deaf) for (const queue of Object.values(world.queues)) queue.messages.splice(0)
  fireSweep(world)
  await openAll(world)
  if (deaf) {
    const { messages } = world.queues.dispatch
    messages.splice(0, messages.length, ...messages.filter(({ body }) => body.includes('"kind":"class"')))
    for (let heard = 0; heard < 1_000 && deliver(world, 'dispatch', 10); heard += 1) {
      await openAll(world)
      messages.splice(0, messages.length, ...messages.filter(({ in_flight }) => in_flight))
    }
  }
  await hearAll(world, deaf)
  await work(world, deaf)
  runners.computeGoesOn(world)
  check(world)
}

/** Throws with what is not at rest in time. Every third seed is deaf. */
export const comeToRest = async (world: World): Promise<void> => {
  world.faults.on = false
  world.trace.add(world.now_ms, 'scheduler', 'no more faults')
  await openAll(world)
  await settle(world)
  await letAllWork(world)
  const deaf = world.seed % 3 === 0
  const rest: Rest = { deaf, minute: async () => orderlyMinute(world, deaf) }
  await endSchedules(world, rest)
  for (let minute = 0; minute < rest_minutes && unrest(world.journal, world.now_ms).length > 0; minute += 1) await orderlyMinute(world, deaf)
  const unsettled = unrest(world.journal, world.now_ms)
  if (unsettled.length > 0) throw new Violation(`no rest after ${rest_minutes} minutes: ${unsettled.slice(0, 3).join('; ')}`)
  await quietAlarms(world, rest)
  const wrong = allFindings(world.journal, world.now_ms)
  if (wrong.length > 0) throw new Violation(wrong.slice(0, 3).join('\n'))
  const lost = world.submissions.find(({ task_id }) => task_id !== undefined && !world.journal.all('task').some(({ id }) => id === task_id))
  const unsaid = [...world.sent_inputs.values()].find((id) => world.journal.all('input').find((input) => input.id === id)?.settled === undefined)
  const unanswered = world.journal.all('approval').find(({ resolved }) => resolved === undefined)
  if (unanswered !== undefined) throw new Violation(`${unanswered.id} was asked and has no end`)
  if (unsaid !== undefined) throw new Violation(`invariant 10: ${unsaid} was accepted and has no end`)
  if (lost !== undefined) throw new Violation(`invariant 1: ${lost.task_id} was accepted and is gone`)
}
