/**
 * EventBridge patterns: every field of the pattern must be in the event and match one of its alternatives. Known filters are
 * exact values, prefix, suffix, anything-but, exists, numeric and equals-ignore-case, and $or; another one is an error that names it.
 * Source: Amazon EventBridge user guide, "Creating event patterns".
 */
import * as z from 'zod'
import type { Json } from '../template/template.ts'

type JsonRecord = { [key: string]: Json }
const isRecord = (value: Json | undefined): value is JsonRecord => typeof value === 'object' && value !== null && !Array.isArray(value)

const texts = (value: Json): readonly string[] => z.union([z.string().transform((one) => [one]), z.array(z.string())]).parse(value)

const comparisons: Readonly<Record<string, (a: number, b: number) => boolean>> = {
  '=': (a, b) => a === b,
  '<': (a, b) => a < b,
  '<=': (a, b) => a <= b,
  '>': (a, b) => a > b,
  '>=': (a, b) => a >= b,
}

/** `[">", 0, "<=", 5]` */
const numeric = (argument: Json, value: Json | undefined): boolean => {
  const parts = z.array(z.union([z.string(), z.number()])).parse(argument)
  if (typeof value !== 'number') return false
  return parts.every((operator, at) => {
    if (at % 2 === 1) return true
    const compare = comparisons[String(operator)]
    const bound = parts[at + 1]
    if (compare === undefined || typeof bound !== 'number') throw new Error(`event pattern: numeric ${JSON.stringify(argument)} is not understood`)
    return compare(value, bound)
  })
}

const anythingBut = (argument: Json, value: Json | undefined): boolean => {
  if (value === undefined) return false
  if (isRecord(argument)) return !matchesFilter(argument, value)
  return Array.isArray(argument) ? !argument.includes(value) : argument !== value
}

const filters: Readonly<Record<string, (argument: Json, value: Json | undefined) => boolean>> = {
  prefix: (argument, value) => typeof value === 'string' && texts(argument).some((prefix) => value.startsWith(prefix)),
  suffix: (argument, value) => typeof value === 'string' && texts(argument).some((suffix) => value.endsWith(suffix)),
  'equals-ignore-case': (argument, value) => typeof value === 'string' && typeof argument === 'string' && value.toLowerCase() === argument.toLowerCase(),
  'anything-but': anythingBut,
  exists: (argument, value) => (value !== undefined) === (argument === true),
  numeric,
}

const matchesFilter = (filter: JsonRecord, value: Json | undefined): boolean =>
  Object.entries(filter).every(([name, argument]) => {
    const matches = filters[name]
    if (matches === undefined) throw new Error(`event pattern: the local stack does not know the filter ${name}`)
    return matches(argument, value)
  })

/** A list in the event matches if one of its items does. */
const matchesOne = (alternative: Json, value: Json | undefined): boolean => {
  const values = Array.isArray(value) ? value : [value]
  return isRecord(alternative) ? values.some((one) => matchesFilter(alternative, one)) : values.some((one) => one === alternative)
}

export const matchesPattern = (pattern: Json, event: Json | undefined): boolean => {
  if (Array.isArray(pattern)) return pattern.some((alternative) => matchesOne(alternative, event))
  if (!isRecord(pattern)) throw new Error(`event pattern: ${JSON.stringify(pattern)} is neither a list nor an object`)
  // Of a list of objects one has to match as a whole.
  if (Array.isArray(event)) return event.some((one) => matchesPattern(pattern, one))
  return Object.entries(pattern).every(([name, part]) => {
    if (name === '$or' && Array.isArray(part)) return part.some((alternative) => matchesPattern(alternative, event))
    return matchesPattern(part, isRecord(event) ? event[name] : undefined)
  })
}
