import { operations } from '../../../shared/contract/operations.ts'
import { canonicalHash } from '../../../shared/domain/canonical-json.ts'
import { ok } from '../../../shared/domain/result.ts'
import { acceptCommand } from '../../../shared/flows/accept.ts'
import { inputView } from '../../../shared/views/input-view.ts'
import { taskView } from '../../../shared/views/task-view.ts'
import { text_max } from '../../../shared/views/text.ts'
import type { HttpRoute } from '../../middleware/http-handler.ts'
import { bodyRoute } from '../../middleware/route.ts'
import type { ApiDeps } from '../deps.ts'

/** 202 with a new task, 200 with the one that the idempotency key has already. */
export const acceptAgentCommand = (deps: ApiDeps): HttpRoute =>
  bodyRoute(deps, operations.acceptAgentCommand, async ({ body, raw_body }, { workspace_id }) => {
    const accepted = await acceptCommand(deps, { workspace_id, params: body, body_hash: canonicalHash(raw_body) })
    if (!accepted.ok) return accepted
    const { task, command, input, idempotent_hit, idempotency_mismatch } = accepted.value
    deps.metrics.count(idempotent_hit ? 'idempotent_hit' : input === undefined ? 'task_accepted' : 'input_accepted')
    const view = {
      task: taskView(task, command, text_max.one),
      ...(input === undefined ? {} : { input: inputView(input, text_max.one) }),
      idempotent_hit,
      ...(idempotency_mismatch ? { idempotency_mismatch } : {}),
    }
    return ok({ status: idempotent_hit ? 200 : 202, body: view })
  })
