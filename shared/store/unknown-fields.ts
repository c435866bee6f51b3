/**
 * While a new release replaces an old one, both work on the table. What the new one adds to a record the old one does not know: it reads
 * past it, and keeps it where it writes the record back. A new value of a field it knows is another matter: a release that reads
 * it must be everywhere before one that writes it.
 */
import type * as z from 'zod'

interface Found {
  readonly path: readonly PropertyKey[]
  readonly keys: readonly string[]
}

/** The fields that a schema does not know; undefined where something else is wrong too. */
const unknownFields = (error: z.ZodError): readonly Found[] | undefined => {
  const found: Found[] = []
  for (const issue of error.issues) {
    if (issue.code !== 'unrecognized_keys') return undefined
    found.push({ path: issue.path, keys: issue.keys })
  }
  return found
}

const objectAt = (value: unknown, path: readonly PropertyKey[]): object | undefined => {
  let inner = value
  for (const step of path) inner = typeof inner === 'object' && inner !== null ? Reflect.get(inner, step) : undefined
  return typeof inner === 'object' && inner !== null ? inner : undefined
}

/** Parses, and hands on what the schema does not know as it is. Throws what the schema throws where anything else is wrong. */
export const parseKeepingUnknown = <T>(schema: z.ZodType<T>, value: unknown): T => {
  const first = schema.safeParse(value)
  if (first.success) return first.data
  const found = unknownFields(first.error)
  if (found === undefined) throw first.error
  const known = structuredClone(value)
  for (const { path, keys } of found) for (const key of keys) Reflect.deleteProperty(objectAt(known, path) ?? {}, key)
  const parsed = schema.parse(known)
  for (const { path, keys } of found) for (const key of keys) Reflect.set(objectAt(parsed, path) ?? {}, key, Reflect.get(objectAt(value, path) ?? {}, key))
  return parsed
}
