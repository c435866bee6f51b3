import { expect, test } from 'vitest'
import * as z from 'zod'
import { decodeCursor, encodeCursor } from './cursor.ts'

const Position = z.strictObject({ after: z.string() })

test('a cursor brings back its position', () => {
  const cursor = encodeCursor('tasks', { after: 'task_1' })
  expect(cursor).toMatch(/^[A-Za-z0-9_-]+$/)
  expect(decodeCursor('tasks', Position, cursor)).toEqual({ ok: true, value: { after: 'task_1' } })
})

test.each([
  ['of another list', encodeCursor('runs', { after: 'task_1' })],
  ['with another position', encodeCursor('tasks', { before: 'task_1' })],
  ['with more than a position', encodeCursor('tasks', { after: 'a', pk: 'b' })],
  ['that is no JSON', Buffer.from('tasks').toString('base64url')],
  ['that is no base64url', '{}'],
  ['that is empty', ''],
])('a cursor %s is refused by the name of its parameter', (_, cursor) => {
  expect(decodeCursor('tasks', Position, cursor, 'log_cursor')).toMatchObject({ ok: false, code: 'invalid_request', errors: [{ field: 'log_cursor' }] })
})
