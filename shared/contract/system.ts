/** Whether the plane answers, and what it can be asked. */
import * as z from 'zod'
import { Data, named, Nothing } from './common.ts'
import { operation } from './operation.ts'

export const Health = named(
  'Health',
  z.object({
    status: z.enum(['ok']),
    /** Where events of tasks are streamed (`shared/contract/task-stream.ts`): the same paths as here. Absent where they can only be polled. */
    stream_url: z.string().optional(),
  }),
)

export const system_operations = {
  getHealth: operation({
    id: 'getHealth',
    method: 'GET',
    path: '/v1/health',
    tag: 'system',
    summary: 'Answers 200 when the API and its table do',
    role: 'public',
    params: Nothing,
    query: Nothing,
    responses: { 200: Health },
    problems: [],
  }),
  getOpenApi: operation({
    id: 'getOpenApi',
    method: 'GET',
    path: '/v1/openapi.json',
    tag: 'system',
    summary: 'This contract as an OpenAPI 3.1 document',
    role: 'public',
    params: Nothing,
    query: Nothing,
    responses: { 200: Data },
    problems: [],
  }),
} as const
