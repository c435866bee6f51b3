import { openApiDocument } from '../../../shared/contract/openapi.ts'
import { operations } from '../../../shared/contract/operations.ts'
import { ok } from '../../../shared/domain/result.ts'
import type { HttpRoute } from '../../middleware/http-handler.ts'
import { publicRoute } from '../../middleware/route.ts'
import type { ApiDeps } from '../deps.ts'

export const getOpenApi = (deps: ApiDeps): HttpRoute => {
  let document: ReturnType<typeof openApiDocument> | undefined
  return publicRoute(operations.getOpenApi, async () => {
    document ??= openApiDocument(deps.version)
    return ok({ status: 200, body: document })
  })
}
