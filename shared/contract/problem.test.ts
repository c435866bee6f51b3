import { expect, test } from 'vitest'
import { CommandParams } from '../domain/command.ts'
import { refuse } from '../domain/result.ts'
import { Problem } from './common.ts'
import { problemOf, refuseInput } from './problem.ts'
import { task_operations } from './tasks.ts'

const agent_id = 'agt_00000000000000000000000001'

/** The field errors of a command. */
const errorsOf = (body: unknown) => {
  const parsed = CommandParams.safeParse(body)
  if (parsed.success) throw new Error('that is a valid command')
  return refuseInput(parsed.error, body).errors
}

test.each([
  [{ agent_id }, { field: 'message', message: 'is required' }],
  [
    { agent_id, message: 7 },
    { field: 'message', message: 'must be text', value: 7 },
  ],
  [
    { agent_id, message: ' ' },
    { field: 'message', message: 'must not be empty', value: ' ' },
  ],
  [
    { agent_id, message: 'x', colour: 'red' },
    { field: 'colour', message: 'is not a field of this request' },
  ],
  [
    { agent_id, message: 'x', policy: { security: 'none' } },
    { field: 'policy.security', message: 'is not one of the allowed values', value: 'none', allowed: ['deny', 'allowlist', 'full'] },
  ],
  [
    { agent_id, message: 'x', policy: { retry: { max_attempts: 0 } } },
    { field: 'policy.retry.max_attempts', message: 'must be at least 1', value: 0 },
  ],
  [
    { agent_id, message: 'x', policy: { retry: { max_attempts: 1.5 } } },
    { field: 'policy.retry.max_attempts', message: 'must be a whole number', value: 1.5 },
  ],
  [
    { agent_id, message: 'x', budget_usd: 0 },
    { field: 'budget_usd', message: 'must be more than 0', value: 0 },
  ],
  [
    { agent_id, message: 'x', label: 'l'.repeat(201) },
    { field: 'label', message: 'must have at most 200 characters', value: `${'l'.repeat(100)}…` },
  ],
  [{ agent_id, message: 'x', attachments: [{ name: 'a/b', content: '' }] }, expect.objectContaining({ field: 'attachments.0.name', value: 'a/b' })],
  [{ agent_id, message: 'x', not_before: 'soon' }, expect.objectContaining({ field: 'not_before', value: 'soon' })],
  [
    { agent_id, message: 'x', metadata: { k: 1 } },
    { field: 'metadata.k', message: 'must be text', value: 1 },
  ],
  [[], { field: '', message: 'must be an object' }],
])('%j is refused with the field, the value and what is allowed', (body, error) => {
  expect(errorsOf(body)).toEqual([error])
})

test('a secret in a refused value is not echoed, not even in part', () => {
  const secret = `sk-ant-${'a1B2'.repeat(20)}`
  const refused = refuseInput(
    CommandParams.safeParse({ agent_id, message: 'x', priority: secret, label: 'l'.repeat(95) + secret.repeat(3) }).error ?? never(),
    {
      priority: secret,
      label: 'l'.repeat(95) + secret.repeat(3),
    },
  )
  const text = JSON.stringify(problemOf(refused, 'r'))
  expect(text).not.toContain('sk-ant')
})
const never = () => {
  throw new Error('that is a valid command')
}

test('every wrong field of a request is named, up to 20', () => {
  const body = Object.fromEntries(Array.from({ length: 30 }, (_, n) => [`field_${n}`, 1]))
  expect(errorsOf(body)).toHaveLength(20)
})

test('a query parameter out of range says its bounds', () => {
  const { query } = task_operations.listTasks
  for (const limit of ['0', '201', 'many', '1.5', '']) {
    const parsed = query.safeParse({ limit })
    expect(parsed.success ? undefined : refuseInput(parsed.error, { limit }).errors).toEqual([expect.objectContaining({ field: 'limit', value: limit })])
  }
})

test('a refusal becomes problem details with its status, code and request', () => {
  const problem = problemOf(refuse('illegal_state', 'not now', [{ field: 'state', message: 'no', value: { deep: 1 }, allowed: ['done'] }]), 'request-1')
  expect(Problem.parse(problem)).toEqual(problem)
  expect(problem).toEqual({
    type: 'urn:lanekeeper:problem:illegal_state',
    title: 'The state does not allow this',
    status: 409,
    detail: 'not now',
    code: 'illegal_state',
    request_id: 'request-1',
    errors: [{ field: 'state', message: 'no', allowed: ['done'] }],
  })
})
