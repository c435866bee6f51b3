/**
 * Stories in which another handler acts at one certain moment: between two calls of the one that the story is about. Chance finds such a moment
 * once in many thousand seeds; here it is made. Each throws where the two together did what neither may.
 */
import { wakeAgentClasses } from '../../../shared/flows/agent-work.ts'
import { RunId } from '../../../shared/domain/ids.ts'
import { cancelRun, cancelTask } from '../../../shared/flows/cancel.ts'
import { lookAtClass } from '../../../shared/flows/dispatch.ts'
import { orderInstance } from '../../../shared/flows/instances.ts'
import { launchAll } from '../../../shared/flows/launch.ts'
import { lookAtTask } from '../../../shared/flows/look.ts'
import { retryTask } from '../../../shared/flows/retry.ts'
import { heartbeat } from '../../../shared/flows/runner.ts'
import { lookAtSession } from '../../../shared/flows/session.ts'
import { refs } from '../../../shared/store/keys.ts'
import { betweenStore, type BetweenStore } from '../../support/between.ts'
import { at, boom, identity, instanceOf, named, sweepDeaf } from '../../support/looks.ts'
import { testPlane, type TestPlane } from '../../support/plane.ts'
import { tell } from './tell.ts'

const must = (what: string, holds: boolean): void => {
  if (!holds) throw new Error(what)
}
const failed = { outcome: 'error', error: boom } as const

/** A class with as many attempts, claimed. */
const running = async (plane: TestPlane, attempts: number, params: object = {}) => {
  const agent = await plane.makeAgent({ concurrency: 5 })
  const { task } = await plane.accept({ agent_id: agent.id, ...params })
  for (let more = 1; more < attempts; more += 1) await plane.accept({ agent_id: agent.id, ...params })
  await plane.deliver()
  for (const sandbox of plane.sandboxes) await plane.claim(sandbox)
  return { agent, task, sandbox: at(plane.sandboxes, 0) }
}

