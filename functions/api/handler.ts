/** The API: every operation of the contract, each served by its route. */
import { httpHandler, type HttpLambda, type HttpRoute } from '../middleware/http-handler.ts'
import type { ApiDeps } from './deps.ts'
import { acceptAgentCommand } from './routes/accept-command.ts'
import { agentRoutes } from './routes/agents.ts'
import { auditRoute } from './routes/audit.ts'
import { updateWorkspace } from './routes/ceilings.ts'
import { explainRoute } from './routes/explain.ts'
import { getHealth } from './routes/get-health.ts'
import { getOpenApi } from './routes/get-openapi.ts'
import { inputRoutes } from './routes/inputs.ts'
import { instanceRoutes } from './routes/instances.ts'
import { approvalRoutes } from './routes/approvals.ts'
import { killRoutes } from './routes/kill.ts'
import { runRoutes } from './routes/runs.ts'
import { scheduleRoutes } from './routes/schedules.ts'
import { taskRoutes } from './routes/tasks.ts'
import { workspaceRoutes } from './routes/workspaces.ts'

export const apiRoutes = (deps: ApiDeps): readonly HttpRoute[] => [
  getHealth(deps),
  getOpenApi(deps),
  ...agentRoutes(deps),
  acceptAgentCommand(deps),
  ...taskRoutes(deps),
  explainRoute(deps),
  ...runRoutes(deps),
  ...inputRoutes(deps),
  ...instanceRoutes(deps),
  ...scheduleRoutes(deps),
  ...workspaceRoutes(deps),
  auditRoute(deps),
  updateWorkspace(deps),
  ...approvalRoutes(deps),
  ...killRoutes(deps),
]

export const apiHandler = (deps: ApiDeps): HttpLambda => httpHandler(apiRoutes(deps), deps)
