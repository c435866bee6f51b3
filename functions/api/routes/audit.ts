/** The audit of the caller's workspace. */
import { operations } from '../../../shared/contract/operations.ts'
import { look_again_ms } from '../../../shared/domain/due.ts'
import { ok } from '../../../shared/domain/result.ts'
import { auditPage } from '../../../shared/lists/audit/audit.ts'
import type { HttpRoute } from '../../middleware/http-handler.ts'
import { route } from '../../middleware/route.ts'
import type { ApiDeps } from '../deps.ts'

/** Two machines' clocks differ by less. */
const skew_ms = 5_000

export const auditRoute = (deps: ApiDeps): HttpRoute =>
  route(deps, operations.audit, async ({ query: { invariant, cursor } }, { workspace_id }) => {
    const watched_within_ms = Math.max(look_again_ms, deps.deployment.lease_ms) + skew_ms
    const watch = () => ({ now_ms: deps.clock.now(), watched_within_ms })
    const page = await auditPage({ store: deps.store, workspace_id, watch }, invariant, cursor)
    return page.ok ? ok({ status: 200, body: page.value }) : page
  })
