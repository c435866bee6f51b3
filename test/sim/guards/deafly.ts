/**
 * Stories in which every doorbell is lost: only the sweep comes by, once a minute, and the classes that it rings are looked at. Each throws where
 * something has not happened that must, within the time that it gives.
 */
import { cancelTask } from '../../../shared/flows/cancel.ts'
import { orderInstance } from '../../../shared/flows/instances.ts'
import { updateAgent } from '../../../shared/flows/agents.ts'
import { lookAtTask } from '../../../shared/flows/look.ts'
import { sweep } from '../../../shared/flows/sweep.ts'
import { testPlane, type Sandbox, type TestPlane } from '../../support/plane.ts'
import { named, rethrow, sweepDeaf } from '../../support/looks.ts'
import { tell } from './tell.ts'

const last = (plane: TestPlane): Sandbox => {
  const sandbox = plane.sandboxes.at(-1)
  if (sandbox === undefined) throw new Error('nothing was launched')
  return sandbox
}
const mustBe = async (plane: TestPlane, task_id: string, state: string, why: string): Promise<void> => {
  const task = await plane.task(task_id)
  if (task.state !== state) throw new Error(`${why}: the task is ${task.state}, not ${state}`)
}
const begin = async (plane: TestPlane, params: object = {}, concurrency = 1) => {
  const agent = await plane.makeAgent({ concurrency })
  const { task } = await plane.accept({ agent_id: agent.id, ...params })
  await plane.deliver()
  await plane.claim(last(plane))
  return { agent, task, sandbox: last(plane) }
}

const stories: Readonly<Record<string, (plane: TestPlane) => Promise<void>>> = {
  'a limit that is raised lets in who waits, though all who run go on': async (plane) => {
    const { agent } = await begin(plane, { timeout_ms: 0 })
    const { task } = await plane.accept({ agent_id: agent.id })
    for (let minute = 0; minute < 4; minute += 1) await sweepDeaf(plane, 1)
    await updateAgent(plane.deps, { workspace_id: plane.workspace_id, agent_id: agent.id }, { config: { concurrency: 3 } })
    await sweepDeaf(plane, 3)
    await mustBe(plane, task.id, 'running', 'there is room')
  },
  'a limit that an operator raises lets in who waits': async (plane) => {
    const { agent } = await begin(plane, { timeout_ms: 0 })
    const { task } = await plane.accept({ agent_id: agent.id })
    for (let minute = 0; minute < 4; minute += 1) await sweepDeaf(plane, 1)
    await orderInstance(plane.deps, { workspace_id: plane.workspace_id, instance_key: task.class_key }, { desired_dispatch_concurrency: 2 })
    await sweepDeaf(plane, 3)
    await mustBe(plane, task.id, 'running', 'there is room')
  },
  'a runner that is not heard of is given up with its lease': async (plane) => {
    const { task, sandbox } = await begin(plane, { policy: { retry: { max_attempts: 1 } } })
    await sweepDeaf(plane, 3)
    await mustBe(plane, task.id, 'error', 'its lease has run out')
    if (sandbox.state !== 'stopped') throw new Error('the sandbox that was given up goes on')
  },
  'a cancelled attempt of which compute knows nothing ends with its lease': async (plane) => {
    const { task, sandbox } = await begin(plane)
    plane.sandboxes.splice(plane.sandboxes.indexOf(sandbox), 1)
    await cancelTask(plane.deps, named(plane, task))
    await sweepDeaf(plane, 3)
    await mustBe(plane, task.id, 'cancelled', 'its lease has run out')
  },
  'a cancel wins over a timeout that came first': async (plane) => {
    const { task, sandbox } = await begin(plane, { timeout_ms: 1_000, policy: { retry: { max_attempts: 3 } } })
    plane.advance(40_000)
    await lookAtTask(plane.deps, named(plane, task))
    if ((await plane.run(sandbox.run_id)).attempt.status !== 'stopping') throw new Error('the attempt was not stopped for its timeout')
    await cancelTask(plane.deps, named(plane, task))
    await sweepDeaf(plane, 3)
    await mustBe(plane, task.id, 'cancelled', 'it was cancelled')
  },
  'a queue timeout is seen in time after a retry': async (plane) => {
    const { task, agent, sandbox } = await begin(plane, { queue_timeout_ms: 20_000, policy: { retry: { max_attempts: 2 } } })
    await updateAgent(plane.deps, { workspace_id: plane.workspace_id, agent_id: agent.id }, { active: false })
    await plane.finish(sandbox, { outcome: 'error', error: { code: 'boom', message: 'x', retryable: true } })
    plane.advance(30_000)
    await sweep(plane.deps, rethrow)
    await mustBe(plane, task.id, 'dropped', 'its queue timeout has come')
  },
}

await tell(Object.entries(stories).map(([name, story]) => [name, async () => story(testPlane())] as const))
