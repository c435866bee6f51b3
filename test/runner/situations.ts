/** The situations in which a run may be spoken to, and how a test brings a run into each with as few starts of the agent as it takes. */
import { applyAttemptEvent } from '../../shared/flows/finish.ts'
import type { InteractionView } from '../../shared/contract/runs.ts'
import type { QueueMode } from '../../shared/domain/input.ts'
import type { PolicyInput } from '../../shared/domain/policy.ts'
import type { Run } from '../../shared/domain/run.ts'
import type { Deployment } from '../../shared/settings.ts'
import { operations } from '../../shared/contract/operations.ts'
import { answers } from '../support/api-steps.ts'
import { shaped } from '../support/http.ts'
import type { LivePlane } from '../support/live-plane.ts'
import type { Sandbox } from '../support/plane.ts'
import { bash, say } from './harness.ts'

export interface Situation {
  readonly name: string
  readonly status: Run['status']
  readonly interaction: InteractionView['state']
  /** What the first input is answered. */
  readonly first: 'as later' | 'direct' | 'restarted'
  readonly interactive?: true
  readonly deployment?: Partial<Deployment>
  reach(live: LivePlane, tag: string): Promise<Begun>
}
export interface Begun {
  readonly task_id: string
  readonly run_id: string
  /** What was held back goes on, once the inputs are sent. */
  goOn(mode: QueueMode): Promise<void>
}

/** Older names of modes, which mean the same. */
export const mode_names = ['queue', 'steer-backlog'] as const

