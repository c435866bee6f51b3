/** Inputs of runs: sending one, listing those of a run, and what became of one. */
import { operations } from '../../../shared/contract/operations.ts'
import { canonicalHash } from '../../../shared/domain/canonical-json.ts'
import { ok, refuse } from '../../../shared/domain/result.ts'
import { inputByName, sendInput } from '../../../shared/flows/inputs.ts'
import { loadCommand } from '../../../shared/flows/load.ts'
import { listRunInputs } from '../../../shared/lists/inputs.ts'
import { refs } from '../../../shared/store/keys.ts'
import { inputView } from '../../../shared/views/input-view.ts'
import { taskView } from '../../../shared/views/task-view.ts'
import { text_max } from '../../../shared/views/text.ts'
import type { HttpRoute } from '../../middleware/http-handler.ts'
import { bodyRoute, route } from '../../middleware/route.ts'
import type { ApiDeps } from '../deps.ts'

/** 202 with a new input, 200 with the one that the idempotency key has already. */
const send = (deps: ApiDeps): HttpRoute =>
  bodyRoute(deps, operations.sendRunInput, async ({ params: { run_id }, body, raw_body }, { workspace_id }) => {
    const sent = await sendInput(deps, { ...body, workspace_id, run_id, body_hash: canonicalHash(raw_body) })
    if (!sent.ok) return sent
    const { task, input, idempotent_hit, idempotency_mismatch } = sent.value
    deps.metrics.count(idempotent_hit ? 'idempotent_hit' : 'input_accepted')
    const view = {
      task: taskView(task, await loadCommand(deps, task), text_max.one),
      input: inputView(input, text_max.one),
      outcome: input.outcome,
      idempotent_hit,
      ...(idempotency_mismatch ? { idempotency_mismatch } : {}),
    }
    return ok({ status: idempotent_hit ? 200 : 202, body: view })
  })

const list = (deps: ApiDeps): HttpRoute =>
  route(deps, operations.listRunInputs, async ({ params: { run_id }, query: { state, limit, cursor } }, { workspace_id }) => {
    const run = await deps.store.get(refs.run(workspace_id, run_id))
    if (run === undefined) return refuse('not_found', `no run ${run_id}`)
    const listed = await listRunInputs(deps.store, run, state, { limit, cursor })
    return listed.ok ? ok({ status: 200, body: { ...listed.value, items: listed.value.items.map((input) => inputView(input, text_max.listed)) } }) : listed
  })

const get = (deps: ApiDeps): HttpRoute =>
  route(deps, operations.getInput, async ({ params: { input_id } }, { workspace_id }) => {
    const input = await inputByName(deps, workspace_id, input_id)
    return input === undefined ? refuse('not_found', `no input ${input_id}`) : ok({ status: 200, body: inputView(input, text_max.one) })
  })

export const inputRoutes = (deps: ApiDeps): readonly HttpRoute[] => [send, list, get].map((make) => make(deps))
