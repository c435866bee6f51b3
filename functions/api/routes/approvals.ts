/** Questions of agents: list, get, answer. */
import { operations } from '../../../shared/contract/operations.ts'
import type { Approval } from '../../../shared/domain/approval.ts'
import { ok, refuse, type Result } from '../../../shared/domain/result.ts'
import { answerApproval, findApproval } from '../../../shared/flows/questions.ts'
import { listOpenApprovals, listRunApprovals } from '../../../shared/lists/approvals.ts'
import { refs } from '../../../shared/store/keys.ts'
import { approvalView } from '../../../shared/views/approval-view.ts'
import type { Listed } from '../../../shared/lists/tasks.ts'
import type { HttpRoute } from '../../middleware/http-handler.ts'
import { bodyRoute, route } from '../../middleware/route.ts'
import type { ApiDeps } from '../deps.ts'

const shownList = (listed: Result<Listed<Approval>>) =>
  listed.ok ? ok({ status: 200 as const, body: { ...listed.value, items: listed.value.items.map(approvalView) } }) : listed

const shown = (approval: Result<Approval>) => (approval.ok ? ok({ status: 200 as const, body: approvalView(approval.value) }) : approval)

const list = (deps: ApiDeps): HttpRoute =>
  route(deps, operations.listApprovals, async ({ query }, { workspace_id }) => shownList(await listOpenApprovals(deps.store, workspace_id, query)))

const ofRun = (deps: ApiDeps): HttpRoute =>
  route(deps, operations.listRunApprovals, async ({ params: { run_id }, query }, { workspace_id }) => {
    if ((await deps.store.get(refs.run(workspace_id, run_id))) === undefined) return refuse('not_found', `no run ${run_id}`)
    return shownList(await listRunApprovals(deps.store, workspace_id, run_id, query))
  })

const get = (deps: ApiDeps): HttpRoute =>
  route(deps, operations.getApproval, async ({ params: { approval_id } }, { workspace_id }) => shown(await findApproval(deps, workspace_id, approval_id)))

const answer = (deps: ApiDeps): HttpRoute =>
  bodyRoute(deps, operations.answerApproval, async ({ params: { approval_id }, body }, { workspace_id, key_id }) =>
    shown(await answerApproval(deps, workspace_id, { approval_id, ...body, api_key_id: key_id })),
  )

export const approvalRoutes = (deps: ApiDeps): readonly HttpRoute[] => [list, ofRun, get, answer].map((make) => make(deps))
