/** One operation of the API as data: the router, the handlers' types, the OpenAPI document and the client are made from it. */
import type * as z from 'zod'
import type { ProblemCode } from '../domain/result.ts'
import type { Role } from '../domain/workspace.ts'

export const http_methods = ['GET', 'POST', 'PATCH', 'DELETE'] as const
export type HttpMethod = (typeof http_methods)[number]

export interface Operation {
  readonly id: string
  readonly method: HttpMethod
  /** As in `/v1/tasks/{task_id}`; each name in braces is a key of `params`. */
  readonly path: string
  readonly tag: string
  readonly summary: string
  /** The least role that may call it; `public` needs no key. */
  readonly role: Role | 'public'
  readonly params?: z.ZodObject
  readonly query?: z.ZodObject
  /** An absent body is read as `{}`. */
  readonly body?: z.ZodType
  /** The answer by success status. */
  readonly responses: Readonly<Record<number, z.ZodType>>
  /** What this operation can be refused with, beside what any operation can. */
  readonly problems: readonly ProblemCode[]
}

/** Checks an operation and keeps its exact type. */
export const operation = <const O extends Operation>(described: O): O => described
