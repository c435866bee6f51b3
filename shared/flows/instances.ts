/** What an operator changes at an execution instance. */
import { decideInstanceOrder, type InstanceOrder } from '../domain/decide/instance.ts'
import { refuse, type Result } from '../domain/result.ts'
import { refs } from '../store/keys.ts'
import { settle, type FlowDeps } from './flow.ts'
import type { ClassKey, WorkspaceId } from '../domain/ids.ts'

export interface InstanceName {
  readonly workspace_id: WorkspaceId
  readonly instance_key: ClassKey
}

/** Takes effect with the commit: no admission after it follows the limit before it. A repeat changes nothing more. */
export const orderInstance = async (deps: FlowDeps, { workspace_id, instance_key }: InstanceName, order: InstanceOrder): Promise<Result<undefined>> =>
  settle(deps, async () => {
    const instance = await deps.store.get(refs.instance(workspace_id, instance_key))
    if (instance === undefined) return refuse('not_found', `no execution instance ${instance_key}`)
    const agent = await deps.store.get(refs.agent(workspace_id, instance.agent_id))
    if (agent === undefined) throw new Error(`${instance.agent_id} of ${instance_key} is missing`)
    return decideInstanceOrder(instance, agent, order, deps.clock.now())
  })
