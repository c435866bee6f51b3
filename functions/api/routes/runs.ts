/** Runs: list, get, attempts, snapshots, events, interaction, cancel. */
import { operations } from '../../../shared/contract/operations.ts'
import type { Command } from '../../../shared/domain/command.ts'
import type { RunId, WorkspaceId } from '../../../shared/domain/ids.ts'
import { ok, refuse, type Result } from '../../../shared/domain/result.ts'
import type { Run } from '../../../shared/domain/run.ts'
import { cancelRun } from '../../../shared/flows/cancel.ts'
import { loadCommand } from '../../../shared/flows/load.ts'
import { listRunAttempts } from '../../../shared/lists/attempts.ts'
import { listRunEvents, listRunSnapshots } from '../../../shared/lists/events.ts'
import { pendingOf } from '../../../shared/lists/inputs.ts'
import { listRuns } from '../../../shared/lists/runs.ts'
import { refs } from '../../../shared/store/keys.ts'
import { attemptView, interactionView, runView } from '../../../shared/views/run-view.ts'
import type { HttpRoute } from '../../middleware/http-handler.ts'
import { bodyRoute, route } from '../../middleware/route.ts'
import type { ApiDeps } from '../deps.ts'

const find = async (deps: ApiDeps, workspace_id: WorkspaceId, run_id: RunId): Promise<Result<Run>> => {
  const run = await deps.store.get(refs.run(workspace_id, run_id))
  return run === undefined ? refuse('not_found', `no run ${run_id}`) : ok(run)
}

const commandOf = async (deps: ApiDeps, run: Run): Promise<Command> => {
  const task = await deps.store.get(refs.task(run.workspace_id, run.task_id))
  if (task === undefined) throw new Error(`${run.task_id} of ${run.id} is missing`)
  return loadCommand(deps, task)
}

const list = (deps: ApiDeps): HttpRoute =>
  route(deps, operations.listRuns, async ({ query: { limit, cursor, ...filters } }, { workspace_id }) => {
    const listed = await listRuns(deps.store, workspace_id, filters, { limit, cursor })
    return listed.ok ? ok({ status: 200, body: { ...listed.value, items: listed.value.items.map(({ run, command }) => runView(run, command)) } }) : listed
  })

const get = (deps: ApiDeps): HttpRoute =>
  route(deps, operations.getRun, async ({ params }, { workspace_id }) => {
    const run = await find(deps, workspace_id, params.run_id)
    return run.ok ? ok({ status: 200, body: runView(run.value, await commandOf(deps, run.value)) }) : run
  })

const attempts = (deps: ApiDeps): HttpRoute =>
  route(deps, operations.listRunAttempts, async ({ params, query }, { workspace_id }) => {
    const run = await find(deps, workspace_id, params.run_id)
    if (!run.ok) return run
    const listed = await listRunAttempts(deps.store, run.value, query)
    if (!listed.ok) return listed
    const command = await commandOf(deps, run.value)
    return ok({ status: 200, body: { ...listed.value, items: listed.value.items.map((attempt) => attemptView(run.value, attempt, command)) } })
  })

const snapshots = (deps: ApiDeps): HttpRoute =>
  route(deps, operations.listRunSnapshots, async ({ params, query }, { workspace_id }) => {
    const run = await find(deps, workspace_id, params.run_id)
    if (!run.ok) return run
    const listed = await listRunSnapshots(deps.store, run.value, query)
    return listed.ok ? ok({ status: 200, body: { ...listed.value, items: [...listed.value.items] } }) : listed
  })

const events = (deps: ApiDeps): HttpRoute =>
  route(deps, operations.listRunEvents, async ({ params, query }, { workspace_id }) => {
    const run = await find(deps, workspace_id, params.run_id)
    if (!run.ok) return run
    const listed = await listRunEvents(deps.store, run.value, query)
    return listed.ok ? ok({ status: 200, body: { ...listed.value, items: [...listed.value.items] } }) : listed
  })

const interaction = (deps: ApiDeps): HttpRoute =>
  route(deps, operations.getRunInteraction, async ({ params }, { workspace_id }) => {
    const run = await find(deps, workspace_id, params.run_id)
    return run.ok ? ok({ status: 200, body: interactionView(run.value, await pendingOf(deps.store, run.value)) }) : run
  })

const cancel = (deps: ApiDeps): HttpRoute =>
  bodyRoute(deps, operations.cancelRun, async ({ params: { run_id } }, { workspace_id }) => {
    const cancelled = await cancelRun(deps, { workspace_id, run_id })
    if (!cancelled.ok) return cancelled
    const { run, live } = cancelled.value
    return ok({ status: 200, body: { run: runView(run, await commandOf(deps, run)), ...(live === undefined ? {} : { live }) } })
  })

export const runRoutes = (deps: ApiDeps): readonly HttpRoute[] => [list, get, attempts, snapshots, events, interaction, cancel].map((make) => make(deps))
