/** What every resource of the contract is written with: named schemas, lists, query parameters, problem details. */
import * as z from 'zod'
import { problems, type ProblemCode } from '../domain/result.ts'

/** Schemas that get a name of their own under `components/schemas` of the OpenAPI document. */
export const contract_schemas = z.registry<{ id: string }>()

export const named = <T extends z.ZodType>(id: string, schema: T): T => {
  contract_schemas.add(schema, { id })
  return schema
}

/** `next_cursor` is absent at the end of a list. A page may be short, even empty, and still have one. */
export const listOf = <T extends z.ZodType>(id: string, item: T) => named(id, z.object({ items: z.array(item), next_cursor: z.string().optional() }))

export const page_limit_default = 50
export const page_limit_max = 200

/** How a query parameter is written in the OpenAPI document, where its text form says less. */
export const shown = (openapi: Readonly<Record<string, unknown>>) => ({ openapi })

/** A whole number in a query string. */
export const queryInt = (min: number, max: number) =>
  z
    .string()
    .regex(/^-?\d{1,15}$/, { error: `must be a whole number from ${min} to ${max}` })
    .transform(Number)
    .pipe(
      z
        .int()
        .min(min, { error: `must be at least ${min}` })
        .max(max, { error: `must be at most ${max}` }),
    )

export const QueryFlag = z
  .enum(['true', 'false'])
  .transform((value) => value === 'true')
  .default(false)
  .meta(shown({ type: 'boolean', default: false }))

/** Where a list goes on: opaque, taken from the answer before. */
export const Cursor = z.string().min(1).max(1_000)

export const page_query = {
  limit: queryInt(1, page_limit_max)
    .default(page_limit_default)
    .meta(shown({ type: 'integer', minimum: 1, maximum: page_limit_max, default: page_limit_default })),
  cursor: Cursor.optional(),
} as const

/** No parameters, or the body of an action that takes nothing: absent or an empty object. */
export const Nothing = z.strictObject({})

/** Free-form data in an answer. */
export const Data = z.record(z.string(), z.unknown())

const codes = Object.keys(problems).filter((code): code is ProblemCode => code in problems)

/** RFC 9457 problem details, `application/problem+json`. */
export const Problem = named(
  'Problem',
  z.object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    /** A sentence for the one who reads it; it may improve. */
    detail: z.string(),
    /** Stable: what a program looks at. */
    code: z.enum(codes),
    request_id: z.string(),
    errors: z
      .array(
        z.object({
          /** A path as in `policy.retry.max_attempts`; a name in the path, the query or the body. */
          field: z.string(),
          message: z.string(),
          /** What was sent, shortened and with secrets redacted. */
          value: z.unknown().optional(),
          allowed: z.array(z.string()).optional(),
        }),
      )
      .optional(),
  }),
)
export type Problem = z.infer<typeof Problem>
