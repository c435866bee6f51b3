/** Why a task is where it is. */
import { operations } from '../../../shared/contract/operations.ts'
import { ok } from '../../../shared/domain/result.ts'
import { explainTask } from '../../../shared/lists/explain.ts'
import { explanationView } from '../../../shared/views/explanation-view.ts'
import type { HttpRoute } from '../../middleware/http-handler.ts'
import { route } from '../../middleware/route.ts'
import type { ApiDeps } from '../deps.ts'

export const explainRoute = (deps: ApiDeps): HttpRoute =>
  route(deps, operations.explainTask, async ({ params: { task_id } }, { workspace_id }) => {
    const explained = await explainTask(deps, { workspace_id, task_id })
    return explained.ok ? ok({ status: 200, body: explanationView(explained.value) }) : explained
  })
