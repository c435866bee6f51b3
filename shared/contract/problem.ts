/** Refusals as problem details, and what zod finds as field errors. */
import type * as z from 'zod'
import { redactText } from '../domain/redact.ts'
import { problems, refuse, type FieldError, type Refusal } from '../domain/result.ts'
import type { Problem } from './common.ts'

const errors_max = 20
const text_max = 100

/** A value that may be shown: secrets redacted before it is cut, objects and lists not at all. */
const shownValue = (value: unknown): { readonly value?: unknown } => {
  if (typeof value === 'string') {
    const text = redactText(value.slice(0, 10_000))
    return { value: text.length > text_max ? `${text.slice(0, text_max)}…` : text }
  }
  return typeof value === 'number' || typeof value === 'boolean' || value === null ? { value } : {}
}

const fieldOf = (path: readonly PropertyKey[]): string => path.map((part) => redactText(String(part).slice(0, text_max))).join('.')

/** What was sent at a path. */
const valueAt = (input: unknown, path: readonly PropertyKey[]): unknown => {
  let value = input
  for (const part of path) {
    if (typeof value !== 'object' || value === null) return undefined
    value = Object.getOwnPropertyDescriptor(value, part)?.value
  }
  return value
}

const kinds: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
  record: 'an object',
}
const amounts: Readonly<Record<string, string>> = { string: ' characters', array: ' items', set: ' items' }

type Issue = z.core.$ZodIssue

const bound = (word: 'at least' | 'at most', issue: { readonly origin: string; readonly inclusive?: boolean | undefined }, limit: number | bigint): string => {
  const exclusive = word === 'at least' ? 'more than' : 'less than'
  return `must ${issue.origin in amounts ? 'have' : 'be'} ${issue.inclusive === false ? exclusive : word} ${limit}${amounts[issue.origin] ?? ''}`
}

const messageOf = (issue: Issue, value: unknown): string => {
  switch (issue.code) {
    case 'invalid_type':
      if (value === undefined) return 'is required'
      return `must be ${kinds[issue.expected] ?? issue.expected}`
    case 'too_small':
      return issue.origin === 'string' && issue.minimum === 1 ? 'must not be empty' : bound('at least', issue, issue.minimum)
    case 'too_big':
      return bound('at most', issue, issue.maximum)
    case 'invalid_value':
      return value === undefined ? 'is required' : 'is not one of the allowed values'
    case 'invalid_format':
      return issue.format === 'datetime' ? 'must be an RFC 3339 date and time with a zone: 2026-11-22T09:00:00Z' : issue.message
    case 'invalid_key':
      return 'has a name that is empty or too long'
    default:
      return issue.message
  }
}

const allowedOf = (issue: Issue): { readonly allowed?: readonly string[] } => (issue.code === 'invalid_value' ? { allowed: issue.values.map(String) } : {})

const errorsOf = (issue: Issue, input: unknown): readonly FieldError[] => {
  if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => ({ field: fieldOf([...issue.path, key]), message: 'is not a field of this request' }))
  const value = valueAt(input, issue.path)
  return [{ field: fieldOf(issue.path), message: messageOf(issue, value), ...shownValue(value), ...allowedOf(issue) }]
}

/** The first field's error as a sentence. */
const sentence = (errors: readonly FieldError[], more: number): string => {
  const [first] = errors
  if (first === undefined) return 'the request is not valid'
  const about = first.field === '' ? 'the body' : first.field
  return `${about} ${first.message}${more > 0 ? `, and ${more} more` : ''}`
}

/** A refusal that names every field that does not fit its schema (20 at most). @param input what was parsed */
export const refuseInput = (error: z.core.$ZodError, input: unknown): Refusal => {
  const all = error.issues.flatMap((issue) => errorsOf(issue, input))
  return refuse('invalid_request', sentence(all, all.length - 1), all.slice(0, errors_max))
}

/** The problem details of a refusal. Values are redacted here too, whoever made the refusal. */
export const problemOf = (refusal: Refusal, request_id: string): Problem => {
  const { status, title } = problems[refusal.code]
  return {
    type: `urn:lanekeeper:problem:${refusal.code}`,
    title,
    status,
    detail: redactText(refusal.detail),
    code: refusal.code,
    request_id,
    ...(refusal.errors === undefined
      ? {}
      : {
          errors: refusal.errors.map(({ field, message, value, allowed }) => ({
            field,
            message,
            ...shownValue(value),
            ...(allowed === undefined ? {} : { allowed: [...allowed] }),
          })),
        }),
  }
}
