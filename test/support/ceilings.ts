/** Several workspaces on one plane in memory, under ceilings that are checked after every commit. */
import { Agent, AgentConfig } from '../../shared/domain/agent.ts'
import { CommandParams } from '../../shared/domain/command.ts'
import { WorkspaceId, type AgentId } from '../../shared/domain/ids.ts'
import { timestamp } from '../../shared/domain/time.ts'
import { acceptCommand } from '../../shared/flows/accept.ts'
import { applyAttemptEvent } from '../../shared/flows/finish.ts'
import { lookAtCeiling } from '../../shared/flows/ceilings.ts'
import { lookAtClass } from '../../shared/flows/dispatch.ts'
import { sweep } from '../../shared/flows/sweep.ts'
import { refs } from '../../shared/store/keys.ts'
import { ceilingWrongs } from './invariants.ts'
import { journalled, type Journal } from './journal.ts'
import { rethrow } from './looks.ts'
import { test_usage, testPlane, type Sandbox, type TestPlane } from './plane.ts'
import type { Ceiling } from '../../shared/domain/ceiling.ts'
import type { Task } from '../../shared/domain/task.ts'

export interface Tenant {
  readonly workspace_id: WorkspaceId
  readonly agent_id: AgentId
}
export interface CeilingPlane {
  readonly plane: TestPlane
  readonly journal: Journal
  readonly findings: string[]
  addTenant(concurrency?: number): Promise<Tenant>
  submit(tenant: Tenant, lane?: string): Promise<Task>
  deliver(): Promise<void>
  /** The sandboxes that are live, in the order of their launch. */
  live(): readonly Sandbox[]
  end(sandbox: Sandbox): Promise<void>
  /** Minutes go by; the sweep looks; its doorbells, and those that follow, are heard. */
  minutes(count: number): Promise<void>
}

/** Doorbells that are heard at one go; more, and they ring each other for ever. */
const heard_max = 20_000

/** @param checked whether counts are checked after every commit; a world of thousands of tasks is not */
export const ceilingPlane = (max_live_attempts = 0, checked = true): CeilingPlane => {
  const findings: string[] = []
  const journal = journalled((changes, seen) => void findings.push(...ceilingWrongs(seen, changes).map(({ sentence }) => sentence)))
  const plane = testPlane({ ...(checked ? { store: journal.store } : {}), deployment: { max_live_attempts } })
  const { deps } = plane
  let tenants = 0
  const deliver = async () => {
    let heard = 0
    for (let signal = plane.signals.shift(); signal !== undefined; signal = plane.signals.shift()) {
      heard += 1
      if (heard > heard_max) throw new Error(`doorbells never end: ${JSON.stringify([signal, ...plane.signals.slice(0, 5)])}`)
      if (signal.kind === 'class') await lookAtClass(deps, signal)
      if (signal.kind === 'ceiling') await lookAtCeiling(deps, signal.owner)
    }
  }
  return {
    plane,
    journal,
    findings,
    deliver,
    addTenant: async (concurrency = 100) => {
      tenants += 1
      const workspace_id = WorkspaceId.parse(deps.ids.mint('workspace'))
      const now = timestamp(deps.clock.now())
      const agent = Agent.parse({
        kind: 'agent',
        id: deps.ids.mint('agent'),
        workspace_id,
        agent_key: 'worker',
        name: 'worker',
        config: AgentConfig.parse({ runner: 'process', command: ['true'], concurrency }),
        active: true,
        created_at: now,
        updated_at: now,
        version: 1,
      })
      await deps.store.commit([
        { op: 'put_if_absent', record: agent },
        { op: 'put_if_absent', record: { kind: 'workspace', id: workspace_id, name: `tenant ${tenants}`, created_at: now, version: 1 } },
      ])
      return { workspace_id, agent_id: agent.id }
    },
    submit: async ({ workspace_id, agent_id }, lane) => {
      const params = CommandParams.parse({ agent_id, message: 'x', policy: { retry: { max_attempts: 1 } }, ...(lane === undefined ? {} : { lane }) })
      const accepted = await acceptCommand(deps, { workspace_id, params, body_hash: '' })
      if (!accepted.ok) throw new Error(accepted.detail)
      return accepted.value.task
    },
    live: () => plane.sandboxes.filter((sandbox) => sandbox.state !== 'stopped'),
    end: async (sandbox) => {
      sandbox.state = 'stopped'
      const { workspace_id, run_id, attempt_no } = sandbox
      await applyAttemptEvent(deps, { type: 'finished', workspace_id, run_id, attempt_no, outcome: 'ok', usage: test_usage })
    },
    minutes: async (count) => {
      for (let minute = 0; minute < count; minute += 1) {
        plane.advance(60_000)
        await sweep(deps, rethrow)
        await deliver()
      }
    },
  }
}

export const ceilingOf = async (plane: TestPlane, owner: string): Promise<Ceiling> => {
  const ceiling = await plane.deps.store.get(refs.ceiling(owner))
  if (ceiling === undefined) throw new Error(`${owner} has no ceiling`)
  return ceiling
}