export const until = async <T>(what: string, ask: () => Promise<T | undefined> | T | undefined): Promise<T> => {
  for (let tries = 0; tries < 1_000; tries += 1) {
    const found = await ask()
    if (found !== undefined) return found
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  throw new Error(`never came: ${what}`)
}

const accept = async (live: LivePlane, message: string, policy: PolicyInput = {}): Promise<string> => {
  const config = { runner: 'claude_code', allowed_tools: ['Bash'] }
  const agent = shaped(answers.agent, await live.call('POST', '/v1/agents', { agent_key: 'listener', config }), 201)
  const body = { agent_id: agent.id, message, policy: { security: 'full', ...policy } }
  return shaped(answers.accepted, await live.call('POST', '/v1/tasks', body), 202).task.id
}

const runOf = async (live: LivePlane, task_id: string): Promise<string> => until('the run', async () => (await live.plane.task(task_id)).target_run_id)
const launched = async (live: LivePlane): Promise<Sandbox> => until('the sandbox', () => live.plane.sandboxes.at(-1))
const seen = async (live: LivePlane, run_id: string, what: string, is: (run: Run) => boolean): Promise<Run> =>
  until(what, async () => {
    const run = await live.plane.run(run_id)
    return is(run) ? run : undefined
  })
const released = (live: LivePlane) => async (): Promise<void> => live.holdLaunches(false)

/** A run whose first sandbox was launched and has not begun. */
const launchedRun = async (live: LivePlane, tag: string, policy: PolicyInput = {}) => {
  live.holdLaunches(true)
  const task_id = await accept(live, `${tag}\n${say('first')}`, policy)
  const sandbox = await launched(live)
  return { task_id, run_id: await runOf(live, task_id), sandbox }
}

/** Its sandbox dies before the runner begins. */
const die = async (live: LivePlane, sandbox: Sandbox): Promise<void> => {
  sandbox.state = 'stopped'
  const { workspace_id, run_id, attempt_no, execution_id } = sandbox
  await applyAttemptEvent(live.plane.deps, { type: 'stopped', workspace_id, run_id, attempt_no, execution_id, exit_code: 1, reason: 'it died' })
}

/** A run that ends as `end` makes it, without an agent; the next one is held until the inputs are sent. */
const overBy =
  (status: Run['status'], end: (live: LivePlane, sandbox: Sandbox) => Promise<unknown>): Situation['reach'] =>
  async (live, tag) => {
    const { task_id, run_id, sandbox } = await launchedRun(live, tag, { retry: { max_attempts: 1 } })
    await end(live, sandbox)
    await seen(live, run_id, `the end of ${run_id}`, (run) => run.status === status)
    return { task_id, run_id, goOn: released(live) }
  }

const approve = async (live: LivePlane, run_id: string): Promise<void> => {
  const { items } = shaped(operations.listRunApprovals.responses[200], await live.call('GET', `/v1/runs/${run_id}/approvals`))
  for (const { id } of items.filter(({ state }) => state === 'open')) await live.call('POST', `/v1/approvals/${id}`, { action: 'approve' })
}
const taken = async (live: LivePlane, run_id: string): Promise<void> =>
  void (await seen(live, run_id, 'the inputs in the turn', (run) => run.inputs?.pending.every((input) => input.taken !== undefined) === true))

const asks: PolicyInput = { ask: 'always' }
const asked = (tag: string) => `${tag}\n${bash('echo ran')}\n${say('first')}`
const patient_ms = 600_000

export const situations: readonly Situation[] = [
  {
    name: 'starting',
    status: 'accepted',
    interaction: 'working',
    first: 'as later',
    reach: async (live, tag) => ({ ...(await launchedRun(live, tag)), goOn: released(live) }),
  },
  {
    name: 'between two attempts',
    status: 'accepted',
    interaction: 'working',
    first: 'as later',
    reach: async (live, tag) => {
      const { task_id, run_id, sandbox } = await launchedRun(live, tag, { retry: { max_attempts: 2, delay_ms: patient_ms } })
      await die(live, sandbox)
      live.holdLaunches(false)
      return { task_id, run_id, goOn: async () => live.jump(patient_ms) }
    },
  },
  {
    name: 'parked until an input comes',
    status: 'accepted',
    interaction: 'waiting_for_input',
    first: 'direct',
    interactive: true,
    deployment: { idle_ms: 50 },
    reach: async (live, tag) => {
      const task_id = await accept(live, `${tag}\n${say('what next?')}`, { interactive: true })
      const run_id = await runOf(live, task_id)
      await seen(live, run_id, 'the parked run', ({ parked }) => parked === 'input')
      live.holdLaunches(true)
      return { task_id, run_id, goOn: released(live) }
    },
  },
  {
    name: 'parked with a question',
    status: 'accepted',
    interaction: 'working',
    first: 'as later',
    deployment: { question_grace_ms: 0 },
    reach: async (live, tag) => {
      const task_id = await accept(live, asked(tag), asks)
      const run_id = await runOf(live, task_id)
      await seen(live, run_id, 'the parked run', ({ parked }) => parked === 'question')
      return { task_id, run_id, goOn: async () => approve(live, run_id) }
    },
  },
  {
    name: 'working',
    status: 'running',
    interaction: 'working',
    first: 'as later',
    reach: async (live, tag) => {
      const task_id = await accept(live, `${tag}\n${bash('echo begun > /workspace/begun; until [ -e /workspace/go ]; do sleep 0.02; done')}\n${say('first')}`)
      const run_id = await runOf(live, task_id)
      await until('the tool', async () => ((await live.has('begun')) ? true : undefined))
      live.holdHeartbeats(true)
      const goOn = async (mode: QueueMode): Promise<void> => {
        live.holdHeartbeats(false)
        if (mode === 'interrupt') return
        if (mode === 'steer') await taken(live, run_id)
        await live.touch('go')
      }
      return { task_id, run_id, goOn }
    },
  },
  {
    name: 'asking',
    status: 'running',
    interaction: 'working',
    first: 'as later',
    deployment: { question_grace_ms: patient_ms },
    reach: async (live, tag) => {
      const task_id = await accept(live, asked(tag), asks)
      const run_id = await runOf(live, task_id)
      await seen(live, run_id, 'the question', ({ questions }) => (questions?.length ?? 0) > 0)
      live.holdHeartbeats(true)
      const goOn = async (mode: QueueMode): Promise<void> => {
        live.holdHeartbeats(false)
        if (mode === 'steer') await taken(live, run_id)
        if (mode !== 'interrupt') await approve(live, run_id)
      }
      return { task_id, run_id, goOn }
    },
  },
  {
    name: 'waiting for an input',
    status: 'running',
    interaction: 'waiting_for_input',
    first: 'direct',
    interactive: true,
    deployment: { idle_ms: patient_ms },
    reach: async (live, tag) => {
      const task_id = await accept(live, `${tag}\n${say('what next?')}`, { interactive: true })
      const run_id = await runOf(live, task_id)
      await seen(live, run_id, 'the run that waits', ({ waiting_since }) => waiting_since !== undefined)
      live.holdHeartbeats(true)
      return { task_id, run_id, goOn: async () => live.holdHeartbeats(false) }
    },
  },
  {
    name: 'done',
    status: 'ok',
    interaction: 'closed',
    first: 'restarted',
    reach: async (live, tag) => {
      const task_id = await accept(live, `${tag}\n${say('first')}`)
      const run_id = await runOf(live, task_id)
      await seen(live, run_id, 'the end of the run', ({ status }) => status === 'ok')
      live.holdLaunches(true)
      return { task_id, run_id, goOn: released(live) }
    },
  },
  { name: 'failed', status: 'error', interaction: 'closed', first: 'restarted', reach: overBy('error', die) },
  {
    name: 'out of time',
    status: 'timeout',
    interaction: 'closed',
    first: 'restarted',
    reach: overBy('timeout', async (live, sandbox) => {
      await live.plane.claim(sandbox)
      await live.plane.finish(sandbox, { outcome: 'timeout' })
    }),
  },
  {
    name: 'cancelled',
    status: 'cancelled',
    interaction: 'closed',
    first: 'restarted',
    reach: overBy('cancelled', async (live, { run_id }) => live.call('POST', `/v1/runs/${run_id}/cancel`)),
  },
]