const stories: Readonly<Record<string, (plane: TestPlane, store: BetweenStore) => Promise<void>>> = {
  'a limit that is lowered while a dispatcher decides holds': async (plane, store) => {
    const { agent, task } = await running(plane, 1)
    for (let more = 0; more < 3; more += 1) await plane.accept({ agent_id: agent.id })
    const ref = refs.instance(plane.workspace_id, task.class_key)
    store.beforeWriteOf('place', async () => {
      await store.commit([{ op: 'replace_if_version', record: { ...agent, config: { ...agent.config, concurrency: 2 } } }])
      await store.commit([{ op: 'add_within_limit', ref, change: { add: {}, set: { limit: 2 } }, conditions: [] }])
    })
    await lookAtClass(plane.deps, task)
    const { live, limit } = await instanceOf(plane, task.class_key)
    must(`${live} are live, and the limit is ${limit}`, live <= limit)
  },
  'who waited for a session is served before one who came later, whichever doorbell is heard first': async (plane) => {
    const { agent, task, sandbox } = await running(plane, 1, { session_id: 's' })
    const first = await plane.accept({ agent_id: agent.id, session_id: 's' })
    await plane.deliver()
    await plane.finish(sandbox)
    const later = await plane.accept({ agent_id: agent.id, session_id: 's' })
    await lookAtClass(plane.deps, task)
    must('the one who came later overtook', (await plane.task(later.task.id)).state !== 'running')
    must('the one who waited does not run', (await plane.task(first.task.id)).state === 'running')
  },
  'a cancel of a run whose attempt ends at that moment ends the run too': async (plane, store) => {
    const { sandbox } = await running(plane, 1)
    store.afterReadOf('run', async () => void (await plane.finish(sandbox, failed)))
    await cancelRun(plane.deps, { workspace_id: plane.workspace_id, run_id: RunId.parse(sandbox.run_id) })
    const { status } = await plane.run(sandbox.run_id)
    must(`the run is ${status}`, status === 'cancelled')
  },
  'a place that was left and taken again is not taken by one who saw the old one': async (plane, store) => {
    const { agent } = await running(plane, 1)
    const { task } = await plane.accept({ agent_id: agent.id })
    store.afterReadOf('place', async () => void (await cancelTask(plane.deps, named(plane, task))))
    store.afterReadOf('session', async () => void (await retryTask(plane.deps, named(plane, task))))
    await lookAtClass(plane.deps, task)
    await plane.deliver()
    must('the task is forgotten', (await plane.task(task.id)).state === 'running')
  },
  'a cancel finds a place that comes back to its class at that moment': async (plane, store) => {
    const { agent, sandbox } = await running(plane, 1, { session_id: 's' })
    const { task } = await plane.accept({ agent_id: agent.id, session_id: 's' })
    await plane.deliver()
    await plane.finish(sandbox)
    store.afterReadOf('place', async () => lookAtSession(plane.deps, { workspace_id: plane.workspace_id, session_id: 's' }))
    await cancelTask(plane.deps, named(plane, task))
    const line = await store.range({ index: 'table', pk: `${plane.workspace_id}#${task.class_key}`, from: 'LINE#', to: 'LINE#~', limit: 1 })
    must('a cancelled task stands in line', line.records.length === 0)
  },
  'two dispatchers do not fill one room twice': async (plane, store) => {
    const agent = await plane.makeAgent({ concurrency: 1 })
    const { task } = await plane.accept({ agent_id: agent.id })
    store.beforeWriteOf('place', async () => {
      await plane.accept({ agent_id: agent.id, priority: 'urgent' })
      await lookAtClass(plane.deps, task)
    })
    await lookAtClass(plane.deps, task)
    const { live } = await instanceOf(plane, task.class_key)
    must(`${live} are live`, live === 1)
  },
  'a cancel that meets a retry is decided on what is': async (plane, store) => {
    const { task, sandbox } = await running(plane, 1)
    store.afterReadOf('task', async () => void (await plane.finish(sandbox, failed)))
    await cancelTask(plane.deps, named(plane, task))
    must('the task goes on', (await plane.task(task.id)).state === 'cancelled')
  },
  'a class that is looked at in its cool-down is looked at after it': async (plane) => {
    const agent = await plane.makeAgent({ concurrency: 2 })
    const params = { agent_id: agent.id, policy: { retry: { max_attempts: 1 } } }
    for (let attempt = 0; attempt < 2; attempt += 1) await plane.accept(params)
    await plane.deliver()
    const { task } = await plane.accept(params)
    // By now the class sees to the task, and the task to nothing by itself.
    await sweepDeaf(plane, 3)
    for (const sandbox of plane.sandboxes.slice(0, 2)) await plane.finish(sandbox, failed)
    await wakeAgentClasses(plane.deps, { workspace_id: plane.workspace_id, agent_id: agent.id })
    plane.advance(-10_000)
    await sweepDeaf(plane, 4)
    must('nobody has looked', (await plane.task(task.id)).state === 'running')
  },
  'an attempt that starts and is cancelled while it is given up keeps its session until its sandbox is gone': async (plane, store) => {
    const agent = await plane.makeAgent()
    const { task } = await plane.accept({ agent_id: agent.id })
    await plane.deliver()
    const sandbox = at(plane.sandboxes, 0)
    plane.advance(plane.deps.deployment.launch_timeout_ms + 1_000)
    store.afterReadOf('run', async () => {
      await plane.claim(sandbox)
      await cancelTask(plane.deps, named(plane, task))
    })
    await lookAtTask(plane.deps, named(plane, task))
    const { attempt } = await plane.run(sandbox.run_id)
    must(`the attempt is ${attempt.status}, and its sandbox goes on`, attempt.status === 'stopping')
  },
  'two dispatchers that meet at a retry start it once': async (plane, store) => {
    const { task, sandbox } = await running(plane, 1)
    await plane.finish(sandbox, failed)
    plane.signals.splice(0)
    store.afterReadOf('session', async () => lookAtClass(plane.deps, task))
    await lookAtClass(plane.deps, task)
    must(`${plane.sandboxes.length} sandboxes were launched`, plane.sandboxes.length === 2)
  },
  'a limit that an operator sets while a dispatcher follows the agent is never written over': async (plane, store) => {
    const { agent, task } = await running(plane, 1)
    const name = { workspace_id: plane.workspace_id, instance_key: task.class_key }
    await plane.accept({ agent_id: agent.id })
    await store.commit([{ op: 'replace_if_version', record: { ...agent, config: { ...agent.config, concurrency: 3 } } }])
    store.beforeWriteOf('instance', async () => {
      await orderInstance(plane.deps, name, { desired_dispatch_concurrency: 0 })
      store.beforeWriteOf('instance', async () => {
        const { limit } = await instanceOf(plane, task.class_key)
        must(`the operator’s limit of 0 became ${limit}`, limit === 0)
      })
    })
    await lookAtClass(plane.deps, task)
    must('an attempt was admitted over a limit of 0', (await instanceOf(plane, task.class_key)).live === 1)
  },
  'a class that is degraded while a dispatcher decides admits nobody': async (plane, store) => {
    const { agent, task, sandbox } = await running(plane, 2, { policy: { retry: { max_attempts: 1 } } })
    await plane.finish(at(plane.sandboxes, 1), failed)
    await plane.accept({ agent_id: agent.id, policy: { retry: { max_attempts: 1 } } })
    store.beforeWriteOf('place', async () => void (await plane.finish(sandbox, failed)))
    await lookAtClass(plane.deps, task)
    must('an attempt was admitted during the cool-down', (await instanceOf(plane, task.class_key)).live === 0)
  },
  'of two failures at once, the one that degrades the class starts its cool-down': async (plane, store) => {
    const { task, sandbox } = await running(plane, 2, { policy: { retry: { max_attempts: 1 } } })
    store.beforeWriteOf('instance', async () => void (await plane.finish(at(plane.sandboxes, 1), failed)))
    await plane.finish(sandbox, failed)
    const { failures, cooldown_until } = await instanceOf(plane, task.class_key)
    must(`${failures} failures and no cool-down`, cooldown_until !== undefined)
  },
  'an attempt that was live when its class was degraded does not lengthen the cool-down': async (plane) => {
    const { task, sandbox } = await running(plane, 3, { policy: { retry: { max_attempts: 1 } } })
    await plane.finish(sandbox, failed)
    await plane.finish(at(plane.sandboxes, 1), failed)
    const before = await instanceOf(plane, task.class_key)
    plane.advance(10_000)
    await plane.finish(at(plane.sandboxes, 2), failed)
    const after = await instanceOf(plane, task.class_key)
    must('the cool-down was lengthened', before.cooldown_until !== undefined && before.cooldown_until === after.cooldown_until)
    must('no probe counted, and the failures grew', before.failures === after.failures)
  },
  'a retry is not stopped for the timeout of the attempt before it': async (plane, store) => {
    const { task, sandbox } = await running(plane, 1, { timeout_ms: 1_000 })
    plane.advance(40_000)
    store.afterReadOf('command', async () => {
      await plane.finish(sandbox, failed)
      await plane.deliver()
    })
    await lookAtTask(plane.deps, named(plane, task))
    const { attempt } = await plane.run(sandbox.run_id)
    must(`attempt ${attempt.attempt_no} is ${attempt.status}`, attempt.attempt_no === 2 && attempt.status === 'pending')
  },
  'an attempt that is over is not stopped for its timeout': async (plane, store) => {
    const { task, sandbox } = await running(plane, 1, { timeout_ms: 1_000 })
    plane.advance(40_000)
    store.afterReadOf('command', async () => void (await plane.finish(sandbox)))
    await lookAtTask(plane.deps, named(plane, task))
    must('the task is not done', (await plane.task(task.id)).state === 'done')
  },
  'a heartbeat that comes while its attempt is given up saves it': async (plane, store) => {
    const { task, sandbox } = await running(plane, 1)
    plane.advance(50_000)
    store.afterReadOf('command', async () => void (await heartbeat(plane.deps, identity(plane, sandbox), undefined)))
    await lookAtTask(plane.deps, named(plane, task))
    must('the attempt was given up', (await plane.run(sandbox.run_id)).attempt.status === 'running')
  },
  'a claim that comes while its attempt is given up saves it': async (plane, store) => {
    const agent = await plane.makeAgent()
    const { task } = await plane.accept({ agent_id: agent.id })
    await plane.deliver()
    plane.advance(700_000)
    store.afterReadOf('command', async () => void (await plane.claim(at(plane.sandboxes, 0))))
    await lookAtTask(plane.deps, named(plane, task))
    must('the attempt was given up', (await plane.run(at(plane.sandboxes, 0).run_id)).attempt.status === 'running')
  },
  'a launch that is refused late does not end the next attempt': async (plane) => {
    const { sandbox } = await running(plane, 1)
    const launch = async () => {
      await plane.finish(sandbox, failed)
      await plane.deliver()
      return { ok: false, why: 'refused', message: 'no such task definition' } as const
    }
    await launchAll({ ...plane.deps, compute: { ...plane.deps.compute, launch } }, [sandbox])
    const { attempt } = await plane.run(sandbox.run_id)
    must(`attempt ${attempt.attempt_no} is ${attempt.status}`, attempt.attempt_no === 2 && attempt.status === 'pending')
  },
  'a cancel finds a place that is parked at that moment': async (plane, store) => {
    const { agent } = await running(plane, 1, { session_id: 's' })
    const { task } = await plane.accept({ agent_id: agent.id, session_id: 's' })
    store.afterReadOf('place', async () => lookAtClass(plane.deps, task))
    await cancelTask(plane.deps, named(plane, task))
    const waiting = await store.range({ index: 'table', pk: `${plane.workspace_id}#session#s`, from: 'WAIT#', to: 'WAIT#~', limit: 1 })
    must('a cancelled task stands in line', waiting.records.length === 0)
  },
  'a due time that is set while a class is looked at stays': async (plane, store) => {
    const { agent, sandbox } = await running(plane, 1, { session_id: 's', lane: 'a' })
    const { task: waits } = await plane.accept({ agent_id: agent.id, session_id: 's', lane: 'b' })
    await plane.deliver()
    await plane.finish(sandbox)
    const ref = refs.instance(plane.workspace_id, waits.class_key)
    await store.commit([{ op: 'add_within_limit', ref, change: { add: {}, set: { due_at: '2026-11-22T09:00:00.000Z' } }, conditions: [] }])
    plane.advance(1_000)
    store.beforeWriteOf('instance', async () => lookAtSession(plane.deps, { workspace_id: plane.workspace_id, session_id: 's' }))
    await lookAtClass(plane.deps, waits)
    must('a class with a place in line has lost its due time', (await instanceOf(plane, waits.class_key)).due_at !== undefined)
  },
}

await tell(
  Object.entries(stories).map(([name, story]) => [
    name,
    async () => {
      const store = betweenStore()
      await story(testPlane({ store, deployment: { failed_attempt_threshold: 2 } }), store)
    },
  ]),
)
