import { operations } from '../../../shared/contract/operations.ts'
import { ok } from '../../../shared/domain/result.ts'
import { UnavailableError } from '../../../shared/ports/backoff.ts'
import { refs } from '../../../shared/store/keys.ts'
import type { HttpRoute } from '../../middleware/http-handler.ts'
import { publicRoute } from '../../middleware/route.ts'
import type { ApiDeps } from '../deps.ts'

/** Any read that the table answers will do; there is no workspace of this name. */
const probe = refs.workspace('health')

export const getHealth = (deps: ApiDeps): HttpRoute =>
  publicRoute(operations.getHealth, async () => {
    try {
      await deps.store.get(probe, { consistent: false })
    } catch (cause) {
      throw new UnavailableError('the table', { cause })
    }
    return ok({ status: 200, body: { status: 'ok', stream_url: deps.stream_url } })
  })
