/** Bad requests about inputs, as data. */
import type { ProblemCode } from '../../shared/domain/result.ts'
import type { Bad } from './bad-request.ts'

const sends = (name: string, body: object, code: ProblemCode, field: string): Bad => ({
  name: `POST /v1/runs/{run_id}/input with ${name}`,
  method: 'POST',
  path: (w) => `/v1/runs/${w.own['run_id']}/input`,
  as: 'member',
  sent: { body },
  code,
  field,
})

export const bad_inputs: readonly Bad[] = [
  {
    name: 'GET the inputs of a run with a state that there is not',
    method: 'GET',
    path: (w) => `/v1/runs/${w.own['run_id']}/inputs?state=open`,
    as: 'admin',
    code: 'invalid_request',
    field: 'state',
  },
  {
    name: 'GET the inputs of a run with no cursor of it',
    method: 'GET',
    path: (w) => `/v1/runs/${w.own['run_id']}/inputs?cursor=AAAA`,
    as: 'admin',
    code: 'invalid_request',
    field: 'cursor',
  },
  sends('no message', {}, 'invalid_request', 'message'),
  sends('an empty message', { message: ' ' }, 'invalid_request', 'message'),
  sends('a mode that there is not', { message: 'x', queue_mode: 'whenever' }, 'invalid_request', 'queue_mode'),
  sends('a number as mode', { message: 'x', queue_mode: 1 }, 'invalid_request', 'queue_mode'),
  sends('a key that is too long', { message: 'x', idempotency_key: 'k'.repeat(201) }, 'invalid_request', 'idempotency_key'),
  sends('a field that it does not have', { message: 'x', priority: 'high' }, 'invalid_request', 'priority'),
  sends('a message that is too long', { message: 'x'.repeat(1_000_001) }, 'invalid_request', 'message'),
]
