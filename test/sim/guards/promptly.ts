/**
 * What a simulator that may lose every doorbell cannot see: that nothing waits for the sweep where no doorbell is lost. Each story runs on a
 * plane in memory on which no sweep ever comes, and throws where something has not happened that was rung for.
 */
import { retryTask } from '../../../shared/flows/retry.ts'
import { cancelTask } from '../../../shared/flows/cancel.ts'
import { updateAgent } from '../../../shared/flows/agents.ts'
import { orderInstance } from '../../../shared/flows/instances.ts'
import { wakeAgentClasses } from '../../../shared/flows/agent-work.ts'
import { lookAtClass } from '../../../shared/flows/dispatch.ts'
import { applyAttemptEvent } from '../../../shared/flows/finish.ts'
import { lookAtCeiling } from '../../../shared/flows/ceilings.ts'
import { lookAtSchedule } from '../../../shared/flows/schedule-look.ts'
import { lookAtTask } from '../../../shared/flows/look.ts'
import { lookAtSession } from '../../../shared/flows/session.ts'
import { timestamp } from '../../../shared/domain/time.ts'
import type { Signal } from '../../../shared/ports/ports.ts'
import { named } from '../../support/looks.ts'
import { testPlane, type Sandbox, type TestPlane } from '../../support/plane.ts'
import { tell } from './tell.ts'

const s = 1_000

interface Bell {
  readonly signal: Signal
  readonly at_ms: number
}

const hear = async ({ deps }: TestPlane, signal: Signal): Promise<unknown> => {
  if (signal.kind === 'class') return lookAtClass(deps, signal)
  if (signal.kind === 'session') return lookAtSession(deps, signal)
  if (signal.kind === 'schedule') return lookAtSchedule(deps, signal)
  if (signal.kind === 'ceiling') return lookAtCeiling(deps, signal.owner)
  if (signal.kind === 'ring') return undefined
  return signal.kind === 'attempt' ? applyAttemptEvent(deps, signal.event) : lookAtTask(deps, signal)
}

/** Delivers what is rung until nothing is left, and what is set for later when its time comes, within `for_ms`. */
const pass = async (plane: TestPlane, for_ms = 0): Promise<void> => {
  const { clock } = plane.deps
  const until_ms = clock.now() + for_ms
  const bells: Bell[] = []
  for (;;) {
    bells.push(...plane.signals.splice(0).map((signal) => ({ signal, at_ms: clock.now() + ('delay_ms' in signal ? signal.delay_ms : 0) })))
    bells.sort((a, b) => a.at_ms - b.at_ms)
    const [next] = bells
    if (next === undefined || next.at_ms > until_ms) return plane.advance(until_ms - clock.now())
    bells.shift()
    plane.advance(Math.max(0, next.at_ms - clock.now()))
    await hear(plane, next.signal)
  }
}

const live = (plane: TestPlane, task_id: string): Promise<boolean> => plane.task(task_id).then((task) => task.state === 'running')
const mustRun = async (plane: TestPlane, task_id: string, why: string): Promise<void> => {
  if (!(await live(plane, task_id))) throw new Error(`${why}: the task is ${(await plane.task(task_id)).state}`)
}
const lastSandbox = (plane: TestPlane): Sandbox => {
  const sandbox = plane.sandboxes.at(-1)
  if (sandbox === undefined) throw new Error('nothing was launched')
  return sandbox
}
const boom = { outcome: 'error', error: { code: 'boom', message: 'x', retryable: true } } as const

