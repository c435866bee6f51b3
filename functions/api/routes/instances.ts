/** Execution instances: list, get, update. */
import { operations } from '../../../shared/contract/operations.ts'
import type { ClassKey, WorkspaceId } from '../../../shared/domain/ids.ts'
import { ok, refuse, type Result } from '../../../shared/domain/result.ts'
import { orderInstance } from '../../../shared/flows/instances.ts'
import { listInstances, waitingIn } from '../../../shared/lists/simple.ts'
import { refs } from '../../../shared/store/keys.ts'
import { instanceView } from '../../../shared/views/instance-view.ts'
import type { InstanceView } from '../../../shared/contract/instances.ts'
import type { HttpRoute } from '../../middleware/http-handler.ts'
import { bodyRoute, route } from '../../middleware/route.ts'
import type { ApiDeps } from '../deps.ts'

/** How far a line is counted: of each instance in a list, and of one alone. */
const counted_max = { listed: 100, one: 1_000 } as const

const list = (deps: ApiDeps): HttpRoute =>
  route(deps, operations.listExecutionInstances, async ({ query }, { workspace_id }) => {
    const listed = await listInstances(deps.store, workspace_id, query)
    if (!listed.ok) return listed
    const items = await Promise.all(
      listed.value.items.map(async (instance) => instanceView(instance, await waitingIn(deps.store, workspace_id, instance.class_key, counted_max.listed))),
    )
    return ok({ status: 200, body: { ...listed.value, items } })
  })

const shown = async (deps: ApiDeps, workspace_id: WorkspaceId, instance_key: ClassKey): Promise<Result<{ status: 200; body: InstanceView }>> => {
  const instance = await deps.store.get(refs.instance(workspace_id, instance_key))
  if (instance === undefined) return refuse('not_found', `no execution instance ${instance_key}`)
  return ok({ status: 200, body: instanceView(instance, await waitingIn(deps.store, workspace_id, instance_key, counted_max.one)) })
}

const get = (deps: ApiDeps): HttpRoute =>
  route(deps, operations.getExecutionInstance, async ({ params: { instance_key } }, { workspace_id }) => shown(deps, workspace_id, instance_key))

const update = (deps: ApiDeps): HttpRoute =>
  bodyRoute(deps, operations.updateExecutionInstance, async ({ params: { instance_key }, body }, { workspace_id, key_id }) => {
    const ordered = await orderInstance(deps, { workspace_id, instance_key }, body)
    if (!ordered.ok) return ordered
    const { desired_dispatch_concurrency: limit, reset } = body
    deps.log.info('instance_changed', { workspace_id, instance_key, key_id, limit: limit === null ? 'taken back' : limit, reset })
    return shown(deps, workspace_id, instance_key)
  })

export const instanceRoutes = (deps: ApiDeps): readonly HttpRoute[] => [list, get, update].map((make) => make(deps))
