/** A schedule in plain words. A function of its own, since it alone may read the model's key. */
import { operations } from '../../shared/contract/operations.ts'
import { ok } from '../../shared/domain/result.ts'
import { draftSchedule, type DraftDeps } from '../../shared/flows/draft-schedule.ts'
import type { Store } from '../../shared/store/store.ts'
import { httpHandler, type HttpDeps, type HttpLambda } from '../middleware/http-handler.ts'
import { bodyRoute } from '../middleware/route.ts'

export interface ScheduleDraftDeps extends DraftDeps, HttpDeps {
  readonly store: Store
}

export const scheduleDraftHandler = (deps: ScheduleDraftDeps): HttpLambda =>
  httpHandler(
    [
      bodyRoute(deps, operations.draftSchedule, async ({ body: { text, timezone } }) => {
        const drafted = await draftSchedule(deps, text, timezone)
        return drafted.ok ? ok({ status: 200, body: drafted.value }) : drafted
      }),
    ],
    deps,
  )
