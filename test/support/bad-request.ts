/** One bad request as data, and short ways to say it. */
import type { ProblemCode } from '../../shared/domain/result.ts'
import type { Sent } from './http.ts'
import type { World } from './two-workspaces.ts'

export interface Bad {
  readonly name: string
  readonly method: string
  readonly path: string | ((w: World) => string)
  readonly sent?: Sent | ((w: World) => Sent)
  readonly as?: keyof World['keys'] | 'nobody'
  readonly code: ProblemCode
  readonly field?: string
}

export const accepts = (name: string, body: object | ((w: World) => object), code: ProblemCode, field?: string): Bad => ({
  name: `POST /v1/tasks with ${name}`,
  method: 'POST',
  path: '/v1/tasks',
  as: 'member',
  sent: (w) => ({ body: { agent_id: w.own['agent_id'], message: 'x', ...(typeof body === 'function' ? body(w) : body) } }),
  code,
  ...(field === undefined ? {} : { field }),
})
export const creates = (name: string, body: object, code: ProblemCode, field?: string): Bad => ({
  name: `POST /v1/agents with ${name}`,
  method: 'POST',
  path: '/v1/agents',
  as: 'admin',
  sent: { body: { agent_key: 'new', config: {}, ...body } },
  code,
  ...(field === undefined ? {} : { field }),
})
export const patches = (name: string, body: unknown, code: ProblemCode, field?: string): Bad => ({
  name: `PATCH /v1/agents/{agent_id} with ${name}`,
  method: 'PATCH',
  path: (w) => `/v1/agents/${w.own['agent_id']}`,
  as: 'admin',
  sent: { body },
  code,
  ...(field === undefined ? {} : { field }),
})
export const schedules = (name: string, body: object | ((w: World) => object), code: ProblemCode, field?: string): Bad => ({
  name: `POST /v1/schedules with ${name}`,
  method: 'POST',
  path: '/v1/schedules',
  as: 'admin',
  sent: (w) => ({ body: { agent_id: w.own['agent_id'], cron_expr: '0 9 * * *', prompt: 'x', ...(typeof body === 'function' ? body(w) : body) } }),
  code,
  ...(field === undefined ? {} : { field }),
})
export const answers = (name: string, body: object, code: ProblemCode, field?: string): Bad => ({
  name: `POST /v1/approvals/{approval_id} with ${name}`,
  method: 'POST',
  path: (w) => `/v1/approvals/${w.own['approval_id']}`,
  as: 'admin',
  sent: { body },
  code,
  ...(field === undefined ? {} : { field }),
})
export const gets = (path: string | ((w: World) => string), code: ProblemCode, field?: string): Bad => ({
  name: `GET ${typeof path === 'string' ? path : String(path).replace(/^.*=> /, '')}`,
  method: 'GET',
  path,
  as: 'admin',
  code,
  ...(field === undefined ? {} : { field }),
})
export const posts = (name: string, sent: Sent, code: ProblemCode): Bad => ({
  name: `POST /v1/tasks with ${name}`,
  method: 'POST',
  path: '/v1/tasks',
  as: 'member',
  sent,
  code,
})
