/**
 * Cursors: where a list goes on, as an opaque text. A cursor holds a position and nothing else: which records may be seen is
 * decided by the request that brings it, so a forged one shows its bearer nothing new.
 */
import * as z from 'zod'
import { ok, refuse, type Refusal, type Result } from '../domain/result.ts'

/** @param list names the list, so that a cursor of another one is refused */
export const encodeCursor = (list: string, position: unknown): string => Buffer.from(JSON.stringify([list, position])).toString('base64url')

const refuseCursor = (field: string, value: string): Refusal =>
  refuse('invalid_request', `${field} is no cursor of this list`, [{ field, message: 'is no cursor of this list: use one from its answer, or none', value }])

const parseJson = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** The position in a cursor. @param field the parameter that brought it, for the refusal */
export const decodeCursor = <S extends z.ZodType>(list: string, position: S, cursor: string, field = 'cursor'): Result<z.output<S>> => {
  if (!/^[A-Za-z0-9_-]+$/.test(cursor)) return refuseCursor(field, cursor)
  const parsed = z.tuple([z.literal(list), z.unknown()]).safeParse(parseJson(Buffer.from(cursor, 'base64url').toString()))
  if (!parsed.success) return refuseCursor(field, cursor)
  const found = position.safeParse(parsed.data[1])
  return found.success ? ok(found.data) : refuseCursor(field, cursor)
}
