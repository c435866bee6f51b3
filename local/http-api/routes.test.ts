import { expect, test } from 'vitest'
import { makeRouter } from './routes.ts'

const keys = [
  '$default',
  'ANY /v1/{proxy+}',
  'GET /v1/tasks',
  'GET /v1/tasks/{task_id}',
  'ANY /v1/tasks/{task_id}',
  'POST /v1/tasks/{task_id}/cancel',
  'ANY /v1/runner/{proxy+}',
]
const find = makeRouter(keys.map((key) => ({ key, target: key })))
const found = (method: string, path: string) => {
  const match = find(method, path)
  return [match?.route.key, match?.path_parameters]
}

test.each<[string, string, string, Record<string, string>]>([
  ['GET', '/v1/tasks', 'GET /v1/tasks', {}],
  ['POST', '/v1/tasks', 'ANY /v1/{proxy+}', { proxy: 'tasks' }],
  ['GET', '/v1/tasks/a%2Fb', 'GET /v1/tasks/{task_id}', { task_id: 'a/b' }],
  ['DELETE', '/v1/tasks/a', 'ANY /v1/tasks/{task_id}', { task_id: 'a' }],
  ['POST', '/v1/tasks/a/cancel', 'POST /v1/tasks/{task_id}/cancel', { task_id: 'a' }],
  ['POST', '/v1/runner/claim', 'ANY /v1/runner/{proxy+}', { proxy: 'claim' }],
  ['POST', '/v1/runner/a/b', 'ANY /v1/runner/{proxy+}', { proxy: 'a/b' }],
  ['GET', '/other', '$default', {}],
  ['GET', '/v1/tasks/%', 'GET /v1/tasks/{task_id}', { task_id: '%' }],
])('%s %s', (method, path, key, parameters) => {
  expect(found(method, path)).toEqual([key, parameters])
})

test('without $default an unknown path has no route', () => {
  expect(makeRouter([{ key: 'GET /a', target: 1 }])('GET', '/b')).toBeUndefined()
})