const stories: Readonly<Record<string, (plane: TestPlane) => Promise<void>>> = {
  'a command starts at once': async (plane) => {
    const { id } = await plane.makeAgent()
    const { task } = await plane.accept({ agent_id: id })
    await pass(plane)
    await mustRun(plane, task.id, 'accepted')
  },
  'a command that is sent again rings again': async (plane) => {
    const { id } = await plane.makeAgent()
    const { task } = await plane.accept({ agent_id: id, idempotency_key: 'k' })
    plane.signals.splice(0)
    await plane.accept({ agent_id: id, idempotency_key: 'k' })
    await pass(plane)
    await mustRun(plane, task.id, 'sent again')
  },
  'a command that starts later starts on time, though its doorbell comes early': async (plane) => {
    const { id } = await plane.makeAgent()
    const { task } = await plane.accept({ agent_id: id, not_before: timestamp(plane.deps.clock.now() + 60 * s) })
    await pass(plane, 70 * s)
    await mustRun(plane, task.id, 'its time has come')
    const early = await plane.accept({ agent_id: id, not_before: timestamp(plane.deps.clock.now() + 60 * s) })
    plane.signals.splice(0)
    await lookAtTask(plane.deps, { workspace_id: plane.workspace_id, task_id: early.task.id })
    if (await live(plane, early.task.id)) throw new Error('a sleeper started too early')
    await pass(plane, 70 * s)
    await mustRun(plane, early.task.id, 'its doorbell came early')
  },
  'room that is freed is filled, and a session that is freed': async (plane) => {
    const { id } = await plane.makeAgent()
    await plane.accept({ agent_id: id, lane: 'a', session_id: 's' })
    await pass(plane)
    const next = await plane.accept({ agent_id: id, lane: 'a' })
    const waiting = await plane.accept({ agent_id: id, lane: 'b', session_id: 's' })
    await pass(plane)
    if (await live(plane, waiting.task.id)) throw new Error('two hold one session')
    await plane.claim(lastSandbox(plane))
    await plane.finish(lastSandbox(plane))
    await pass(plane)
    await mustRun(plane, next.task.id, 'its class has room')
    await mustRun(plane, waiting.task.id, 'its session is free')
  },
  'a retry comes when its delay is over': async (plane) => {
    const { id } = await plane.makeAgent()
    const { task } = await plane.accept({ agent_id: id, policy: { retry: { max_attempts: 2, delay_ms: 30 * s } } })
    await pass(plane)
    await plane.claim(lastSandbox(plane))
    await plane.finish(lastSandbox(plane), boom)
    await pass(plane, 40 * s)
    await mustRun(plane, task.id, 'the delay is over')
  },
  'a task that is retried by hand starts at once': async (plane) => {
    const { id } = await plane.makeAgent()
    const { task } = await plane.accept({ agent_id: id })
    await pass(plane)
    await plane.claim(lastSandbox(plane))
    await plane.finish(lastSandbox(plane))
    await pass(plane)
    await retryTask(plane.deps, { workspace_id: plane.workspace_id, task_id: task.id })
    await pass(plane)
    await mustRun(plane, task.id, 'retried')
  },
  'a cancelled attempt is stopped at once': async (plane) => {
    const { id } = await plane.makeAgent()
    const { task } = await plane.accept({ agent_id: id })
    await pass(plane)
    const sandbox = lastSandbox(plane)
    await plane.claim(sandbox)
    await cancelTask(plane.deps, { workspace_id: plane.workspace_id, task_id: task.id })
    await pass(plane, 10 * s)
    if (sandbox.state !== 'stopped') throw new Error('the sandbox goes on')
    if ((await plane.task(task.id)).state !== 'cancelled') throw new Error('the cancel does not end')
  },
  'a launch that is throttled is tried again soon': async (plane) => {
    const { id } = await plane.makeAgent()
    plane.launch_answers.push({ ok: false, why: 'throttled', message: 'slow down' })
    await plane.accept({ agent_id: id })
    await pass(plane, 5 * s)
    lastSandbox(plane)
  },
  'a look goes on until nothing more can start': async (plane) => {
    const { id } = await plane.makeAgent({ concurrency: 100 })
    for (let n = 0; n < 12; n += 1) await plane.accept({ agent_id: id })
    for (let n = 0; n < 60; n += 1) await plane.accept({ agent_id: id, session_id: 's' })
    const last = await plane.accept({ agent_id: id })
    plane.signals.splice(1)
    await pass(plane)
    await mustRun(plane, last.task.id, 'those before it wait for a session')
  },
  'a doorbell that is heard twice is not set again twice': async (plane) => {
    const { id } = await plane.makeAgent()
    const { task } = await plane.accept({ agent_id: id })
    await pass(plane)
    await plane.claim(lastSandbox(plane))
    await cancelTask(plane.deps, named(plane, task))
    const deaf = { ...plane.deps, compute: { ...plane.deps.compute, stop: async () => undefined } }
    plane.signals.splice(0)
    for (let heard = 0; heard < 3; heard += 1) await lookAtTask(deaf, named(plane, task))
    if (plane.signals.length !== 1) throw new Error(`${plane.signals.length} doorbells are set`)
  },
  'a doorbell for a task in line that comes early changes nothing': async (plane) => {
    const { id } = await plane.makeAgent()
    const { task } = await plane.accept({ agent_id: id })
    await lookAtTask(plane.deps, named(plane, task))
    if ((await plane.task(task.id)).version !== task.version) throw new Error('the task was written')
  },
  'a limit that an operator raises lets in who waits at once': async (plane) => {
    const { id } = await plane.makeAgent({ concurrency: 1 })
    await plane.accept({ agent_id: id })
    const { task } = await plane.accept({ agent_id: id })
    await pass(plane)
    await orderInstance(plane.deps, { workspace_id: plane.workspace_id, instance_key: task.class_key }, { desired_dispatch_concurrency: 2 })
    await pass(plane)
    await mustRun(plane, task.id, 'there is room')
  },
  'an agent that is activated wakes what waits': async (plane) => {
    const agent = await plane.makeAgent()
    const name = { workspace_id: plane.workspace_id, agent_id: agent.id }
    const { task } = await plane.accept({ agent_id: agent.id })
    await updateAgent(plane.deps, name, { active: false })
    await pass(plane)
    if (await live(plane, task.id)) throw new Error('work of an inactive agent started')
    await updateAgent(plane.deps, name, { active: true })
    await pass(plane)
    await mustRun(plane, task.id, 'its agent is active')
    await wakeAgentClasses(plane.deps, name)
  },
}

await tell(Object.entries(stories).map(([name, story]) => [name, async () => story(testPlane())]))
